// Command generate serves POST /generate, which creates a session with its code, and POST /resend, which has the
// same code sent again.
package main

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/admit"
	"streamotp/shared/clients"
	"streamotp/shared/config"
	"streamotp/shared/httpapi"
	"streamotp/shared/keys"
	"streamotp/shared/site"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

func main() {
	var env config.Env
	telemetry.Start(env.String("METRICS_NAMESPACE"))
	cfg := env.AWS()
	db := dynamodb.NewFromConfig(cfg)
	limits := store.Limits{DB: db, Table: env.String("LIMITS_TABLE"), Rule: env.AttemptLimit()}
	codeLength := env.Int("CODE_LENGTH", 6, 10)
	ring := keys.New(cfg, env.String("KEY_SECRET"), time.Now)
	own := site.New(cfg, env.String("SITE_PARAMETER"), time.Now, mathrand.Float64)
	h := handler{
		codes:      store.Codes{DB: db, Table: env.String("CODES_TABLE")},
		users:      store.Users{DB: db, Table: env.String("USERS_TABLE")},
		clients:    clients.New(limits, env.String("CLIENTS_TABLE"), ring, time.Now),
		keys:       ring,
		origin:     keys.NewOrigin(cfg, env.String("ORIGIN_SECRET"), time.Now),
		captcha:    newCaptcha(&env, cfg, own, time.Now),
		site:       own,
		now:        time.Now,
		random:     rand.Reader,
		codeLength: codeLength,
		codeTTL:    env.Seconds("CODE_TTL_SECONDS", 60, 600),
		cooldown:   env.Seconds("RESEND_COOLDOWN_SECONDS", 1, 600),
		admit: admit.Admitter{
			Limits:                  limits,
			Prefixes:                store.Prefixes{DB: db, Table: limits.Table, Rule: env.PumpingLimit()},
			Days:                    store.Days{DB: db, Table: limits.Table, SMS: env.Int("SMS_PER_DAY", 0, 1e8)},
			Phones:                  &phoneReader{program: env.String("LAMBDA_TASK_ROOT") + "/phone"},
			Tests:                   keys.NewTestDestinations(cfg, env.String("TEST_DESTINATIONS_SECRET")),
			CodeLength:              codeLength,
			Countries:               env.List("ALLOWED_COUNTRIES"),
			MessagesPerHour:         env.Int("SENDS_PER_HOUR", 0, 20),
			MessagesPerIP:           env.Int("SENDS_PER_IP_PER_HOUR", 0, 60),
			WrongPasswordsPerHour:   env.Int("PASSWORD_TRIES_PER_HOUR", 0, 60),
			WrongPasswordsPerIPHour: env.Int("PASSWORD_TRIES_PER_IP_PER_HOUR", 0, 60),
		},
	}
	if env.SignUp() {
		h.signUps = store.SignUps{DB: db, Table: limits.Table}
	}
	gate := keys.Gate(cfg, env.Optional("REQUIRED_ORIGIN_SECRET"), time.Now)
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(httpapi.Handler(h.routes(), gate, h.clients))
}
