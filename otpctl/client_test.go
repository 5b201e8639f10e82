package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// clientDocument is a client as --json shows it.
type clientDocument struct {
	ID, Name, Type, Secret, HomeURL, APIAudience    string
	Purposes, Origins, RedirectURIs, PostLogoutURIs []string
	Logins                                          []string
	Secrets                                         int
	NoPKCE                                          bool
}

func (r result) client(t *testing.T) (c clientDocument) {
	t.Helper()
	r.want(t, exitOK)
	if err := json.Unmarshal([]byte(r.data(t)), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClient(t *testing.T) {
	a := newCloud(t, map[string]string{"SesFromAddress": "login@example.com", "AllowedCountries": "DE", "AlarmEmail": "oncall@example.com"})
	table := store.Clients{DB: dynamodb.NewFromConfig(a.cfg), Table: a.outputs["ClientsTableName"]}
	stored := func(id string) otp.Client {
		t.Helper()
		client, err := table.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	server := a.run(t, "client", "add", "Shop", "--purpose", "verify,login,login", "--confidential", "--json").client(t)
	t.Run("the secret is shown once, and its hash alone is stored", func(t *testing.T) {
		held := stored(server.ID)
		if len(server.Secret) != 43 || !held.HasSecret(server.Secret) || len(server.ID) != 22 || slices.Contains(held.SecretHashes, server.Secret) {
			t.Errorf("%+v, %+v", server, held)
		}
		for _, args := range [][]string{{"client", "show", server.ID}, {"client", "show", server.ID, "--json"}, {"client", "list"}, {"client", "list", "--json"}} {
			if r := a.run(t, args...); r.code != exitOK || strings.Contains(r.stdout+r.stderr, server.Secret) || strings.Contains(r.stdout, held.SecretHashes[0]) {
				t.Errorf("%v: %d\n%s%s", args, r.code, r.stdout, r.stderr)
			}
		}
		if got := stored(server.ID).Purposes; !slices.Equal(got, []otp.Purpose{otp.Login, otp.Verify}) {
			t.Errorf("purposes %v", got)
		}
	})
	t.Run("a public client has none, and its new origins come with the command that allows them", func(t *testing.T) {
		r := a.run(t, "client", "add", "Page", "--purpose", "login", "--origin", "https://old.example", "--origin", "https://new.example")
		r.want(t, exitOK, "id:", "sam deploy --parameter-overrides AllowedOrigins=https://old.example,https://new.example")
		if strings.Contains(r.stdout, "secret") {
			t.Error(r.stdout)
		}
	})
	t.Run("a rotation keeps the secret that is in use, and drops an older one", func(t *testing.T) {
		second := a.run(t, "client", "rotate-secret", server.ID, "--json").client(t)
		third := a.run(t, "client", "rotate-secret", server.ID, "--json").client(t)
		if c := stored(server.ID); c.HasSecret(server.Secret) || !c.HasSecret(second.Secret) || !c.HasSecret(third.Secret) || third.Secrets != 2 {
			t.Errorf("%+v", c)
		}
		if ended := a.run(t, "client", "rotate-secret", server.ID, "--end", "--json").client(t); ended.Secret != "" || ended.Secrets != 1 {
			t.Errorf("%+v", ended)
		}
		if c := stored(server.ID); c.HasSecret(second.Secret) || !c.HasSecret(third.Secret) {
			t.Errorf("%+v", c)
		}
	})
	t.Run("set changes what is given, and nothing else", func(t *testing.T) {
		a.run(t, "client", "set", server.ID, "--purpose", "login", "--origin", "https://shop.example").want(t, exitOK, "Changed the client Shop")
		c := stored(server.ID)
		if c.Name != "Shop" || len(c.SecretHashes) != 1 || !slices.Equal(c.Purposes, []otp.Purpose{otp.Login}) || len(c.Origins) != 1 {
			t.Errorf("%+v", c)
		}
		a.run(t, "client", "set", server.ID, "--origin", "", "--name", "Store").want(t, exitOK)
		if c := stored(server.ID); c.Name != "Store" || len(c.Origins) != 0 || len(c.Purposes) != 1 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("a home URL is shown and replaced, and an empty one removes it", func(t *testing.T) {
		home := func(wants string, args ...string) {
			t.Helper()
			if c := a.run(t, append(args, server.ID, "--json")...).client(t); c.HomeURL != wants || stored(server.ID).HomeURL != wants {
				t.Errorf("%v: %q, want %q", args, c.HomeURL, wants)
			}
		}
		a.run(t, "client", "show", server.ID).want(t, exitOK, "home URL: none")
		for _, url := range []string{"https://shop.example/", "https://shop.example", "https://shop.example:8443/in?from=login&a=%20", "http://127.0.0.1:8080/",
			"http://localhost:3000/_local/example", "http://[::1]:8080/"} {
			home(url, "client", "set", "--home-url", url)
			home(url, "client", "set", "--name", "Store")
			home(url, "client", "show")
			a.run(t, "client", "show", server.ID).want(t, exitOK, "home URL: "+url)
		}
		a.run(t, "client", "list", "--json").want(t, exitOK, `"homeUrl": "http://[::1]:8080/"`)
		home("", "client", "set", "--home-url", "")
		added := a.run(t, "client", "add", "Home", "--purpose", "login", "--home-url", "https://home.example/", "--json").client(t)
		if added.HomeURL != "https://home.example/" || stored(added.ID).HomeURL != added.HomeURL {
			t.Errorf("%+v", added)
		}
		a.run(t, "client", "remove", added.ID, "--yes").want(t, exitOK)
	})
	t.Run("a URL that is no page's is no home URL", func(t *testing.T) {
		for _, url := range []string{"shop.example", "/in", "//shop.example/", "https:shop.example", "https:///in", "https://:443/", "http://shop.example/",
			"http://127.0.0.1.shop.example/", "ftp://shop.example/", "javascript:alert(1)", "https://ada@shop.example/", "https://ada:x@shop.example/",
			"https://@shop.example/", "https://shop.example/#in", "https://shop.example/#", "https://shop.example/a b", "https://shop.example/\n",
			"https://shop.example\\@evil.example/", "HTTPS://shop.example/", "https://shop.example/ä", "https://shop.example:port/", " https://shop.example/"} {
			a.run(t, "client", "set", server.ID, "--home-url", url).want(t, exitUsage, "--home-url must be the whole URL of a page", "https://www.example.com/")
		}
		if home := stored(server.ID).HomeURL; home != "" {
			t.Error(home)
		}
	})
	t.Run("a client of hosted login has redirect URIs in place of purposes", func(t *testing.T) {
		const back, out = "https://shop.example/callback", "https://shop.example/bye"
		c := a.run(t, "client", "add", "Hosted", "--redirect-uri", back, "--redirect-uri", "http://127.0.0.1/cb", "--post-logout-uri", out, "--no-pkce",
			"--api-audience", "https://api.shop.example", "--confidential", "--json").client(t)
		held := stored(c.ID)
		if !held.Hosted() || held.NeedsPKCE() || !held.RedirectsTo(back) || !held.LogsOutTo(out) || held.APIAudience != c.APIAudience || len(c.RedirectURIs) != 2 ||
			len(c.Purposes) != 0 || c.Secret == "" {
			t.Errorf("%+v, %+v", c, held)
		}
		a.run(t, "client", "show", c.ID).want(t, exitOK, "hosted login", "redirect: "+back+", http://127.0.0.1/cb", "logout:   "+out, "PKCE:     not required")
		for ways, want := range map[string][]otp.Purpose{"code": {otp.Passwordless}, "code,password+code": {otp.Login, otp.Passwordless}, "": {otp.Login}} {
			names := a.run(t, "client", "set", c.ID, "--login", ways, "--json").client(t).Logins
			if got := stored(c.ID).LogsInBy(""); !slices.Equal(got, want) || len(names) != len(want) {
				t.Errorf("%q: %v, %v", ways, got, names)
			}
		}
		a.run(t, "client", "set", c.ID, "--login", "code").want(t, exitOK)
		a.run(t, "client", "show", c.ID).want(t, exitOK, "login by: code\n")
		a.run(t, "client", "set", c.ID, "--no-pkce=false", "--post-logout-uri", "", "--api-audience", "").want(t, exitOK)
		if held := stored(c.ID); !held.NeedsPKCE() || len(held.PostLogoutURIs) != 0 || held.APIAudience != "" || len(held.RedirectURIs) != 2 {
			t.Errorf("%+v", held)
		}
		for says, flags := range map[string][]string{
			"exclude each other":                 {"--purpose", "login"},
			"--redirect-uri must be the whole U": {"--redirect-uri", "javascript:alert(1)"},
			"without a user name or #":           {"--redirect-uri", back + "#x"},
			"--post-logout-uri must be":          {"--post-logout-uri", "http://shop.example/"},
			"--api-audience must be a whole URI": {"--api-audience", "demo"},
			"--login must be password+code":      {"--login", "password"},
			"must not be the URL of the login":   {"--api-audience", a.outputs["SiteUrl"]},
			"--purpose is missing":               {"--redirect-uri", ""},
		} {
			a.run(t, append([]string{"client", "set", c.ID}, flags...)...).want(t, exitUsage, says)
		}
		a.run(t, "client", "set", server.ID, "--no-pkce").want(t, exitUsage, "add --redirect-uri")
		a.run(t, "client", "add", "App", "--redirect-uri", "http://127.0.0.1/cb", "--no-pkce").want(t, exitUsage, "--no-pkce is for a confidential client only")
		a.run(t, "client", "set", server.ID, "--login", "code").want(t, exitUsage, "add --redirect-uri")
		a.run(t, "client", "set", c.ID, "--redirect-uri", "", "--purpose", "login", "--login", "").want(t, exitOK)
		if held := stored(c.ID); held.Hosted() || !held.MayAsk(otp.Login) {
			t.Errorf("%+v", held)
		}
		a.run(t, "client", "remove", c.ID, "--yes").want(t, exitOK)
	})
	t.Run("bad input says what to do and writes nothing", func(t *testing.T) {
		for says, args := range map[string][]string{
			"--purpose is missing":         {"client", "add", "Shop"},
			"--purpose must be login":      {"client", "add", "Shop", "--purpose", "reset"},
			"the name must be":             {"client", "add", "Shop\nEvil", "--purpose", "login"},
			"1 to 24 letters":              {"client", "add", strings.Repeat("x", 25), "--purpose", "login"},
			"--origin must be":             {"client", "add", "Shop", "--purpose", "login", "--origin", "https://shop.example/"},
			"as https://www.example.com":   {"client", "add", "Shop", "--purpose", "login", "--origin", "*"},
			"lower case":                   {"client", "add", "Shop", "--purpose", "login", "--origin", "https://Shop.example"},
			"without a path":               {"client", "add", "Shop", "--purpose", "login", "--origin", "http://shop.example"},
			"--origin must be a page":      {"client", "set", server.ID, "--origin", "null"},
			"or --redirect-uri":            {"client", "set", server.ID, "--purpose", ""},
			"--purpose must be login, pas": {"client", "set", server.ID, "--purpose", "login,"},
		} {
			a.run(t, args...).want(t, exitUsage, says)
		}
		a.run(t, "client", "show", "nobody").want(t, exitFailed, "there is no client with this id")
		count := 0
		for _, err := range table.List(ctx) {
			if count++; err != nil {
				t.Error(err)
			}
		}
		if count != 2 {
			t.Errorf("%d clients", count)
		}
	})
	t.Run("remove asks for a confirmation, except with --yes", func(t *testing.T) {
		a.run(t, "client", "remove", server.ID).want(t, exitUsage, "--yes")
		a.run(t, "client", "remove", server.ID, "--yes").want(t, exitOK, "Removed")
		a.run(t, "client", "remove", server.ID, "--yes").want(t, exitFailed, "there is no client")
	})
}

func TestRotateSigningKey(t *testing.T) {
	a := newCloud(t, map[string]string{"SesFromAddress": "login@example.com", "AllowedCountries": "DE", "AlarmEmail": "oncall@example.com"})
	client := kms.NewFromConfig(a.cfg)
	prefix := strings.TrimSuffix(a.outputs["SigningKeyAlias"], "current")
	key := func(word string) string {
		out, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(prefix + word)})
		if err != nil {
			return ""
		}
		return aws.ToString(out.KeyMetadata.Arn)
	}
	later := func(d time.Duration) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.older += d
	}
	old := key("current")
	wantKeys := func(current, next, previous string) {
		t.Helper()
		if key("current") != current || key("next") != next || key("previous") != previous {
			t.Fatalf("current %s, next %s, previous %s", key("current"), key("next"), key("previous"))
		}
	}
	a.run(t, "signing-key", "rotate").want(t, exitOK, "Published the new key", "run this again from")
	fresh := key("next")
	wantKeys(old, fresh, "")
	later(3 * time.Hour)
	a.run(t, "signing-key", "rotate").want(t, exitFailed, "back ends may not know the new key before", "Nothing was changed")
	wantKeys(old, fresh, "")
	later(11 * time.Minute)
	a.run(t, "signing-key", "rotate").want(t, exitOK, "signs now", "The old one stays published")
	wantKeys(fresh, "", old)
	t.Run("a run that ended between its changes is continued", func(t *testing.T) {
		_, err := client.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(prefix + "next"), TargetKeyId: &fresh})
		if err != nil {
			t.Fatal(err)
		}
		a.run(t, "signing-key", "rotate").want(t, exitOK, "signs now")
		wantKeys(fresh, "", old)
	})
	later(-a.older) // the alias of the key that signs was pointed just now
	a.run(t, "signing-key", "rotate").want(t, exitFailed, "proofs and tokens of the old key may be valid until", "Nothing was changed")
	later(24 * time.Minute) // a function may sign with the old key for 10 minutes, and an access token lives 15
	a.run(t, "signing-key", "rotate").want(t, exitFailed, "may be valid until", "Nothing was changed")
	wantKeys(fresh, "", old)
	later(2 * time.Minute)
	a.run(t, "signing-key", "rotate").want(t, exitOK, "is not published any more", "The rotation is complete")
	wantKeys(fresh, "", "")
	out, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &old})
	if err != nil || out.KeyMetadata.KeyState != "PendingDeletion" {
		t.Errorf("the old key: %+v, %v", out.KeyMetadata, err)
	}
}
