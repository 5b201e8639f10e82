package main

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"streamotp/shared/store/storetest"
)

// clients are an identity's two clients.
type clients struct {
	s3         *s3.Client
	cloudfront *cloudfront.Client
}

func newClients(cfg aws.Config) clients {
	cfg.RetryMaxAttempts = 1
	return clients{
		s3:         s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), // a bucket has no host name of its own here
		cloudfront: cloudfront.NewFromConfig(cfg, func(o *cloudfront.Options) { o.HTTPClient = errorWrapper{cfg.HTTPClient} }),
	}
}

// clientsOf returns clients that call the server at the URL.
func clientsOf(t *testing.T, url string) clients {
	t.Helper()
	cfg := storetest.MiniStack(t)
	cfg.BaseEndpoint = &url
	return newClients(cfg)
}

// errorWrapper wraps an error that IAM returns for CloudFront as AWS does (Smithy's "AWS restXml protocol"): MiniStack returns a bare
// <Error>, in which the SDK finds no error code.
type errorWrapper struct{ aws.HTTPClient }

func (w errorWrapper) Do(r *http.Request) (*http.Response, error) {
	response, err := w.HTTPClient.Do(r)
	if err != nil || response.StatusCode < http.StatusBadRequest {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if i := bytes.Index(body, []byte("<Error>")); i >= 0 && !bytes.Contains(body, []byte("<ErrorResponse")) {
		body = []byte("<ErrorResponse>" + string(body[i:]) + "</ErrorResponse>")
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, err
}
