package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A function and no variable: its action reads the table of commands, which it is in.
func completion() command {
	return command{
		name: "completion", args: "bash|zsh|fish",
		short: "Prints what has a shell complete otpctl's commands and flags.",
		long: `For bash put the first example in ~/.bashrc, for zsh the second in ~/.zshrc, after compinit; fish reads the file of the
third. It calls nobody: addresses, prefixes and stacks are not completed.`,
		examples: []string{"completion bash # source <(otpctl completion bash)", "completion zsh # source <(otpctl completion zsh)",
			"completion fish > ~/.config/fish/completions/otpctl.fish"},
		declare: func(*flag.FlagSet) action {
			return func(_ context.Context, c *console, args []string) error { return complete(c.stdout, args[0]) }
		},
	}
}

func complete(w io.Writer, shell string) error {
	switch places := allPlaces(); shell {
	case "bash":
		return bashCompletion(w, places)
	case "zsh":
		fmt.Fprintln(w, "autoload -U +X bashcompinit && bashcompinit")
		return bashCompletion(w, places)
	case "fish":
		return fishCompletion(w, places)
	}
	return usageErrorf("completion takes bash, zsh or fish")
}

// place is where the words of a command line have led to: the beginning, a group of commands ("user") or a command.
type place struct {
	at    string      // each word so far, with a space before it
	words []string    // that may come next
	own   []flag.Flag // beside those of every command
	file  bool        // the argument is a file
}

// allPlaces reads the table of commands. The first one is the beginning.
func allPlaces() []*place {
	root := &place{}
	places := []*place{root}
	for _, cmd := range commands() {
		at := root
		for _, word := range strings.Fields(cmd.name) {
			if !slices.Contains(at.words, word) {
				at.words = append(at.words, word)
				places = append(places, &place{at: at.at + " " + word})
			}
			path := at.at + " " + word
			at = places[slices.IndexFunc(places, func(p *place) bool { return p.at == path })]
		}
		own := newFlags(cmd.name)
		cmd.declare(own)
		at.file, at.own = cmd.args == "FILE", flagsOf(own)
		if strings.Contains(cmd.args, "|") {
			at.words = strings.Split(cmd.args, "|")
		}
	}
	return places
}

func flagsOf(set *flag.FlagSet) (out []flag.Flag) {
	set.VisitAll(func(f *flag.Flag) { out = append(out, *f) })
	return out
}

func names(flags []flag.Flag) string {
	var out []string
	for _, f := range flags {
		out = append(out, "--"+f.Name)
	}
	return strings.Join(out, " ")
}

// takes says what a flag's value is called, "" where it has none, and the values if there are but some.
func takes(f flag.Flag) (name string, values []string) {
	name, _ = flag.UnquoteUsage(&f)
	if strings.Contains(name, "|") {
		values = strings.Split(name, "|")
	}
	return name, values
}

// valued are the flags that a value follows, of all places.
func valued(places []*place) (out []string) {
	all := flagsOf(globalFlags())
	for _, p := range places {
		all = append(all, p.own...)
	}
	for _, f := range all {
		if name, _ := takes(f); name != "" && !slices.Contains(out, "--"+f.Name) {
			out = append(out, "--"+f.Name)
		}
	}
	return out
}

// patterns are how each place but the beginning is reached, as patterns of a shell's case.
func patterns(places []*place, between string) string {
	var out []string
	for _, p := range places[1:] {
		out = append(out, "'"+p.at+"'")
	}
	return strings.Join(out, between)
}

const bashScript = `_otpctl() {
  local i word at= words= flags= file= cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i-1]} in %[1]s) continue ;; esac
    word=${COMP_WORDS[i]}
    case "$at $word" in %[2]s) at="$at $word" ;; esac
  done
  case "$at $prev" in
%[3]s  esac
  case $prev in %[1]s) COMPREPLY=($(compgen -W "$words" -- "$cur")); return ;; esac
  case $at in
%[4]s  esac
  case $file$cur in
    file-*) ;;
    file*) local IFS=$'\n'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case $cur in -*) words="$flags %[5]s" ;; esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _otpctl otpctl
`

func bashCompletion(w io.Writer, places []*place) error {
	var values, next strings.Builder
	for _, p := range places {
		for _, f := range p.own {
			if _, some := takes(f); some != nil {
				fmt.Fprintf(&values, "    '%s --%s') words='%s' ;;\n", p.at, f.Name, strings.Join(some, " "))
			}
		}
		file := ""
		if p.file {
			file = "file=file "
		}
		fmt.Fprintf(&next, "    '%s') %swords='%s' flags='%s' ;;\n", p.at, file, strings.Join(p.words, " "), names(p.own))
	}
	_, err := fmt.Fprintf(w, bashScript, strings.Join(valued(places), "|"), patterns(places, "|"), values.String(), next.String(),
		names(flagsOf(globalFlags())))
	return err
}

const fishScript = `function __otpctl_at
    set -l at ''
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
            continue
        end
        switch $word
            case %s
                set skip yes
                continue
        end
        switch "$at $word"
            case %s
                set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c otpctl -f
`

func fishCompletion(w io.Writer, places []*place) error {
	fmt.Fprintf(w, fishScript, strings.Join(valued(places), " "), patterns(places, " "))
	for _, p := range places {
		when := fmt.Sprintf(`complete -c otpctl -n '__otpctl_at "%s"'`, p.at)
		if len(p.words) > 0 {
			fmt.Fprintf(w, "%s -a '%s'\n", when, strings.Join(p.words, " "))
		}
		if p.file {
			fmt.Fprintf(w, "%s -F\n", when)
		}
		fishFlags(w, when, p.own)
	}
	fishFlags(w, "complete -c otpctl", flagsOf(globalFlags()))
	return nil
}

func fishFlags(w io.Writer, when string, flags []flag.Flag) {
	for _, f := range flags {
		name, values := takes(f)
		_, usage := flag.UnquoteUsage(&f)
		fmt.Fprintf(w, "%s -l %s -d '%s'", when, f.Name, strings.ReplaceAll(usage, "'", `\'`))
		if name != "" {
			fmt.Fprintf(w, " -x -a '%s'", strings.Join(values, " "))
		}
		fmt.Fprintln(w)
	}
}
