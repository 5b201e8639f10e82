// Package openapi reads docs/openapi.yaml and checks requests and responses against it.
package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// Document is an OpenAPI document. It is safe for concurrent use.
type Document struct {
	root any

	mu       sync.Mutex // a compiler is not safe for concurrent use
	compiler *jsonschema.Compiler
}

// location is the compiler's name for the document.
const location = "openapi.json"

// Read reads a document in YAML.
func Read(path string) (*Document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var parsed any
	if err := yaml.Unmarshal(text, &parsed); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	asJSON, err := json.Marshal(parsed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d := &Document{compiler: jsonschema.NewCompiler()}
	if d.root, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, d.compiler.AddResource(location, d.root)
}

// Node is a value in a document.
type Node struct {
	Value any // nil if there is no such value

	pointer string // to it (RFC 6901)
	d       *Document
}

// At returns the value at these keys, from the root.
func (d *Document) At(keys ...string) Node { return Node{d.root, "", d}.At(keys...) }

// At returns the value at these keys below n. It follows references.
func (n Node) At(keys ...string) Node {
	for _, key := range keys {
		n.Value = n.members()[key]
		n.pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		if ref, ok := n.members()["$ref"].(string); ok {
			n = n.d.At(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return n
}

// Keys returns the names of the members, sorted.
func (n Node) Keys() []string { return slices.Sorted(maps.Keys(n.members())) }

func (n Node) members() map[string]any {
	members, _ := n.Value.(map[string]any)
	return members
}

// Validate checks a decoded JSON value against the schema at n.
func (n Node) Validate(value any) error {
	if n.Value == nil {
		return fmt.Errorf("there is no %s", n.pointer)
	}
	n.d.mu.Lock()
	schema, err := n.d.compiler.Compile(location + "#" + n.pointer)
	n.d.mu.Unlock()
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// Operation returns the description of a call, whose path has no stage.
func (d *Document) Operation(method, path string) Node {
	return d.At("paths", path, strings.ToLower(method))
}

// Request returns the schema of a call's body.
func (n Node) Request() Node { return n.At("requestBody", "content", "application/json", "schema") }

// Response returns the schema of a call's response.
func (n Node) Response(status int, mediaType string) Node {
	return n.At("responses", strconv.Itoa(status), "content", mediaType, "schema")
}

// waits are the codes whose responses have Retry-After. JSON Schema cannot say this of a header.
var waits = []any{"locked", "too_many_requests", "unavailable"}

// CheckResponse checks the response to a call. The response to a call that the document does not describe must be API Gateway's.
func (d *Document) CheckResponse(method, path string, status int, header http.Header, body []byte) error {
	operation := d.Operation(method, path)
	if described := operation.At("responses", strconv.Itoa(status)); described.Value != nil {
		if len(body) == 0 && described.At("content").Value == nil { // a redirect
			return nil
		}
		if html := described.At("content", "text/html"); html.Value != nil && strings.HasPrefix(header.Get("Content-Type"), "text/html") {
			return nil
		}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	if operation.Value == nil || status == http.StatusRequestHeaderFieldsTooLarge {
		return d.At("components", "schemas", "Message").Validate(value)
	}
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if problem, _ := value.(map[string]any); slices.Contains(waits, problem["code"]) && header.Get("Retry-After") == "" {
		return errors.New("there is no Retry-After")
	}
	headers := operation.At("responses", strconv.Itoa(status), "headers")
	for _, name := range headers.Keys() {
		var value any = header.Get(name)
		if seconds, err := strconv.Atoi(header.Get(name)); err == nil {
			value = seconds
		}
		if err := headers.At(name, "schema").Validate(value); err != nil && value != "" {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return operation.Response(status, mediaType).Validate(value)
}
