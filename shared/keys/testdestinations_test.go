package keys_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"streamotp/shared/keys"
)

const reviewer = "reviewer@example.com"

// destinations are test destinations whose secret a manager holds.
type destinations struct {
	*manager
	*keys.TestDestinations
}

// testDestinations runs a test with a document that has not been read yet.
func testDestinations(t *testing.T, name, document string, test func(t *testing.T, d destinations)) {
	t.Run(name, func(t *testing.T) {
		inBubble(t, document, func(t *testing.T, m *manager) {
			test(t, destinations{m, keys.NewTestDestinations(m.config(), "secret")})
		})
	})
}

// want checks the result for a destination: its code, "none" or "error".
func (d destinations) want(destination, want string) {
	d.t.Helper()
	code, ok, err := d.Code(context.Background(), destination, 6, d.wall)
	got := code
	if err != nil {
		got = "error"
		if operation := (*smithy.OperationError)(nil); !errors.As(err, &operation) {
			d.t.Errorf("the cause is lost: %v", err)
		}
	} else if !ok {
		got = "none"
	}
	if got != want || ok != (code != "") || ok && err != nil {
		d.t.Errorf("%s: %q, %v, %v; want %s", destination, code, ok, err, want)
	}
}

// opened is the document with a code for reviewer, for an hour.
var opened = `{"destinations":{"` + reviewer + `":{"code":"424242","until":"` + time.Now().Add(time.Hour).Format(time.RFC3339) + `"}}}`

func TestTestDestinations(t *testing.T) {
	testDestinations(t, "are read on first use, and again after a minute", opened, func(t *testing.T, d destinations) {
		d.wantCalls(0)
		d.want(reviewer, "424242")
		d.want("ada@example.com", "none")
		d.wantCalls(1)
		d.set(func() { d.text = `{"destinations":{}}` })
		d.wall = d.wall.Add(time.Minute)
		d.want(reviewer, "none") // it waits for the new list
		d.wantCalls(2)
	})
	testDestinations(t, "end at their time, even if the secret still has them", opened, func(t *testing.T, d destinations) {
		d.wall = d.wall.Add(time.Hour - time.Minute)
		d.want(reviewer, "424242")
		d.wall = d.wall.Add(time.Minute)
		d.want(reviewer, "none")
	})
	testDestinations(t, "that were never read are an error for everybody", opened, func(t *testing.T, d destinations) {
		d.set(func() { d.down = true })
		d.want(reviewer, "error")
		d.want("ada@example.com", "error")
		d.set(func() { d.down = false })
		d.want(reviewer, "424242") // the next call, not the next minute
	})
	testDestinations(t, "that cannot be refreshed are not used, and stop no other destination", opened, func(t *testing.T, d destinations) {
		d.want(reviewer, "424242")
		d.set(func() { d.down = true })
		d.wall = d.wall.Add(time.Minute)
		for range 3 {
			d.want(reviewer, "error")
			d.want("ada@example.com", "none")
		}
		d.wantCalls(2)
		d.set(func() { d.down = false })
		d.wall = d.wall.Add(5 * time.Second)
		d.want(reviewer, "424242")
		d.wantCalls(3)
	})
	testDestinations(t, "keep a call with a fixed code waiting for a second at most, and no other", opened, func(t *testing.T, d destinations) {
		d.want(reviewer, "424242")
		d.set(func() { d.hang = true })
		d.wall = d.wall.Add(time.Minute)
		began := time.Now()
		d.want("ada@example.com", "none")
		if time.Since(began) != 0 {
			t.Error("a call without a fixed code waited")
		}
		d.want(reviewer, "error")
		if took := time.Since(began); took != time.Second {
			t.Errorf("a call with a fixed code took %v", took)
		}
		d.wantCalls(2)
	})
	for _, document := range []string{"", "{", `{"destinations":[424242]}`, strings.TrimSuffix(opened, "}")} {
		testDestinations(t, "an unreadable document has no test destinations, and the log reports that once", document, func(t *testing.T, d destinations) {
			for range 3 {
				d.want(reviewer, "none")
				d.settle()
				d.wall = d.wall.Add(time.Minute)
			}
			if d.logged("unreadable") != 1 || d.logged("424242") != 0 || d.logged("reviewer") != 0 {
				t.Errorf("the log has %s", d.log.String())
			}
			d.set(func() { d.text = opened })
			d.want("ada@example.com", "none")
			d.settle()
			d.want(reviewer, "424242")
		})
	}
	testDestinations(t, "appear in no log line", opened, func(t *testing.T, d destinations) {
		d.want(reviewer, "424242")
		d.set(func() { d.down = true })
		d.wall = d.wall.Add(time.Minute)
		d.want(reviewer, "error")
		if d.logged("424242") != 0 || d.logged("reviewer") != 0 || d.logged("was not refreshed") != 1 {
			t.Errorf("the log has %s", d.log.String())
		}
	})
}
