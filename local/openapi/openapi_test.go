package openapi

import (
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
	sentBody = regexp.MustCompile(`(?:-d|--data) '(\{.*?\})'`)
	span     = regexp.MustCompile("`(\\{\"[^`]+\\})`")
	names    = regexp.MustCompile(`^\{("\w+",?)+\}$`)
)

// TestExamples: requests and responses in the documents are as docs/openapi.yaml describes them. These are the body of each curl command
// and the response below it, and JSON in a row of a table that begins with a call. A list of names, such as {"sessionId"}, has exactly
// the members that each response has.
func TestExamples(t *testing.T) {
	d, checked := document(t), map[string]int{}
	files, err := filepath.Glob(filepath.Join(root(t), "docs", "*.md"))
	must(t, err)
	for _, file := range append(files, filepath.Join(root(t), "README.md")) {
		name, call, fenced := filepath.Base(file), "", false
		text, err := os.ReadFile(file)
		must(t, err)
		check := func(kind string, err error) {
			checked[name+" "+kind]++
			if err != nil {
				t.Errorf("%s: a %s of /%s: %v", name, kind, call, err)
			}
		}
		for line := range strings.SplitSeq(strings.ReplaceAll(string(text), "\\\n", " "), "\n") {
			fenced = fenced != strings.HasPrefix(line, "```")
			code, below := fenced || strings.HasPrefix(line, "    "), call
			if call = ""; !code && !strings.HasPrefix(line, "| `/") {
				continue
			}
			if found := path.FindStringSubmatch(line); found != nil {
				call = found[1]
			}
			operation := d.Operation(http.MethodPost, "/"+call)
			answer := strings.TrimLeft(line, " #")
			switch body := sentBody.FindStringSubmatch(line); {
			case call == "" && below != "" && strings.HasPrefix(answer, "{"):
				call = below
				check("response", checkResponse(answer, d.Operation(http.MethodPost, "/"+call)))
			case body != nil:
				check("request", checkRequest(body[1], operation))
			default:
				for _, example := range span.FindAllStringSubmatch(line, -1) {
					check("response", checkResponse(example[1], operation))
				}
			}
		}
	}
	for _, kind := range []string{"README.md request", "README.md response", "proof.md request", "proof.md response"} {
		if checked[kind] < 2 {
			t.Errorf("only %d in %s", checked[kind], kind)
		}
	}
}

func checkRequest(example string, operation Node) error {
	value, err := parse(example)
	if err != nil {
		return err
	}
	return operation.Request().Validate(value)
}

func checkResponse(example string, operation Node) error {
	success := operation.Response(http.StatusOK, "application/json")
	if names.MatchString(example) {
		want := fmt.Sprint(success.At("required").Value)
		if got := strings.NewReplacer("{", "[", "}", "]", `"`, "", ",", " ").Replace(example); got != want {
			return fmt.Errorf("%s, but each response has %s", got, want)
		}
		return nil
	}
	value, err := parse(example)
	if err != nil {
		return err
	}
	if problem, _ := value.(map[string]any); problem["status"] != nil {
		status, _ := problem["status"].(float64)
		return operation.Response(int(status), "application/problem+json").Validate(value)
	}
	return success.Validate(value)
}

// parse reads an example, after which there may be text. An ellipsis shortens a proof.
func parse(example string) (value any, err error) {
	text := strings.ReplaceAll(example, "…", ".e30.c2ln")
	if err = json.NewDecoder(strings.NewReader(text)).Decode(&value); err != nil {
		err = fmt.Errorf("%s: %w", example, err)
	}
	return value, err
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
