// Command proof is the baseline (the floor) for the functions that use a signing key: the smallest Go Lambda with the same SDK
// clients, which makes a few calls and is built the same way. The path of its event says which calls.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func main() {
	cfg := aws.Config{Region: os.Getenv("AWS_REGION"), BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "c")}
	db, secrets, keys := dynamodb.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), kms.NewFromConfig(cfg)
	lambda.Start(func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		secret, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("secret")})
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		key := map[string]types.AttributeValue{
			"sessionId": &types.AttributeValueMemberS{Value: e.RequestContext.RequestID}, "code": &types.AttributeValueMemberS{Value: *secret.SecretString},
		}
		get := func() error {
			_, err := db.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("floor"), Key: key})
			return err
		}
		put := func() error {
			_, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("floor"), Item: key})
			return err
		}
		update := func() error {
			_, err := db.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: aws.String("floor"), Key: key, UpdateExpression: aws.String("SET x = :x"),
				ExpressionAttributeValues: map[string]types.AttributeValue{":x": &types.AttributeValueMemberBOOL{Value: true}}})
			return err
		}
		sign := func() error {
			_, err := keys.Sign(ctx, &kms.SignInput{KeyId: aws.String("alias/current"), Message: make([]byte, 32), MessageType: kmstypes.MessageTypeDigest,
				SigningAlgorithm: kmstypes.SigningAlgorithmSpecRsassaPkcs1V15Sha256})
			return err
		}
		calls := []func() error{sign, put} // as verify with a proof
		switch e.RouteKey {
		case "POST /oauth2/authorize":
			calls = []func() error{put}
		case "POST /oauth2/token":
			calls = []func() error{get, update, sign}
		}
		for _, call := range calls {
			if err := call(); err != nil {
				return events.APIGatewayV2HTTPResponse{}, err
			}
		}
		return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: `{}`}, nil
	})
}
