package otp

import (
	"fmt"
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

// NormalizeCode folds a code. ok is false unless the result is 6 to 10 digits.
func NormalizeCode(typed string) (code string, ok bool) {
	code = FoldCode(typed)
	if len(code) < 6 || len(code) > 10 || strings.Trim(code, "0123456789") != "" {
		return "", false
	}
	return code, true
}

// CodeLengthError says that a code cannot be right because it has the wrong length. The caller corrects it.
type CodeLengthError struct {
	Digits int // the length of the session's code
}

func (e *CodeLengthError) Error() string {
	return fmt.Sprintf("must be the %d digits that were sent", e.Digits)
}
