package console

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestProgressIsForTerminalsOnly(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, at(0))
	p.Step()
	if out.Len() != 0 {
		t.Errorf("a log has %q in it", out.String())
	}
	p.screen, p.now = &out, at(10)
	p.Step()
	if got := out.String(); !strings.Contains(got, "2 lines, 0 a second") {
		t.Errorf("shows %q", got)
	}
	p.Say("line %d: x", 2)
	if got := out.String(); !strings.HasSuffix(got, clearLine+"line 2: x\n") {
		t.Errorf("shows %q", got)
	}
}

func TestJSONStaysTheSame(t *testing.T) {
	var out bytes.Buffer
	in := map[string]string{"text": "\u202e\U000e0041 \U0001f600 \"\\u001b\" \xff"}
	if err := json.NewEncoder(&plain{w: &out}).Encode(in); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["text"] != strings.ToValidUTF8(in["text"], "\ufffd") {
		t.Errorf("%v: %q in %s", err, got, out.String())
	}
}

func at(seconds int64) func() time.Time { return func() time.Time { return time.Unix(seconds, 0) } }
