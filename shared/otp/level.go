package otp

import "slices"

// Levels of assurance, the values of acr.
const (
	levelCode         = "urn:streamotp:1" // the person read a code that was sent
	levelPasswordCode = "urn:streamotp:2" // and knew the account's password
)

// Levels are the values of acr, the weakest first.
var Levels = []string{levelCode, levelPasswordCode}

// Level returns the level that the right code of a purpose proves.
func (p Purpose) Level() string {
	if p == Login {
		return levelPasswordCode
	}
	return levelCode
}

// WantedLevel returns the weakest level among those that an application asks for, or "" if it asks for none that exists.
func WantedLevel(asked []string) string {
	for _, level := range Levels {
		if slices.Contains(asked, level) {
			return level
		}
	}
	return ""
}

// Meets reports whether a level is as strong as a wanted one, which may be "".
func Meets(level, wanted string) bool {
	return slices.Contains(Levels, level) && slices.Index(Levels, level) >= slices.Index(Levels, wanted)
}
