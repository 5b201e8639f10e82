// Package httpapi is the HTTP layer of the functions. It reads strict JSON, writes JSON or problem details (RFC 9457), and holds
// the only table from errors to statuses.
//
// Its invariants:
//
//	H1: a body that is not exactly what the call accepts never reaches a handler.
//	H2: a response reveals no cause. The cause is logged once, without any text of the caller or a provider.
//	H3: if a dependency fails, the response is 503 with Retry-After, before Lambda's own time-out.
package httpapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"

	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

// maxBody, in bytes, is far more than any call needs.
const maxBody = 8 << 10

// Request is an HTTP request whose body was accepted.
type Request struct {
	ID     string            // API Gateway's request id
	Source string            // the IP address that API Gateway was called from
	Header map[string]string // names in lower case; a caller can set any of them
	Cookie []string          // as name=value
	Fields map[string]string // of the JSON body; every field of every call is a string
	Server *otp.Client       // whose credentials came with the request; nil for a call from anywhere else
	Event  *telemetry.Event  // what the audit log reports about the request; handlers fill in what they learn
}

// Get returns a field, or "" if it is absent.
func (r Request) Get(field string) string { return r.Fields[field] }

// ServerID returns the id of the client whose server makes the request, or "".
func (r Request) ServerID() string {
	if r.Server == nil {
		return ""
	}
	return r.Server.ID
}

// FieldError says what is wrong with one field.
type FieldError struct {
	Field  string `json:"field"`
	Reason string `json:"reason"` // completes "field …", as "must be a string"
}

// InvalidError says that a body is not what the call accepts.
type InvalidError struct {
	Fields []FieldError
}

func (e *InvalidError) Error() string { return "invalid request" }

// Invalid returns an InvalidError for one field; an empty name stands for the whole body.
func Invalid(field, reason string) error {
	return &InvalidError{Fields: []FieldError{{field, reason}}}
}

var (
	errTooLarge = errors.New("body over 8 KiB")
	errNotJSON  = errors.New("content type is not application/json")
)

// read decodes and checks an event's body. fields are the names that the call accepts.
func read(event events.APIGatewayV2HTTPRequest, fields []string) (Request, error) {
	request := Request{ID: event.RequestContext.RequestID, Source: event.RequestContext.HTTP.SourceIP, Header: event.Headers,
		Cookie: event.Cookies, Event: &telemetry.Event{}}
	body, err := Body(event)
	if err != nil {
		return request, err
	}
	body = bytes.TrimPrefix(body, []byte("\uFEFF")) // a byte order mark, which RFC 8259 8.1 allows to ignore
	if mediaType, _, err := mime.ParseMediaType(event.Headers["content-type"]); err != nil || mediaType != "application/json" {
		return request, errNotJSON
	}
	request.Fields, err = parse(body, fields)
	return request, err
}

// Body returns the body of a request.
//
// Errors: *InvalidError; one that the table answers with 413 if the body is over 8 KiB.
func Body(event events.APIGatewayV2HTTPRequest) ([]byte, error) {
	body := []byte(event.Body)
	if event.IsBase64Encoded { // as API Gateway encodes forms
		decoded, err := base64.StdEncoding.DecodeString(event.Body)
		if err != nil {
			return nil, Invalid("", "the body cannot be read")
		}
		body = decoded
	}
	if len(body) > maxBody {
		return nil, errTooLarge
	}
	return body, nil
}

// parse reads a JSON object of strings, more strictly than encoding/json does: only known names, none twice, nothing
// after the object, valid UTF-8 (also in escapes) and no control characters (H1). A field that is null or "" counts as absent,
// since typed clients send the fields that they leave out in one of these ways.
//
// Errors: *InvalidError, which lists every wrong field if the text is valid JSON.
func parse(body []byte, known []string) (map[string]string, error) {
	if !utf8.Valid(body) {
		return nil, Invalid("", "the body must be valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, Invalid("", "the body must be a JSON object")
	}
	fields := make(map[string]string, len(known))
	seen := make(map[string]bool, len(known))
	var wrong []FieldError
	for dec.More() {
		name, text, err := member(dec)
		_, notString := errors.AsType[*json.UnmarshalTypeError](err)
		if err != nil && !notString {
			return nil, Invalid("", "the body must be valid JSON")
		}
		if slices.Contains(trimmed, name) {
			text = otp.Trim(text)
		}
		if reason := refuse(name, text, notString, known, seen[name]); reason != "" {
			wrong = append(wrong, FieldError{clip(name), reason})
			continue
		}
		seen[name] = true
		if text != "" {
			fields[name] = text
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, Invalid("", "the body must be valid JSON")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, Invalid("", "nothing may follow the JSON object")
	}
	if len(wrong) > 0 {
		return nil, &InvalidError{Fields: wrong}
	}
	return fields, nil
}

// member reads one name and its value; null becomes "". If the value is of another type, it is skipped, without recursion, and the
// error is *json.UnmarshalTypeError.
func member(dec *json.Decoder) (name, text string, err error) {
	token, err := dec.Token()
	if err != nil {
		return "", "", err
	}
	name, _ = token.(string)
	err = dec.Decode(&text)
	return name, text, err
}

// trimmed are the fields that people type or paste. A line end or tab around their text does no harm.
var trimmed = []string{"email", "phone", "code"}

// refuse returns why a member is not accepted, or "".
func refuse(name, text string, notString bool, known []string, repeated bool) string {
	switch {
	case !slices.Contains(known, name):
		return "is not known here"
	case repeated:
		return "must not be repeated"
	case notString:
		return "must be a string"
	case strings.ContainsFunc(text, isUnfit):
		return "must not contain control or replacement characters"
	}
	return ""
}

// isUnfit reports whether a character is accepted in no field: control characters (CR, LF and NUL among them), and the
// replacement character, which is what a lone surrogate in an escape becomes.
func isUnfit(r rune) bool { return r < ' ' || r == 0x7F || r == utf8.RuneError }

// clip shortens an unknown name, so that a caller cannot fill the response with it.
func clip(name string) string {
	const most = 32
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "…"
}

// SessionID returns the field sessionId in the one spelling that sessions are stored under: lower case, whatever the caller's
// UUID type writes (RFC 9562, 4).
//
// Errors: *InvalidError.
func SessionID(r Request) (string, error) {
	typed := r.Get("sessionId")
	id, err := uuid.Parse(typed)
	switch {
	case typed == "":
		return "", Invalid("sessionId", Missing)
	case err != nil || id.String() != strings.ToLower(typed): // the library reads other notations too
		return "", Invalid("sessionId", "must be the sessionId that /generate answered")
	}
	return id.String(), nil
}

// Missing is the reason of a FieldError for a field that is absent.
const Missing = "is missing"

// SessionAndCode returns the fields sessionId and code, the code as its digits. The fields named in others must be present.
//
// Errors: *InvalidError, which lists every field that is wrong.
func SessionAndCode(r Request, others ...string) (id, code string, err error) {
	var list []FieldError
	id, err = SessionID(r)
	if wrong, ok := errors.AsType[*InvalidError](err); ok {
		list = wrong.Fields
	}
	code, ok := otp.NormalizeCode(r.Get("code"))
	switch {
	case r.Get("code") == "":
		list = append(list, FieldError{"code", Missing})
	case !ok:
		list = append(list, FieldError{"code", "must be the 6 to 10 digits that were sent"})
	}
	for _, field := range others {
		if r.Get(field) == "" {
			list = append(list, FieldError{field, Missing})
		}
	}
	if len(list) > 0 {
		return "", "", &InvalidError{list}
	}
	return id, code, nil
}
