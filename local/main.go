// Local is StreamOTP's development stack: it runs the functions that ship on this machine, as template.yaml describes
// them, with no AWS account and no Docker. It is for development, not for production.
//
// docs/development.md describes what it imitates; NotImitated lists what it does not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"streamotp/local/template"
)

func main() {
	c, err := parseFlags(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

// run starts the stack and serves until ctx ends.
func run(ctx context.Context, c config) error {
	s, err := start(ctx, c)
	if err != nil {
		return err
	}
	defer s.close()
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// parseFlags reads the command line and reports errors on w.
func parseFlags(args []string, w *os.File) (config, error) {
	c := config{Parameters: map[string]string{}, Out: os.Stdout, Now: time.Now}
	f := flag.NewFlagSet("local", flag.ContinueOnError)
	f.SetOutput(w)
	f.StringVar(&c.Addr, "addr", "127.0.0.1:3000", "where to listen; loopback only, port 0 for a free one")
	f.StringVar(&c.Template, "template", "template.yaml", "the SAM template")
	f.Func("parameter", "a template parameter as `Name=Value`; may be given several times", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return fmt.Errorf("must be Name=Value, as CodeLength=8")
		}
		c.Parameters[name] = value
		return nil
	})
	f.StringVar(&c.DynamoDB, "dynamodb", "", "`URL` of a DynamoDB endpoint (such as DynamoDB Local) in place of the embedded engine")
	f.StringVar(&c.Data, "data", "", "keep the tables in this `folder`; without it they are in memory")
	f.Usage = func() {
		_, _ = fmt.Fprint(w, "StreamOTP's development stack: for development, not for production.\n\n")
		f.PrintDefaults()
		_, _ = fmt.Fprint(w, "\nParameters whose default is not the template's:\n")
		for _, name := range slices.Sorted(maps.Keys(template.LocalDefaults)) {
			_, _ = fmt.Fprintf(w, "  %s=%s\n", name, template.LocalDefaults[name])
		}
		_, _ = fmt.Fprintf(w, "\nNot imitated:\n  - %s\n", strings.Join(NotImitated, "\n  - "))
	}
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		err := fmt.Errorf("local: unexpected argument %q", f.Arg(0))
		_, _ = fmt.Fprintln(w, err)
		return c, err
	}
	return c, nil
}
