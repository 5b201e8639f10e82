package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completeInBash has bash complete the last word of a line, by the function that the shell itself calls, and gives what it
// offers.
func completeInBash(t *testing.T, words ...string) []string {
	t.Helper()
	const ask = `source "$1" && cd "$2" && complete -p otpctl | grep -q -- '-F _otpctl otpctl$' || exit 1
	COMP_WORDS=(otpctl "${@:3}") COMP_CWORD=$(($# - 2))
	_otpctl; printf '%s\n' "${COMPREPLY[@]}"`
	script := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(script, []byte(runWith(ctx, nil, "completion", "bash").stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "accounts of ada.csv"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("bash", append([]string{"-c", ask, "bash", script, folder}, words...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Fields(string(out))
}

func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"u":                                 "user unlock",
		"user ":                             "add import list remove set-phone",
		"user s":                            "set-phone",
		"--stack user unl":                  "unlock", // a flag's value is no command
		"user add ada@example.com --ch":     "--channel",
		"user add --channel ":               "email sms",
		"unlock ada@example.com --purpose ": "verify login reset",
		"unlock --purpose v":                "verify",
		"user list --stack ":                "", // nobody knows the stacks
		"user list --j":                     "--json",
		"completion ":                       "bash zsh fish",
		"user import acc":                   "accounts of ada.csv",
		"user import --dr":                  "--dry-run",
		"nonsense ":                         "*",
	} {
		t.Run(line, func(t *testing.T) {
			got := completeInBash(t, strings.Split(line, " ")...)
			if want == "*" {
				want = strings.Join(completeInBash(t, ""), " ")
			}
			if strings.Join(got, " ") != want {
				t.Errorf("offers %q, want %q", got, want)
			}
		})
	}
}

func TestCompletionKnowsEveryCommandAndFlag(t *testing.T) {
	fish := runWith(ctx, nil, "completion", "fish")
	fish.want(t, exitOK)
	for _, cmd := range commands() {
		words := strings.Fields(cmd.name)
		for i := range words {
			if got := completeInBash(t, words[:i+1]...); !slices.Contains(got, words[i]) {
				t.Errorf("%v completes to %v", words[:i+1], got)
			}
		}
		own := newFlags(cmd.name)
		cmd.declare(own)
		offered := completeInBash(t, append(slices.Clone(words), "--")...)
		for _, f := range append(flagsOf(own), flagsOf(globalFlags())...) {
			if !slices.Contains(offered, "--"+f.Name) || !strings.Contains(fish.stdout, " -l "+f.Name+" ") {
				t.Errorf("%s does not complete --%s", cmd.name, f.Name)
			}
		}
	}
}

func TestCompletionOfAnotherShell(t *testing.T) {
	runWith(ctx, nil, "completion", "tcsh").want(t, exitUsage, "bash, zsh or fish")
	runWith(ctx, nil, "completion").want(t, exitUsage, "takes bash|zsh|fish")
	runWith(ctx, nil, "completion", "bash", "--json").want(t, exitUsage, "prints no JSON")
}
