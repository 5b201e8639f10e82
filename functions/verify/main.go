// Command verify serves POST /verify, which checks a code of a verify, login or passwordless session.
package main

import (
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/clients"
	"streamotp/shared/config"
	"streamotp/shared/httpapi"
	"streamotp/shared/judge"
	"streamotp/shared/keys"
	"streamotp/shared/proof"
	"streamotp/shared/site"
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
		judge:    judge.Judge{Codes: codes, Limits: limits, Keys: ring, Rule: limits.Rule, Now: time.Now},
		codes:    codes,
		limits:   limits,
		prefixes: store.Prefixes{DB: db, Table: limits.Table},
		signer: proof.NewSigner(cfg, env.String("SIGNING_KEY"),
			site.New(cfg, env.String("SITE_PARAMETER"), time.Now, rand.Float64), time.Now),
		proofLife: env.Seconds("PROOF_TTL_SECONDS", 30, 600),
		now:       time.Now,
	}
	if env.SignUp() {
		h.users = &store.Users{DB: db, Table: env.String("USERS_TABLE")}
	}
	servers := clients.New(limits, env.String("CLIENTS_TABLE"), ring, time.Now)
	gate := keys.Gate(cfg, env.Optional("REQUIRED_ORIGIN_SECRET"), time.Now)
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(httpapi.Handler(h.routes(), gate, servers))
}
