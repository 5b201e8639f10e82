// Command send makes one attempt to send each message that the stream of CodesTable or the retry queue names.
package main

import (
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"streamotp/shared/admit"
	"streamotp/shared/config"
	"streamotp/shared/deliver"
	"streamotp/shared/keys"
	"streamotp/shared/site"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

func main() {
	var env config.Env
	telemetry.Start(env.String("METRICS_NAMESPACE"))
	cfg := env.AWS()
	db, queues := dynamodb.NewFromConfig(cfg), sqs.NewFromConfig(cfg)
	h := handler{
		codes:        store.Codes{DB: db, Table: env.String("CODES_TABLE")},
		suppressions: store.Suppressions{DB: db, Table: env.String("LIMITS_TABLE")},
		limits: admit.Admitter{Limits: store.Limits{DB: db, Table: env.String("LIMITS_TABLE")},
			MessagesPerHour: env.Int("SENDS_PER_HOUR", 0, 20)},
		keys:        keys.New(cfg, env.String("KEY_SECRET"), time.Now),
		retries:     sqsQueue{queues, env.String("RETRY_QUEUE_URL")},
		deadLetters: sqsQueue{queues, env.String("DEAD_LETTER_QUEUE_URL")},
		site:        site.New(cfg, env.String("SITE_PARAMETER"), time.Now, rand.Float64),
		now:         time.Now,
		random:      rand.Float64,
		sender: deliver.New(cfg, deliver.Sender{
			AppName:          env.String("APP_NAME"),
			From:             env.String("SES_FROM_ADDRESS"),
			ConfigurationSet: env.Optional("SES_CONFIGURATION_SET"),
			NotificationSet:  env.Optional("SES_NOTIFICATION_CONFIGURATION_SET"),
			SMS: deliver.SMSSender{
				SenderID:          env.Optional("SMS_SENDER_ID"),
				OriginationNumber: env.Optional("SMS_ORIGINATION_NUMBER"),
				EntityID:          env.Optional("SMS_ENTITY_ID"),
				TemplateID:        env.Optional("SMS_TEMPLATE_ID"),
				MaxPriceUSD:       env.Optional("SMS_MAX_PRICE_USD"),
			},
		}),
	}
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(h.handle)
}
