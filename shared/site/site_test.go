package site_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"streamotp/shared/otp"
	"streamotp/shared/site"
)

const parameterName = "/streamotp/test/site"

// fakeSSM has one parameter, which may be missing. It fails as each entry of errors says, one a call, and hangs while hang
// is set. Its tests run in a synctest bubble.
type fakeSSM struct {
	t    *testing.T
	wall time.Time // the time, for the code under test

	mu     sync.Mutex
	value  string // empty: there is no parameter
	errors []answer
	hang   bool
	calls  int
	last   *http.Request
	log    bytes.Buffer
}

// answer is an error of AWS; status 0 is a connection that breaks.
type answer struct {
	status int
	code   string
}

func inBubble(t *testing.T, value string, test func(t *testing.T, f *fakeSSM, s *site.Site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSSM{t: t, value: value, wall: time.Now()}
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewJSONHandler(f, nil)))
		defer slog.SetDefault(before)
		cfg := aws.Config{Region: "eu-west-1", HTTPClient: f, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "token"),
			Retryer: func() aws.Retryer {
				return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 10 * time.Millisecond })
			}}
		test(t, f, site.New(cfg, parameterName, func() time.Time { return f.wall }, func() float64 { return 0.5 }))
		time.Sleep(2 * time.Second) // of the bubble: a refresh that hangs gives up
	})
}

func (f *fakeSSM) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(line)
}

// Do responds to a call.
func (f *fakeSSM) Do(r *http.Request) (*http.Response, error) {
	var in struct{ Name string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	f.last = r
	if f.hang {
		f.mu.Unlock()
		<-r.Context().Done()
		f.mu.Lock()
		return nil, r.Context().Err()
	}
	status, body := 200, map[string]any{"Parameter": map[string]any{"Name": in.Name, "Type": "String", "Value": f.value, "Version": 1}}
	if f.value == "" || in.Name != parameterName {
		status, body = 400, map[string]any{"__type": "ParameterNotFound"}
	}
	if len(f.errors) > 0 {
		e := f.errors[0]
		f.errors = f.errors[1:]
		if e.status == 0 {
			return nil, errors.New("connection reset")
		}
		status, body = e.status, map[string]any{"__type": e.code, "message": f.value}
	}
	text, _ := json.Marshal(body)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(text)), Request: r}, nil
}

// set changes the responses to the next calls.
func (f *fakeSSM) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeSSM) wantCalls(n int) {
	f.t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls != n {
		f.t.Errorf("%d calls of SSM, want %d", f.calls, n)
	}
}

func wantURL(t *testing.T, s *site.Site, want string) {
	t.Helper()
	if got, err := s.URL(t.Context()); got != want || err != nil {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func wantUnavailable(t *testing.T, s *site.Site) {
	t.Helper()
	var unavailable *otp.UnavailableError
	if host, err := s.Host(t.Context()); host != "" || !errors.As(err, &unavailable) {
		t.Errorf("U3: %q, %v", host, err)
	}
}

func TestURLAndHost(t *testing.T) {
	for value, host := range map[string]string{
		"https://d111111abcdef8.cloudfront.net": "d111111abcdef8.cloudfront.net",
		"https://login.example.com":             "login.example.com",
		"https://xn--bcher-kva.example":         "xn--bcher-kva.example",
		"http://127.0.0.1:3000":                 "127.0.0.1",
		"http://localhost:3000":                 "localhost",
		"http://[::1]:3000":                     "::1",
	} {
		inBubble(t, value, func(t *testing.T, f *fakeSSM, s *site.Site) {
			f.wantCalls(0) // U1
			wantURL(t, s, value)
			if got, err := s.Host(t.Context()); got != host || err != nil {
				t.Errorf("%s: host %q, %v", value, got, err)
			}
			f.wantCalls(1)
		})
	}
}

func TestWhatIsNoSite(t *testing.T) {
	for _, value := range []string{"login.example.com", "http://login.example.com", "http://192.0.2.1:3000", "https://", "https://localhost",
		"https://login.example.com/", "https://login.example.com/path", "https://login.example.com?", "https://login.example.com#", "https://a@login.example.com",
		"https://login.example.com:443", "https://Login.example.com", "https://login..example.com", "https://bücher.example", "HTTPS://login.example.com",
		"https://login.example.com ", "https://login.example.com\n", "ftp://login.example.com", "javascript://login.example.com", "//login.example.com", "https://%6cogin.example.com"} {
		inBubble(t, value, func(t *testing.T, f *fakeSSM, s *site.Site) {
			wantUnavailable(t, s)
			f.wantCalls(1) // another attempt would read the same
		})
	}
}

func TestAParameterThatIsMissingIsUnavailableUntilItExists(t *testing.T) {
	inBubble(t, "", func(t *testing.T, f *fakeSSM, s *site.Site) {
		wantUnavailable(t, s)
		wantUnavailable(t, s)
		f.wantCalls(2)
		f.set(func() { f.value = "https://login.example.com" })
		wantURL(t, s, "https://login.example.com")
		f.wantCalls(3)
	})
}

func TestAChangeIsNoticed(t *testing.T) {
	inBubble(t, "https://one.example", func(t *testing.T, f *fakeSSM, s *site.Site) {
		wantURL(t, s, "https://one.example")
		f.set(func() { f.value = "https://two.example" })
		f.wall = f.wall.Add(time.Minute)
		wantURL(t, s, "https://one.example") // U2: this call does not wait
		f.wantCalls(2)
		wantURL(t, s, "https://two.example")
		for _, bad := range []string{"", "nonsense"} {
			f.set(func() { f.value = bad })
			f.wall = f.wall.Add(time.Minute)
			wantURL(t, s, "https://two.example")
			synctest.Wait()
			wantURL(t, s, "https://two.example")
		}
		f.wantCalls(4)
	})
}

func TestAURLInHandWaitsForNothing(t *testing.T) {
	for name, broken := range map[string]func(f *fakeSSM){
		"SSM hangs":     func(f *fakeSSM) { f.hang = true },
		"SSM fails":     func(f *fakeSSM) { f.errors = []answer{{500, "InternalServerError"}, {500, "InternalServerError"}} },
		"SSM throttles": func(f *fakeSSM) { f.errors = []answer{{400, "ThrottlingException"}, {400, "ThrottlingException"}} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "https://one.example", func(t *testing.T, f *fakeSSM, s *site.Site) {
				wantURL(t, s, "https://one.example")
				f.set(func() { broken(f) })
				f.wall = f.wall.Add(time.Minute)
				began := time.Now()
				for range 20 {
					wantURL(t, s, "https://one.example")
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("U2: it took %v", took)
				}
				f.wantCalls(2) // a refresh is one attempt
			})
		})
	}
}

