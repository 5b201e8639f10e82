// Command otpctl is the operator's command line: it manages the accounts, locks, paused number prefixes, test
// destinations, dead letters and root key of a deployed stack or of the development stack, whose tables, queue and secrets
// it finds in the outputs of the CloudFormation stack. It also estimates what a stack costs, and asks nobody for that.
//
// Its invariants, which tests name:
//
//	C1: a password comes from a terminal or from stdin and goes nowhere but into its hash: no argument, no variable, no
//	    output, no error. So does the code of a test destination; it goes into their secret, and list --codes shows it.
//	C2: an account that exists is changed only where the operator said so, and only as it was when it was judged.
//	C3: a new password, a new phone or a removal ends the login sessions that were opened before its end, by AWS's time.
//	C4: a bad line of an import neither stops nor changes the others.
//	C5: unlocking touches the counts of what was named, and its times in the future, and nothing else.
//	C6: a test destination has an end, within a year; of two operators' changes at once both are made.
//	C7: rotating the root secret ends no live code unless that was asked for, changes "index" never, and shows no key; of
//	    two rotations at once one is made.
//	C8: a redrive queues nothing that has expired or was sent before, and deletes only dead letters that it queued or that were
//	    sent since, unless it is asked to drop those that cannot be sent.
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
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the program at once
	os.Exit(cmd.Run(ctx, console.New(os.Stdin, os.Stdout, os.Stderr), os.Args[1:]))
}
