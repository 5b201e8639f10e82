// Command bench measures StreamOTP on this machine and prints the tables of bench/README.md. `make bench` runs it.
//
// The variants of a comparison run alternately in one run, so that a change of the machine's speed affects all of them alike. The measure
// is processor time (user and system), because wall time on a shared machine is not reliable.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	colds := flag.Int("cold", 21, "cold starts of each function")
	warms := flag.Int("warm", 300, "warm invocations of each function")
	only := flag.String("only", "", "functions, stack, costs, oracle, delivery, growth, scale, soak or peers; empty for the first four, as the others take minutes")
	size := flag.Int("size", 1_000_000, "growth: the most sessions and accounts, a power of ten from 10000")
	minutes := flag.Float64("minutes", 30, "soak: how long")
	seed := flag.Uint64("seed", 1, "growth, scale and peers: the seed of what is random")
	flag.Parse()
	if err := run(*only, *colds, *warms, *size, *minutes, *seed); err != nil {
		log.Fatal(err)
	}
}

func run(only string, colds, warms, size int, minutes float64, seed uint64) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"functions", func() error { return functions(dir, colds, warms) }},
		{"stack", stack}, {"costs", costs}, {"oracle", oracle}, {"delivery", delivery},
		{"growth", func() error { return growth(dir, size, seed) }},
		{"scale", func() error { return scale(seed) }}, {"soak", func() error { return soak(dir, minutes) }},
		{"peers", func() error { return peers(dir, seed) }},
	} {
		if only != part.name && (only != "" || slices.Contains([]string{"delivery", "growth", "scale", "soak", "peers"}, part.name)) {
			continue
		}
		if err := part.measure(); err != nil {
			return err
		}
	}
	return nil
}

// floors are the functions, each with the floor that it is compared with.
var floors = map[string]string{"generate": "api", "verify": "api", "reset": "api", "send": "send", "oidc": "proof"}

func functions(dir string, colds, warms int) error {
	for _, name := range []string{"Generate", "Verify", "Reset", "Send", "Oidc"} {
		for _, arch := range []string{runtime.GOARCH, "arm64"} {
			if err := build("functions", name, filepath.Join(dir, arch, strings.ToLower(name)), arch); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"api", "send", "proof"} {
		if err := buildFloor(name, filepath.Join(dir, "floor", name)); err != nil {
			return err
		}
		if err := buildFloor(name, filepath.Join(dir, "arm64", "floor-"+name)); err != nil {
			return err
		}
	}
	c := newCloud()
	defer c.Close()
	c.addUser()
	b := &lab{cloud: c, dir: dir}
	fmt.Printf("machine: %s, %d cores, %s\n\n", runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	if err := b.coldStarts(colds); err != nil {
		return err
	}
	if err := b.warmOTP("a code", warms, map[string]string{"email": address}); err != nil {
		return err
	}
	if err := b.warmOTP("a code with a proof", warms, map[string]string{"email": address, "clientId": client, "nonce": "n-7f3a"}); err != nil {
		return err
	}
	if err := b.warmHosted(warms); err != nil {
		return err
	}
	if err := b.batch(colds); err != nil {
		return err
	}
	return b.sizes()
}

// build builds a function as SAM does.
func build(folder, name, out, arch string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	cmd := exec.Command("make", "-s", "-C", folder, "build-"+name+"Function", "ARTIFACTS_DIR="+out, "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// buildFloor builds a floor with the functions' flags.
func buildFloor(name, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	arch := runtime.GOARCH
	if strings.Contains(out, "arm64") {
		arch = "arm64"
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w",
		"-o", filepath.Join(out, "bootstrap"), "streamotp/bench/floor/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

func median[T int | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }
