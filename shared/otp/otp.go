// Package otp holds the rules of StreamOTP: what a session, a code, a destination, a key and a limit are. It is pure:
// no AWS, no clock, no environment; time and randomness are arguments.
//
// Its invariants, which tests name:
//
//	I1: a code is uniform over all strings of its length.
//	I2: nothing that is stored or compared tells the code without the key: digests are keyed, contents sealed.
//	I3: a code is accepted at most once, and never after it expired.
//	I4: of the guesses at a subject no more than MaxAttempts are judged between two locks, over all its sessions.
//	I5: an address means one mailbox and nothing else: no display name, no second line, no second recipient.
//	I6: a decoy differs from a real session in nothing that its caller can see.
package otp

import (
	"io"
	"strings"
)

// NewCode returns length decimal digits, each as likely as any other, from random (crypto/rand in production).
func NewCode(random io.Reader, length int) (string, error) {
	code := make([]byte, length)
	for i := range code {
		d, err := digit(random)
		if err != nil {
			return "", err
		}
		code[i] = '0' + d
	}
	return string(code), nil
}

// digit draws bytes until one is under 250, so that the remainder by 10 has no bias (256 is not a multiple of 10).
func digit(random io.Reader) (byte, error) {
	var b [1]byte
	for {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return 0, err
		}
		if b[0] < 250 {
			return b[0] % 10, nil
		}
	}
}

// NormalizeCode folds a code. Anything else than 6 to 10 digits is not a code: ok is false.
func NormalizeCode(typed string) (code string, ok bool) {
	code = FoldCode(typed)
	if len(code) < 6 || len(code) > 10 || strings.Trim(code, "0123456789") != "" {
		return "", false
	}
	return code, true
}
