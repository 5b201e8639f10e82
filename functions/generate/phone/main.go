// Command phone reads a telephone number from standard input and prints a number.Number as JSON, or the reason why the text is
// not a number. It ships beside generate, which runs it for the requests with a number.
package main

import (
	"encoding/json"
	"io"
	"os"

	"streamotp/shared/phone"
	"streamotp/shared/phone/number"
)

func main() {
	typed, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<10))
	if err != nil {
		os.Exit(1)
	}
	n, err := phone.Parse(string(typed))
	if err != nil {
		if _, err := os.Stdout.WriteString(err.Error()); err != nil {
			os.Exit(1)
		}
		os.Exit(number.InvalidExit)
	}
	if json.NewEncoder(os.Stdout).Encode(n) != nil {
		os.Exit(1)
	}
}
