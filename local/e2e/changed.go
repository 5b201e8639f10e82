package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Edit changes one place in one of the project's files, for one stack. It shows that a test fails when a control is
// removed. File must contain Old exactly once; if Old is empty, File is a new file.
type Edit struct{ File, Old, New string }

// StartChanged starts the project with these edits. It changes no file of the project: template.yaml is read from a copy,
// and functions are built with Go's -overlay, into a separate folder. An edit whose text is no longer in the file fails
// the test, as it would change nothing.
func StartChanged(t testing.TB, edits []Edit, args ...string) *Stack {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	// The build is beside the folder that the template names, so a link of this stack's own leads to that folder.
	dir := t.TempDir()
	functions := filepath.Join(dir, "functions")
	if err := os.Symlink(filepath.Join(root, "functions"), functions); err != nil {
		t.Fatal(err)
	}
	changed, err := apply(root, append(edits, Edit{templateFile, "CodeUri: functions/", "CodeUri: " + functions}))
	if err != nil {
		t.Fatal(err)
	}
	template := filepath.Join(dir, templateFile)
	write(t, template, changed[templateFile])
	delete(changed, templateFile)
	if err := reuseBuilds(filepath.Join(root, builds), filepath.Join(dir, builds)); err != nil {
		t.Fatal(err)
	}
	return start(t, []string{"GOFLAGS=" + strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay(t, root, dir, changed))},
		append([]string{"-template", template}, args...))
}

const templateFile = "template.yaml"

// builds is the folder with a folder of builds for each function, beside the functions' folder.
const builds = ".tools/functions"

// reuseBuilds copies the last build of each function to where a changed stack builds. Go links a function again only if an edit touches
// it; linking all of them would take most of the stack's start.
func reuseBuilds(from, to string) error {
	found, err := filepath.Glob(filepath.Join(from, "*", strings.Repeat("[0-9a-f]", 16)))
	if err != nil {
		return err
	}
	last := map[string]string{}
	used := map[string]time.Time{}
	for _, build := range found {
		info, err := os.Stat(build)
		if function := filepath.Base(filepath.Dir(build)); err == nil && info.ModTime().After(used[function]) {
			last[function], used[function] = build, info.ModTime()
		}
	}
	for function, build := range last {
		if err := os.CopyFS(filepath.Join(to, function, "build"), os.DirFS(build)); err != nil {
			return err
		}
	}
	return nil
}

// overlay writes the changed files, and the list of them that Go's -overlay reads.
func overlay(t testing.TB, root, dir string, changed map[string]string) string {
	t.Helper()
	replace := map[string]string{}
	for file, text := range changed {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		write(t, to, text)
		replace[filepath.Join(root, file)] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	write(t, path, string(list))
	return path
}

// CheckEdits returns an error if an edit's text does not occur in its file exactly once.
func CheckEdits(edits []Edit) error {
	root, err := Root()
	if err == nil {
		_, err = apply(root, edits)
	}
	return err
}

// apply returns the new text of every file that the edits change.
func apply(root string, edits []Edit) (map[string]string, error) {
	changed := map[string]string{}
	for _, e := range edits {
		text, known := changed[e.File]
		if !known && e.Old != "" {
			data, err := os.ReadFile(filepath.Join(root, e.File))
			if err != nil {
				return nil, err
			}
			text = string(data)
		}
		if n := strings.Count(text, e.Old); e.Old != "" && n != 1 {
			return nil, fmt.Errorf("%s has %d of %q, want one: the edit would not change what it says", e.File, n, e.Old)
		}
		if e.Old == "" {
			text = e.New
		} else {
			text = strings.Replace(text, e.Old, e.New, 1)
		}
		changed[e.File] = text
	}
	return changed, nil
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
