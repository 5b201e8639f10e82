package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

func event(body string) events.APIGatewayV2HTTPRequest {
	return events.APIGatewayV2HTTPRequest{RouteKey: "POST /x", Body: body, Headers: map[string]string{"content-type": "application/json"}}
}

func TestRead(t *testing.T) {
	t.Run("H1: what is not exactly a known object of strings is refused", func(t *testing.T) {
		for _, body := range []string{
			"", "null", "[]", `"x"`, "1", "{", `{"a"}`, `{"a":}`, `{"a":"b"`, `{"a":"b",}`, `{"a":"b"}x`, `{"a":"b"}{}`, `{"a":"b"} null`,
			`{a:"b"}`, `{'a':'b'}`, `{"a":1}`, `{"a":true}`, `{"a":["b"]}`, `{"a":{"b":"c"}}`, `{"A":"b"}`, `{"c":"d"}`,
			`{"a":"b","a":"b"}`, `{"a":"b","\u0061":"c"}`, `{"a":"b\u0000"}`, `{"a":"\ud800"}`, `{"a":"b\r\nc"}`, `{"a":"\u007f"}`,
			"{\"a\":\"\xff\"}", "\ufeff", "\ufeff\ufeff" + `{"a":"b"}`, `{"a":"b"}` + "\ufeff", `{"c":null}`, `{"c":""}`, `{"a":null,"a":"b"}`, `{"a":"","a":"b"}`,
			`{"a":"\n"}`, `{"email":"a\nb"}`, `{"email":"a","\u0065mail":null}`,
			`{"a":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `}`,
			`{"a":` + strings.Repeat(`{"a":`, 1500), "{\"a\":\"b\nc\"}", "{\"a\":\"\ufffd\"}",
		} {
			request, err := read(event(body), []string{"a", "email"})
			var invalid *InvalidError
			if !errors.As(err, &invalid) || len(invalid.Fields) == 0 {
				t.Errorf("%.40q gives %v, %v", body, request.Fields, err)
			}
		}
	})
	t.Run("every wrong field is listed with its reason, once", func(t *testing.T) {
		_, err := read(event(`{"a":1,"b":"x","zz":"y","b":"z"}`), []string{"a", "b"})
		var invalid *InvalidError
		if !errors.As(err, &invalid) || len(invalid.Fields) != 3 {
			t.Fatalf("%+v", err)
		}
		for i, want := range []FieldError{{"a", "must be a string"}, {"zz", "is not known here"}, {"b", "must not be repeated"}} {
			if invalid.Fields[i] != want {
				t.Errorf("%+v, want %+v", invalid.Fields[i], want)
			}
		}
	})
	t.Run("a right body is read, also in base64 and with a charset", func(t *testing.T) {
		e := event(base64.StdEncoding.EncodeToString([]byte(` {"a":"b\u00e9", "b":""} `)))
		e.IsBase64Encoded, e.Headers["content-type"] = true, "application/json; charset=utf-8"
		request, err := read(e, []string{"a", "b"})
		if err != nil || request.Get("a") != "bé" {
			t.Errorf("%v, %v", request, err)
		}
	})
	t.Run("a field that is null or empty is absent", func(t *testing.T) {
		request, err := read(event(`{"a":null,"b":"","c":" "}`), []string{"a", "b", "c"})
		if _, given := request.Fields["a"]; err != nil || given || len(request.Fields) != 1 || request.Get("c") != " " {
			t.Errorf("%v, %v", request.Fields, err)
		}
	})
	t.Run("a byte order mark is skipped", func(t *testing.T) {
		e := event(base64.StdEncoding.EncodeToString([]byte("\ufeff" + `{"a":"b"}`)))
		e.IsBase64Encoded = true
		for _, e := range []events.APIGatewayV2HTTPRequest{e, event("\ufeff" + `{"a":"b"}`)} {
			if request, err := read(e, []string{"a"}); err != nil || request.Get("a") != "b" {
				t.Errorf("%v, %v", request.Fields, err)
			}
		}
	})
	t.Run("line ends around what people type are dropped, and refused around the rest", func(t *testing.T) {
		known := []string{"email", "phone", "code", "password", "locale"}
		request, err := read(event(`{"email":"\tada@example.com\r\n","phone":"\u200b+49\n","code":"\n482913\u2028","password":" x "}`), known)
		if err != nil || fmt.Sprint(request.Fields) != "map[code:482913 email:ada@example.com password: x  phone:+49]" {
			t.Errorf("%q, %v", request.Fields, err)
		}
		if _, err := read(event(`{"code":"\n"}`), known); err != nil {
			t.Errorf("what is only a line end is not absent: %v", err)
		}
		for _, body := range []string{`{"password":"x\n"}`, `{"locale":"de\n"}`, `{"email":"ada@example.com\r\nBcc: eve@example.com"}`, `{"code":"482913\u0000"}`} {
			var invalid *InvalidError
			if _, err := read(event(body), known); !errors.As(err, &invalid) || len(invalid.Fields) != 1 {
				t.Errorf("%s: %v", body, err)
			}
		}
	})
	t.Run("a body of another size or type is refused as such", func(t *testing.T) {
		if _, err := read(event(`{"a":"`+strings.Repeat("x", maxBody)+`"}`), []string{"a"}); !errors.Is(err, errTooLarge) {
			t.Error(err)
		}
		for _, contentType := range []string{"", "text/plain", "application/jsonx", "application/x-www-form-urlencoded", ";"} {
			e := event(`{"a":"b"}`)
			e.Headers["content-type"] = contentType
			if _, err := read(e, []string{"a"}); !errors.Is(err, errNotJSON) {
				t.Errorf("%q: %v", contentType, err)
			}
		}
		bad := event("%%%")
		bad.IsBase64Encoded = true
		var invalid *InvalidError
		if _, err := read(bad, nil); !errors.As(err, &invalid) {
			t.Error(err)
		}
	})
}

func TestSessionAndCode(t *testing.T) {
	const id = "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"
	request := func(id, code string) Request {
		return Request{Fields: map[string]string{"sessionId": id, "code": code}}
	}
	if gotID, code, err := SessionAndCode(request(id, "482-913")); err != nil || gotID != id || code != "482913" {
		t.Errorf("%q, %q, %v", gotID, code, err)
	}
	if gotID, code, err := SessionAndCode(request(strings.ToUpper(id), "482\u2013913\u200b")); err != nil || gotID != id || code != "482913" {
		t.Errorf("%q, %q, %v", gotID, code, err)
	}
	const noID, noCode = "{sessionId must be the sessionId that /generate answered}", "{code must be the 6 to 10 digits that were sent}"
	for want, requests := range map[string][]Request{
		"[" + noCode + "]": {request(id, "48291"), request(id, "your code is 482913"), request(id, " ")},
		"[" + noID + "]": {request("urn:uuid:"+id, "482913"), request("{"+id+"}", "482913"), request(strings.ReplaceAll(id, "-", ""), "482913"),
			request(id+"\u200b", "482913"), request(strings.Replace(id, "9", "\uff19", 1), "482913")},
		"[" + noID + " {code is missing}]":           {request("x", "")},
		"[{sessionId is missing} {code is missing}]": {{}},
		"[{sessionId is missing} " + noCode + "]":    {request("", "x")},
	} {
		for _, r := range requests {
			_, _, err := SessionAndCode(r)
			var invalid *InvalidError
			if !errors.As(err, &invalid) || fmt.Sprint(invalid.Fields) != want {
				t.Errorf("%+v: %v, want %s", r, err, want)
			}
		}
	}
	var invalid *InvalidError
	if _, _, err := SessionAndCode(request(id, "482913"), "password"); !errors.As(err, &invalid) || fmt.Sprint(invalid.Fields) != "[{password is missing}]" {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":"b"}`, `{"a":"b","a":"c"}`, `{"a":[{"b":1}]}`, `{"a":"\ud83d\ude00"}`, "{\"a\":\"\xff\"}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		fields, err := parse([]byte(body), []string{"a", "b"})
		if err != nil {
			return
		}
		var same map[string]string
		err = json.Unmarshal([]byte(body), &same)
		maps.DeleteFunc(same, func(_, value string) bool { return value == "" }) // a null is "" here
		if err != nil || len(same) != len(fields) {
			t.Fatalf("%q is read as %v, by encoding/json as %v", body, fields, same)
		}
		for name, value := range fields {
			if same[name] != value || !utf8.ValidString(value) || strings.ContainsAny(value, "\r\n\x00") {
				t.Errorf("%q: field %s is %q", body, name, value)
			}
		}
	})
}
