// Package child starts processes that end with this program.
package child

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// starter returns the channel of the one thread that starts all processes. The thread lives as long as the program, as a
// death signal is sent when the thread that started the process ends, not when its program ends (prctl(2)).
var starter = sync.OnceValue(func() chan func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// Start starts a command in a process group of its own, so that its children can be ended with it. The command ends when
// this program ends, however that happens, and a terminal's Ctrl-C does not reach it.
func Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	done := make(chan error)
	starter() <- func() { done <- cmd.Start() }
	return <-done
}
