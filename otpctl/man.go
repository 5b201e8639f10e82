package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
)

func man() command {
	return command{
		name: "man", args: "",
		short:    "Prints the manual page, in roff.",
		long:     `It has the help of every command. It calls nobody.`,
		examples: []string{"man | man -l -", "man > /usr/local/share/man/man1/otpctl.1"},
		declare: func(*flag.FlagSet) action {
			return func(_ context.Context, c *console, _ []string) error { return writeMan(c.stdout) }
		},
	}
}

// writeMan sets each command's help as it is printed, without filling: its tables and examples stay.
func writeMan(w io.Writer) error {
	var b strings.Builder
	b.WriteString(".TH OTPCTL 1\n.SH NAME\notpctl \\- operates a StreamOTP stack\n.SH SYNOPSIS\n.B otpctl\n[flags] COMMAND [arguments] [flags]\n")
	b.WriteString(".SH DESCRIPTION\n.nf\n" + roff(footer) + ".fi\n.SH COMMANDS\n")
	for _, cmd := range commands() {
		var help strings.Builder
		cmd.help(&help)
		fmt.Fprintf(&b, ".SS otpctl %s\n.nf\n%s.fi\n", roffLine(strings.TrimSpace(cmd.name+" "+cmd.args)), roff(help.String()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// roff has a text stand as it is: no line of it is a request, no hyphen a typographic one.
func roff(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = roffLine(line)
	}
	return strings.Join(lines, "\n") + "\n"
}

func roffLine(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`", "^", `\(ha`, "~", `\(ti`).Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}
