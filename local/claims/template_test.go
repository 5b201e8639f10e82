package claims

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// template holds the parts of template.yaml that a document can name.
type template struct {
	Parameters         map[string]parameter
	Resources, Outputs map[string]any
}

type parameter struct {
	Default  any   `yaml:"Default"`
	Allowed  []any `yaml:"AllowedValues"`
	MinValue any   `yaml:"MinValue"`
	MaxValue any   `yaml:"MaxValue"`
}

func readTemplate(root string) (*template, error) {
	data, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return nil, err
	}
	var doc struct {
		Parameters map[string]parameter `yaml:"Parameters"`
		Resources  map[string]any       `yaml:"Resources"`
		Outputs    map[string]any       `yaml:"Outputs"`
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	return &template{doc.Parameters, doc.Resources, doc.Outputs}, nil
}

func (t *template) has(name string) bool {
	_, parameter := t.Parameters[name]
	_, resource := t.Resources[name]
	_, output := t.Outputs[name]
	return parameter || resource || output
}

// standard returns the default value as a document writes it.
func (p parameter) standard() string {
	switch p.Default {
	case nil:
		return "none"
	case "":
		return "empty"
	}
	return fmt.Sprint(p.Default)
}

// span returns the range of a number as a document writes it, or a dash if the parameter is not a number.
func (p parameter) span() string {
	least, most := p.MinValue, p.MaxValue
	if len(p.Allowed) > 0 {
		least, most = p.Allowed[0], p.Allowed[len(p.Allowed)-1]
	}
	if _, number := least.(int); !number {
		return "–"
	}
	return fmt.Sprint(least, "–", cmp.Or(most, "any"))
}
