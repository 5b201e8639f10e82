package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"streamotp/shared/otp"
)

const maxStdinSecret = 4 << 10 // bytes; far over what is accepted, so that "too long" is what one hears

// typedSecret is what a command takes from a terminal or from stdin and from nowhere else (C1).
type typedSecret struct{ name, flag string }

var (
	typedPassword = typedSecret{"password", "--password-stdin"}
	typedCode     = typedSecret{"code", "--code-stdin"}
)

// terminal returns the file of a stream that is a terminal.
func terminal(stream any) (*os.File, bool) {
	file, ok := stream.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// readSecret asks for a new secret twice, or reads the one line of stdin.
func (c *console) readSecret(ctx context.Context, secret typedSecret, fromStdin bool) (string, error) {
	tty, interactive := terminal(c.stdin)
	switch {
	case fromStdin && interactive:
		return "", misuse("%s at a terminal would show the %s as you type it: leave the flag out to be asked", secret.flag, secret.name)
	case fromStdin:
		return secret.readLine(interruptible(ctx, c.stdin))
	case !interactive:
		return "", misuse("a %s is asked for at a terminal: without one, pipe it in with %s", secret.name, secret.flag)
	}
	first, err := c.askHidden(ctx, tty, "New "+secret.name+": ")
	if err != nil {
		return "", err
	}
	second, err := c.askHidden(ctx, tty, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", refusal(secret.name + ": the two were not the same: nothing was changed")
	}
	return first, nil
}

// readLine reads a secret that is all of stdin but for line ends and invisible characters around it. Spaces are part of it.
func (secret typedSecret) readLine(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxStdinSecret))
	if err != nil {
		return "", err
	}
	line := otp.FoldPassword(string(text))
	switch {
	case strings.ContainsAny(line, "\n"):
		return "", misuse("%s takes one line, and stdin has more", secret.flag)
	case line == "":
		return "", misuse("%s takes one line, and stdin is empty", secret.flag)
	}
	return line, nil
}

// askHidden reads a line without echo. Ctrl-C restores the terminal: the read itself cannot be stopped.
func (c *console) askHidden(ctx context.Context, tty *os.File, question string) (string, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the terminal's state: %w", err)
	}
	fmt.Fprint(c.stderr, question)
	defer fmt.Fprintln(c.stderr)
	type result struct {
		line []byte
		err  error
	}
	answer := make(chan result, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		answer <- result{line, err}
	}()
	select {
	case r := <-answer:
		if r.err == io.EOF {
			return "", misuse("nothing was typed")
		}
		return string(r.line), r.err
	case <-ctx.Done():
		_ = term.Restore(fd, before) // the process ends; nothing more can be done about it
		return "", ctx.Err()
	}
}

// confirm asks a question that only "yes" answers.
func (c *console) confirm(ctx context.Context, question string) (bool, error) {
	if _, interactive := terminal(c.stdin); !interactive {
		return false, misuse("without a terminal to ask at, say --yes")
	}
	fmt.Fprintf(c.stderr, "%s Type yes: ", question)
	answer, err := bufio.NewReader(interruptible(ctx, c.stdin)).ReadString('\n')
	if err != nil && err != io.EOF {
		return false, err
	}
	return strings.EqualFold(strings.TrimSpace(answer), "yes"), nil
}

// interruptible ends a read when ctx does. What blocks in r's own Read is left behind for the end of the process.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return out
}
