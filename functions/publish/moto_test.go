package main

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"streamotp/shared/store/storetest"
)

// newAWS returns the configuration of clients that talk to moto.
func newAWS(t *testing.T) aws.Config {
	t.Helper()
	return configFor(storetest.Moto(t))
}

func configFor(url string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		RetryMaxAttempts: 1}
}
