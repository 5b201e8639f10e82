package config_test

import (
	"strings"
	"testing"
	"time"

	"streamotp/shared/config"
)

func TestEnv(t *testing.T) {
	t.Run("everything that is wrong is named at once, without its value", func(t *testing.T) {
		t.Setenv("NUMBER", "secret")
		t.Setenv("LARGE", "11")
		t.Setenv("WORD", "secret")
		var env config.Env
		env.String("ABSENT")
		env.Int("NUMBER", 1, 10)
		env.Seconds("LARGE", 1, 10)
		env.OneOf("WORD", "none", "some")
		err := env.Err()
		for _, name := range []string{"ABSENT", "NUMBER", "LARGE", "WORD must be one of none, some"} {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v does not name %s", err, name)
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	})
	t.Run("valid variables are read", func(t *testing.T) {
		t.Setenv("LIST", "US,DE")
		t.Setenv("SECONDS", "90")
		t.Setenv("FRACTION", "0.5")
		var env config.Env
		if got := env.List("LIST"); len(got) != 2 || got[1] != "DE" || env.List("ABSENT") != nil && len(env.List("ABSENT")) > 0 {
			t.Error(got)
		}
		t.Setenv("WORD", "some")
		if env.OneOf("WORD", "none", "some") != "some" {
			t.Error("a word is lost")
		}
		if env.Seconds("FRACTION", 0, 1) != 500*time.Millisecond {
			t.Error("a fraction is lost")
		}
		if env.Seconds("SECONDS", 1, 90) != 90*time.Second || env.Optional("ABSENT") != "" || env.Err() != nil {
			t.Error(env.Err())
		}
	})
}
