package evidence

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"streamotp/local/e2e"
)

// object is one thing that clients share, with the history of the operations on it. Each object has a model of its own, because a
// history is linearizable if and only if the history of each object is.
type object struct {
	name  string // begins with the name of its model
	model porcupine.Model

	mu  sync.Mutex
	ops []porcupine.Operation
}

// never is when an operation returns whose effect may still come, because its response was lost.
const never = math.MaxInt64

var begun = time.Now()

func clock() int64 { return int64(time.Since(begun)) }

// add adds an operation to the history. result is what it returned, or unknown.
func (o *object) add(do string, n int, result string, call, end int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ops = append(o.ops, porcupine.Operation{ClientId: len(o.ops), Input: input{do, n}, Output: result, Call: call, Return: end})
}

// check returns "" if the history is linearizable. Otherwise it draws the history and returns what is wrong, with the file's path.
func (o *object) check(t *testing.T, seed uint64) string {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(o.model, o.ops, time.Minute)
	if result == porcupine.Ok {
		return ""
	}
	root, err := e2e.Root()
	path := filepath.Join(root, ".tools", "evidence", fmt.Sprintf("%s-%s-%d.html", strings.ReplaceAll(t.Name(), "/", "-"), o.name, seed))
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o750)
	}
	if err == nil {
		err = porcupine.VisualizePath(o.model, info, path)
	}
	if err != nil {
		t.Error(err)
	}
	if result == porcupine.Unknown {
		t.Errorf("%s: no result within a minute for %d operations, seed %d", o.name, len(o.ops), seed)
		return ""
	}
	return fmt.Sprintf("%s: %d operations, seed %d, drawn in %s", o.name, len(o.ops), seed, path)
}
