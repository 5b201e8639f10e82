package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"streamotp/local/e2e"
	"streamotp/local/template"
)

func root(t *testing.T) string {
	t.Helper()
	root, err := e2e.Root()
	must(t, err)
	return root
}

func document(t *testing.T) *Document {
	t.Helper()
	d, err := Read(filepath.Join(root(t), "docs", "openapi.yaml"))
	must(t, err)
	return d
}

// TestRoutes: the document has the template's routes, and no others.
func TestRoutes(t *testing.T) {
	var described, deployed []string
	paths := document(t).At("paths")
	for _, path := range paths.Keys() {
		for _, method := range paths.At(path).Keys() {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	stack, err := template.Read(filepath.Join(root(t), "template.yaml"), "streamotp", "", map[string]string{"SesFromAddress": "login@example.com"})
	must(t, err)
	for _, f := range stack.Functions {
		for _, r := range f.Routes {
			deployed = append(deployed, r.Method+" "+r.Path)
		}
	}
	same(t, "routes", described, deployed)
}

// TestProblems: the document, shared/httpapi and README's table have the same errors, each with its status.
func TestProblems(t *testing.T) {
	var described []string
	d := document(t)
	schemas := d.At("components", "schemas")
	for _, name := range schemas.Keys() {
		if code, ok := schemas.At(name, "properties", "code", "const").Value.(string); ok {
			described = append(described, fmt.Sprint(schemas.At(name, "properties", "status", "const").Value, " ", code))
			if err := schemas.At(name).Validate(d.At("components", "examples", code, "value").Value); err != nil {
				t.Errorf("the example of %s: %v", code, err)
			}
		}
	}
	same(t, "problems in shared/httpapi", described, problems(t))

	var listed []string
	for _, row := range regexp.MustCompile(`(?m)^\| ((?:[45]\d\d(?:, )?)+) \| ([a-z_`+"`"+`, ]+) \|`).FindAllStringSubmatch(read(t, "README.md"), -1) {
		statuses, codes := strings.Split(row[1], ", "), strings.Split(strings.ReplaceAll(row[2], "`", ""), ", ")
		for i, code := range codes {
			listed = append(listed, statuses[min(i, len(statuses)-1)]+" "+code)
		}
	}
	same(t, "README's errors", described, listed)
}

// problems reads the table of errors in shared/httpapi: composite literals that contain a status, and a code after it.
func problems(t *testing.T) (all []string) {
	t.Helper()
	statuses := map[string]int{}
	for status := 400; status < 600; status++ {
		statuses["Status"+strings.ReplaceAll(http.StatusText(status), " ", "")] = status
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), "shared", "httpapi", "problem.go"), nil, parser.SkipObjectResolution)
	must(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		status, code := 0, ""
		for _, element := range literal.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				element = pair.Value
			}
			switch e := element.(type) {
			case *ast.SelectorExpr:
				status = max(status, statuses[e.Sel.Name])
			case *ast.BasicLit:
				if number, err := strconv.Atoi(e.Value); err == nil {
					status = number
				} else if text, err := strconv.Unquote(e.Value); err == nil && code == "" && status > 0 {
					code = text
				}
			}
		}
		if code != "" {
			all = append(all, fmt.Sprint(status, " ", code))
		}
		return true
	})
	return all
}

var (
	path     = regexp.MustCompile("[`/](generate|resend|verify|reset|status)\\b")
	sentBody = regexp.MustCompile(`(?s)-d '(\{.*?\})'`)
	span     = regexp.MustCompile("`(\\{\"[^`]+\\})`")
	names    = regexp.MustCompile(`^\{("\w+",?)+\}$`)
)

// TestExamples: requests and responses in the documents are as the document describes them. These are the body of each curl command
// and the response below it, and JSON in a line that begins with the name of a call, such as a row of a table. A list of names, such
// as {"sessionId"}, has exactly the members that each response has.
func TestExamples(t *testing.T) {
	d, checked := document(t), map[string]int{}
	files, err := filepath.Glob(filepath.Join(root(t), "docs", "*.md"))
	must(t, err)
	for _, file := range append(files, filepath.Join(root(t), "README.md")) {
		name := filepath.Base(file)
		text, err := os.ReadFile(file)
		must(t, err)
		call := ""
		for line := range strings.SplitSeq(strings.ReplaceAll(string(text), "\\\n", " "), "\n") {
			check := func(what, example string, schema Node) {
				checked[name+" "+what]++
				if err := validate(example, schema); err != nil {
					t.Errorf("%s: the %s of /%s, %s: %v", name, what, call, example, err)
				}
			}
			answer := strings.TrimLeft(line, " #")
			switch body, asked := sentBody.FindStringSubmatch(line), path.FindStringSubmatch(line); {
			case asked == nil && !strings.HasPrefix(answer, "{") || !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "| `/"):
				call = ""
			case asked == nil && call != "":
				check("response", answer, d.Operation(http.MethodPost, "/"+call).Response(http.StatusOK, "application/json"))
			case asked != nil && body != nil:
				call = asked[1]
				check("request", body[1], d.Operation(http.MethodPost, "/"+call).Request())
			case asked != nil:
				call = asked[1]
				for _, example := range span.FindAllStringSubmatch(line, -1) {
					check("response", example[1], d.Operation(http.MethodPost, "/"+call).Response(http.StatusOK, "application/json"))
				}
			}
		}
	}
	for _, what := range []string{"README.md request", "README.md response", "proof.md request", "proof.md response"} {
		if checked[what] < 2 {
			t.Errorf("only %d of: %s", checked[what], what)
		}
	}
}

// validate checks an example, after which there may be text.
func validate(example string, schema Node) error {
	if names.MatchString(example) {
		want := fmt.Sprint(schema.At("required").Value)
		if got := strings.NewReplacer("{", "[", "}", "]", `"`, "", ",", " ").Replace(example); got != want {
			return fmt.Errorf("each response has %s", want)
		}
		return nil
	}
	var value any
	if err := json.NewDecoder(bytes.NewReader([]byte(strings.ReplaceAll(example, "…", ".e30.c2ln")))).Decode(&value); err != nil { // … shortens a proof
		return err
	}
	return schema.Validate(value)
}

// TestFields: the table of docs/api.md has the fields of all requests.
func TestFields(t *testing.T) {
	fields := map[string]bool{}
	d := document(t)
	for _, path := range d.At("paths").Keys() {
		for _, field := range d.Operation(http.MethodPost, path).Request().At("properties").Keys() {
			fields[field] = true
		}
	}
	_, table, _ := strings.Cut(read(t, "docs/api.md"), "\n| field | calls | value |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(table, -1) {
		listed = append(listed, row[1])
	}
	same(t, "fields of docs/api.md", slices.Collect(maps.Keys(fields)), listed)
}

// same fails unless two lists have the same entries, in any order.
func same(t *testing.T, what string, described, found []string) {
	t.Helper()
	slices.Sort(described)
	slices.Sort(found)
	if len(described) == 0 || !slices.Equal(described, found) {
		t.Errorf("%s: docs/openapi.yaml has\n%s\nbut there are\n%s", what, strings.Join(described, "\n"), strings.Join(found, "\n"))
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
	must(t, err)
	return string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
