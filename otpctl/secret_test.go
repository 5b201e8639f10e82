package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// shelf is one secret as Secrets Manager stores it: a version's id never gets another value.
type shelf struct {
	mu       sync.Mutex
	current  string
	versions map[string]string
	written  time.Time // when the current version was written
}

func newShelf(document string) *shelf {
	s := &shelf{versions: map[string]string{}}
	s.put("first", document)
	return s
}

func (s *shelf) answer(w http.ResponseWriter, call string, body []byte) {
	var in struct{ SecretString, ClientRequestToken string }
	_ = json.Unmarshal(body, &in)
	s.mu.Lock()
	defer s.mu.Unlock()
	if call == "PutSecretValue" {
		if held, used := s.versions[in.ClientRequestToken]; used && held != in.SecretString {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"ResourceExistsException","message":"exists"}`)
			return
		}
		s.current, s.written = in.ClientRequestToken, time.Now()
		s.versions[s.current] = in.SecretString
	}
	answer, _ := json.Marshal(map[string]any{"VersionId": s.current, "SecretString": s.versions[s.current],
		"CreatedDate": float64(s.written.UnixMilli()) / 1000})
	_, _ = w.Write(answer)
}

// put sets the secret by other means than otpctl.
func (s *shelf) put(version, document string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.versions[version], s.written = version, document, time.Now()
}

func (s *shelf) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versions[s.current]
}

// age makes the current version older.
func (s *shelf) age(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = s.written.Add(-by)
}
