// Package config reads the environment, once, in main, and nowhere else.
package config

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
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

// Int returns a whole number between least and most.
func (e *Env) Int(name string, least, most int) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil || n < least || n > most {
		e.problems = append(e.problems, fmt.Sprintf("%s must be a whole number from %d to %d", name, least, most))
	}
	return n
}

// Seconds returns a duration of least to most seconds; a template's Number may have a fraction.
func (e *Env) Seconds(name string, least, most float64) time.Duration {
	n, err := strconv.ParseFloat(os.Getenv(name), 64)
	if err != nil || !(n >= least && n <= most) {
		e.problems = append(e.problems, fmt.Sprintf("%s must be from %g to %g seconds", name, least, most))
	}
	return time.Duration(n * float64(time.Second))
}

// List returns the comma-separated words of a variable that may be empty.
func (e *Env) List(name string) []string {
	return strings.FieldsFunc(os.Getenv(name), func(r rune) bool { return r == ',' || r == ' ' })
}

// Err names everything that was wrong, or is nil.
func (e *Env) Err() error {
	if len(e.problems) == 0 {
		return nil
	}
	return fmt.Errorf("environment: %s", strings.Join(e.problems, "; "))
}
