package store_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

func TestClients(t *testing.T) {
	tables := storetest.New(t)
	clients := store.Clients{DB: tables.DB, Table: tables.Clients}
	shop := otp.Client{ID: "shop", Name: "Shop", Type: otp.ConfidentialClient, SecretHashes: []string{"b", "a"},
		Purposes: []otp.Purpose{otp.Login, otp.Verify}, Origins: []string{"https://shop.example"}, HomeURL: "https://shop.example/in",
		CreatedAt: time.UnixMilli(1764370000000), RedirectURIs: []string{"https://shop.example/callback"}, PostLogoutURIs: []string{"https://shop.example/bye"},
		NoPKCE: true, APIAudience: "https://api.shop.example"}
	if err := clients.Add(t.Context(), shop); err != nil {
		t.Fatal(err)
	}
	t.Run("what is added is read", func(t *testing.T) {
		if got, err := clients.Get(t.Context(), shop.ID); err != nil || !reflect.DeepEqual(got, shop) {
			t.Errorf("%+v, %v", got, err)
		}
		for got, err := range clients.List(t.Context()) {
			if err != nil || !reflect.DeepEqual(got, shop) {
				t.Errorf("%+v, %v", got, err)
			}
		}
	})
	t.Run("a repeated write is success, and another client of the same id is not", func(t *testing.T) {
		other := shop
		other.CreatedAt = shop.CreatedAt.Add(time.Second)
		if err := clients.Add(t.Context(), shop); err != nil {
			t.Error(err)
		}
		if err := clients.Add(t.Context(), other); !errors.Is(err, store.ErrClientExists) {
			t.Error(err)
		}
	})
	t.Run("of two changes to what was read, one is made", func(t *testing.T) {
		first, second := shop, shop
		first.SecretHashes, second.SecretHashes = []string{"c", "b"}, []string{"d", "b"}
		if err := clients.Replace(t.Context(), shop, first); err != nil {
			t.Error(err)
		}
		if err := clients.Replace(t.Context(), shop, second); !errors.Is(err, store.ErrNoClient) {
			t.Error(err)
		}
	})
	t.Run("nor are two changes of one attribute, whichever it is", func(t *testing.T) {
		held, err := clients.Get(t.Context(), shop.ID)
		if err != nil {
			t.Fatal(err)
		}
		for attribute, change := range map[string]func(*otp.Client){
			"purposes":   func(c *otp.Client) { c.Purposes = []otp.Purpose{otp.Login} },
			"origins":    func(c *otp.Client) { c.Origins = nil },
			"homeUrl":    func(c *otp.Client) { c.HomeURL = "" },
			"secretHash": func(c *otp.Client) { c.SecretHashes = []string{"c"} },

			"redirectUris":   func(c *otp.Client) { c.RedirectURIs = nil },
			"postLogoutUris": func(c *otp.Client) { c.PostLogoutURIs = []string{"https://shop.example/"} },
			"noPkce":         func(c *otp.Client) { c.NoPKCE = false },
			"apiAudience":    func(c *otp.Client) { c.APIAudience = "https://api.shop.example/v2" },
		} {
			changed := held
			change(&changed)
			if err := clients.Replace(t.Context(), held, changed); err != nil {
				t.Errorf("%s: %v", attribute, err)
			}
			if err := clients.Replace(t.Context(), held, held); !errors.Is(err, store.ErrNoClient) {
				t.Errorf("%s: %v", attribute, err)
			}
			if err := clients.Replace(t.Context(), changed, held); err != nil {
				t.Errorf("%s: %v", attribute, err)
			}
		}
	})
	t.Run("only clients with a home URL are read by it, and nothing else of them", func(t *testing.T) {
		other := shop
		other.ID, other.HomeURL = "other", ""
		if err := clients.Add(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		var found []otp.Client
		for client, err := range clients.WithHome(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, client)
		}
		if want := []otp.Client{{ID: "shop", Name: "Shop", HomeURL: "https://shop.example/in"}}; !reflect.DeepEqual(found, want) {
			t.Errorf("%+v", found)
		}
	})
	t.Run("a client that was removed is gone", func(t *testing.T) {
		if err := clients.Remove(t.Context(), shop.ID); err != nil {
			t.Error(err)
		}
		if _, err := clients.Get(t.Context(), shop.ID); !errors.Is(err, store.ErrNoClient) {
			t.Error(err)
		}
		if err := clients.Remove(t.Context(), shop.ID); !errors.Is(err, store.ErrNoClient) {
			t.Error(err)
		}
	})
}
