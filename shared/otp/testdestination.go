package otp

import (
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"
)

// TestDestination is a destination whose code is fixed and never sent. It is for those who cannot read its messages, such as an
// app's reviewer or an end-to-end test.
type TestDestination struct {
	Code  string `json:"code"`
	Until string `json:"until"` // RFC 3339
}

// Live reports whether the fixed code is valid at now for codes of length digits. If any check fails, the destination gets random
// codes like any other.
func (d TestDestination) Live(length int, now time.Time) bool {
	code, ok := NormalizeCode(d.Code)
	until, err := time.Parse(time.RFC3339, d.Until)
	return ok && code == d.Code && len(code) == length &&
		err == nil && now.Before(until) && !until.After(LatestTest(now))
}

// LatestTest returns the latest end that a test destination may have. An entry that nobody renews for a year is forgotten, not
// needed.
func LatestTest(now time.Time) time.Time { return now.AddDate(1, 0, 0) }

// TestDestinations are a deployment's test destinations, by their normalised address or number. The zero value has
// none.
type TestDestinations struct {
	entries map[string]json.RawMessage // each is read by itself, so that a bad entry hides no good one
}

// ErrTestDestinations says that the whole document is unreadable. The caller goes on without test destinations.
var ErrTestDestinations = errors.New("the test destinations are not JSON as otpctl writes it")

// ParseTestDestinations reads the document that otpctl writes.
//
// Errors: ErrTestDestinations.
func ParseTestDestinations(document []byte) (TestDestinations, error) {
	var doc struct {
		Destinations map[string]json.RawMessage `json:"destinations"`
	}
	if json.Unmarshal(document, &doc) != nil {
		return TestDestinations{}, ErrTestDestinations
	}
	return TestDestinations{doc.Destinations}, nil
}

// Code returns the fixed code of a normalised destination. ok is false unless the destination is a live one.
func (t TestDestinations) Code(destination string, length int, now time.Time) (code string, ok bool) {
	entry := t.Get(destination)
	if !entry.Live(length, now) {
		return "", false
	}
	return entry.Code, true
}

// Get returns an entry, or zero if there is none or it cannot be read.
func (t TestDestinations) Get(destination string) TestDestination {
	var entry TestDestination
	if json.Unmarshal(t.entries[destination], &entry) != nil {
		return TestDestination{}
	}
	return entry
}

// All returns the entries in the order of their destinations, including bad ones.
func (t TestDestinations) All() iter.Seq2[string, TestDestination] {
	return func(yield func(string, TestDestination) bool) {
		for _, destination := range slices.Sorted(maps.Keys(t.entries)) {
			if !yield(destination, t.Get(destination)) {
				return
			}
		}
	}
}

// Has reports whether there is an entry, even a bad one.
func (t TestDestinations) Has(destination string) bool {
	_, ok := t.entries[destination]
	return ok
}

// With returns a copy with an entry added or replaced.
func (t TestDestinations) With(destination string, entry TestDestination) (TestDestinations, error) {
	text, err := json.Marshal(entry)
	if err != nil {
		return t, err
	}
	entries := maps.Collect(maps.All(t.entries))
	entries[destination] = text
	return TestDestinations{entries}, nil
}

// Without returns a copy without an entry.
func (t TestDestinations) Without(destination string) TestDestinations {
	entries := maps.Clone(t.entries)
	delete(entries, destination)
	return TestDestinations{entries}
}

// MarshalJSON writes the document.
func (t TestDestinations) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"destinations": maps.Collect(maps.All(t.entries))}) // never null
}
