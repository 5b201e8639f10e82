// Command redis is a small service of one-time codes on Redis, the floor of the comparison: a code is a key with a time to live, and a right
// code is deleted. Nothing counts attempts, no step is atomic, and the code is stored as it is.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

type body struct {
	ID   string `json:"id,omitempty"`
	To   string `json:"to,omitempty"`
	Code string `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: redis ADDRESS REDIS SINK")
	}
	store, sink := redis.NewClient(&redis.Options{Addr: os.Args[2]}), os.Args[3]
	handle := func(path string, do func(*http.Request, body) (body, int, error)) {
		http.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			var in body
			err := json.NewDecoder(r.Body).Decode(&in)
			out, status := body{}, http.StatusOK
			if err == nil {
				out, status, err = do(r, in)
			}
			if err != nil {
				http.Error(w, "failed", http.StatusInternalServerError)
				return
			}
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(out) //nolint:errcheck // the client has gone
		})
	}
	handle("/create", func(r *http.Request, in body) (body, int, error) {
		n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
		if err != nil {
			return body{}, 0, err
		}
		id, code := rand.Text(), fmt.Sprintf("%06d", n)
		if err := store.Set(r.Context(), id, code, 5*time.Minute).Err(); err != nil {
			return body{}, 0, err
		}
		message, err := json.Marshal(body{To: in.To, Text: code})
		if err != nil {
			return body{}, 0, err
		}
		response, err := http.Post(sink, "application/json", bytes.NewReader(message))
		if err != nil {
			return body{}, 0, err
		}
		return body{ID: id}, http.StatusOK, response.Body.Close()
	})
	handle("/verify", func(r *http.Request, in body) (body, int, error) {
		code, err := store.Get(r.Context(), in.ID).Result()
		if errors.Is(err, redis.Nil) {
			return body{}, http.StatusGone, nil
		}
		if err != nil {
			return body{}, 0, err
		}
		if code != in.Code {
			return body{}, http.StatusUnauthorized, nil
		}
		return body{}, http.StatusOK, store.Del(r.Context(), in.ID).Err()
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
