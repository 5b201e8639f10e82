package aws

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"streamotp/local/lambda"
)

// maxOutside, in bytes, is far above what functions send there.
const maxOutside = 64 << 10

// Outside serves a function's call to a service outside AWS. Such a call has no signature to identify the caller by, so
// the caller is given. The call gets the faults that are set for it and is recorded like all others.
func (e *Endpoint) Outside(service, action, function string, do http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOutside)) // read first: otherwise a caller that gives up is not noticed
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		begin, f := time.Now(), e.take(service, action, function, "")
		there := f.latency == 0 || lambda.Sleep(r.Context(), f.latency)
		defer func() {
			e.keep(Call{Function: function, Service: service, Action: action, Bytes: len(body), Ms: since(begin)})
		}()
		switch {
		case !there || f.drop:
			panic(http.ErrAbortHandler)
		case f.fault.Error != "":
			w.Header().Set("Content-Type", "application/json")
			status, _ := statusOf(service, f.fault.Error)
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"success": false, "error-codes": []string{f.fault.Error}})
		default:
			do.ServeHTTP(w, r)
		}
	})
}
