package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// strict decodes one JSON value without unknown fields.
func strict(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("the body is not what it should be: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("the body has something after its JSON value")
	}
	return nil
}
