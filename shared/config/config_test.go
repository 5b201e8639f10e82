package config_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/config"
)

func TestEnv(t *testing.T) {
	t.Run("everything that is wrong is named at once, without its value", func(t *testing.T) {
		t.Setenv("NUMBER", "secret")
		t.Setenv("LARGE", "11")
		t.Setenv("WORD", "secret")
		var env config.Env
		env.String("ABSENT")
		env.Int("NUMBER", 1, 10)
		env.Seconds("LARGE", 1, 10)
		env.OneOf("WORD", "none", "some")
		err := env.Err()
		for _, name := range []string{"ABSENT", "NUMBER", "LARGE", "WORD must be one of none, some"} {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v does not name %s", err, name)
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	})
	t.Run("what is right is read", func(t *testing.T) {
		t.Setenv("LIST", "US,DE")
		t.Setenv("SECONDS", "90")
		t.Setenv("FRACTION", "0.5")
		var env config.Env
		if got := env.List("LIST"); len(got) != 2 || got[1] != "DE" || env.List("ABSENT") != nil && len(env.List("ABSENT")) > 0 {
			t.Error(got)
		}
		t.Setenv("WORD", "some")
		if env.OneOf("WORD", "none", "some") != "some" {
			t.Error("a word is lost")
		}
		if env.Seconds("FRACTION", 0, 1) != 500*time.Millisecond {
			t.Error("a fraction is lost")
		}
		if env.Seconds("SECONDS", 1, 90) != 90*time.Second || env.Optional("ABSENT") != "" || env.Err() != nil {
			t.Error(env.Err())
		}
	})
}

func TestConflictsAreRetried(t *testing.T) {
	for name, value := range map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"} {
		t.Setenv(name, value)
	}
	var env config.Env
	retryer := env.AWS().Retryer()
	cancelled := func(codes ...string) error {
		e := &types.TransactionCanceledException{}
		for _, code := range codes {
			e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(code)})
		}
		return e
	}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"a write that met a transaction":                    {&types.TransactionConflictException{}, true},
		"a transaction that met a write":                    {cancelled("None", "TransactionConflict", "None"), true},
		"a throttled transaction":                           {cancelled("ThrottlingError"), true},
		"a failed condition":                                {&types.ConditionalCheckFailedException{}, false},
		"a transaction with a failed condition":             {cancelled("ConditionalCheckFailed", "TransactionConflict"), false},
		"a transaction that breaks a rule":                  {cancelled("ValidationError"), false},
		"an error of another kind is left to the SDK's own": {errors.New("other"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := retryer.IsErrorRetryable(test.err); got != test.want {
				t.Errorf("retried: %v", got)
			}
		})
	}
}
