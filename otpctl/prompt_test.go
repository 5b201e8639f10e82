package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"streamotp/otpctl/cmd"
	"streamotp/otpctl/console"
)

// pty is a terminal on which a test types.
type pty struct {
	keyboard, tty *os.File
	mu            sync.Mutex
	screen        bytes.Buffer // what the terminal itself shows: the echo
}

func newPTY(t *testing.T) *pty {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{keyboard: keyboard, tty: tty}
	go func() {
		buffer := make([]byte, 1024)
		for {
			n, err := keyboard.Read(buffer)
			if err != nil {
				return
			}
			p.mu.Lock()
			p.screen.Write(buffer[:n])
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() { _, _ = tty.Close(), keyboard.Close() })
	return p
}

func (p *pty) shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.String()
}

// echoes reports whether the terminal shows what is typed.
func (p *pty) echoes(t *testing.T) bool {
	state, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Error(err)
		return true
	}
	return state.Lflag&unix.ECHO != 0
}

// consoleBuffer is the output of a command, which a test reads meanwhile.
type consoleBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *consoleBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *consoleBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func await(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ready(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// at runs a command on the terminal and types answers when the command asks; hidden answers only once the echo is off.
func (s *stack) at(ctx context.Context, t *testing.T, p *pty, hidden bool, answers []string, args ...string) result {
	t.Helper()
	var screen consoleBuffer
	done := make(chan int)
	go func() {
		done <- cmd.Run(ctx, console.New(p.tty, &screen, &screen), append([]string{"--endpoint", s.url}, args...))
	}()
	for i, answer := range answers {
		await(t, "a question", func() bool {
			asked := strings.Count(screen.String(), ": ") > i
			return asked && p.echoes(t) == !hidden
		})
		if _, err := p.keyboard.WriteString(answer); err != nil {
			t.Fatal(err)
		}
	}
	code := <-done
	return result{code: code, stderr: screen.String()}
}

func TestPasswordAtATerminal(t *testing.T) {
	s := newStack(t)
	t.Run("is_asked_for_twice_and_never_shown", func(t *testing.T) {
		p := newPTY(t)
		r := s.at(ctx, t, p, true, []string{good + "\n", good + "\n"}, "user", "add", adasEmail)
		r.want(t, exitOK, "New password: ", "The same again: ", "Added ada@example.com")
		s.silent(t, r, good)
		if strings.Contains(p.shown(), "tulip") {
			t.Errorf("C1: the terminal showed %q", p.shown())
		}
		s.wantPassword(t, adasEmail, good)
	})
	t.Run("that_differs_changes_nothing", func(t *testing.T) {
		r := s.at(ctx, t, newPTY(t), true, []string{better + "\n", good + "\n"}, "user", "add", adasEmail, "--replace")
		r.want(t, exitFailed, "not the same")
		s.silent(t, r, good, better)
		s.wantPassword(t, adasEmail, good)
	})
	t.Run("is_not_read_where_it_would_show", func(t *testing.T) {
		s.at(ctx, t, newPTY(t), true, nil, "user", "add", adasEmail, "--replace", "--password-stdin").want(t, exitUsage, "would show")
	})
	t.Run("is_not_asked_for_in_vain", func(t *testing.T) {
		s.at(ctx, t, newPTY(t), true, nil, "user", "add", adasEmail).want(t, exitFailed, "has an account already")
	})
	t.Run("given_up_by_Ctrl_C_leaves_the_terminal_as_it_was", func(t *testing.T) {
		p := newPTY(t)
		interrupted, interrupt := context.WithCancel(ctx)
		go func() {
			for p.echoes(t) {
				time.Sleep(time.Millisecond)
			}
			interrupt()
		}()
		s.at(interrupted, t, p, true, nil, "user", "add", "grace@example.com").want(t, exitFailed, "interrupted")
		if !p.echoes(t) {
			t.Error("the terminal no longer shows what is typed")
		}
		if s.count(t) != 1 {
			t.Error("an account was written")
		}
	})
}

func TestRemovalAtATerminal(t *testing.T) {
	s := newStack(t)
	s.add(t, adasEmail, "--name", "Ada Lovelace")
	ask := func(answer string) result {
		return s.at(ctx, t, newPTY(t), false, []string{answer}, "user", "remove", adasEmail)
	}
	for _, answer := range []string{"\n", "ye\n", "no\n", "\x04"} {
		ask(answer).want(t, exitFailed, "Ada Lovelace", "nothing was removed")
		if s.count(t) != 1 {
			t.Fatalf("%q removed the account", answer)
		}
	}
	ask("Y\n").want(t, exitOK, "Removed")
	if s.count(t) != 0 {
		t.Error("the account is still there")
	}
}

// TestMain lets a test run otpctl as a separate process, which has its own terminal.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_AS_OTPCTL") != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestMFA: for a profile with mfa_serial, otpctl asks for the code on the terminal, wherever stdin comes from.
func TestMFA(t *testing.T) {
	s := newStack(t)
	var asked atomic.Value // the last call of STS
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked.Store(string(body))
		fmt.Fprint(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>role</AccessKeyId><SecretAccessKey>x</SecretAccessKey>`+
			`<SessionToken>x</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	}))
	t.Cleanup(sts.Close)
	profile := "[profile base]\naws_access_key_id = base\naws_secret_access_key = x\n" +
		"[profile admin]\nrole_arn = arn:aws:iam::123456789012:role/admin\nsource_profile = base\nmfa_serial = arn:aws:iam::123456789012:mfa/ada\n"
	if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], append([]string{"--endpoint", s.url}, args...)...)
		cmd.Env = append(os.Environ(), "TEST_AS_OTPCTL=1", "AWS_ENDPOINT_URL_STS="+sts.URL, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return cmd
	}
	t.Run("asks_at_the_terminal_while_stdin_is_a_pipe", func(t *testing.T) {
		p := newPTY(t)
		cmd := command("--profile", "admin", "user", "add", adasEmail, "--password-stdin")
		cmd.Stdin = strings.NewReader(good)
		cmd.ExtraFiles = []*os.File{p.tty}
		cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 3
		var said consoleBuffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, "the question", func() bool { return strings.Contains(p.shown(), "MFA code") && !p.echoes(t) })
		if _, err := p.keyboard.WriteString("123456\n"); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, said.String())
		}
		if call, _ := asked.Load().(string); !strings.Contains(call, "TokenCode=123456") || !strings.Contains(call, "mfa%2Fada") {
			t.Errorf("STS got %s", call)
		}
		if strings.Contains(p.shown(), "123456") {
			t.Error("the terminal showed the code")
		}
		s.wantPassword(t, adasEmail, good)
	})
	t.Run("says_so_without_a_terminal", func(t *testing.T) {
		out, err := command("--profile", "admin", "user", "list").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "wants the code of an MFA device") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("is_not_for_the_development_stack", func(t *testing.T) {
		cmd := command("user", "list")
		cmd.Env = append(cmd.Env, "AWS_PROFILE=admin")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), adasEmail) {
			t.Errorf("%v\n%s", err, out)
		}
	})
}
