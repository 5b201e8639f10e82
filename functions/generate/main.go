// Command generate serves POST /generate, which makes a session and writes its code, and POST /resend, which has the
// same code sent again.
package main

import (
	"crypto/rand"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

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
	limits := store.Limits{DB: db, Table: env.String("LIMITS_TABLE"), Rule: env.TryLimit()}
	h := handler{
		codes:      store.Codes{DB: db, Table: env.String("CODES_TABLE")},
		limits:     limits,
		users:      store.Users{DB: db, Table: env.String("USERS_TABLE")},
		keys:       keys.New(cfg, env.String("KEY_SECRET"), time.Now),
		phones:     phoneReader{program: env.String("LAMBDA_TASK_ROOT") + "/phone"},
		now:        time.Now,
		random:     rand.Reader,
		codeLength: env.Int("CODE_LENGTH", 6, 10),
		codeTTL:    env.Seconds("CODE_TTL_SECONDS", 60, 600),
		cooldown:   env.Seconds("RESEND_COOLDOWN_SECONDS", 1, 600),
		countries:  env.List("ALLOWED_COUNTRIES"),
		sends:      env.Int("SENDS_PER_HOUR", 0, 20),
		sendsPerIP: env.Int("SENDS_PER_IP_PER_HOUR", 0, 60),
		passwords:  env.Int("PASSWORD_TRIES_PER_HOUR", 0, 60),
		prefixes:   store.Prefixes{DB: db, Table: limits.Table, Rule: env.PumpingLimit()},
		ceilings: &store.Ceilings{DB: db, Table: limits.Table,
			Messages: env.Int("MESSAGES_PER_DAY", 0, 1e8), SMS: env.Int("SMS_PER_DAY", 0, 1e8)},
		origin:  keys.NewOrigin(cfg, env.String("ORIGIN_SECRET"), time.Now),
		tests:   keys.NewTestDestinations(cfg, env.String("TEST_DESTINATIONS_SECRET")),
		captcha: newCaptcha(&env, cfg, time.Now),
	}
	gate := keys.Gate(cfg, env.Optional("REQUIRED_ORIGIN_SECRET"), time.Now)
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(httpapi.Handler(h.routes(), gate))
}
