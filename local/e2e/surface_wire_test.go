package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// The surface below the JSON: what is not a proper request must not block the server and must not reach a function. In
// AWS, API Gateway ensures that. The development stack does it as well as API Gateway, as otherwise the other tests would
// prove little.

// dial opens a connection to the server and writes a text to it.
func dial(t *testing.T, s *Stack, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(Patience))
	_, _ = io.WriteString(c, text) // a server that has read enough may close before it has everything
	return c
}

// status returns the status of the response on a connection, or 0 if the connection was closed without one.
func status(c net.Conn) int {
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// reached returns how many requests have reached a function, without counting an honest one that it sends after all of
// them.
func reached(t *testing.T, s *Stack) (n int) {
	t.Helper()
	_, header, _ := s.Post("/api/verify", fields{})
	until(t, Patience, "the honest request is logged", func() bool {
		n = -1
		found := false
		for _, line := range s.Logs() {
			if strings.Contains(line, `"msg":"request"`) {
				n++
			}
			found = found || strings.Contains(line, header.Get("Apigw-Requestid"))
		}
		return found
	})
	return n
}

const head = "POST /api/generate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"

func TestWire(t *testing.T) {
	s := Start(t)
	const people = 100
	t.Run("headers that trickle in hold nobody up and are cut off", func(t *testing.T) {
		s := s.In(t)
		before := reached(t, s)
		var slow []net.Conn
		for range people {
			slow = append(slow, dial(t, s, head+"X-Slow: "))
		}
		if n := reached(t, s) - before; n != 1 { // the honest request before
			t.Errorf("%d requests reached a function", n-1)
		}
		for _, c := range slow {
			if got := status(c); got != 0 && got != http.StatusRequestTimeout && got != http.StatusBadRequest {
				t.Errorf("answered %d", got)
			}
		}
	})
	t.Run("bodies that trickle in hold nobody up and reach no function", func(t *testing.T) {
		s := s.In(t)
		before := reached(t, s)
		for range people {
			dial(t, s, head+"Content-Length: 60\r\n\r\n{\"email\":")
		}
		if n := reached(t, s) - before; n != 1 {
			t.Errorf("%d requests reached a function", n-1)
		}
	})
	t.Run("what is too large or no HTTP is refused and reaches no function", func(t *testing.T) {
		s := s.In(t)
		before := reached(t, s)
		const body = `{"email":"eve@example.com"}`
		rest := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
		for name, test := range map[string]struct {
			text   string
			status []int
		}{
			"a header over 10 KB":             {head + "X-Big: " + strings.Repeat("x", 10240) + "\r\n" + rest, []int{431}},
			"a header over 32 KB":             {head + "X-Big: " + strings.Repeat("x", 64<<10) + "\r\n" + rest, []int{431}},
			"many headers, over 10 KB":        {head + strings.Repeat("X-Many: y\r\n", 1000) + rest, []int{431}},
			"a request line over 10 KB":       {strings.Replace(head, "generate", "generate?"+strings.Repeat("x", 11<<10), 1) + rest, []int{431, 414}},
			"a NUL in a header":               {head + "X-Bad: a\x00b\r\n" + rest, []int{400}},
			"an escape sequence in a header":  {head + "X-Bad: a\x1b[2Jb\r\n" + rest, []int{400}},
			"a line feed alone in a header":   {head + "X-Bad: a\rb: c\r\n" + rest, []int{400}},
			"a header's name with a space":    {head + "X Bad: a\r\n" + rest, []int{400}},
			"two lengths that differ":         {head + "Content-Length: 3\r\n" + rest, []int{400}},
			"a length below zero":             {head + "Content-Length: -1\r\n\r\n" + body, []int{400}},
			"an invalid chunk":                {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body, []int{400}},
			"a transfer encoding of its own":  {head + "Transfer-Encoding: gzip, chunked\r\n\r\n", []int{400, 501}},
			"two hosts":                       {head + "Host: example.com\r\n" + rest, []int{400}},
			"no host":                         {strings.Replace(head, "Host: 127.0.0.1\r\n", "", 1) + rest, []int{400}},
			"no HTTP":                         {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []int{400, 0}},
			"another method in small letters": {strings.Replace(head, "POST", "post", 1) + rest, []int{404}},
			"a path with a way around":        {strings.Replace(head, "/api/generate", "/api/../api//generate", 1) + rest, []int{404, 301, 307}},
		} {
			got := status(dial(t, s, test.text))
			if !slices.Contains(test.status, got) {
				t.Errorf("%s: %d, want one of %v", name, got, test.status)
			}
		}
		if n := reached(t, s) - before; n != 1 {
			t.Errorf("%d requests reached a function", n-1)
		}
		if len(s.Messages()) > 0 || len(s.Calls()) > 0 {
			t.Errorf("messages %v, calls %v", s.Messages(), s.Calls())
		}
	})
}
