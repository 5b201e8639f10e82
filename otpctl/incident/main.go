// Command incident leaves in a stack what an operator's commands are for: a number prefix that is paused, and an address
// that complained. It is for tests of a stack on an imitation of AWS, where neither comes by itself.
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
	if len(os.Args) != 5 {
		fail(errors.New("four arguments are needed"))
	}
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		fail(err)
	}
	db := dynamodb.NewFromConfig(cfg)
	if err := errors.Join(pause(ctx, db, os.Args[1], os.Args[3]), complain(ctx, cfg, db, os.Args[1], os.Args[2], os.Args[4])); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "incident LIMITS_TABLE KEY_SECRET PREFIX EMAIL:", err)
	os.Exit(1)
}

// pause counts as many messages as no prefix may have unverified.
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

// complain does what the feedback function does when an e-mail to there is called spam.
func complain(ctx context.Context, cfg aws.Config, db *dynamodb.Client, table, secret, email string) error {
	ring, err := keys.New(cfg, secret, time.Now).Current(ctx)
	if err != nil {
		return err
	}
	return store.Suppressions{DB: db, Table: table}.Add(ctx, ring.Destination(email),
		[]string{ring.Subject(otp.Verify, email), ring.Subject(otp.Login, email)}, store.Complaint, time.Now())
}
