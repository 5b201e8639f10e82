package otp

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file holds the only folding of what people type, paste and pipe in. frontend/fold.js does the same in the pages, and
// testdata/fold.json holds the cases for both. Contacts, chats, terminals and spreadsheets add format characters (Unicode's
// Cf, such as bidirectional marks and zero width spaces) and white space to a text; neither has a meaning there. A folding
// never changes a letter, or two people could become one.
//
// Only the pages fold digits and hyphens that are newer than Go's Unicode tables, in browsers that know them, and send the folded
// text. The API rejects such characters.

// Fold returns a text without format characters and without white space around it.
func Fold(text string) string { return Trim(drop(text, isFormat)) }

// Trim returns a text without format characters and white space around it.
func Trim(text string) string { return strings.TrimFunc(text, isEdge) }

// FoldAddress folds an e-mail address. The joiners in its domain stay, since a domain with a joiner is another domain; IDNA
// decides where they are valid. Digits of other scripts stay for the same reason.
func FoldAddress(text string) string {
	at := max(0, strings.LastIndexByte(text, '@'))
	local, domain := drop(text[:at], isFormat), drop(text[at:], func(r rune) bool { return isFormat(r) && !isJoiner(r) })
	return Trim(local + domain)
}

// FoldCode folds a code: spaces and hyphens of any kind are dropped, decimal digits of any script become ASCII digits.
func FoldCode(text string) string { return asciiDigits(drop(text, isSeparator)) }

// FoldNumber folds a telephone number: as a code, and punctuation is dropped too. An international prefix 00 becomes a plus
// sign. A number without its country stays so: a wrong country would send the code to a stranger.
//
// Stops and slashes stay if the last one may begin something other than the number's next group: a second line
// (1234567/8), or a decimal that a spreadsheet added (1234567.0). Without the mark that would be a stranger's number; with it
// the number is rejected.
func FoldNumber(text string) string {
	text = asciiDigits(drop(text, func(r rune) bool { return isSeparator(r) || strings.ContainsRune("()[]~（）［］", r) }))
	if text = strings.TrimRight(text, groupMarks); !hasShortEnd(text) {
		text = drop(text, func(r rune) bool { return strings.ContainsRune(groupMarks, r) })
	}
	text = strings.NewReplacer("＋", "+", "﹢", "+").Replace(text)
	if national, found := strings.CutPrefix(text, "00"); found {
		return "+" + national
	}
	return text
}

const groupMarks = "./．／"

// hasShortEnd reports whether a number ends in one digit after a stop or slash, or in two digits after its only one. French
// numbers end in two digits too, but have a stop before each pair.
func hasShortEnd(number string) bool {
	mark := strings.LastIndexAny(number, groupMarks)
	if mark < 0 {
		return false
	}
	_, size := utf8.DecodeRuneInString(number[mark:])
	end := number[mark+size:]
	isOnly := mark == strings.IndexAny(number, groupMarks)
	return strings.Trim(end, "0123456789") == "" && (len(end) == 1 || len(end) == 2 && isOnly)
}

// FoldPassword folds a password: line ends and format characters around it are dropped. Nothing else changes, spaces
// included.
func FoldPassword(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return r == '\r' || r == '\n' || isFormat(r) })
}

// FoldName folds a person's name: spaces of any kind become blanks, and format characters are dropped, except joiners inside
// a word of a script that needs them (علی‌رضا) or inside an emoji. ok is false for a text that is not UTF-8 or has control
// characters or line breaks inside.
func FoldName(text string) (name string, ok bool) {
	if !utf8.ValidString(text) {
		return "", false
	}
	runes := []rune(strings.TrimFunc(text, func(r rune) bool { return isEdge(r) && !isTag(r) }))
	folded := make([]rune, 0, len(runes))
	for i, r := range runes {
		switch {
		case unicode.Is(unicode.Zs, r):
			r = ' '
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp):
			return "", false
		case isFormat(r) && !hasMeaning(runes, i):
			continue
		}
		folded = append(folded, r)
	}
	return string(folded), true
}

// hasMeaning reports whether a format character changes how the name is read. Latin, Greek and Cyrillic never need a joiner.
func hasMeaning(name []rune, i int) bool {
	if i == 0 {
		return false
	}
	if isTag(name[i]) { // the flag of England is a black flag and tags
		return name[i-1] == '🏴' || isTag(name[i-1])
	}
	joins := func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.M, unicode.So, unicode.Sk) && !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic)
	}
	return isJoiner(name[i]) && i+1 < len(name) && joins(name[i-1]) && joins(name[i+1])
}

func drop(text string, dropped func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if dropped(r) {
			return -1
		}
		return r
	}, text)
}

// asciiDigits writes the decimal digits of every script as ASCII digits. Unicode keeps the digits of a script together and in
// order, so the distance to the first digit of a block gives the value.
func asciiDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsDigit(r) {
			return r
		}
		zero := r
		for unicode.IsDigit(zero - 1) {
			zero--
		}
		return '0' + (r-zero)%10 // some blocks hold more than one set of ten
	}, text)
}

func isFormat(r rune) bool { return unicode.Is(unicode.Cf, r) }

func isEdge(r rune) bool { return unicode.IsSpace(r) || isFormat(r) }

// isJoiner reports whether r is the zero width non-joiner or joiner.
func isJoiner(r rune) bool { return r == '\u200C' || r == '\u200D' }

// isTag reports whether r is one of the tag characters, which spell the region of a flag.
func isTag(r rune) bool { return r >= '\U000E0020' && r <= '\U000E007F' }

// isSeparator reports whether r may stand between the digits of a code or number. Beside the hyphens of Unicode these are the
// minus sign, the hyphen bullet, and the Japanese sound mark that people type for a hyphen.
func isSeparator(r rune) bool {
	return isEdge(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune("\u2212\u2043\u30FC", r)
}
