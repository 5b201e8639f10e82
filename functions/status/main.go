// Command status serves POST /status, which reports the state of a session.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/clients"
	"streamotp/shared/config"
	"streamotp/shared/httpapi"
	"streamotp/shared/keys"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

func main() {
	var env config.Env
	telemetry.Start(env.String("METRICS_NAMESPACE"))
	cfg := env.AWS()
	db := dynamodb.NewFromConfig(cfg)
	limits := store.Limits{DB: db, Table: env.String("LIMITS_TABLE")}
	ring := keys.New(cfg, env.String("KEY_SECRET"), time.Now)
	h := handler{
		codes:    store.Codes{DB: db, Table: env.String("CODES_TABLE")},
		limits:   limits,
		keys:     ring,
		now:      time.Now,
		rule:     env.AttemptLimit(),
		cooldown: env.Seconds("RESEND_COOLDOWN_SECONDS", 1, 600),
	}
	servers := clients.New(limits, env.String("CLIENTS_TABLE"), ring, time.Now)
	gate := keys.Gate(cfg, env.Optional("REQUIRED_ORIGIN_SECRET"), time.Now)
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(httpapi.Handler(h.routes(), gate, servers))
}
