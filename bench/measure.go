package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// lab measures built functions.
type lab struct {
	*cloud
	dir string
}

func (b *lab) start(binary string) (*instance, error) {
	return start(filepath.Join(b.dir, binary, "bootstrap"), b.environment())
}

func (b *lab) function(name string) (*instance, error) { return b.start(runtime.GOARCH + "/" + name) }

const address = "eve@example.com"

// first is a function's first invocation, for a session and a code that are ready for it.
type first struct {
	name, function, purpose string
	proves                  bool // the session has a client; the floor has KMS's client too
	invoke                  func(i *instance, sessionID, code string) error
}

const authorizeName, tokenName = "oidc, a login to an application begins", "oidc, a code is exchanged for tokens"

// floorPaths are the paths by which a floor knows which calls of AWS the function makes.
var floorPaths = map[string]string{authorizeName: "/oauth2/authorize", tokenName: "/oauth2/token"}

func (b *lab) firsts() []first {
	login := map[string]string{"email": "ada@example.com", "password": oldPassword, "purpose": "login"}
	return []first{
		{"generate", "generate", "verify", false, func(i *instance, _, _ string) error {
			_, err := b.generate(i, map[string]string{"email": address})
			return err
		}},
		{"generate, login (one Argon2id)", "generate", "verify", false, func(i *instance, _, _ string) error {
			_, err := b.generate(i, login)
			return err
		}},
		{"send", "send", "verify", false, func(i *instance, sessionID, _ string) error {
			_, err := b.send(i, sessionID)
			return err
		}},
		{"verify", "verify", "verify", false, verify},
		{"verify, with a proof", "verify", "verify", true, verify},
		{"oidc, the keys", "oidc", "verify", true, func(i *instance, _, _ string) error {
			_, err := answer(i.invoke(httpEvent("GET", "/.well-known/jwks.json", "", nil)))
			return err
		}},
		{authorizeName, "oidc", "verify", false, func(i *instance, _, _ string) error {
			text, err := i.invoke(httpEvent("GET", authorization(), "", nil))
			if err == nil && !bytes.Contains(text, []byte(`"statusCode":303`)) {
				err = fmt.Errorf("authorize answers %s", text)
			}
			return err
		}},
		{tokenName, "oidc", "verify", false, func(i *instance, _, code string) error {
			_, err := answer(i.invoke(httpEvent("POST", "/oauth2/token", exchange(code), formBody)))
			return err
		}},
		{"reset, weak password", "reset", "reset", false, func(i *instance, sessionID, code string) error {
			_, err := i.invoke(request("/reset", map[string]string{"sessionId": sessionID, "code": code, "password": "password1"}))
			return err
		}},
		{"reset (one Argon2id)", "reset", "reset", false, reset},
	}
}

// coldStarts measures process start, init and first invocation, each function alternating with its floor.
func (b *lab) coldStarts(runs int) error {
	fmt.Printf("| cold start CPU, median of %d | function, ms | floor, ms | ratio |\n|---|---|---|---|\n", runs)
	w, err := b.warm()
	if err != nil {
		return err
	}
	defer w.stop()
	for _, f := range b.firsts() {
		var ours, floor []time.Duration
		for range runs {
			ask := map[string]string{"email": "ada@example.com", "purpose": f.purpose}
			lowest := floors[f.function]
			if f.proves {
				ask["clientId"], ask["nonce"] = client, "n-7f3a"
				lowest = "proof"
			}
			sessionID, err := b.generate(w.generate, ask)
			if err != nil {
				return err
			}
			code, err := b.send(w.send, sessionID)
			if f.name == tokenName {
				code, err = logIn(w, siteURL)
			}
			if err != nil {
				return err
			}
			cpu, err := b.cold(runtime.GOARCH+"/"+f.function, func(i *instance) error { return f.invoke(i, sessionID, code) })
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			ours = append(ours, cpu)
			cpu, err = b.cold("floor/"+lowest, func(i *instance) error {
				event := request(cmp.Or(floorPaths[f.name], "/generate"), map[string]string{"email": address})
				if f.function == "send" {
					event = b.insert(sessionID)
				}
				_, err := i.invoke(event)
				return err
			})
			if err != nil {
				return fmt.Errorf("floor of %s: %w", f.name, err)
			}
			floor = append(floor, cpu)
		}
		fmt.Printf("| %s | %s | %s | %.2f |\n", f.name, ms(median(ours)), ms(median(floor)), float64(median(ours))/float64(median(floor)))
	}
	fmt.Println()
	return nil
}

