package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"streamotp/local/lambda"
	"streamotp/local/template"
)

// serve sends a request through an API whose one function responds with payload, and returns the event that the function
// got.
func serve(t *testing.T, r *http.Request, payload string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	var event map[string]any
	a := &API{API: template.API{StageName: "api"}, Done: func(Exchange) {}, Routes: map[string]string{"POST /generate": "F"},
		Invoke: func(_ context.Context, _ string, e any, _ string) lambda.Result {
			data, err := json.Marshal(e)
			if err == nil {
				err = json.Unmarshal(data, &event)
			}
			if err != nil {
				t.Error(err)
			}
			return lambda.Result{Payload: []byte(payload)}
		}}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w, event
}

func TestEvent(t *testing.T) {
	r := httptest.NewRequest("POST", "/api/generate?a=1&a=2&b=", strings.NewReader(`{"x":1}`))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Add("X-Two", "1")
	r.Header.Add("X-Two", "2")
	r.Header.Set("Cookie", "a=1; b=2")
	r.Header.Set("User-Agent", "test")
	_, e := serve(t, r, `{"statusCode":200}`)
	headers, context := e["headers"].(map[string]any), e["requestContext"].(map[string]any)
	call := context["http"].(map[string]any)
	for what, pair := range map[string][2]any{
		"version":           {e["version"], "2.0"},
		"routeKey":          {e["routeKey"], "POST /generate"},
		"rawPath has stage": {e["rawPath"], "/api/generate"},
		"rawQueryString":    {e["rawQueryString"], "a=1&a=2&b="},
		"repeated query":    {e["queryStringParameters"].(map[string]any)["a"], "1,2"},
		"repeated header":   {headers["x-two"], "1,2"},
		"cookie header":     {headers["cookie"], nil},
		"cookies":           {e["cookies"].([]any)[1], "b=2"},
		"body":              {e["body"], `{"x":1}`},
		"not encoded":       {e["isBase64Encoded"], false},
		"stage":             {context["stage"], "api"},
		"method":            {call["method"], "POST"},
		"path":              {call["path"], "/api/generate"},
		"source":            {call["sourceIp"], "192.0.2.1"},
		"user agent":        {call["userAgent"], "test"},
		"forwarded":         {headers["x-forwarded-for"], "192.0.2.1"},
		"content length":    {headers["content-length"], "7"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestBodyEncoding(t *testing.T) {
	for kind, encoded := range map[string]bool{
		"application/json": false, "text/plain": false, "application/xml": false, "application/javascript": false,
		"application/octet-stream": true, "application/x-www-form-urlencoded": true, "": true, "application/problem+json": true,
	} {
		r := httptest.NewRequest("POST", "/api/generate", strings.NewReader("{}"))
		r.Header.Set("Content-Type", kind)
		_, e := serve(t, r, `{"statusCode":200}`)
		if e["isBase64Encoded"] != encoded || encoded && e["body"] != "e30=" {
			t.Errorf("%q: %v %v", kind, e["isBase64Encoded"], e["body"])
		}
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		status        int
		body          string
	}{
		{"as the function says", `{"statusCode":201,"headers":{"content-type":"text/plain"},"body":"hi"}`, 201, "hi"},
		{"base64", `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, 200, "hi"},
		{"no statusCode is a body", `{"a":1}`, 200, `{"a":1}`},
		{"text is a body", `"hi"`, 200, `"hi"`},
		{"a statusCode that is no number", `{"statusCode":"x"}`, 500, `{"message":"Internal Server Error"}`},
		{"no JSON", `{`, 500, `{"message":"Internal Server Error"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _ := serve(t, httptest.NewRequest("POST", "/api/generate", nil), c.payload)
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	for _, c := range []struct {
		name string
		r    *http.Request
		want int
		body string
	}{
		{"no such route", httptest.NewRequest("POST", "/api/none", nil), 404, `{"message":"Not Found"}`},
		{"no such method", httptest.NewRequest("GET", "/api/generate", nil), 404, `{"message":"Not Found"}`},
		{"a trailing slash", httptest.NewRequest("POST", "/api/generate/", nil), 404, `{"message":"Not Found"}`},
		{"over 10 MB", httptest.NewRequest("POST", "/api/generate", strings.NewReader(strings.Repeat("x", 10<<20+1))), 413, `{"message":"Request Too Long"}`},
		{"headers over 10,240 bytes", long(), 431, `{"message":"Request Header Fields Too Large"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, event := serve(t, c.r, `{"statusCode":200}`)
			if w.Code != c.want || w.Body.String() != c.body || event != nil {
				t.Errorf("%d %s, event %v", w.Code, w.Body, event)
			}
		})
	}
}

func long() *http.Request {
	r := httptest.NewRequest("POST", "/api/generate", nil)
	r.Header.Set("X-Long", strings.Repeat("x", 10240))
	return r
}

// FuzzEvent: for every request, the function gets valid JSON with the same body.
func FuzzEvent(f *testing.F) {
	f.Add("application/json", "a=%zz&b", "x=1;;", []byte("{}"))
	f.Fuzz(func(t *testing.T, kind, query, cookie string, body []byte) {
		r := httptest.NewRequest("POST", "/api/generate", nil)
		r.URL.RawQuery = query
		r.Header = http.Header{"Content-Type": {kind}, "Cookie": {cookie}}
		a := &API{API: template.API{StageName: "api"}}
		if _, err := json.Marshal(a.event(r, headers(r), "POST /generate", body, "id")); err != nil {
			t.Error(err)
		}
	})
}

// FuzzResponse: for every response of a function, the client gets an HTTP status.
func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":1},"cookies":["x"],"body":"x"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if status := answer(httptest.NewRecorder(), lambda.Result{Payload: payload}, true); status < 100 || status > 599 {
			t.Error(status)
		}
	})
}
