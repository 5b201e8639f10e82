// Page writes docs/openapi.yaml as one HTML page, which needs no other file: it contains the document and Redoc, which renders it.
//
// Usage: page REDOC DOCUMENT PAGE, the names of redoc.standalone.js (from npm's package redoc), the document and the page to write.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed page.html
var page string

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: page REDOC DOCUMENT PAGE")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

func write(redoc, document, out string) error {
	script, err := os.ReadFile(redoc)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	var parsed yaml.Node
	if err := yaml.Unmarshal(text, &parsed); err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	asJSON, err := toJSON(parsed.Content[0])
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	html := strings.NewReplacer("REDOC", strings.ReplaceAll(string(script), logo, blank), "DOCUMENT", asJSON).Replace(page)
	return os.WriteFile(out, []byte(html), 0o600)
}

// toJSON keeps the order of members, which the page shows. It escapes <, so that no text can end the page's script.
func toJSON(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return toJSON(n.Alias)
	case yaml.ScalarNode:
		var value any
		if err := n.Decode(&value); err != nil {
			return "", err
		}
		text, err := json.Marshal(value)
		return string(text), err
	}
	parts := make([]string, len(n.Content))
	for i, part := range n.Content {
		text, err := toJSON(part)
		if err != nil {
			return "", err
		}
		parts[i] = text
	}
	if n.Kind == yaml.SequenceNode {
		return "[" + strings.Join(parts, ",") + "]", nil
	}
	members := make([]string, 0, len(parts)/2)
	for member := range slices.Chunk(parts, 2) {
		members = append(members, member[0]+":"+member[1])
	}
	return "{" + strings.Join(members, ",") + "}", nil
}

// Redoc's attribution has a logo from its maker's server. The page loads nothing.
const (
	logo  = "https://cdn.redoc.ly/redoc/logo-mini.svg"
	blank = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
)
