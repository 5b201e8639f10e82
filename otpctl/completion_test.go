package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// offers returns what the shells' scripts offer for the last word of a command line.
func offers(t *testing.T, words ...string) string {
	t.Helper()
	r := runWith(ctx, nil, append([]string{"__completeNoDesc"}, words...)...)
	r.want(t, exitOK)
	before, directive, _ := strings.Cut(r.stdout, ":")
	return strings.Join(append(strings.Fields(before), ":"+strings.TrimSpace(directive)), " ")
}

func TestCompletion(t *testing.T) {
	const noFiles, files = ":4", ":0"
	for line, want := range map[string]string{
		"us":                                "user " + noFiles,
		"user ":                             "add import list remove set-phone show " + noFiles,
		"user se":                           "set-phone " + noFiles,
		"--stack user unl":                  "unlock " + noFiles, // a flag's value is not a command
		"user add ada@example.com --ch":     "--channel " + noFiles,
		"user add --pass":                   "--password-stdin " + noFiles,
		"user add --channel ":               "email sms " + noFiles,
		"unlock ada@example.com --purpose ": "verify login reset passwordless " + noFiles,
		"unlock --purpose v":                "verify login reset passwordless " + noFiles, // the script filters them
		"user list --stack ":                noFiles,                                      // otpctl does not know the names of stacks
		"user list --j":                     "--json " + noFiles,
		"completion ":                       "bash fish powershell zsh " + noFiles,
		"user import acc":                   files,
		"unlock a":                          noFiles,
	} {
		t.Run(line, func(t *testing.T) {
			if got := offers(t, strings.Split(line, " ")...); got != want {
				t.Errorf("offers %q, want %q", got, want)
			}
		})
	}
}

func TestCompletionKnowsEveryCommandAndFlag(t *testing.T) {
	for _, cmd := range commands() {
		words := strings.Fields(name(cmd))
		if got := offers(t, words...); !strings.Contains(" "+got, " "+cmd.Name()+" ") {
			t.Errorf("%v completes to %s", words, got)
		}
		offered := offers(t, append(words, "--")...)
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(offered, "--"+f.Name+" ") {
				t.Errorf("%s does not complete --%s", name(cmd), f.Name)
			}
		})
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		r := runWith(ctx, nil, "completion", shell)
		if r.want(t, exitOK, "otpctl", "__complete"); strings.Contains(r.stdout, `\u00`) {
			t.Errorf("the script for %s was escaped", shell)
		}
	}
	runWith(ctx, nil, "completion", "tcsh").want(t, exitUsage, "no command")
	runWith(ctx, nil, "completion").want(t, exitUsage, "a command is missing")
	runWith(ctx, nil, "completion", "bash", "--json").want(t, exitUsage, "prints no JSON")
}
