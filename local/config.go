package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// config is the command line.
type config struct {
	Addr       string            // host:port on loopback; port 0 for a free one
	Template   string            // path of the template
	Parameters map[string]string // template parameters that differ from their defaults
	DynamoDB   string            // URL of an engine; empty for the embedded one
	Data       string            // folder for the tables; empty: they are in memory
	Out        io.Writer         // the log
	Now        func() time.Time  // the clock that ages of records are measured by
}

// check rejects an address that another machine could reach, and one that is not an address at all.
func (c config) check() error {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("-addr %s: must be host:port, as 127.0.0.1:3000", c.Addr)
	}
	if !isLoopback(host) {
		return fmt.Errorf("-addr %s: must be on loopback, as 127.0.0.1:3000: this is for development and must not be reached from elsewhere", c.Addr)
	}
	if u, err := url.Parse(c.DynamoDB); c.DynamoDB != "" && (err != nil || u.Scheme == "" || u.Host == "") {
		return fmt.Errorf("-dynamodb %s: must be a URL, as http://127.0.0.1:8000", c.DynamoDB)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// root returns the project's folder, which has functions/ and frontend/. It is the template's own folder, or the working
// directory if the template is a copy elsewhere.
func (c config) root() (string, error) {
	path, err := filepath.Abs(c.Template)
	if err != nil {
		return "", err
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for _, dir := range []string{filepath.Dir(path), here} {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
	}
	return filepath.Dir(path), nil
}
