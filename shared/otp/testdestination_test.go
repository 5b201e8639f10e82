package otp_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"streamotp/shared/otp"
)

var testNow = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const reviewer = "reviewer@example.com"

func TestTestDestinations(t *testing.T) {
	for name, c := range map[string]struct {
		entry string
		code  string // empty: the destination is like any other
	}{
		"in force":                      {`{"code":"424242","until":"2026-12-31T00:00:00Z"}`, "424242"},
		"until the last moment":         {`{"code":"424242","until":"2026-06-01T12:00:01Z"}`, "424242"},
		"in another time zone":          {`{"code":"424242","until":"2026-06-01T13:30:00+01:00"}`, "424242"},
		"with an unknown member":        {`{"code":"424242","until":"2026-12-31T00:00:00Z","note":"x"}`, "424242"},
		"a whole year":                  {`{"code":"424242","until":"2027-06-01T12:00:00Z"}`, "424242"},
		"over a year":                   {`{"code":"424242","until":"2027-06-01T12:00:01Z"}`, ""},
		"for ever":                      {`{"code":"424242","until":"9999-12-31T00:00:00Z"}`, ""},
		"over at this moment":           {`{"code":"424242","until":"2026-06-01T12:00:00Z"}`, ""},
		"long over":                     {`{"code":"424242","until":"2020-01-01T00:00:00Z"}`, ""},
		"without an end":                {`{"code":"424242"}`, ""},
		"with an empty end":             {`{"code":"424242","until":""}`, ""},
		"with an end that is no time":   {`{"code":"424242","until":"tomorrow"}`, ""},
		"with a date for an end":        {`{"code":"424242","until":"2026-12-31"}`, ""},
		"with a null end":               {`{"code":"424242","until":null}`, ""},
		"with a number for an end":      {`{"code":"424242","until":1798675200}`, ""},
		"without a code":                {`{"until":"2026-12-31T00:00:00Z"}`, ""},
		"with an empty code":            {`{"code":"","until":"2026-12-31T00:00:00Z"}`, ""},
		"with a short code":             {`{"code":"42424","until":"2026-12-31T00:00:00Z"}`, ""},
		"with a long code":              {`{"code":"4242424","until":"2026-12-31T00:00:00Z"}`, ""},
		"with a spaced code":            {`{"code":"424 242","until":"2026-12-31T00:00:00Z"}`, ""},
		"with letters for a code":       {`{"code":"abcdef","until":"2026-12-31T00:00:00Z"}`, ""},
		"with another script's digits":  {`{"code":"４２４２４２","until":"2026-12-31T00:00:00Z"}`, ""},
		"with a number for a code":      {`{"code":424242,"until":"2026-12-31T00:00:00Z"}`, ""},
		"that is null":                  {`null`, ""},
		"that is a code":                {`"424242"`, ""},
		"that is a list":                {`["424242","2026-12-31T00:00:00Z"]`, ""},
		"that is an object of nothings": {`{}`, ""},
	} {
		t.Run("an entry "+name, func(t *testing.T) {
			other := `"other@example.com":{"code":"171717","until":"2026-12-31T00:00:00Z"}`
			all, err := otp.ParseTestDestinations([]byte(`{"destinations":{"` + reviewer + `":` + c.entry + `,` + other + `}}`))
			if err != nil {
				t.Fatal(err)
			}
			if code, ok := all.Code(reviewer, 6, testNow); code != c.code || ok != (c.code != "") {
				t.Errorf("gives %q, %v", code, ok)
			}
			if code, ok := all.Code("other@example.com", 6, testNow); code != "171717" || !ok {
				t.Errorf("hides its neighbour: %q, %v", code, ok)
			}
		})
	}
	t.Run("only the very destination and the length of today's codes", func(t *testing.T) {
		all, err := otp.ParseTestDestinations([]byte(`{"destinations":{"` + reviewer + `":{"code":"424242","until":"2026-12-31T00:00:00Z"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, destination := range []string{"", "REVIEWER@example.com", "reviewer+x@example.com", " " + reviewer, reviewer + "\x00", "destinations"} {
			if code, ok := all.Code(destination, 6, testNow); ok || code != "" {
				t.Errorf("%q has the code %q", destination, code)
			}
		}
		for _, length := range []int{0, -1, 5, 7, 8, 10} {
			if code, ok := all.Code(reviewer, length, testNow); ok || code != "" {
				t.Errorf("at %d digits: %q", length, code)
			}
		}
	})
	t.Run("an unreadable document is an error and opens nothing", func(t *testing.T) {
		for _, document := range []string{"", "{", "[]", `"x"`, "1", "null x", `{"destinations":[]}`, `{"destinations":"x"}`, "\xff",
			`{"destinations":{"` + reviewer + `":{"code":"424242","until":"2026-12-31T00:00:00Z"}}`} {
			all, err := otp.ParseTestDestinations([]byte(document))
			if err != otp.ErrTestDestinations {
				t.Errorf("%q: error %v", document, err)
			}
			if _, ok := all.Code(reviewer, 6, testNow); ok {
				t.Errorf("%q opens", document)
			}
		}
		for _, document := range []string{"null", "{}", `{"destinations":{}}`, `{"destinations":null}`, `{"other":1}`} {
			if all, err := otp.ParseTestDestinations([]byte(document)); err != nil || all.Has(reviewer) {
				t.Errorf("%q: %v", document, err)
			}
		}
	})
	t.Run("entries are put and taken, and those that cannot be read stay as they are", func(t *testing.T) {
		first, err := otp.ParseTestDestinations([]byte(`{"destinations":{"bad@example.com":{"code":7}}}`))
		if err != nil {
			t.Fatal(err)
		}
		second, err := first.With(reviewer, otp.TestDestination{Code: "424242", Until: "2026-12-31T00:00:00Z"})
		if err != nil || first.Has(reviewer) || !second.Has(reviewer) || second.Without(reviewer).Has(reviewer) {
			t.Errorf("%v, %v, %v", first, second, err)
		}
		text, err := json.Marshal(second)
		want := `{"destinations":{"bad@example.com":{"code":7},"reviewer@example.com":{"code":"424242","until":"2026-12-31T00:00:00Z"}}}`
		if err != nil || string(text) != want {
			t.Errorf("wrote %s, %v", text, err)
		}
		var none otp.TestDestinations
		if text, err := json.Marshal(none); err != nil || string(text) != `{"destinations":{}}` {
			t.Errorf("wrote %s, %v", text, err)
		}
		if one, err := none.With(reviewer, otp.TestDestination{}); err != nil || !one.Has(reviewer) || none.Has(reviewer) {
			t.Errorf("%v, %v", one, err)
		}
	})
}

func FuzzTestDestinations(f *testing.F) {
	for _, seed := range []string{`{"destinations":{}}`, `{"destinations":{"a@b.de":{"code":"424242","until":"2026-12-31T00:00:00Z"}}}`,
		`{"destinations":{"a@b.de":{"CODE":"424242","until":"2026-12-31T00:00:00.5+14:00"},"x":null}}`, `[`, ``} {
		f.Add(seed, 6)
	}
	f.Fuzz(func(t *testing.T, document string, length int) {
		all, err := otp.ParseTestDestinations([]byte(document))
		for destination, entry := range all.All() {
			code, ok := all.Code(destination, length, testNow)
			if !ok {
				if code != "" {
					t.Errorf("%q is not live and has the code %q", destination, code)
				}
				continue
			}
			until, bad := time.Parse(time.RFC3339, entry.Until)
			if err != nil || bad != nil || !until.After(testNow) || until.After(testNow.AddDate(1, 0, 0)) {
				t.Errorf("open until %q (%v, %v)", entry.Until, err, bad)
			}
			if len(code) != length || length < 6 || length > 10 || strings.Trim(code, "0123456789") != "" {
				t.Errorf("%d digits: %q", length, code)
			}
		}
		text, bad := json.Marshal(all)
		again, worse := otp.ParseTestDestinations(text)
		if bad != nil || worse != nil {
			t.Fatalf("%v, %v", bad, worse)
		}
		for destination := range all.All() {
			if all.Get(destination) != again.Get(destination) {
				t.Errorf("%q differs after it was written", destination)
			}
		}
	})
}
