// Command oidc serves GET /.well-known/openid-configuration and /.well-known/jwks.json, with which back ends check proofs.
package main

import (
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"streamotp/shared/config"
	"streamotp/shared/proof"
	"streamotp/shared/site"
	"streamotp/shared/telemetry"
)

func main() {
	var env config.Env
	telemetry.Start(env.String("METRICS_NAMESPACE"))
	cfg := env.AWS()
	h := handler{
		site: site.New(cfg, env.String("SITE_PARAMETER"), time.Now, rand.Float64),
		keys: proof.NewPublished(cfg, env.List("SIGNING_KEYS"), time.Now),
		now:  time.Now,
	}
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(h.handle)
}
