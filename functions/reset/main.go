// Command reset serves POST /reset, which checks a code of a reset session and sets the new password.
package main

import (
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/clients"
	"streamotp/shared/config"
	"streamotp/shared/httpapi"
	"streamotp/shared/judge"
	"streamotp/shared/keys"
	"streamotp/shared/password"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

func main() {
	var env config.Env
	telemetry.Start(env.String("METRICS_NAMESPACE"))
	cfg := env.AWS()
	db := dynamodb.NewFromConfig(cfg)
	codes := store.Codes{DB: db, Table: env.String("CODES_TABLE")}
	limits := store.Limits{DB: db, Table: env.String("LIMITS_TABLE"), Rule: env.AttemptLimit()}
	ring := keys.New(cfg, env.String("KEY_SECRET"), time.Now)
	h := handler{
		judge:   judge.Judge{Codes: codes, Limits: limits, Keys: ring, Rule: limits.Rule, Now: time.Now},
		codes:   codes,
		users:   store.Users{DB: db, Table: env.String("USERS_TABLE")},
		limits:  limits,
		now:     time.Now,
		appName: env.String("APP_NAME"),
	}
	servers := clients.New(limits, env.String("CLIENTS_TABLE"), ring, time.Now)
	gate := keys.Gate(cfg, env.Optional("REQUIRED_ORIGIN_SECRET"), time.Now)
	if err := errors.Join(env.Err(), password.CheckList()); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(httpapi.Handler(h.routes(), gate, servers))
}
