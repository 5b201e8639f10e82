package pattern

import (
	"encoding/json"
	"testing"
)

const record = `{"eventName":"INSERT","dynamodb":{"NewImage":{"send":{"S":"code"},"sizes":{"L":["a","b"]}}},"kind":"x"}`

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		want          bool
	}{
		{"a value", `{"eventName":["INSERT"]}`, true},
		{"one of several values", `{"eventName":["MODIFY","INSERT"]}`, true},
		{"another value", `{"eventName":["MODIFY"]}`, false},
		{"every field must hold", `{"eventName":["INSERT"],"kind":["y"]}`, false},
		{"nested, exists at the typed leaf", `{"dynamodb":{"NewImage":{"send":{"S":[{"exists":true}]}}}}`, true},
		{"exists does not hold for an object", `{"dynamodb":{"NewImage":{"send":[{"exists":true}]}}}`, false},
		{"exists false for an absent field", `{"dynamodb":{"OldImage":{"send":{"S":[{"exists":false}]}}}}`, true},
		{"exists false for a present one", `{"eventName":[{"exists":false}]}`, false},
		{"an entry of a list", `{"dynamodb":{"NewImage":{"sizes":{"L":["b"]}}}}`, true},
		{"no entry of a list", `{"dynamodb":{"NewImage":{"sizes":{"L":["c"]}}}}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Match([]byte(record)); got != c.want {
				t.Errorf("%s: %t", c.pattern, got)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, p := range []string{
		``, `[]`, `"x"`, `{}`, `null`, `{"a":"x"}`, `{"a":[]}`, `{"a":{}}`, `{"a":[["x"]]}`, `{"a":[{}]}`, `{"a":[{"exists":"yes"}]}`,
		`{"a":[{"wildcard":"*"}]}`, `{"a":[{"prefix":"x"}]}`, `{"a":[{"anything-but":"x"}]}`, `{"a":[{"numeric":[">",1]}]}`, `{"$or":[{"a":["x"]}]}`,
		`{"a":[{"exists":true,"prefix":"x"}]}`, `{"a":[1]}`, `{"a":[true]}`, `{"a":[null]}`, `{"a":["x"]} {}`,
	} {
		if _, err := Parse(p); err == nil {
			t.Errorf("%s is taken", p)
		}
	}
}

// FuzzPattern: nothing panics, and a record that is not JSON never matches.
func FuzzPattern(f *testing.F) {
	f.Add(`{"eventName":["INSERT"],"dynamodb":{"NewImage":{"send":{"S":[{"exists":true}]}}}}`, record)
	f.Add(`{"a":{"b":["x",{"exists":false}]}}`, `{"a":[{"b":["y"]},{}]}`)
	f.Fuzz(func(t *testing.T, text, record string) {
		p, err := Parse(text)
		if err == nil && p.Match([]byte(record)) && !json.Valid([]byte(record)) {
			t.Errorf("%q passes %s", record, text)
		}
	})
}
