package claims

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// TestSecurityDoc: every test, parameter and resource that docs/security.md names exists, and every requirement has a
// test or the reason why it has none.
func TestSecurityDoc(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range Check(root, string(text)) {
		t.Error(err)
	}
	for _, table := range []string{"\n| id | requirement |", "| tests |\n", "\n| parameter | default | range |"} {
		if !strings.Contains(string(text), table) {
			t.Errorf("there is no table with %q: nothing was compared", table)
		}
	}
}

// TestArchitectureDoc: every name of the template in docs/architecture.md exists.
func TestArchitectureDoc(t *testing.T) {
	for _, err := range Check(root, read(t, "docs", "architecture.md")) {
		t.Error(err)
	}
}

// TestOIDCDoc: every test that docs/oidc.md names exists, and every module of the conformance suite has a test or the reason why it has none.
func TestOIDCDoc(t *testing.T) {
	text := read(t, "docs", "oidc.md")
	for _, err := range Check(root, text) {
		t.Error(err)
	}
	if modules := strings.Count(text, "\n| `oidcc-"); modules != 36 || !strings.Contains(text, "| tests |\n") {
		t.Errorf("the table has %d modules", modules)
	}
}

// TestConfigurationDoc: docs/configuration.md has a row for each parameter of the template, with its default and range.
func TestConfigurationDoc(t *testing.T) {
	text := read(t, "docs", "configuration.md")
	for _, err := range Check(root, text) {
		t.Error(err)
	}
	parameters := regexp.MustCompile(`(?m)^  (\w+):\n    Type: (?:String|Number)$`).FindAllStringSubmatch(read(t, "template.yaml"), -1)
	for _, parameter := range parameters {
		if !strings.Contains(text, "\n| `"+parameter[1]+"` |") {
			t.Errorf("%s has no row", parameter[1])
		}
	}
	if len(parameters) == 0 {
		t.Error("the template has no parameters: nothing was compared")
	}
}

func TestCheck(t *testing.T) {
	for claim, want := range map[string]string{ // an empty text means that the claim is true
		"`local/claims TestCheck`":                                                       "",
		"`local/e2e TestSendLimits/a_resend_counts`":                                     "",
		"`local/e2e TestPages/forgot_password:_the_new_one_works,_the_old_one_does_not`": "",
		"`local/attack TestAttacks/a_used_code_again`":                                   "", // a name in a variable of the package
		"`shared/store FuzzNothing`":                                                     "has no FuzzNothing",
		"`shared/otp FuzzNormalizeCode`":                                                 "",
		"`local/e2e TestInvented`":                                                       "local/e2e has no TestInvented",
		"`local/e2e TestSendLimits/a_resend_is_free`":                                    "has no subtest a_resend_is_free",
		"`local/e2e TestSendLimits/SendsPerHour=2`":                                      "has no subtest SendsPerHour=2", // a text that is not the name of a subtest
		"`local/nowhere TestSendLimits`":                                                 "local/nowhere has no TestSendLimits",
		"`TestSendLimits`":                                                               "without its package",
		"`frontend/test/code.test.js: a code is found in what people paste`":             "",
		"`frontend/test/code.test.js: digits are kept`":                                  `has no test "digits are kept"`,
		"`frontend/test/none.test.js: digits`":                                           "no such file",
		"`LockSeconds=900`, `KeySecret`, `X-Forwarded-For`":                              "",
		"`LockMinutes`": "template.yaml has no LockMinutes",
		"| id | tests |\n|---|---|\n| 1 | `local/claims TestCheck` |":                        "",
		"| id | tests |\n|---|---|\n| 1 | no test: a document says it |":                     "",
		"| id | tests |\n|---|---|\n| 1 | no test: |":                                        "1 names no test",
		"| id | tests |\n|---|---|\n| 1 | it is obvious |":                                   "1 names no test",
		"| id | tests |\n|---|---|\n| 1 |":                                                   "1 cells under 2 heads",
		"| parameter | default | range |\n|---|---|---|\n| `LockSeconds` | 900 | 1–3600 |":   "",
		"| parameter | default | range |\n|---|---|---|\n| `MaxAttempts` | 5 | 1–10 |":       "",
		"| parameter | default | range |\n|---|---|---|\n| `AllowedCountries` | empty | – |": "",
		"| parameter | default | range |\n|---|---|---|\n| `LockSeconds` | 600 | 1–3600 |":   "has the default 900, not 600",
		"| parameter | default | range |\n|---|---|---|\n| `LockSeconds` | 900 | 600–3600 |": "may be 1–3600, not 600–3600",
		"| parameter | default | range |\n|---|---|---|\n| `CodesTable` | 900 | 600–3600 |":  "has no parameter CodesTable",
	} {
		t.Run(claim, func(t *testing.T) {
			errs := Check(root, claim)
			switch {
			case want == "" && len(errs) > 0:
				t.Error(errs)
			case want != "" && (len(errs) == 0 || !strings.Contains(errs[0].Error(), want)):
				t.Errorf("%v, want %q", errs, want)
			}
		})
	}
}
