package otp

import (
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"
)

// TestDestination is a destination whose code is fixed and never sent, for who cannot read its messages: an app's
// reviewer, an end-to-end test.
type TestDestination struct {
	Code  string `json:"code"`
	Until string `json:"until"` // RFC 3339
}

// Live says whether the fixed code is in force at now, where codes have length digits. Whatever is not exactly right is
// not: then the destination is like any other, and its code is a random one that is sent.
func (d TestDestination) Live(length int, now time.Time) bool {
	code, ok := NormalizeCode(d.Code)
	until, err := time.Parse(time.RFC3339, d.Until)
	return ok && code == d.Code && len(code) == length &&
		err == nil && now.Before(until) && !until.After(LatestTest(now))
}

// LatestTest is the latest end that a test destination may have: what nobody looks at for a year is forgotten, not
// needed.
func LatestTest(now time.Time) time.Time { return now.AddDate(1, 0, 0) }

// TestDestinations are a deployment's test destinations, by their normalised address or number. The zero value has
// none.
type TestDestinations struct {
	entries map[string]json.RawMessage // each read by itself: a bad one hides no good one
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

// Code returns the fixed code of a normalised destination; ok is false for every destination but a live one.
func (t TestDestinations) Code(destination string, length int, now time.Time) (code string, ok bool) {
	entry := t.Get(destination)
	if !entry.Live(length, now) {
		return "", false
	}
	return entry.Code, true
}

// Get returns an entry, zero where there is none or none that can be read.
func (t TestDestinations) Get(destination string) TestDestination {
	var entry TestDestination
	if json.Unmarshal(t.entries[destination], &entry) != nil {
		return TestDestination{}
	}
	return entry
}

// All returns the entries by their destinations in order, bad ones among them.
func (t TestDestinations) All() iter.Seq2[string, TestDestination] {
	return func(yield func(string, TestDestination) bool) {
		for _, destination := range slices.Sorted(maps.Keys(t.entries)) {
			if !yield(destination, t.Get(destination)) {
				return
			}
		}
	}
}

// Has says whether there is an entry, be it a bad one.
func (t TestDestinations) Has(destination string) bool {
	_, ok := t.entries[destination]
	return ok
}

// With returns a copy with an entry put or replaced.
func (t TestDestinations) With(destination string, entry TestDestination) (TestDestinations, error) {
	text, err := json.Marshal(entry)
	if err != nil {
		return t, err
	}
	entries := maps.Clone(t.entries)
	if entries == nil {
		entries = map[string]json.RawMessage{}
	}
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
	entries := t.entries
	if entries == nil {
		entries = map[string]json.RawMessage{}
	}
	return json.Marshal(map[string]any{"destinations": entries})
}
