package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"time"
)

const people = 400 // accounts, and as many unknown addresses

// asked is a request that oracle makes for each address.
type asked struct {
	name string
	body map[string]string
	want int
}

// oracle measures whether response times reveal which addresses have an account. It makes logins with a wrong password, resets and logins by
// code alone, for accounts and unknown addresses in random order. For comparison it prints the same figures for two halves of the unknown
// addresses, between which there is no real difference.
func oracle() error {
	fmt.Printf("\n| wall time of POST /generate, %d accounts and %d unknown addresses in random order | medians, ms | Kolmogorov-Smirnov D | p |\n|---|---|---|---|\n", people, people)
	template, err := withoutSender()
	if err != nil {
		return err
	}
	defer os.Remove(template) //nolint:errcheck // a temporary file
	if err := oracleWith(template, "SignUp=off", asked{"login, wrong password", map[string]string{"purpose": "login", "password": "not the password"},
		http.StatusUnauthorized}, asked{"reset", map[string]string{"purpose": "reset"}, http.StatusOK}, asked{"a code alone", codeAlone(""), http.StatusOK}); err != nil {
		return err
	}
	return oracleWith(template, "SignUp=on", asked{"a code alone, with `SignUp=on`", codeAlone(""), http.StatusOK})
}

func oracleWith(template, signUp string, asks ...asked) error {
	d, err := startStack("-template", template, "-parameter", "SendsPerHour=0", "-parameter", "SendsPerIpPerHour=0", "-parameter", "PasswordTriesPerHour=0",
		"-parameter", "PasswordTriesPerIpPerHour=0", "-parameter", signUp)
	if err != nil {
		return err
	}
	defer d.stop()
	if err := d.addAccounts(); err != nil {
		return err
	}
	for _, ask := range asks {
		accounts, strangers, err := d.interleaved(ask.body, ask.want)
		if err != nil {
			return err
		}
		compare(ask.name+": accounts, unknown addresses", accounts, strangers)
		compare(ask.name+": unknown addresses in two halves", every(strangers, 0), every(strangers, 1))
	}
	return nil
}

// withoutSender returns a copy of the template with a filter that matches no record. On one machine, the send function
// takes processor time from the response, and does so for accounts only; in AWS it runs elsewhere.
func withoutSender() (path string, err error) {
	text, err := os.ReadFile("template.yaml")
	if err != nil {
		return "", err
	}
	changed := bytes.Replace(text, []byte(`{"eventName":["INSERT"]`), []byte(`{"eventName":["REMOVE"]`), 1)
	if bytes.Equal(changed, text) {
		return "", errors.New("the template's filter is not where it was")
	}
	file, err := os.CreateTemp("", "template-*.yaml")
	if err != nil {
		return "", err
	}
	_, err = file.Write(changed)
	return file.Name(), errors.Join(err, file.Close())
}

// addAccounts copies ada's account. All copies have the same password hash, which makes no difference here.
func (d *development) addAccounts() error {
	var users []map[string]map[string]any
	if err := d.get("/_local/items?table=UsersTable", &users); err != nil {
		return err
	}
	at := slices.IndexFunc(users, func(u map[string]map[string]any) bool { return u["email"]["S"] == "ada@example.com" })
	if at < 0 {
		return errors.New("there is no ada")
	}
	for n := range people {
		users[at]["email"]["S"] = person("known", n)
		if err := d.do(http.MethodPut, "/_local/items?table=UsersTable", users[at], nil); err != nil {
			return err
		}
	}
	return nil
}

// person returns an e-mail address; all have the same length.
func person(kind string, n int) string { return fmt.Sprintf("%s%03d@example.com", kind, n) }

// interleaved makes one request for each address, all in random order. The stack may still be working for the previous
// request, such as on a message to an account, and that must affect both kinds alike.
func (d *development) interleaved(body map[string]string, want int) (accounts, strangers []float64, err error) {
	for _, n := range rand.Perm(2 * people) {
		kind, times := "known", &accounts
		if n >= people {
			kind, times = "other", &strangers
		}
		body["email"] = person(kind, n%people)
		begun := time.Now()
		status, err := d.status("/api/generate", body)
		took := time.Since(begun)
		if err != nil || status != want {
			return nil, nil, fmt.Errorf("%s: %d %w", body["purpose"], status, err)
		}
		*times = append(*times, float64(took)/float64(time.Millisecond))
	}
	return accounts, strangers, nil
}

// every returns every second value, beginning at an index.
func every(values []float64, from int) (out []float64) {
	for i := from; i < len(values); i += 2 {
		out = append(out, values[i])
	}
	return out
}

func compare(name string, a, b []float64) {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	d, p := kolmogorovSmirnov(a, b)
	fmt.Printf("| %s | %.2f, %.2f | %.3f | %.2f |\n", name, a[len(a)/2], b[len(b)/2], d, p)
}

// kolmogorovSmirnov returns the largest distance between the distributions of two sorted samples, and the probability of
// a distance at least as large if both distributions are the same (asymptotic formula).
func kolmogorovSmirnov(a, b []float64) (d, p float64) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		at := min(a[i], b[j])
		for i < len(a) && a[i] <= at {
			i++
		}
		for j < len(b) && b[j] <= at {
			j++
		}
		d = max(d, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	n := math.Sqrt(float64(len(a)*len(b)) / float64(len(a)+len(b)))
	lambda := (n + 0.12 + 0.11/n) * d
	for k := 1.0; k <= 100; k++ {
		p += 2 * math.Pow(-1, k-1) * math.Exp(-2*k*k*lambda*lambda)
	}
	return d, min(1, max(0, p))
}
