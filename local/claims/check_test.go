// Package claims compares what a document claims with the repository: the tests and the parameters that docs/security.md
// names. Whether a test really shows what the document claims is for a reader to decide. costs_test.go compares the
// costs in the documents with what otpctl prints, and rules_test.go checks the rules for all functions, alarms and
// parameters of the template. .ci/commands.py runs the documents' commands.
//
// It recognises these, all in backquotes:
//
//	local/e2e TestRaces                    a test or fuzz target of a package, by its folder
//	local/e2e TestRaces/I3:_of_100_…       a subtest, as `go test -v` writes it
//	frontend/test/api.test.js: each call…  a test of Node's, by its title
//	LockSeconds, CodesTable                names of the template: two words or more, each with a capital letter
//
// A table whose last column is "tests" must name one in each row, or say "no test:" and why. A table whose first column
// is "parameter" must have the template's defaults and ranges in the next two.
package claims

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	quoted      = regexp.MustCompile("`([^`\n]+)`")
	goTest      = regexp.MustCompile(`^([a-z0-9/]+) ((?:Test|Fuzz)[A-Za-z0-9_]*)(?:/(.+))?$`)
	nodeTest    = regexp.MustCompile(`^(frontend/test/[a-z.]+\.js): (.+)$`)
	lonelyTest  = regexp.MustCompile(`^(?:Test|Fuzz)[A-Z]\w*(?:/.*)?$`)
	logicalName = regexp.MustCompile(`^([A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+)(?:=.*)?$`)
)

// Check returns an error for each claim in a document's text that does not hold for the repository at root.
func Check(root, text string) []error {
	t, err := readTemplate(root)
	if err != nil {
		return []error{err}
	}
	c := &checker{root: root, template: t, packages: map[string]tests{}}
	for number, line := range strings.Split(text, "\n") {
		c.line = number + 1
		for _, match := range quoted.FindAllStringSubmatch(line, -1) {
			c.name(match[1])
		}
		c.row(line)
	}
	return c.errs
}

type checker struct {
	root     string
	template *template
	packages map[string]tests // the packages that were read, by folder
	header   []string         // of the table that the line is in
	line     int
	errs     []error
}

func (c *checker) failf(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("line %d: %s", c.line, fmt.Sprintf(format, args...)))
}

// name checks a text between two backquotes, if it is a name of a known form.
func (c *checker) name(text string) {
	if m := goTest.FindStringSubmatch(text); m != nil {
		c.goTest(m[1], m[2], m[3])
	} else if m := nodeTest.FindStringSubmatch(text); m != nil {
		c.nodeTest(m[1], m[2])
	} else if m := logicalName.FindStringSubmatch(text); m != nil && c.template.has(m[1]) {
		return
	} else if lonelyTest.MatchString(text) {
		c.failf("%s is a test without its package", text)
	} else if m != nil {
		c.failf("template.yaml has no %s", m[1])
	}
}

// row checks a row of a table according to the table's header.
func (c *checker) row(line string) {
	if !strings.HasPrefix(line, "|") {
		c.header = nil
		return
	}
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	switch {
	case c.header == nil:
		c.header = cells
		return
	case strings.Trim(line, "|-: ") == "":
		return
	case len(cells) != len(c.header):
		c.failf("%d cells under %d heads", len(cells), len(c.header))
		return
	}
	if last := len(cells) - 1; c.header[last] == "tests" && !backed(cells[last]) {
		c.failf("%s names no test and does not say why", cells[0])
	}
	if c.header[0] == "parameter" && len(cells) > 2 {
		c.parameter(strings.Trim(cells[0], "`"), cells[1], cells[2])
	}
}

// backed reports whether a cell names a test, or says why there is none.
func backed(cell string) bool {
	if why, ok := strings.CutPrefix(cell, "no test:"); ok {
		return strings.TrimSpace(why) != ""
	}
	for _, match := range quoted.FindAllStringSubmatch(cell, -1) {
		if goTest.MatchString(match[1]) || nodeTest.MatchString(match[1]) {
			return true
		}
	}
	return false
}

func (c *checker) parameter(name, standard, span string) {
	p, ok := c.template.Parameters[name]
	if !ok {
		c.failf("template.yaml has no parameter %s", name)
		return
	}
	if want := p.standard(); standard != want {
		c.failf("%s has the default %s, not %s", name, want, standard)
	}
	if want := p.span(); span != want {
		c.failf("%s may be %s, not %s", name, want, span)
	}
}
