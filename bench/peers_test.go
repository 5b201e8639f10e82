package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/smtp"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a peer that keeps every guarantee except those with a hole.
type fake struct {
	replays, unlimited, renews, plain bool
	waits                             bool // makes new codes while it is locked, but does not compare them
	fails                             bool // by an error, in place of every comparison but the first
	deaf                              bool // compares no wrong answer

	mu       sync.Mutex
	codes    map[string]string
	attempts map[string]int
	made     int
}

func (f *fake) prepare(string) error { return nil }

func (f *fake) create(to string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.renews {
		f.attempts[to] = 0
	}
	if f.attempts[to] >= attempts && !f.unlimited && !f.waits {
		return "", fmt.Errorf("%w: locked", errRejected)
	}
	f.made++
	f.codes[to] = fmt.Sprintf("%06d", 123_000+f.made)
	return "", nil
}

func (f *fake) code(to string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.codes[to], nil
}

func (f *fake) verify(_, to, code string) verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.fails && f.attempts[to] > 0:
		return faulty
	case f.deaf && f.codes[to] != code:
		return rejected
	case f.codes[to] == "" || f.attempts[to] >= attempts && !f.unlimited:
		return rejected
	case f.codes[to] != code:
		f.attempts[to]++
		return wrong
	case !f.replays:
		f.codes[to] = ""
	}
	return accepted
}

func (f *fake) stored() ([]byte, error) {
	if f.plain {
		return fmt.Append(nil, f.codes), nil
	}
	return []byte("digests"), nil
}

func (f *fake) cpu() (own, store time.Duration)            { return 0, 0 }
func (f *fake) memory() int                                { return 0 }
func (f *fake) cold() (cpu, wall time.Duration, err error) { return 0, 0, nil }
func (f *fake) shipped() (int, error)                      { return 0, nil }
func (f *fake) stop()                                      {}
func (f *fake) open() *fake                                { f.codes, f.attempts = map[string]string{}, map[string]int{}; return f }

func TestMeasureGuarantees(t *testing.T) {
	const all, refused = "1234", "no new code"
	for _, test := range []struct {
		name    string
		peer    *fake
		marks   string
		newCode string
		late    int
		faults  bool
	}{
		{"a sound system keeps all", &fake{}, all, refused, 0, false},
		{"a new code that is not compared is no rejected one", &fake{waits: true}, all, "0 of 20", 0, false},
		{"a code that works again is seen", &fake{replays: true}, "–234", refused, 0, false},
		{"attempts without a limit are seen", &fake{unlimited: true}, "1––4", "20 of 20", peerTrials, false},
		{"new attempts by a new code are seen", &fake{renews: true}, "12–4", "5 of 20", 0, false},
		{"a code in plain is seen", &fake{plain: true}, "123–", refused, 0, false},
		{"errors show no guarantee", &fake{fails: true}, "????", "0 of 20", 0, true},
		{"a system that compares nothing shows no limit", &fake{deaf: true}, "1??4", "0 of 20", peerTrials, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, err := measureGuarantees(test.peer.open(), rand.New(rand.NewPCG(1, 0)))
			if err != nil {
				t.Fatal(err)
			}
			if got := g.marks(); strings.Join(got[:], "") != test.marks || g.afterNewCode() != test.newCode || g.late != test.late || g.faults > 0 != test.faults {
				t.Errorf("got %v and %q of %+v, want %s and %q", got, g.afterNewCode(), g, test.marks, test.newCode)
			}
			if err := checkPeers([]*system{{name: oursName, guarantees: g}}); (err == nil) != (test.marks == all) {
				t.Errorf("as StreamOTP: %v", err)
			}
			if err := checkPeers([]*system{{name: nodeName, guarantees: g}}); (err == nil) != (test.marks == "––––") {
				t.Errorf("as the tutorial in Node: %v", err)
			}
			if g.late = 1; checkPeers([]*system{{name: oursName, guarantees: g}}) == nil {
				t.Error("StreamOTP may accept the right code after 300 wrong ones")
			}
		})
	}
}

func TestBinaryValues(t *testing.T) {
	const items = `[{"sessionId":{"S":"MTIzNDU2"},"code":{"B":"MTExMTEx"},"all":{"L":[{"BS":["MjIyMjIy","MzMzMzMz"]},{"M":{"B":{"B":"NDQ0NDQ0"}}}]}}]`
	found := strings.Fields(string(binaryValues([]byte(items))))
	slices.Sort(found)
	if want := []string{"111111", "222222", "333333", "444444"}; !slices.Equal(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}
}

func TestSink(t *testing.T) {
	s, err := newSink()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	post := func(kind, body string) error {
		response, err := http.Post(s.URL, kind, strings.NewReader(body))
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	mail := "Subject: 111111\r\nMessage-ID: <222222>\r\nContent-Type: multipart/alternative; boundary=333333\r\n\r\n--333333\r\nContent-Type: text/plain\r\n\r\nYour code: 654321\r\n--333333--\r\n"
	for to, send := range map[string]func(to string) error{
		"callback@example.com": func(to string) error { return post("application/json", `{"to":"`+to+`","text":"654321"}`) },
		"ses@example.com": func(to string) error {
			return post("application/json", `{"Destination":{"ToAddresses":["`+to+`"]},"Content":{"Simple":{"Body":{"Text":{"Data":"Code 654321"}}}}}`)
		},
		"+14150000001": func(to string) error {
			return post("application/x-www-form-urlencoded; charset=utf-8", url.Values{"PhoneNumber": {to}, "Message": {"Code 654321"}}.Encode())
		},
		"smtp@example.com": func(to string) error {
			return smtp.SendMail(s.smtp.Addr().String(), nil, "codes@example.com", []string{to}, []byte(mail))
		},
	} {
		if err := send(to); err != nil {
			t.Fatal(err)
		}
		if code, err := s.code(to); code != "654321" || err != nil {
			t.Errorf("%s gets %q, %v", to, code, err)
		}
	}
}

func TestDrawPeers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "peers.svg")
	var all []*system
	for n := range 3 {
		all = append(all, &system{name: fmt.Sprint("System ", n), cpuMs: []float64{1, 2}, coldMs: []float64{3, 3}, memoryMiB: float64(n), shippedKB: 1,
			guarantees: guarantees{accepted: 1, plain: n}})
	}
	if err := drawPeers(file, all); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s is not XML: %v", file, err)
		}
		if start, ok := token.(xml.StartElement); ok {
			found[start.Name.Local]++
			for _, a := range start.Attr {
				if strings.Contains(a.Value, "NaN") {
					t.Errorf("%s of %s is no number", a.Name.Local, start.Name.Local)
				}
			}
		}
	}
	if bars := 4*3*(1+4) + 1; found["rect"] != bars { // a bar and four marks for each system and quantity, and the paper
		t.Errorf("%d rectangles, want %d", found["rect"], bars)
	}
	if strings.Count(string(text), `empty"`) != 4*2 {
		t.Error("the marks do not show which guarantees are kept")
	}
}
