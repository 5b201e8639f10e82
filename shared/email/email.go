// Package email reads e-mail addresses. Its tables of international domain names make a function's upload 40 KB larger, so only the
// functions that need the package link it.
package email

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"streamotp/shared/otp"
)

// ErrInvalid says that a text is not one plain e-mail address. The caller corrects it.
var ErrInvalid = errors.New("must be one e-mail address, as ada@example.com")

const (
	maxEmail = 254 // octets: RFC 5321's path of 256 less its angle brackets
	maxLocal = 64  // octets, RFC 5321 4.5.3.1.1
)

// Normalize returns the one spelling of an e-mail address that everything else uses: folded, ASCII lower case, the domain
// as Punycode (I5).
//
// Errors: ErrInvalid; *otp.UnsupportedError for a local part that is not ASCII, which SES cannot send to.
func Normalize(typed string) (string, error) {
	typed = otp.FoldAddress(typed)
	at := strings.LastIndexByte(typed, '@')
	if at < 1 {
		return "", ErrInvalid
	}
	local, domain := typed[:at], typed[at+1:]
	ascii, err := toASCII(domain)
	if err != nil {
		return "", err
	}
	address := local + "@" + ascii
	// What net/mail reads back must be what was typed: no display name, comment, quoting, group or folded line.
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" || len(address) > maxEmail || len(local) > maxLocal {
		return "", ErrInvalid
	}
	if strings.ContainsFunc(local, func(r rune) bool { return r > unicode.MaxASCII }) {
		return "", &otp.UnsupportedError{Reason: "Addresses with letters outside ASCII before the @ are not supported."}
	}
	return strings.ToLower(address), nil
}

// domains is idna.Lookup without its check of hyphens: hosts such as r3---sn.example.com exist. Labels that begin with xn-- are
// checked separately, and still are.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false))

// toASCII returns the one spelling of a domain. The library converts some characters to Punycode that it then cannot read back,
// so the result must convert to itself.
func toASCII(domain string) (string, error) {
	ascii, err := domains.ToASCII(domain)
	if err != nil || !plainDomain(ascii) {
		return "", ErrInvalid
	}
	if again, err := domains.ToASCII(ascii); err != nil || again != ascii {
		return "", ErrInvalid
	}
	return ascii, nil
}

// plainDomain reports whether an ASCII domain is a host name with at least one dot, and no address literal.
func plainDomain(domain string) bool {
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) < 1 || len(label) > 63 || strings.Trim(label, "-") != label { // RFC 1035 2.3.4 and 2.3.1
			return false
		}
	}
	dot := strings.LastIndexByte(domain, '.')
	if dot < 1 || len(domain) > 253 {
		return false
	}
	return strings.Trim(domain[dot+1:], "0123456789") != "" // 192.0.2.1 is no mail domain
}
