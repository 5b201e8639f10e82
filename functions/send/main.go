// Command send takes new items from the stream of the codes table and sends each by e-mail or SMS.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/config"
	"streamotp/shared/deliver"
	"streamotp/shared/keys"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

func main() {
	var env config.Env
	telemetry.Start(env.String("METRICS_NAMESPACE"))
	cfg := env.AWS()
	db := dynamodb.NewFromConfig(cfg)
	h := handler{
		codes:        store.Codes{DB: db, Table: env.String("CODES_TABLE")},
		suppressions: store.Suppressions{DB: db, Table: env.String("LIMITS_TABLE")},
		keys:         keys.New(cfg, env.String("KEY_SECRET"), time.Now),
		now:          time.Now,
		sender: deliver.New(cfg, deliver.Sender{
			AppName:          env.String("APP_NAME"),
			From:             env.String("SES_FROM_ADDRESS"),
			Host:             env.String("SITE_HOST"),
			ConfigurationSet: env.Optional("SES_CONFIGURATION_SET"),
			SMS: deliver.SMSSender{
				SenderID:          env.Optional("SMS_SENDER_ID"),
				OriginationNumber: env.Optional("SMS_ORIGINATION_NUMBER"),
				EntityID:          env.Optional("SMS_ENTITY_ID"),
				TemplateID:        env.Optional("SMS_TEMPLATE_ID"),
			},
		}),
	}
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(h.handle)
}
