// Package password decides which passwords are accepted, and keeps them as Argon2id hashes.
//
// Its rules are those of NIST SP 800-63B-4 3.1.1.2: passwords are checked for their length and
// against a blocklist. Any Unicode is accepted, there are no composition rules, and nothing is cut off. A password is compared in its NFKC form
// and without invisible characters around it, so that it is the same from every keyboard, and the same if it is copied or piped
// instead of typed.
package password

import (
	_ "embed"
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"

	"streamotp/shared/otp"
)

const (
	minLength = 8   // code points: the minimum where a second step follows
	maxLength = 256 // code points
	shortWord = 4   // a local part or name under this many bytes is too common to forbid
)

// common holds passwords that attackers try first, NFKC and lower case, sorted by bytes, one a line. It is data, not a
// package-level map: looking one up costs a binary search and a cold start nothing. From Django's list (BSD) and
// zxcvbn-ts's (MIT), those of at least 8 code points.
//
//go:embed common.txt
var common string

// WeakError says why a new password is rejected. The caller chooses another.
type WeakError struct {
	Reasons []string // too_short, too_long, control_characters, common, contains_app_name, contains_address
}

func (e *WeakError) Error() string { return "weak password: " + strings.Join(e.Reasons, ", ") }

// Check checks a new password by itself: its length, the blocklist and the app's name.
//
// Errors: *WeakError.
func Check(password, appName string) error {
	var reasons []string
	folded := fold(password)
	switch n := utf8.RuneCountInString(normal(password)); {
	case n < minLength:
		reasons = append(reasons, "too_short")
	case n > maxLength:
		reasons = append(reasons, "too_long")
	}
	if strings.ContainsFunc(otp.FoldPassword(password), unicode.IsControl) || !utf8.ValidString(password) {
		reasons = append(reasons, "control_characters") // no form can send them
	}
	if isCommon(folded) {
		reasons = append(reasons, "common")
	}
	if contains(folded, appName) {
		reasons = append(reasons, "contains_app_name")
	}
	return weak(reasons)
}

// CheckAddress checks a new password against the account's address, which is known only after the session was read.
//
// Errors: *WeakError.
func CheckAddress(password, email string) error {
	local, _, _ := strings.Cut(email, "@")
	if contains(fold(password), email) || contains(fold(password), local) {
		return weak([]string{"contains_address"})
	}
	return nil
}

func weak(reasons []string) error {
	if len(reasons) == 0 {
		return nil
	}
	return &WeakError{Reasons: reasons}
}

// normal returns the one spelling of a password that is counted, hashed and compared.
func normal(password string) string { return norm.NFKC.String(otp.FoldPassword(password)) }

func fold(s string) string { return strings.ToLower(normal(s)) }

func contains(folded, word string) bool {
	return len(word) >= shortWord && strings.Contains(folded, fold(word))
}

// isCommon searches the sorted lines of common.
func isCommon(folded string) bool {
	start := sort.Search(len(common), func(i int) bool { return lineAt(i) >= folded })
	return start < len(common) && lineAt(start) == folded
}

// lineAt returns the line that the i-th byte of common is in. A checkout may have converted the line ends to two bytes.
func lineAt(i int) string {
	line, _, _ := strings.Cut(common[strings.LastIndexByte(common[:i], '\n')+1:], "\n")
	return strings.TrimSuffix(line, "\r")
}

// CheckList returns an error if the blocklist is empty or damaged: then every password would be accepted.
func CheckList() error {
	if !isCommon("password1") || !isCommon("12345678") {
		return errors.New("the list of common passwords is empty or damaged: shared/password/common.txt")
	}
	return nil
}

// params are OWASP's for Argon2id (Password Storage Cheat Sheet).
var params = argon2id.Params{
	Memory:      19 * 1024, // KiB: the minimum for two iterations
	Iterations:  2,
	Parallelism: 1,
	SaltLength:  16,
	KeyLength:   32,
}

// dummyHash is compared with if there is no account, so that the response takes as long. It is a hash of random bytes
// that nobody kept.
const dummyHash = "$argon2id$v=19$m=19456,t=2,p=1$" +
	"GhsUIRm3jNQVm5UiGwwCUQ$H8GzOlNHMONBA2yKXIqdafYUl4XuG3LJwUMx0xwD5AY"

// Hash returns the PHC string of a password.
func Hash(password string) (string, error) {
	return argon2id.CreateHash(normal(password), &params)
}

// Matches reports whether a password has this hash. An empty hash stands for no account, or for an account without a
// password: the comparison costs the same and never matches.
//
// Errors: the hash is no Argon2id PHC string.
func Matches(password, hash string) (bool, error) {
	known := hash != ""
	if !known {
		hash = dummyHash
	}
	ok, err := argon2id.ComparePasswordAndHash(normal(password), hash)
	return ok && known, err
}

// CheckHash returns an error if a hash does not have the parameters that every account must have. With others, the time of a
// login would reveal who has an account.
func CheckHash(hash string) error {
	p, _, _, err := argon2id.DecodeHash(hash)
	if err != nil {
		return fmt.Errorf("not an Argon2id hash in PHC format: %w", err)
	}
	if *p != params {
		return fmt.Errorf("must have m=%d,t=%d,p=%d, a salt of %d bytes and a key of %d",
			params.Memory, params.Iterations, params.Parallelism, params.SaltLength, params.KeyLength)
	}
	return nil
}
