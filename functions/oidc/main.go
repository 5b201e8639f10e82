// Command oidc serves GET /.well-known/openid-configuration and /.well-known/jwks.json, with which back ends check proofs, and
// /.well-known/streamotp.json, which says to which application people go on after a login.
package main

import (
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/config"
	"streamotp/shared/proof"
	"streamotp/shared/site"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

func main() {
	var env config.Env
	telemetry.Start(env.String("METRICS_NAMESPACE"))
	cfg := env.AWS()
	h := handler{
		site: site.New(cfg, env.String("SITE_PARAMETER"), time.Now, rand.Float64),
		keys: proof.NewPublished(cfg, env.List("SIGNING_KEYS"), time.Now),
		home: &home{clients: store.Clients{DB: dynamodb.NewFromConfig(cfg), Table: env.String("CLIENTS_TABLE")}, now: time.Now},
		now:  time.Now,
	}
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(h.handle)
}