// helpers returns warm functions that make the sessions and codes that others need.
func (b *lab) helpers() (generate, send *instance, err error) {
	if generate, err = b.function("generate"); err != nil {
		return nil, nil, err
	}
	send, err = b.function("send")
	return generate, send, err
}

func (b *lab) cold(binary string, invoke func(*instance) error) (time.Duration, error) {
	i, err := b.start(binary)
	if err != nil {
		return 0, err
	}
	err = invoke(i)
	return i.stop(), err
}

// warmOTP measures whole one-time codes: generate, send and verify, each in its own warm process. ask is the body of the request.
func (b *lab) warmOTP(what string, runs int, ask map[string]string) error {
	generate, send, err := b.helpers()
	if err != nil {
		return err
	}
	check, err := b.function("verify")
	if err != nil {
		return err
	}
	all := []*instance{generate, send, check}
	before := make([]time.Duration, len(all))
	const warmUp = 50
	for n := range warmUp + runs {
		if n == warmUp {
			for k, i := range all {
				before[k] = i.cpu()
			}
		}
		sessionID, err := b.generate(generate, ask)
		if err != nil {
			return err
		}
		code, err := b.send(send, sessionID)
		if err != nil {
			return err
		}
		if err := verify(check, sessionID, code); err != nil {
			return err
		}
	}
	fmt.Printf("| %s, warm, mean of %d | CPU, ms | RSS, MiB |\n|---|---|---|\n", what, runs)
	var total time.Duration
	for k, name := range []string{"generate", "send", "verify"} {
		each := (all[k].cpu() - before[k]) / time.Duration(runs)
		total += each
		fmt.Printf("| %s | %s | %.1f |\n", name, ms(each), float64(all[k].rss())/1024)
		all[k].stop()
	}
	fmt.Printf("| one whole OTP | %s | |\n\n", ms(total))
	return nil
}

// batch measures one invocation of a warm send function with 10 records, while the provider takes 100 ms for each.
func (b *lab) batch(runs int) error {
	generate, send, err := b.helpers()
	if err != nil {
		return err
	}
	defer generate.stop()
	defer send.stop()
	var took []time.Duration
	for range runs {
		var ids []string
		for range 10 {
			id, err := b.generate(generate, map[string]string{"email": address})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		event, begun := b.insert(ids...), time.Now()
		b.delay = 100 * time.Millisecond
		_, err := send.invoke(event)
		b.delay = 0
		if err != nil {
			return err
		}
		took = append(took, time.Since(begun))
	}
	fmt.Printf("| send, median of %d | wall, ms |\n|---|---|\n| one invocation, 10 records, each 100 ms at the provider | %s |\n\n", runs, ms(median(took)))
	return nil
}

// sizes prints the size of each function's upload.
func (b *lab) sizes() error {
	fmt.Print("| arm64 zip | MB | floor, MB |\n|---|---|---|\n")
	for _, name := range []string{"generate", "send", "verify", "reset", "oidc"} {
		ours, err := zipped(filepath.Join(b.dir, "arm64", name), nil)
		if err != nil {
			return err
		}
		floor, err := zipped(filepath.Join(b.dir, "arm64", "floor-"+floors[name]), nil)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %.2f | %.2f |\n", name, float64(ours)/1e6, float64(floor)/1e6)
	}
	fmt.Println()
	return nil
}

// zipped returns the size of the zip of the wanted files of a folder, or of one file. Without wanted it takes all files.
func zipped(folder string, wanted func(path string) bool) (int, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || wanted != nil && !wanted(path) {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := archive.Create(path)
		if err == nil {
			_, err = file.Write(data)
		}
		return err
	})
	err = errors.Join(err, archive.Close())
	return out.Len(), err
}
