package pattern

import (
	"encoding/json"
	"testing"
)

const record = `{"eventName":"INSERT","n":3.0,"none":null,"dynamodb":{"NewImage":{"send":{"S":"code"},"sizes":{"L":["a","b"]}}},"ok":true}`

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		want          bool
	}{
		{"a value", `{"eventName":["INSERT"]}`, true},
		{"one of several values", `{"eventName":["MODIFY","INSERT"]}`, true},
		{"another value", `{"eventName":["MODIFY"]}`, false},
		{"every field must hold", `{"eventName":["INSERT"],"ok":[false]}`, false},
		{"a number equals in any notation", `{"n":[3]}`, true},
		{"a number is no text", `{"n":["3.0"]}`, false},
		{"true", `{"ok":[true]}`, true},
		{"null", `{"none":[null]}`, true},
		{"an absent field is not null", `{"absent":[null]}`, false},
		{"nested, exists at the typed leaf", `{"dynamodb":{"NewImage":{"send":{"S":[{"exists":true}]}}}}`, true},
		{"exists does not hold for an object", `{"dynamodb":{"NewImage":{"send":[{"exists":true}]}}}`, false},
		{"exists false for an absent field", `{"dynamodb":{"OldImage":{"send":{"S":[{"exists":false}]}}}}`, true},
		{"exists false for a present one", `{"eventName":[{"exists":false}]}`, false},
		{"prefix", `{"eventName":[{"prefix":"INS"}]}`, true},
		{"suffix", `{"eventName":[{"suffix":"ERT"}]}`, true},
		{"prefix of something else", `{"eventName":[{"prefix":"RT"}]}`, false},
		{"equals-ignore-case", `{"eventName":[{"equals-ignore-case":"insert"}]}`, true},
		{"anything-but a value", `{"eventName":[{"anything-but":"REMOVE"}]}`, true},
		{"anything-but a list", `{"eventName":[{"anything-but":["REMOVE","INSERT"]}]}`, false},
		{"anything-but a prefix", `{"eventName":[{"anything-but":{"prefix":"IN"}}]}`, false},
		{"anything-but needs the field", `{"absent":[{"anything-but":"x"}]}`, false},
		{"numeric", `{"n":[{"numeric":[">",2,"<=",3]}]}`, true},
		{"numeric out of range", `{"n":[{"numeric":["<",3]}]}`, false},
		{"numeric on text", `{"eventName":[{"numeric":["=",3]}]}`, false},
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
		``, `[]`, `"x"`, `{}`, `{"a":"x"}`, `{"a":[]}`, `{"a":{}}`, `{"a":[["x"]]}`, `{"a":[{"exists":"yes"}]}`,
		`{"a":[{"wildcard":"*"}]}`, `{"a":[{"cidr":"10.0.0.0/8"}]}`, `{"$or":[{"a":["x"]}]}`, `{"a":[{"exists":true,"prefix":"x"}]}`,
		`{"a":[{"numeric":[">"]}]}`, `{"a":[{"numeric":["!",1]}]}`, `{"a":[{"prefix":1}]}`, `{"a":["x"]} {}`,
		`{"a":[{"anything-but":{"wildcard":"x"}}]}`, `{"a":[{"anything-but":[]}]}`, `{"a":[1e9999999]}`,
	} {
		if _, err := Parse(p); err == nil {
			t.Errorf("%s is taken", p)
		}
	}
}

// FuzzPattern: nothing panics, and a record that is not JSON never matches.
func FuzzPattern(f *testing.F) {
	f.Add(`{"eventName":["INSERT"],"dynamodb":{"NewImage":{"send":{"S":[{"exists":true}]}}}}`, record)
	f.Add(`{"n":[{"numeric":[">",1e3]}],"a":[{"anything-but":{"prefix":"x"}}]}`, `{"n":1e4,"a":[{}]}`)
	f.Fuzz(func(t *testing.T, text, record string) {
		p, err := Parse(text)
		if err == nil && p.Match([]byte(record)) && !json.Valid([]byte(record)) {
			t.Errorf("%q passes %s", record, text)
		}
	})
}
