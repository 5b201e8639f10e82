package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"streamotp/local/openapi"
)

// TestMain has every response that the tests get checked against docs/openapi.yaml. So a response that the document does not describe,
// such as a status that only a fault causes, fails the test that gets it.
func TestMain(m *testing.M) {
	root, err := Root()
	if err == nil {
		var document *openapi.Document
		document, err = openapi.Read(filepath.Join(root, "docs", "openapi.yaml"))
		CheckResponse = document.CheckResponse
	}
	if err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
