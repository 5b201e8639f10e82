package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"time"
)

// sink takes the messages of the peers in place of SES, SNS and an SMTP server, and keeps the newest code of each destination.
type sink struct {
	*httptest.Server
	smtp  net.Listener
	mu    sync.Mutex
	codes map[string]string
}

func newSink() (*sink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{smtp: listener, codes: map[string]string{}}
	s.Server = httptest.NewServer(s)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go s.mail(c)
		}
	}()
	return s, nil
}

func (s *sink) close() {
	s.smtp.Close() //nolint:errcheck // nobody uses it any more
	s.CloseClientConnections()
	s.Close()
}

var anyCode = regexp.MustCompile(`\b\d{6}\b`)

func (s *sink) deliver(to, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if code := anyCode.FindString(text); code != "" {
		s.codes[to] = code
	}
}

// code waits for the code that was sent to a destination, and takes it.
func (s *sink) code(to string) (string, error) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		code := s.codes[to]
		delete(s.codes, to)
		s.mu.Unlock()
		if code != "" {
			return code, nil
		}
	}
	return "", errors.New("no code came to " + to)
}

// ServeHTTP takes a message of a callback, of SES (version 2) and of SNS.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded; charset=utf-8" {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.deliver(r.Form.Get("PhoneNumber"), r.Form.Get("Message"))
		fmt.Fprint(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
		return
	}
	var in struct {
		To, Text    string
		Destination struct{ ToAddresses []string }
		Content     struct {
			Simple struct {
				Body struct{ Text struct{ Data string } }
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, to := range append(in.Destination.ToAddresses, in.To) {
		s.deliver(to, in.Text+in.Content.Simple.Body.Text.Data)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"MessageId":"1"}`)
}

// mail takes e-mails of one connection by as much of SMTP (RFC 5321) as a client without extensions needs.
func (s *sink) mail(c net.Conn) {
	defer c.Close() //nolint:errcheck // the client has ended it
	in := bufio.NewReader(c)
	to, text := "", ""
	data, body := false, false
	fmt.Fprint(c, "220 sink\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		if data {
			switch {
			case line == ".":
				s.deliver(to, text)
				text, data, body = "", false, false
				fmt.Fprint(c, "250 ok\r\n")
			case line == "":
				body = true
			case body && !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "Content-"): // no boundary or header, whose digits are no code
				text += line + "\n"
			}
			continue
		}
		switch address, ok := strings.CutPrefix(strings.ToLower(line), "rcpt to:<"); {
		case ok:
			to, _, _ = strings.Cut(address, ">")
			fmt.Fprint(c, "250 ok\r\n")
		case strings.EqualFold(line, "DATA"):
			data = true
			fmt.Fprint(c, "354 go on\r\n")
		case strings.EqualFold(line, "QUIT"):
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

// port returns the port of the SMTP server.
func (s *sink) port() string {
	_, port, _ := net.SplitHostPort(s.smtp.Addr().String())
	return port
}
