package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// costs prints what the limits cost: the request units of whole trips with and without them, and the cost of a rejected
// call.
func costs() error {
	fmt.Print("\n| a whole trip | write units | read units | calls of DynamoDB | signatures of KMS | bytes that its functions log |\n|---|---|---|---|---|---|\n")
	if err := tripCosts("no limits", "SendsPerHour=0", "SendsPerIpPerHour=0", "PasswordTriesPerHour=0", "PasswordTriesPerIpPerHour=0",
		"SmsPerDay=0", "SmsPrefixSends=0"); err != nil {
		return err
	}
	if err := tripCosts("default limits"); err != nil {
		return err
	}
	fmt.Print("\n| calls to DynamoDB of a POST /generate that is refused (a failed conditional write costs as one that succeeds) | write | read |\n|---|---|---|\n")
	for _, refusal := range []struct {
		name, parameter string
		body            map[string]string
	}{
		{"for its client address", "SendsPerIpPerHour=1", map[string]string{"email": "eve@example.com"}},
		{"for its mailbox", "SendsPerHour=1", map[string]string{"email": "eve@example.com"}},
		{"for its wrong passwords", "PasswordTriesPerHour=1", map[string]string{"email": "eve@example.com", "purpose": "login", "password": "no"}},
		{"for its number's prefix", "SmsPrefixSends=1", map[string]string{"phone": "+4915112345678"}},
		{"for the day's SMS", "SmsPerDay=1", map[string]string{"phone": "+4915112345678"}},
	} {
		if err := refusedCost(refusal.name, refusal.parameter, refusal.body); err != nil {
			return err
		}
	}
	return nil
}

func codeAlone(email string) map[string]string {
	return map[string]string{"email": email, "purpose": "passwordless", "clientId": "demo", "nonce": "n"}
}

func tripCosts(limits string, parameters ...string) error {
	var args []string
	for _, p := range append(parameters, "SignUp=on") {
		args = append(args, "-parameter", p)
	}
	d, err := startStack(args...)
	if err != nil {
		return err
	}
	defer d.stop()
	if err := d.do(http.MethodPut, "/_local/items?table=ClientsTable", hostedClient, nil); err != nil {
		return err
	}
	for _, trip := range []struct {
		name  string
		lines int // log lines: of each function, and of e-mail feedback
		make  func() error
	}{
		{"verify by e-mail", 4, func() error { return d.trip(map[string]string{"email": "units@example.com"}, "units@example.com") }},
		{"login by e-mail", 4, func() error {
			return d.trip(map[string]string{"email": "ada@example.com", "password": oldPassword, "purpose": "login"}, "ada@example.com")
		}},
		{"verify by SMS", 3, func() error { return d.trip(map[string]string{"phone": "+4915123456789"}, "+4915123456789") }},
		{"login by SMS", 3, func() error {
			return d.trip(map[string]string{"email": "grace@example.com", "password": oldPassword, "purpose": "login"}, "+4915112345678")
		}},
		{"a code alone by e-mail", 5, func() error { return d.trip(codeAlone("ada@example.com"), "ada@example.com") }},
		{"a sign-up by e-mail", 6, func() error { return d.trip(codeAlone("new@example.com"), "new@example.com") }},
		{"first hosted login of an account by e-mail", 10, d.hostedTrip},
		{"hosted login by e-mail", 10, d.hostedTrip},
	} {
		if err := d.forget(); err != nil {
			return err
		}
		before, err := d.logged(0)
		if err != nil {
			return err
		}
		if err := trip.make(); err != nil {
			return err
		}
		after, err := d.logged(before.lines + trip.lines)
		if err != nil {
			return err
		}
		s, err := d.spent(func(c awsCall) float64 { return c.Units })
		if err != nil {
			return err
		}
		fmt.Printf("| %s, %s | %g | %g | %d | %d | %d |\n", trip.name, limits, s.write, s.read, s.calls, s.signatures, after.bytes-before.bytes)
	}
	return nil
}

// refusedCost sends a body until it is rejected, and prints what the rejected call cost.
func refusedCost(name, parameter string, body map[string]string) error {
	d, err := startStack("-parameter", parameter)
	if err != nil {
		return err
	}
	defer d.stop()
	for range 10 {
		if err := d.forget(); err != nil {
			return err
		}
		status, err := d.status("/api/generate", body)
		if err != nil {
			return err
		}
		if status != http.StatusTooManyRequests && status != http.StatusBadRequest {
			continue
		}
		s, err := d.spent(func(c awsCall) float64 {
			if c.Function != "GenerateFunction" { // the send function may still be handling an earlier message
				return 0
			}
			return 1
		})
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %g | %g |\n", name, s.write, s.read)
		return nil
	}
	return fmt.Errorf("%s: not refused", name)
}

// forget deletes the record of calls and the mailbox.
func (d *development) forget() error {
	for _, path := range []string{"/_local/calls", "/_local/messages"} {
		if err := d.do(http.MethodDelete, path, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

type logSize struct{ lines, bytes int }

// logged measures what the functions have written to their logs, once there are this many lines.
func (d *development) logged(lines int) (size logSize, err error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		response, err := d.http.Get(d.url + "/_local/logs")
		if err != nil {
			return size, err
		}
		text, err := io.ReadAll(response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			return size, err
		}
		size = logSize{}
		for line := range strings.Lines(string(text)) {
			_, written, _ := strings.Cut(line, "\t") // after the function's name
			size.lines, size.bytes = size.lines+1, size.bytes+len(written)
		}
		if size.lines >= lines {
			return size, nil
		}
	}
	return size, fmt.Errorf("the log has %d lines, not %d", size.lines, lines)
}

type awsCall struct {
	Function, Service, Action string
	Units, Ms                 float64
	Bytes                     int
}

type spending struct {
	read, write       float64 // of DynamoDB
	calls, signatures int     // of DynamoDB, of KMS
}

// spent sums the costs of calls to DynamoDB, and counts them and the signatures.
func (d *development) spent(cost func(awsCall) float64) (s spending, err error) {
	var calls []awsCall
	if err := d.get("/_local/calls", &calls); err != nil {
		return s, err
	}
	for _, c := range calls {
		switch {
		case c.Action == "Sign":
			s.signatures++
		case c.Service != "dynamodb":
		case c.Action == "GetItem" || c.Action == "Query":
			s.read, s.calls = s.read+cost(c), s.calls+1
		default:
			s.write, s.calls = s.write+cost(c), s.calls+1
		}
	}
	return s, nil
}

// status posts a body and returns the response's status.
func (d *development) status(path string, body map[string]string) (int, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	response, err := d.http.Post(d.url+path, "application/json", strings.NewReader(string(text)))
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
