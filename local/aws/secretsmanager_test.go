package aws

import (
	"path/filepath"
	"testing"

	"streamotp/local/template"
)

func TestGivenSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	value := func(x *Secret) string { return x.Versions[len(x.Versions)-1].Value }
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
			if got := value(start(step.given)); got != step.want {
				t.Errorf("%q, want %q", got, step.want)
			}
		})
	}
	t.Run("what it was set to since stays while the template's value does", func(t *testing.T) {
		s, err := OpenSecrets(path)
		if err != nil {
			t.Fatal(err)
		}
		x := s.find("arn")
		x.Versions = append(x.Versions, Version{ID: "id", Value: "edited"})
		if err := s.save(); err != nil {
			t.Fatal(err)
		}
		if got := value(start("two")); got != "edited" {
			t.Error(got)
		}
	})
}
