package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// aws calls Secrets Manager at the stack's AWS endpoint as the CLI would.
func aws(t testing.TB, s *Stack, target string, body any) (answer map[string]any) {
	t.Helper()
	status, text := awsAs(t, s, "operator", "secretsmanager", target, body)
	if err := json.Unmarshal(text, &answer); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s, %v", target, status, text, err)
	}
	return answer
}

// awsAs calls a service that speaks JSON, with the given access key.
func awsAs(t testing.TB, s *Stack, key, service, target string, body any) (int, []byte) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, s.AWSURL, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", target)
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/"+time.Now().UTC().Format("20060102")+
		"/us-east-1/"+service+"/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature="+strings.Repeat("0", 64))
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, text
}

// stackOutput returns one of the deployed stack's outputs.
func stackOutput(t testing.TB, s *Stack, key string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.AWSURL, strings.NewReader("Action=DescribeStacks&StackName=streamotp&Version=2010-05-15"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=operator/"+time.Now().UTC().Format("20060102")+
		"/us-east-1/cloudformation/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	_, rest, found := strings.Cut(string(text), "<OutputKey>"+key+"</OutputKey>")
	_, rest, _ = strings.Cut(rest, "<OutputValue>")
	value, _, _ := strings.Cut(rest, "</OutputValue>")
	if !found || value == "" {
		t.Fatalf("no output %s in %s", key, text)
	}
	return value
}

// captchaSecret is the secret key of the development stack's CAPTCHA stub.
const captchaSecret = "stub-secret"

// setCaptchaSecret stores captchaSecret as `otpctl captcha set` does.
func (s *Stack) setCaptchaSecret() {
	s.t.Helper()
	aws(s.t, s, "secretsmanager.PutSecretValue", map[string]any{"SecretId": stackOutput(s.t, s, "CaptchaSecretArn"), "SecretString": captchaSecret})
}
