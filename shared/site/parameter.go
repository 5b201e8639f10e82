package site

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	smithytime "github.com/aws/smithy-go/time"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"streamotp/shared/otp"
)

const maxResponse = 64 << 10 // bytes; a standard parameter has 4 KB at most

// parameter is a parameter of SSM. Its one call is made without the SDK's client, which would add 0.24 MB to each upload,
// more than generate has left of its 6 MB. Signing and the rules for retries are the SDK's own.
type parameter struct {
	cfg  aws.Config
	name string
	now  func() time.Time
}

// read returns the parameter's value. With once it makes a single attempt, otherwise as many as the SDK would.
//
// Errors: *otp.UnavailableError if there is no such parameter; *smithy.OperationError, as of every other call to AWS.
func (p parameter) read(ctx context.Context, once bool) (string, error) {
	var retryer aws.Retryer = aws.NopRetryer{}
	if !once {
		retryer = p.cfg.Retryer()
	}
	for attempt := 1; ; attempt++ {
		value, err := p.get(ctx)
		if err == nil {
			return value, nil
		}
		if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ParameterNotFound" {
			return "", &otp.UnavailableError{Reason: "the parameter of the site's URL does not exist"}
		}
		err = &smithy.OperationError{ServiceID: "SSM", OperationName: "GetParameter", Err: err}
		if attempt >= retryer.MaxAttempts() || !retryer.IsErrorRetryable(err) {
			return "", err
		}
		delay, delayErr := retryer.RetryDelay(attempt, err)
		if delayErr != nil || smithytime.SleepWithContext(ctx, delay) != nil {
			return "", err
		}
	}
}

// get makes one attempt.
func (p parameter) get(ctx context.Context) (string, error) {
	request, err := p.request(ctx)
	if err != nil {
		return "", err
	}
	response, err := p.cfg.HTTPClient.Do(request)
	if err != nil {
		return "", &smithyhttp.RequestSendError{Err: err}
	}
	defer response.Body.Close() //nolint:errcheck // it was read, or is given up
	var body struct {
		Parameter struct{ Value string }
		Type      string `json:"__type"` // of an error
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxResponse)).Decode(&body); err != nil && response.StatusCode == http.StatusOK {
		return "", &smithyhttp.RequestSendError{Err: err} // it broke off
	}
	if response.StatusCode != http.StatusOK {
		code := body.Type[strings.LastIndexByte(body.Type, '#')+1:] // some services put their namespace before it
		return "", &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: response}, Err: &smithy.GenericAPIError{Code: code}}
	}
	return body.Parameter.Value, nil
}

// request makes a signed GetParameter (AWS Systems Manager API Reference; AWS JSON 1.1 protocol).
func (p parameter) request(ctx context.Context) (*http.Request, error) {
	endpoint := aws.ToString(p.cfg.BaseEndpoint)
	if endpoint == "" { // in China the host is another one, but there is no SES there either
		endpoint = "https://ssm." + p.cfg.Region + ".amazonaws.com"
	}
	body, err := json.Marshal(map[string]string{"Name": p.name})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AmazonSSM.GetParameter")
	credentials, err := p.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(body)
	return request, v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), "ssm", p.cfg.Region, p.now())
}
