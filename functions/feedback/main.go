// Command feedback stores the events that SES publishes about sent e-mail: deliveries and bounces in the session's row, and
// permanent bounces and complaints as suppressions.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/config"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

func main() {
	var env config.Env
	telemetry.Start(env.String("METRICS_NAMESPACE"))
	db := dynamodb.NewFromConfig(env.AWS())
	h := handler{
		codes:        store.Codes{DB: db, Table: env.String("CODES_TABLE")},
		suppressions: store.Suppressions{DB: db, Table: env.String("LIMITS_TABLE")},
		now:          time.Now,
	}
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(h.handle)
}
