package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"streamotp/shared/httpapi"
	"streamotp/shared/phone/number"
)

// phoneReader runs the helper process beside this function's binary. Linking the helper's library would cost every cold start
// 4 ms; as a process it costs only the requests with a number.
type phoneReader struct {
	program string
}

// Parse reads a number. It passes the number on standard input, because arguments show in process lists.
//
// Errors: *httpapi.InvalidError.
func (p phoneReader) Parse(ctx context.Context, typed string) (n number.Number, err error) {
	helper := exec.CommandContext(ctx, p.program)
	helper.Stdin = strings.NewReader(typed)
	helper.Env = []string{} // none of our credentials
	out, err := helper.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == number.InvalidExit {
		return n, httpapi.Invalid("phone", string(out))
	}
	if err != nil {
		return n, fmt.Errorf("run the phone helper: %w", err)
	}
	return n, json.NewDecoder(bytes.NewReader(out)).Decode(&n)
}
