package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"streamotp/local/aws"
	"streamotp/local/template"
)

// describe returns the stack as CloudFormation describes it: its parameters and its outputs.
func (s *stack) describe() aws.Stack {
	out := aws.Stack{Name: s.spec.Name, ID: "arn:aws:cloudformation:" + template.Region + ":" + template.Account + ":stack/" + s.spec.Name + "/local"}
	for name, value := range s.spec.Parameters {
		if s.spec.NoEcho[name] {
			value = "****" // as CloudFormation shows it
		}
		out.Parameters = append(out.Parameters, aws.Parameter{ParameterKey: name, ParameterValue: value})
	}
	for _, o := range s.spec.Outputs {
		out.Outputs = append(out.Outputs, aws.Output{OutputKey: o.Key, OutputValue: s.here(o.Value), Description: o.Description})
	}
	return out
}

// here replaces the hosts of the API and the site in a text of the template by this server.
func (s *stack) here(text string) string {
	return strings.NewReplacer("https://"+template.APIHost, s.url, "https://"+template.SiteHost, s.url).Replace(text)
}

var stackNameLine = regexp.MustCompile(`(?m)^\s*stack_name\s*=\s*"([^"]+)"`)

// stackName returns the name of the stack in samconfig.toml beside the template.
func stackName(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, "samconfig.toml"))
	if m := stackNameLine.FindSubmatch(data); err == nil && m != nil {
		return string(m[1])
	}
	return "streamotp"
}

// secretValue returns a secret's first value: its SecretString, or a value made as its GenerateSecretString says, or "".
func secretValue(x template.Secret) (string, error) {
	g := x.Generate
	if g == nil {
		return x.Value, nil
	}
	text, err := aws.Characters{
		Length: g.Length, Exclude: g.ExcludeCharacters, NoPunctuation: g.NoPunctuation, NoDigits: g.NoDigits,
		NoLower: g.NoLower, NoUpper: g.NoUpper, Space: g.Space, NotOfEachKind: g.AnyMix,
	}.Random()
	if err != nil || g.Key == "" {
		return text, err
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(g.Template), &object); err != nil || object == nil {
		return "", fmt.Errorf("SecretStringTemplate must be a JSON object")
	}
	object[g.Key] = text
	out, err := json.Marshal(object)
	return string(out), err
}

func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
