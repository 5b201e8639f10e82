package otp_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"streamotp/shared/otp"
)

func TestNewCode(t *testing.T) {
	t.Run("I1: bytes that would bias a digit are thrown away", func(t *testing.T) {
		code, err := otp.NewCode(bytes.NewReader([]byte{250, 255, 0, 249, 251, 17, 5, 6, 7, 8}), 6)
		if err != nil || code != "097567" {
			t.Errorf("code %q, %v", code, err)
		}
	})
	t.Run("I1: over all bytes each digit comes equally often", func(t *testing.T) {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		code, err := otp.NewCode(bytes.NewReader(every), 250)
		if err != nil {
			t.Fatal(err)
		}
		for d := '0'; d <= '9'; d++ {
			if n := strings.Count(code, string(d)); n != 25 {
				t.Errorf("digit %c comes %d times of 250", d, n)
			}
		}
	})
	t.Run("no randomness, no code", func(t *testing.T) {
		if code, err := otp.NewCode(iotest.ErrReader(errors.New("broken")), 6); err == nil {
			t.Errorf("code %q", code)
		}
	})
}

func TestNormalizeCode(t *testing.T) {
	for typed, want := range map[string]string{
		"123456": "123456", " 123 456 ": "123456", "123-456": "123456", "１２３４５６": "123456", "12345678-90": "1234567890",
		"١٢٣٤٥٦": "123456", "१२३\u2009४५६\r\n": "123456", "𝟏𝟐𝟑\u2013𝟒𝟓𝟔\u200b": "123456", // fold.json has more
		"": "", "12345": "", "12345678901": "", "12345a": "", "123.456": "", "+12345": "", "₁₂₃₄₅₆": "", "一二三四五六": "", "code 123456": "", "123456\x00": "",
	} {
		if got, ok := otp.NormalizeCode(typed); ok != (want != "") || ok && got != want {
			t.Errorf("%q is read as %q, %v", typed, got, ok)
		}
	}
}

func FuzzNormalizeCode(f *testing.F) {
	f.Add("482 913")
	f.Add("１２３４５６")
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := otp.NormalizeCode(typed)
		if !ok {
			return
		}
		if strings.Trim(code, "0123456789") != "" || len(code) < 6 || len(code) > 10 {
			t.Errorf("%q became %q", typed, code)
		}
		if again, ok := otp.NormalizeCode(code); !ok || again != code {
			t.Errorf("%q is read as %q", code, again)
		}
	})
}
