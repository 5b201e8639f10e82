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

// tests holds the declarations in a package's test files.
type tests struct {
	functions map[string]*ast.FuncDecl // by name, tests and fuzz targets among them
	variables map[string]*ast.ValueSpec
}

func (c *checker) goTest(folder, test, subtest string) {
	t, known := c.packages[folder]
	if !known {
		var err error
		if t, err = readTests(filepath.Join(c.root, folder)); err != nil {
			c.failf("%s: %v", folder, err)
		}
		c.packages[folder] = t
	}
	f, ok := t.functions[test]
	switch {
	case !ok:
		c.failf("%s has no %s", folder, test)
	case subtest != "" && !slices.Contains(t.subtests(f), subtest):
		c.failf("%s of %s has no subtest %s", test, folder, subtest)
	}
}

func readTests(folder string) (t tests, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	t = tests{map[string]*ast.FuncDecl{}, map[string]*ast.ValueSpec{}}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return t, err
		}
		for _, d := range parsed.Decls {
			t.declare(d)
		}
	}
	return t, err
}

func (t tests) declare(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Body != nil {
			t.functions[d.Name.Name] = d
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok {
				t.variables[v.Names[0].Name] = v
			}
		}
	}
}

// subtests returns the names of a test's subtests, as `go test -v` writes them. If a call does not spell the name out (it
// comes from a table), every string in the function counts as a name, and every string in a package variable that the
// function uses.
func (t tests) subtests(f *ast.FuncDecl) []string {
	var called, used []string
	byCode := false
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if v, ok := t.variables[n.Name]; ok {
				used = append(used, texts(v)...)
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
		return append(used, texts(f.Body)...)
	}
	return called
}

// texts returns the string literals in a piece of code.
func texts(n ast.Node) (all []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok {
			if text, ok := literal(l); ok {
				all = append(all, written(text))
			}
		}
		return true
	})
	return all
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// written returns a subtest's name as package testing writes it.
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
