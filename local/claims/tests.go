package claims

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// functions are a package's tests and fuzz targets by name.
type functions map[string]*ast.FuncDecl

func (c *checker) goTest(folder, test, subtest string) {
	tests, known := c.packages[folder]
	if !known {
		var err error
		if tests, err = readTests(filepath.Join(c.root, folder)); err != nil {
			c.failf("%s: %v", folder, err)
		}
		c.packages[folder] = tests
	}
	f, ok := tests[test]
	switch {
	case !ok:
		c.failf("%s has no %s", folder, test)
	case subtest != "" && !slices.Contains(subtests(f), subtest):
		c.failf("%s of %s has no subtest %s", test, folder, subtest)
	}
}

func readTests(folder string) (functions, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		return nil, err
	}
	tests := functions{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Body != nil {
				tests[f.Name.Name] = f
			}
		}
	}
	return tests, nil
}

// subtests are the names that a test runs parts of itself by, as `go test -v` writes them. Where a name is not written
// out in the call (it is a table's), any text of the function may be it.
func subtests(f *ast.FuncDecl) []string {
	var called, all []string
	byCode := false
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if text, ok := literal(n); ok {
				all = append(all, written(text))
			}
		case *ast.CallExpr:
			if run, ok := n.Fun.(*ast.SelectorExpr); !ok || run.Sel.Name != "Run" || len(n.Args) != 2 {
				break
			}
			if text, ok := literal(n.Args[0]); ok {
				called = append(called, written(text))
			} else {
				byCode = true
			}
		}
		return true
	})
	if byCode {
		return all
	}
	return called
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// written is a subtest's name as package testing writes it.
func written(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, name)
}

var nodeTitle = regexp.MustCompile(`\btest\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")`)

func (c *checker) nodeTest(file, title string) {
	data, err := os.ReadFile(filepath.Join(c.root, file))
	if err != nil {
		c.failf("%v", err)
		return
	}
	for _, match := range nodeTitle.FindAllStringSubmatch(string(data), -1) {
		if strings.ReplaceAll(match[1]+match[2], `\`, "") == title {
			return
		}
	}
	c.failf("%s has no test %q", file, title)
}
