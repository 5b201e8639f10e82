package aws

import (
	"path/filepath"
	"testing"

	"streamotp/local/template"
)

func TestGivenSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	start := func(given string) *Secret {
		t.Helper()
		s, err := OpenSecrets(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Create(template.Secret{Name: "name", ARN: "arn", SecretString: given}); err != nil {
			t.Fatal(err)
		}
		return s.find("arn")
	}
	for _, step := range []struct{ name, given, want string }{
		{"the template's value is the first", "one", "one"},
		{"it stays over a restart", "one", "one"},
		{"another one from the template replaces it", "two", "two"},
	} {
		t.Run(step.name, func(t *testing.T) {
			if got := start(step.given).Current.Value; got != step.want {
				t.Errorf("%q, want %q", got, step.want)
			}
		})
	}
	t.Run("what it was set to since stays while the template's value does", func(t *testing.T) {
		s, err := OpenSecrets(path)
		if err != nil {
			t.Fatal(err)
		}
		s.find("arn").replace("id", "edited")
		if err := s.save(); err != nil {
			t.Fatal(err)
		}
		if got := start("two").Current.Value; got != "edited" {
			t.Error(got)
		}
	})
}
