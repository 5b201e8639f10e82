package console

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

const maxStdinSecret = 4 << 10 // bytes; far above what is accepted, so that the error is "too long"

// typedSecret is a secret that a command reads from a terminal or from stdin, and from nowhere else (C1).
type typedSecret struct{ name, Flag string }

var (
	TypedPassword = typedSecret{"password", "--password-stdin"}
	TypedCode     = typedSecret{"code", "--code-stdin"}
	TypedKey      = typedSecret{"secret key", "--secret-stdin"}
)

// terminal returns the stream's file if the stream is a terminal.
func terminal(stream any) (*os.File, bool) {
	if p, ok := stream.(plain); ok {
		stream = p.w
	}
	file, ok := stream.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// ReadSecret asks twice for a new secret, or reads the one line of stdin.
func (c *Console) ReadSecret(ctx context.Context, secret typedSecret, fromStdin bool) (string, error) {
	tty, interactive := terminal(c.Stdin)
	switch {
	case fromStdin && interactive:
		return "", UsageErrorf("%s at a terminal would show the %s as you type it: leave the flag out to be asked", secret.Flag, secret.name)
	case fromStdin:
		return secret.readLine(Interruptible(ctx, c.Stdin))
	case !interactive:
		return "", UsageErrorf("a %s is asked for at a terminal: without one, pipe it in with %s", secret.name, secret.Flag)
	}
	first, err := askHidden(ctx, tty, c.Stderr, "New "+secret.name+": ")
	if err != nil {
		return "", err
	}
	second, err := askHidden(ctx, tty, c.Stderr, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", Refusal(secret.name + ": the two were not the same: nothing was changed")
	}
	return first, nil
}

// readLine reads a secret that is all of stdin except for line ends and invisible characters around it. Spaces belong to
// the secret.
func (secret typedSecret) readLine(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxStdinSecret))
	if err != nil {
		return "", err
	}
	line := otp.FoldPassword(string(text))
	switch {
	case strings.ContainsAny(line, "\n"):
		return "", UsageErrorf("%s takes one line, and stdin has more", secret.Flag)
	case line == "":
		return "", UsageErrorf("%s takes one line, and stdin is empty", secret.Flag)
	}
	return line, nil
}

// AskMFA returns a function that asks for the code of the MFA device that an AWS profile names. It asks on the terminal
// itself, as stdin may be the file of an import or a password.
func (c *Console) AskMFA(ctx context.Context) func() (string, error) {
	return func() (string, error) {
		if c.Target.Endpoint != "" && c.Target.Profile == "" {
			return "", errors.New("the endpoint needs no credentials of a profile that nobody named")
		}
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil {
			return "", UsageErrorf("the AWS profile wants the code of an MFA device (mfa_serial), and there is no terminal to ask at: " +
				"run it at a terminal, or use credentials that need no code with --profile")
		}
		defer tty.Close() //nolint:errcheck // nothing was written that could be lost
		code, err := askHidden(ctx, tty, tty, "MFA code for the AWS profile: ")
		return strings.TrimSpace(code), err
	}
}

// askHidden reads a line without echo. Ctrl-C restores the terminal, although the read itself cannot be stopped.
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
			return "", UsageErrorf("nothing was typed")
		}
		return string(r.line), r.err
	case <-ctx.Done():
		_ = term.Restore(fd, before) // the process ends; nothing more can be done about it
		return "", ctx.Err()
	}
}

// Confirm asks a question. Only "yes" or "y" confirms it.
func (c *Console) Confirm(ctx context.Context, question string) (bool, error) {
	if _, interactive := terminal(c.Stdin); !interactive {
		return false, UsageErrorf("without a terminal to ask at, say --yes")
	}
	fmt.Fprintf(c.Stderr, "%s Type yes: ", printable(question))
	answer, err := bufio.NewReader(Interruptible(ctx, c.Stdin)).ReadString('\n')
	if err != nil && err != io.EOF {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "yes" || answer == "y", nil
}

// Interruptible returns a reader whose reads end when ctx does. A read of r that is blocked stays so until the process
// ends.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return out
}
