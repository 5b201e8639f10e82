// Command oidc is the OpenID provider: it serves hosted login, by which people log in to applications on StreamOTP's own pages, and
// the documents under /.well-known/, with which back ends check proofs and tokens.
//
// Its invariants:
//
//	L1: no redirect leads to a URL that is not registered for the client, to the byte.
//	L2: a transaction (a login in progress) is completed only by a request that has both a proof for the transaction and the cookie
//	    of the browser in which the transaction began.
//	L3: no token is signed for a caller who has not met every condition for the exchange of a code.
//	L4: only one exchange of a code gets tokens, and each further exchange ends these tokens.
package main

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/clients"
	"streamotp/shared/config"
	"streamotp/shared/httpapi"
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
	limits := store.Limits{DB: db, Table: env.String("LIMITS_TABLE")}
	ring := keys.New(cfg, env.String("KEY_SECRET"), time.Now)
	own := site.New(cfg, env.String("SITE_PARAMETER"), time.Now, mathrand.Float64)
	table := env.String("CLIENTS_TABLE")
	h := handler{
		site:    own,
		keys:    proof.NewPublished(cfg, env.List("SIGNING_KEYS"), time.Now),
		home:    &home{clients: store.Clients{DB: db, Table: table}, now: time.Now},
		codes:   store.Codes{DB: db, Table: env.String("CODES_TABLE")},
		clients: clients.New(limits, table, ring, time.Now),
		rings:   ring,
		limits:  limits,
		signer:  proof.NewSigner(cfg, env.String("SIGNING_KEY"), own, time.Now),
		origin:  keys.NewOrigin(cfg, env.String("ORIGIN_SECRET"), time.Now),
		signUp:  env.SignUp(),
		now:     time.Now,
		random:  rand.Reader,
	}
	gate := keys.Gate(cfg, env.Optional("REQUIRED_ORIGIN_SECRET"), time.Now)
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(httpapi.Handler(h.routes(), gate, nil))
}
