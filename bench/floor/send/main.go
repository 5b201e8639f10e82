// Command send is the baseline (the floor) for the send function: the smallest Go Lambda with the same SDK clients, which
// makes one call with each client that an e-mail needs and is built the same way.
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
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

func main() {
	cfg := aws.Config{Region: os.Getenv("AWS_REGION"), BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "c")}
	db, secrets, mail, texts := dynamodb.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), sesv2.NewFromConfig(cfg), sns.NewFromConfig(cfg)
	lambda.Start(func(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		if _, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("secret")}); err != nil {
			return events.DynamoDBEventResponse{}, err
		}
		if len(batch.Records) == 0 { // never true; it keeps the client that an e-mail does not use
			_, err := texts.Publish(ctx, &sns.PublishInput{})
			return events.DynamoDBEventResponse{}, err
		}
		_, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("floor"), Item: map[string]types.AttributeValue{
			"sessionId": &types.AttributeValueMemberS{Value: batch.Records[0].EventID},
			"code":      &types.AttributeValueMemberS{Value: "x"},
		}})
		if err != nil {
			return events.DynamoDBEventResponse{}, err
		}
		_, err = mail.SendEmail(ctx, &sesv2.SendEmailInput{FromEmailAddress: aws.String("a@example.com"),
			Destination: &sestypes.Destination{ToAddresses: []string{"b@example.com"}},
			Content: &sestypes.EmailContent{Simple: &sestypes.Message{Subject: &sestypes.Content{Data: aws.String("s")},
				Body: &sestypes.Body{Text: &sestypes.Content{Data: aws.String("t")}}}}})
		return events.DynamoDBEventResponse{}, err
	})
}
