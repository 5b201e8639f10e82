// Command incident creates a paused number prefix and a suppressed address in a stack. Tests of operator commands need both, and an
// imitation of AWS makes neither by itself.
//
//	incident LIMITS_TABLE KEY_SECRET PREFIX EMAIL
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/keys"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "incident LIMITS_TABLE KEY_SECRET PREFIX EMAIL:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return errors.New("four arguments are needed")
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	db := dynamodb.NewFromConfig(cfg)
	return errors.Join(pause(ctx, db, args[0], args[2]), complain(ctx, cfg, db, args[0], args[1], args[3]))
}

// pause counts unverified messages until the prefix is paused.
func pause(ctx context.Context, db *dynamodb.Client, table, prefix string) error {
	guard := store.Prefixes{DB: db, Table: table, Rule: otp.PumpingLimit{Sends: 1, Percent: 100}}
	for {
		var paused *otp.PausedError
		if err := guard.TakeMessage(ctx, prefix, time.Now()); errors.As(err, &paused) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// complain does what the feedback function does when the recipient of an e-mail reports it as spam.
func complain(ctx context.Context, cfg aws.Config, db *dynamodb.Client, table, secret, email string) error {
	ring, err := keys.New(cfg, secret, time.Now).Current(ctx)
	if err != nil {
		return err
	}
	return store.Suppressions{DB: db, Table: table}.Add(ctx, ring.Destination(email),
		[]string{ring.Subject(otp.Verify, email), ring.Subject(otp.Login, email)}, store.Complaint, time.Now())
}
