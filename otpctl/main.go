// Command otpctl is the operator's command line. It manages the accounts, locks, paused number prefixes, test
// destinations, dead letters and root key of a deployed stack or of the development stack. It finds the tables, queue and
// secrets in the outputs of the CloudFormation stack. It also estimates the costs of a stack, without calling AWS.
//
// otpctl makes these promises, and its tests use their names:
//
//	C1: a password comes from a terminal or from stdin and goes only into its hash: no argument, variable, output or error
//	    contains it. The same holds for the code of a test destination, except that it is stored in the secret of the test
//	    destinations and that list --codes shows it.
//	C2: an existing account is changed only if the operator asked for a change, and only if nobody has changed the account since
//	    otpctl checked it.
//	C3: a new password, a new phone or a removal ends the login sessions that were opened before, by AWS's time.
//	C4: a bad line of an import neither stops nor changes the other lines.
//	C5: unlocking an address or number resets its counters and its times that lie in the future, and nothing else.
//	C6: every test destination ends within a year; if two operators change entries at once, both changes are made.
//	C7: rotating the root key ends live codes only with --force, never changes "index", and shows no key; if two rotations
//	    run at once, only one succeeds.
//	C8: a redrive queues nothing that has expired or was sent before. A redrive deletes a dead letter only if it
//	    queued the message again, or if the message was sent meanwhile or is no longer needed. With --drop a redrive also deletes
//	    a dead letter whose message cannot be sent.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"streamotp/otpctl/cmd"
	"streamotp/otpctl/console"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(cmd.Run(ctx, console.New(os.Stdin, os.Stdout, os.Stderr), os.Args[1:]))
}