func TestFirstRead(t *testing.T) {
	for name, errs := range map[string][]answer{
		"a throttled one":                  {{400, "ThrottlingException"}},
		"an error of SSM's":                {{500, "InternalServerError"}, {503, ""}},
		"a connection that breaks":         {{0, ""}},
		"an error with a namespace before": {{400, "com.amazonaws.ssm#ThrottlingException"}},
	} {
		t.Run(name+" is retried", func(t *testing.T) {
			inBubble(t, "https://one.example", func(t *testing.T, f *fakeSSM, s *site.Site) {
				f.set(func() { f.errors = errs })
				wantURL(t, s, "https://one.example")
				f.wantCalls(len(errs) + 1)
			})
		})
	}
	t.Run("one that is denied is not retried, and is an error as of every other call to AWS", func(t *testing.T) {
		inBubble(t, "https://one.example", func(t *testing.T, f *fakeSSM, s *site.Site) {
			f.set(func() { f.errors = []answer{{400, "AccessDeniedException"}} })
			_, err := s.Host(t.Context())
			var operation *smithy.OperationError
			var api smithy.APIError
			if !errors.As(err, &operation) || operation.Operation() != "GetParameter" || !errors.As(err, &api) || api.ErrorCode() != "AccessDeniedException" {
				t.Error(err)
			}
			if strings.Contains(err.Error(), "one.example") {
				t.Errorf("it quotes AWS: %v", err)
			}
			f.wantCalls(1)
		})
	})
	t.Run("one that hangs is given up after two seconds", func(t *testing.T) {
		inBubble(t, "https://one.example", func(t *testing.T, f *fakeSSM, s *site.Site) {
			f.set(func() { f.hang = true })
			began := time.Now()
			if _, err := s.Host(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if took := time.Since(began); took != 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
}

func TestTheRequestIsSignedForSSM(t *testing.T) {
	inBubble(t, "https://one.example", func(t *testing.T, f *fakeSSM, s *site.Site) {
		wantURL(t, s, "https://one.example")
		r := f.last
		date := f.wall.UTC().Format("20060102")
		if r.Method != "POST" || r.URL.String() != "https://ssm.eu-west-1.amazonaws.com/" || r.Header.Get("X-Amz-Target") != "AmazonSSM.GetParameter" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		if got := r.Header.Get("Authorization"); !strings.HasPrefix(got, "AWS4-HMAC-SHA256 Credential=AKID/"+date+"/eu-west-1/ssm/aws4_request, SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-security-token;x-amz-target, ") {
			t.Error(got)
		}
		if r.Header.Get("X-Amz-Security-Token") != "token" {
			t.Error("the session's token is missing")
		}
	})
}
