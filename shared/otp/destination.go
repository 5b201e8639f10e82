package otp

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// ErrInvalidEmail says that a text is not one plain e-mail address. The caller corrects it.
var ErrInvalidEmail = errors.New("must be one e-mail address, as ada@example.com")

// UnsupportedError says that a destination is well formed, but this deployment does not send to it.
type UnsupportedError struct {
	Reason    string   // for the caller
	Countries []string // for a phone number: where SMS goes
	Country   string   // of the phone number, as an ISO code; empty if it is not the reason
}

func (e *UnsupportedError) Error() string { return e.Reason }

const (
	maxEmail = 254 // octets: RFC 5321's path of 256 less its angle brackets
	maxLocal = 64  // octets, RFC 5321 4.5.3.1.1
)

// NormalizeEmail returns the one spelling of an e-mail address that everything else uses: folded, ASCII lower case, the domain
// as Punycode (I5).
//
// Errors: ErrInvalidEmail; *UnsupportedError for a local part that is not ASCII, which SES cannot send to.
func NormalizeEmail(typed string) (string, error) {
	typed = FoldAddress(typed)
	at := strings.LastIndexByte(typed, '@')
	if at < 1 {
		return "", ErrInvalidEmail
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
		return "", ErrInvalidEmail
	}
	if strings.ContainsFunc(local, func(r rune) bool { return r > unicode.MaxASCII }) {
		return "", &UnsupportedError{Reason: "Addresses with letters outside ASCII before the @ are not supported."}
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
		return "", ErrInvalidEmail
	}
	if again, err := domains.ToASCII(ascii); err != nil || again != ascii {
		return "", ErrInvalidEmail
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

// Mailbox returns the mailbox that the messages to a normalised destination count for: ada+shop@example.com is ada's mailbox.
// Phone numbers stay as they are.
func Mailbox(destination string) string {
	local, domain, isEmail := strings.Cut(destination, "@")
	if !isEmail {
		return destination
	}
	if plus := strings.IndexByte(local, '+'); plus > 0 {
		local = local[:plus]
	}
	return local + "@" + domain
}
