package template

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ExampleOrigin is the origin of the example applications.
const ExampleOrigin = "http://127.0.0.1:8080"

// LocalDefaults replace defaults of the template that would make a first run dull: the template has no default sender,
// SMS is off by default, and no other origin's pages may call the API.
var LocalDefaults = map[string]string{
	"SesFromAddress":   "login@example.com",
	"AllowedCountries": "US,GB,DE,IN",
	"AllowedOrigins":   ExampleOrigin + ",http://localhost:8080",
}

// parameter is an entry of the section Parameters.
type parameter struct {
	Type                  string `in:"String Number"`
	Description           ignored
	Default               *string
	AllowedPattern        string
	AllowedValues         []string
	MinValue, MaxValue    *float64
	MinLength             int `range:"0 4096"`
	MaxLength             int `range:"0 4096"`
	ConstraintDescription string
	NoEcho                bool
}

func (r *reader) readParameters(overrides map[string]string) {
	for _, at := range r.section("Parameters").entries() {
		p, name := parameter{MaxLength: 4096}, at.key // CloudFormation's own limit
		at.decode(&p)
		value, given := overrides[name]
		if !given {
			value, given = LocalDefaults[name]
		}
		if !given && p.Default != nil {
			value, given = *p.Default, true
		}
		if !given {
			at.failf("has no default: give -parameter %s=…", name)
		} else if wrong := p.wrong(value); wrong != "" {
			at.failf("%q %s: give another value by -parameter %s=…", value, wrong, name)
		}
		r.out.Parameters[name], r.out.NoEcho[name] = value, p.NoEcho
	}
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		if _, ok := r.out.Parameters[name]; !ok {
			r.errs = append(r.errs, fmt.Errorf("-parameter %s: the template has no such parameter; it has %s",
				name, strings.Join(slices.Sorted(maps.Keys(r.out.Parameters)), ", ")))
		}
	}
}

// wrong returns what is wrong with a value, in the words of the ConstraintDescription if there is one, or nothing.
func (p *parameter) wrong(value string) string {
	wrong := ""
	matches, err := regexp.MatchString(`^(?:`+p.AllowedPattern+`)$`, value) // the whole value, as in CloudFormation
	switch {
	case err != nil:
		return "cannot be compared with AllowedPattern: " + err.Error()
	case p.AllowedPattern != "" && !matches:
		wrong = "does not match " + p.AllowedPattern
	case p.AllowedValues != nil && !slices.Contains(p.AllowedValues, value):
		wrong = "is not one of " + strings.Join(p.AllowedValues, ", ")
	case len(value) < p.MinLength || len(value) > p.MaxLength:
		wrong = fmt.Sprintf("is not %d to %d characters long", p.MinLength, p.MaxLength)
	case p.Type == "Number":
		wrong = p.wrongNumber(value)
	}
	if wrong != "" && p.ConstraintDescription != "" {
		return p.ConstraintDescription
	}
	return wrong
}

func (p *parameter) wrongNumber(value string) string {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return "is not a number"
	}
	if p.MinValue != nil && n < *p.MinValue {
		return "is under " + strconv.FormatFloat(*p.MinValue, 'f', -1, 64)
	}
	if p.MaxValue != nil && n > *p.MaxValue {
		return "is over " + strconv.FormatFloat(*p.MaxValue, 'f', -1, 64)
	}
	return ""
}
