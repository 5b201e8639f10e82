package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"streamotp/shared/otp"
)

// rejectsSignatures rejects the signatures of the first requests.
type rejectsSignatures struct {
	code    string
	rejects int
	calls   int
}

func (p *rejectsSignatures) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.calls++
	_, _ = io.Copy(io.Discard, r.Body)
	if p.calls <= p.rejects {
		w.Header().Set("X-Amzn-ErrorType", p.code)
		w.WriteHeader(http.StatusForbidden)
		if r.URL.Path == "/" { // SNS responds in XML
			fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code></Error></ErrorResponse>", p.code)
			return
		}
	}
	fmt.Fprint(w, "{}")
}

// D1: a request whose signature was rejected was certainly not sent, so it is repeated, once.
func TestRejectedSignatures(t *testing.T) {
	for _, channel := range otp.Channels() {
		for rejects, want := range map[int]string{1: "", 2: "RequestExpired"} {
			t.Run(fmt.Sprintf("%s, %d in a row", channel.Channel, rejects), func(t *testing.T) {
				p := &rejectsSignatures{code: "RequestExpired", rejects: rejects}
				message := code(otp.Login)
				message.Channel = channel.Channel
				server := httptest.NewServer(p)
				defer server.Close()
				sender := New(aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL,
					Credentials: credentials.NewStaticCredentialsProvider("a", "b", "c")}, Sender{From: "login@example.com"})
				err := sender.Send(context.Background(), message)
				got := ""
				if api := smithy.APIError(nil); errors.As(err, &api) {
					got = api.ErrorCode()
				}
				if got != want || p.calls != 2 {
					t.Errorf("%q after %d calls, %v", got, p.calls, err)
				}
			})
		}
	}
}
