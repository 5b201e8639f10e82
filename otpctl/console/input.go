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

	"streamotp/shared/email"
	"streamotp/shared/otp"
	"streamotp/shared/phone"
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
	if p, ok := stream.(*plain); ok {
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
	if err == nil && first != second {
		err = Refusal(secret.name + ": the two were not the same: nothing was changed")
	}
	return first, err
}

// readLine reads a secret that is all of stdin except for line ends and invisible characters around it. Spaces belong to
// the secret.
func (secret typedSecret) readLine(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxStdinSecret))
	line := otp.FoldPassword(string(text))
	switch {
	case err != nil:
		return "", err
	case strings.Contains(line, "\n"):
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
	var line []byte
	answered := make(chan error, 1)
	go func() {
		var err error
		line, err = term.ReadPassword(fd)
		answered <- err
	}()
	select {
	case err := <-answered:
		if err == io.EOF {
			err = UsageErrorf("nothing was typed")
		}
		return string(line), err
	case <-ctx.Done():
		_ = term.Restore(fd, before) // the process ends; nothing more can be done about it
		return "", ctx.Err()
	}
}

// Confirm asks a question, unless the operator has said --yes. Only "yes" or "y" confirms it.
//
// Errors: the Refusal, if the answer is another one; UsageError, if there is no terminal.
func (c *Console) Confirm(ctx context.Context, yes bool, question string, refusal Refusal) error {
	if yes {
		return nil
	}
	if _, interactive := terminal(c.Stdin); !interactive {
		return UsageErrorf("without a terminal to ask at, say --yes")
	}
	fmt.Fprintf(c.Stderr, "%s Type yes: ", printable(question))
	answer, err := bufio.NewReader(Interruptible(ctx, c.Stdin)).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "yes" && answer != "y" {
		return refusal
	}
	return nil
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

// ReadEmail returns the one spelling of an e-mail address that everything else uses.
//
// Errors: UsageError.
func ReadEmail(typed string) (string, error) {
	address, err := email.Normalize(typed)
	if err != nil {
		return "", UsageErrorf("e-mail: %v", err)
	}
	return address, nil
}

// Destination is an e-mail address or a phone number, in the one spelling that everything else uses.
type Destination struct {
	address string // empty for a number
	Number  string // E.164
	Mobile  bool
}

func (d Destination) String() string { return d.address + d.Number }

// ReadDestination reads a destination. One with an @ is an e-mail address, any other a phone number.
//
// Errors: UsageError.
func ReadDestination(typed string) (d Destination, err error) {
	if strings.Contains(typed, "@") {
		d.address, err = ReadEmail(typed)
		return d, err
	}
	n, err := phone.Parse(typed)
	if err != nil {
		return d, UsageErrorf("must be an e-mail address, as ada@example.com, or a telephone number with its country code, as +4915112345678")
	}
	return Destination{Number: n.E164, Mobile: n.Mobile}, nil
}
