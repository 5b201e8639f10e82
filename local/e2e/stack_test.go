package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"syscall"
	"testing"
)

func TestStack(t *testing.T) {
	s := Start(t)
	const password = "tulip harbor lantern 42"

	t.Run("a demo user logs in with a password and the code from the mailbox", func(t *testing.T) {
		status, _, answer := s.Post("/api/generate", map[string]string{"purpose": "login", "email": "ada@example.com", "password": password})
		if status != http.StatusOK {
			t.Fatal(status, answer)
		}
		code := s.Code(s.WaitMessage("ada@example.com", nil))
		status, _, answer = s.Post("/api/verify", map[string]any{"sessionId": answer["sessionId"], "code": code})
		if status != http.StatusOK || answer["email"] != "ada@example.com" {
			t.Fatal(status, answer)
		}
	})
	t.Run("a demo user gets the login code by SMS", func(t *testing.T) {
		status, _, answer := s.Post("/api/generate", map[string]string{"purpose": "login", "email": "grace@example.com", "password": password})
		if status != http.StatusOK {
			t.Fatal(status, answer)
		}
		if m := s.WaitMessage("+4915112345678", nil); m.Channel != "sms" || s.Code(m) == "" {
			t.Errorf("%+v", m)
		}
	})
	t.Run("every call is recorded with its function and its table", func(t *testing.T) {
		units := 0.0
		for _, c := range s.Calls() {
			if c.Function == "" || c.Service == "dynamodb" && c.Table == "" {
				t.Errorf("%+v", c)
			}
			units += c.Units
		}
		if units == 0 {
			t.Error("no units")
		}
	})
	t.Run("a killed function answers the next request", func(t *testing.T) {
		s.Kill("GenerateFunction")
		if status, _, answer := s.Post("/api/generate", map[string]string{"email": "new@example.com"}); status != http.StatusOK {
			t.Fatal(status, answer)
		}
	})
}

func TestStop(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		t.Run(signal.String()+" leaves no process", func(t *testing.T) {
			s := Start(t)
			s.Post("/api/generate", map[string]string{"email": "ada@example.com"})
			s.WaitMessage("ada@example.com", nil)
			want := 3 // engine, generate, send
			if os.Getenv("STREAMOTP_DYNAMODB") != "" {
				want = 2
			}
			if n := len(descendants(s.Pid)); n < want {
				t.Errorf("only %d processes below the server", n)
			}
			s.Stop(signal)
		})
	}
}

func TestPagesGetTheParameters(t *testing.T) {
	s := Start(t, "-parameter", "CodeLength=8", "-parameter", "AppName=Tea & Co", "-parameter", "AllowedCountries=", "-parameter", "ResendCooldownSeconds=7")
	_, header, body := s.Do("GET", "/config.json", nil)
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"apiBaseUrl": "/api", "appName": "Tea & Co", "codeLength": 8.0, "codeTtlSeconds": 300.0,
		"resendCooldownSeconds": 7.0, "channels": []any{"email"}} {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("the settings, which every page may read, have %v", header)
	}
	if _, header, _ = s.Do("GET", "/", nil); header.Get("Content-Security-Policy") == "" || header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a page has %v", header)
	}
}
