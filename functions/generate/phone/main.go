// Command phone reads telephone numbers from standard input, each a JSON string, and prints a number.Answer as JSON for
// each, until the input ends. It ships beside generate, which starts it for the first request with a number.
package main

import (
	"encoding/json"
	"io"
	"os"

	"streamotp/shared/phone"
	"streamotp/shared/phone/number"
)

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var typed string
		var answer number.Answer
		err := in.Decode(&typed)
		if err == io.EOF {
			return
		}
		if err != nil {
			os.Exit(1)
		}
		n, invalid := phone.Parse(typed)
		if invalid != nil {
			answer.Invalid = invalid.Error()
		} else {
			answer.Number = n
		}
		if out.Encode(answer) != nil {
			os.Exit(1)
		}
	}
}
