package config_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"streamotp/shared/config"
)

// newConfig returns the SDK configuration of a function, with AWS at an endpoint.
func newConfig(t *testing.T, endpoint string) aws.Config {
	for name, value := range map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": endpoint} {
		t.Setenv(name, value)
	}
	var env config.Env
	return env.AWS()
}

func TestErrorsAreRetried(t *testing.T) {
	retryer := newConfig(t, "").Retryer()
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

// TestBackoffIsSpread: the waits after each attempt fill their whole range.
func TestBackoffIsSpread(t *testing.T) {
	retryer := newConfig(t, "").Retryer()
	for attempt, limit := range map[int]time.Duration{1: 50 * time.Millisecond, 2: 100 * time.Millisecond,
		3: 200 * time.Millisecond, 4: 200 * time.Millisecond, 100: 200 * time.Millisecond} {
		const n = 4000
		var sum time.Duration
		tenths := map[time.Duration]int{}
		for range n {
			wait, err := retryer.RetryDelay(attempt, errors.New("throttled"))
			if err != nil || wait < 0 || wait > limit {
				t.Fatalf("attempt %d: %v, %v", attempt, wait, err)
			}
			sum += wait
			tenths[min(wait*10/limit, 9)]++
		}
		if mean := sum / n; mean < limit*45/100 || mean > limit*55/100 { // 11 standard deviations
			t.Errorf("attempt %d: the mean is %v", attempt, mean)
		}
		for tenth := range time.Duration(10) {
			if tenths[tenth] < n/20 { // of n/10 that are expected; 10 standard deviations
				t.Errorf("attempt %d: %d of %d waits are in tenth %d", attempt, tenths[tenth], n, tenth)
			}
		}
	}
}

// rejecting is an AWS whose clock may differ from ours. It rejects some requests with an error, then accepts.
type rejecting struct {
	code    string
	ahead   time.Duration // of its clock
	rejects int
	signed  []time.Time // the times in the requests' signatures
}

func (a *rejecting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	a.signed = append(a.signed, at)
	w.Header().Set("Date", time.Now().Add(a.ahead).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if len(a.signed) <= a.rejects {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"Signature expired"}`, a.code)
		return
	}
	fmt.Fprint(w, `{}`)
}

// call makes a call of this AWS and returns the code of its error, if any.
func (a *rejecting) call(t *testing.T, change func(*aws.Config)) string {
	t.Helper()
	server := httptest.NewServer(a)
	defer server.Close()
	cfg := newConfig(t, server.URL)
	change(&cfg)
	_, err := dynamodb.NewFromConfig(cfg).ListTables(context.Background(), &dynamodb.ListTablesInput{})
	var api smithy.APIError
	if err != nil && !errors.As(err, &api) {
		t.Fatal(err)
	} else if err != nil {
		return api.ErrorCode()
	}
	return ""
}

func TestClockErrors(t *testing.T) {
	retryers := map[string]func(*aws.Config){
		"in any call":     func(*aws.Config) {},
		"in a provider's": func(cfg *aws.Config) { cfg.Retryer = func() aws.Retryer { return config.SignatureRetryer{} } },
	}
	for where, change := range retryers {
		for _, code := range []string{"InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed"} {
			for _, ahead := range []time.Duration{0, time.Minute, time.Hour, -time.Hour} { // 0: the signature was old, the clock is right
				t.Run(fmt.Sprint(code, " ", where, " is retried with the right time, ", ahead, " ahead"), func(t *testing.T) {
					a := &rejecting{code: code, ahead: ahead, rejects: 1}
					if got := a.call(t, change); got != "" || len(a.signed) != 2 {
						t.Fatalf("%s after %d attempts", got, len(a.signed))
					}
					if off := time.Until(a.signed[1]) - ahead; off.Abs() > 30*time.Second {
						t.Errorf("the second attempt is signed %v off", off)
					}
				})
			}
		}
	}
	t.Run("a provider's call is retried once", func(t *testing.T) {
		a := &rejecting{code: "InvalidSignatureException", ahead: time.Hour, rejects: 9}
		if got := a.call(t, retryers["in a provider's"]); got != "InvalidSignatureException" || len(a.signed) != 2 {
			t.Errorf("%s after %d attempts", got, len(a.signed))
		}
	})
	for _, code := range []string{"ThrottlingException", "InternalServerError", "AccessDeniedException", "TransactionConflictException"} {
		t.Run(code+" in a provider's call is not retried", func(t *testing.T) {
			a := &rejecting{code: code, ahead: time.Hour, rejects: 1}
			if got := a.call(t, retryers["in a provider's"]); got != code || len(a.signed) != 1 {
				t.Errorf("%s after %d attempts", got, len(a.signed))
			}
		})
	}
}
