// Package site returns the URL of the deployment's own site. The functions cannot have it in their environment: the site's
// distribution depends on the API, and the API on the functions. The functions know the name of an SSM parameter, which the template
// sets, and read the URL from it on first use.
//
// Its invariants:
//
//	U1: nothing calls AWS, or prepares a call, before the URL is needed.
//	U2: a known URL is returned at once. It is read again in the background about each minute, so that a change of the
//	    parameter needs no second deployment: an update publishes the functions before it changes the parameter.
//	U3: a parameter that is missing or holds no URL of a site causes *otp.UnavailableError, and never gives an empty host.
package site

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"streamotp/shared/cached"
	"streamotp/shared/otp"
)

const readTime = 2 * time.Second // for the first read, all attempts together: a user is waiting

// Site is the site as one function instance knows it. It is safe for concurrent use.
type Site struct {
	now     func() time.Time
	address cached.Value[address]
}

// address is the site's URL and its host.
type address struct{ url, host string }

// New returns a site whose parameter has not been read yet. random returns numbers in [0, 1). They spread the reads of a
// deployment's instances, since SSM allows an account 40 reads a second.
func New(cfg aws.Config, parameterName string, now func() time.Time, random func() float64) *Site {
	p := parameter{cfg, parameterName, now}
	return &Site{now: now, address: cached.New(cached.Source{Kind: "parameter", ID: parameterName, Read: p.read, Random: random}, parse)}
}

// URL returns the site's URL, as https://login.example.com, without a slash at its end.
//
// Errors: *otp.UnavailableError for U3; others are those of the call.
func (s *Site) URL(ctx context.Context) (string, error) {
	a, err := s.current(ctx)
	return a.url, err
}

// Host returns the host of the site's URL, without its port. The errors are those of URL.
func (s *Site) Host(ctx context.Context) (string, error) {
	a, err := s.current(ctx)
	return a.host, err
}

func (s *Site) current(ctx context.Context) (address, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	return s.address.Current(ctx, s.now())
}

// parse accepts https://host with a host name in lower case, or http://host:port with a loopback host, as in the development stack.
func parse(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil || text != u.Scheme+"://"+u.Host || !isSite(u) {
		return address{}, &otp.UnavailableError{Reason: "the parameter of the site's URL holds none, as https://login.example.com"}
	}
	return address{text, u.Hostname()}, nil
}

func isSite(u *url.URL) bool {
	if u.Scheme == "http" {
		return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	}
	labels := strings.Split(u.Host, ".")
	for _, label := range labels {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return u.Scheme == "https" && len(labels) > 1
}
