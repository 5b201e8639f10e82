package lambda

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// A death signal is sent when the thread that started the process ends, not its program (prctl(2)). So every start
// happens on one thread that lives as long as the program.
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

func onThread(start func() error) error {
	done := make(chan error)
	starter() <- func() { done <- start() }
	return <-done
}

// Start starts a command in a process group of its own, so that its children can be ended with it, that ends with this
// program, however that ends, and that a terminal's Ctrl-C does not reach.
func Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return onThread(cmd.Start)
}
