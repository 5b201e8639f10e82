package deadletters

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// TestEachEnds: a queue that returns a hidden dead letter again, as it does once the letter was hidden for too long, is
// not read for ever. The letter is handled once, and made visible by its last receipt.
func TestEachEnds(t *testing.T) {
	received, shown := 0, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(strings.Builder)
		_ = r.Write(body)
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ReceiveMessage") {
			received++
			fmt.Fprintf(w, `{"Messages":[{"MessageId":"a","ReceiptHandle":"receipt-%d","Body":"{}"}]}`, received)
			return
		}
		shown += body.String()
		fmt.Fprint(w, `{"Successful":[],"Failed":[]}`)
	}))
	t.Cleanup(server.Close)
	q := queue{client: sqs.New(sqs.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{},
		DisableMessageChecksumValidation: true}), url: "queue"}
	handled := 0
	err := q.each(t.Context(), batch, time.Minute, func(letter) bool {
		handled++
		return true
	})
	if err != nil || handled != 1 || received != 3 || !strings.Contains(shown, "receipt-3") {
		t.Errorf("%v: handled %d of %d, shown by %s", err, handled, received, shown)
	}
}
