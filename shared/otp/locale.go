package otp

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrInvalidLocale says that a text cannot be a locale in any notation. The caller corrects it.
var ErrInvalidLocale = errors.New("must be a short text without control characters, as de or pt-BR")

const maxLocale = 200 // code points; a browser's Accept-Language with ten languages has about 100

// Language returns the primary language of a locale in lower case, or "" if it names none: nobody must go without a code because
// of a locale that is not understood. It reads language tags (BCP 47) and the notations of POSIX, Java and Apple (de_DE.UTF-8,
// zh_TW_#Hant, en_US@rg=gbzzzz), and chooses the first language of the highest weight in an Accept-Language header (RFC 9110,
// 12.5.4).
//
// Errors: ErrInvalidLocale.
func Language(locale string) (string, error) {
	locale = Fold(locale)
	isOther := func(r rune) bool { return !unicode.IsGraphic(r) }
	if utf8.RuneCountInString(locale) > maxLocale || strings.ContainsFunc(locale, isOther) {
		return "", ErrInvalidLocale
	}
	best, highest := "", 0.0
	for entry := range strings.SplitSeq(locale, ",") {
		tag, parameters, _ := strings.Cut(entry, ";")
		if language, w := primary(tag), weight(parameters); language != "" && w > highest {
			best, highest = language, w
		}
	}
	return best, nil
}

// primary returns the language that a locale begins with, or "".
func primary(locale string) string {
	language := strings.ToLower(strings.TrimSpace(locale))
	if end := strings.IndexAny(language, "-_.@#"); end >= 0 {
		language = language[:end]
	}
	if len(language) < 2 || len(language) > 3 || strings.Trim(language, "abcdefghijklmnopqrstuvwxyz") != "" {
		return ""
	}
	return language
}

// weight reads the parameter q of an Accept-Language entry. It returns 1 if the entry has no q that is a number up to 1.
// RFC 9110, 5.6.6: the names of parameters are case-insensitive.
func weight(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		if w, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && w <= 1 { // which NaN is not
			return w
		}
	}
	return 1
}
