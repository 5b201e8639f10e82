package otp_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"streamotp/shared/otp"
)

func TestNewClientID(t *testing.T) {
	t.Run("it does not begin with a hyphen, which a command line takes for a flag", func(t *testing.T) {
		hyphen := append([]byte{0xF8}, make([]byte, 15)...) // base64url: -AAA…
		id, err := otp.NewClientID(io.MultiReader(bytes.NewReader(hyphen), bytes.NewReader(hyphen), bytes.NewReader(make([]byte, 16))))
		if err != nil || id != strings.Repeat("A", 22) {
			t.Errorf("%q, %v", id, err)
		}
	})
	t.Run("it is one that clients are read by", func(t *testing.T) {
		for range 1000 {
			if id, err := otp.NewClientID(rand.Reader); err != nil || len(id) != 22 || !otp.IsClientID(id) {
				t.Fatalf("%q, %v", id, err)
			}
		}
	})
	t.Run("without randomness there is none", func(t *testing.T) {
		if _, err := otp.NewClientID(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

func TestIsNonce(t *testing.T) {
	for text, want := range map[string]bool{
		"n": true, " ~": true, strings.Repeat("n", 128): true,
		"": false, strings.Repeat("n", 129): false, "\x1f": false, "\x7f": false, "ä": false, "a\nb": false,
	} {
		if otp.IsNonce(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestHasSecret(t *testing.T) {
	hashes := []string{otp.HashSecret("new"), otp.HashSecret("old")}
	server := otp.Client{Type: otp.ConfidentialClient, SecretHashes: hashes}
	page := otp.Client{Type: otp.PublicClient, SecretHashes: hashes}
	if !server.HasSecret("new") || !server.HasSecret("old") || server.HasSecret("") || server.HasSecret(hashes[0]) || page.HasSecret("new") ||
		(otp.Client{Type: otp.ConfidentialClient}).HasSecret("") {
		t.Error("a wrong secret is accepted, or a right one is not")
	}
}
