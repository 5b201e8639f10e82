package main

import (
	"bufio"
	"context"
	"errors"
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
	typedKey      = typedSecret{"secret key", "--secret-stdin"}
)

// terminal returns the file of a stream that is a terminal.
func terminal(stream any) (*os.File, bool) {
	if p, ok := stream.(plain); ok {
		stream = p.w
	}
	file, ok := stream.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// readSecret asks for a new secret twice, or reads the one line of stdin.
func (c *console) readSecret(ctx context.Context, secret typedSecret, fromStdin bool) (string, error) {
	tty, interactive := terminal(c.stdin)
	switch {
	case fromStdin && interactive:
		return "", usageErrorf("%s at a terminal would show the %s as you type it: leave the flag out to be asked", secret.flag, secret.name)
	case fromStdin:
		return secret.readLine(interruptible(ctx, c.stdin))
	case !interactive:
		return "", usageErrorf("a %s is asked for at a terminal: without one, pipe it in with %s", secret.name, secret.flag)
	}
	first, err := askHidden(ctx, tty, c.stderr, "New "+secret.name+": ")
	if err != nil {
		return "", err
	}
	second, err := askHidden(ctx, tty, c.stderr, "The same again: ")
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
		return "", usageErrorf("%s takes one line, and stdin has more", secret.flag)
	case line == "":
		return "", usageErrorf("%s takes one line, and stdin is empty", secret.flag)
	}
	return line, nil
}

// askMFA returns a function that asks for the code of the MFA device that an AWS profile names. It asks at the terminal
// itself: stdin may be an import's file or a password.
func (c *console) askMFA(ctx context.Context) func() (string, error) {
	return func() (string, error) {
		if c.target.endpoint != "" && c.target.profile == "" {
			return "", errors.New("the endpoint needs no credentials of a profile that nobody named")
		}
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil {
			return "", usageErrorf("the AWS profile wants the code of an MFA device (mfa_serial), and there is no terminal to ask at: " +
				"run it at a terminal, or use credentials that need no code with --profile")
		}
		defer tty.Close() //nolint:errcheck // nothing was written that could be lost
		code, err := askHidden(ctx, tty, tty, "MFA code for the AWS profile: ")
		return strings.TrimSpace(code), err
	}
}

// askHidden reads a line without echo. Ctrl-C restores the terminal: the read itself cannot be stopped.
func askHidden(ctx context.Context, tty *os.File, screen io.Writer, question string) (string, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the terminal's state: %w", err)
	}
	fmt.Fprint(screen, question)
	defer fmt.Fprintln(screen)
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
			return "", usageErrorf("nothing was typed")
		}
		return string(r.line), r.err
	case <-ctx.Done():
		_ = term.Restore(fd, before) // the process ends; nothing more can be done about it
		return "", ctx.Err()
	}
}

// confirm asks a question that only "yes" or "y" answers.
func (c *console) confirm(ctx context.Context, question string) (bool, error) {
	if _, interactive := terminal(c.stdin); !interactive {
		return false, usageErrorf("without a terminal to ask at, say --yes")
	}
	fmt.Fprintf(c.stderr, "%s Type yes: ", printable(question))
	answer, err := bufio.NewReader(interruptible(ctx, c.stdin)).ReadString('\n')
	if err != nil && err != io.EOF {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "yes" || answer == "y", nil
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
