// Package config reads the environment. Each function's main uses it once; no other code reads the environment.
package config

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"streamotp/shared/otp"
)

// Env reads variables and remembers what is wrong with them, so that one error names them all.
type Env struct {
	problems []string
}

// String returns a variable that must be set.
func (e *Env) String(name string) string {
	value := os.Getenv(name)
	if value == "" {
		e.problems = append(e.problems, name+" is missing")
	}
	return value
}

// Optional returns a variable that may be empty.
func (e *Env) Optional(name string) string { return os.Getenv(name) }

// OneOf returns a variable that must be one of these words.
func (e *Env) OneOf(name string, words ...string) string {
	value := os.Getenv(name)
	if !slices.Contains(words, value) {
		e.problems = append(e.problems, name+" must be one of "+strings.Join(words, ", "))
	}
	return value
}

// Int returns a number between least and most. A template's Number may have a fraction, which is cut off.
func (e *Env) Int(name string, least, most int) int {
	return int(e.number(name, float64(least), float64(most)))
}

// Seconds returns a duration of least to most seconds.
func (e *Env) Seconds(name string, least, most float64) time.Duration {
	return time.Duration(e.number(name, least, most) * float64(time.Second))
}

func (e *Env) number(name string, least, most float64) float64 {
	n, err := strconv.ParseFloat(os.Getenv(name), 64)
	if err != nil || !(n >= least && n <= most) {
		e.problems = append(e.problems, fmt.Sprintf("%s must be a number from %g to %g", name, least, most))
	}
	return n
}

// AttemptLimit returns the rule that limits attempts, the same for every function that reserves or reads attempts.
func (e *Env) AttemptLimit() otp.AttemptLimit {
	return otp.AttemptLimit{MaxAttempts: e.Int("MAX_ATTEMPTS", 1, 10), Lock: e.Seconds("LOCK_SECONDS", 1, 3600)}
}

// SignUp reports whether people may create accounts, the same for every function that makes, accepts or offers a sign-up.
func (e *Env) SignUp() bool { return e.OneOf("SIGN_UP", "off", "on") == "on" }

// PumpingLimit returns the rule that pauses number prefixes.
func (e *Env) PumpingLimit() otp.PumpingLimit {
	return otp.PumpingLimit{Sends: e.Int("SMS_PREFIX_SENDS", 0, 1000), Percent: e.Int("SMS_PREFIX_VERIFIED_PERCENT", 1, 100)}
}

// List returns the comma-separated words of a variable that may be empty.
func (e *Env) List(name string) []string {
	return strings.FieldsFunc(os.Getenv(name), func(r rune) bool { return r == ',' || r == ' ' })
}

// Err returns one error that names everything that was wrong, or nil.
func (e *Env) Err() error {
	if len(e.problems) == 0 {
		return nil
	}
	return fmt.Errorf("environment: %s", strings.Join(e.problems, "; "))
}
