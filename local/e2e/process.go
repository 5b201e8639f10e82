package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// process is a process that cannot be confused with a later one that has the same number.
type process struct {
	pid     int
	started string
}

// stat reads the fields of /proc/<pid>/stat after the command's name, which may contain anything (proc_pid_stat(5)).
func stat(pid int) (parent int, state, started string, ok bool) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, "", "", false
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 20 {
		return 0, "", "", false
	}
	parent, err = strconv.Atoi(fields[1])
	return parent, fields[0], fields[19], err == nil
}

func (p process) alive() bool {
	_, state, started, ok := stat(p.pid)
	return ok && started == p.started && state != "Z"
}

// descendants returns the processes below this one.
func descendants(pid int) []process {
	entries, _ := filepath.Glob("/proc/[0-9]*")
	children := map[int][]process{}
	for _, e := range entries {
		n, _ := strconv.Atoi(filepath.Base(e))
		if parent, _, started, ok := stat(n); ok {
			children[parent] = append(children[parent], process{n, started})
		}
	}
	var out []process
	for next := []int{pid}; len(next) > 0; next = next[1:] {
		for _, c := range children[next[0]] {
			out = append(out, c)
			next = append(next, c.pid)
		}
	}
	return out
}
