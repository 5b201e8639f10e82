package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"time"
)

// cloud answers the functions' AWS calls from memory, always with success. It adds the same cost to everything that is
// compared, and its own processor time is not counted, as it runs in another process than the functions.
type cloud struct {
	*httptest.Server
	mu    sync.Mutex
	items map[string]item // of the codes table, by session id
	users map[string]item
	code  string          // of the last e-mail
	key   *rsa.PrivateKey // of KMS
	delay time.Duration   // before each e-mail is accepted
}

type item = map[string]map[string]any

func newCloud() *cloud {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // never (crypto/rand)
	}
	c := &cloud{items: map[string]item{}, users: map[string]item{}, key: key}
	c.Server = httptest.NewServer(c)
	return c
}

// The ids of the clients: one for proofs, and one of hosted login.
const client, hosted = "shop", "hosted"

var hostedClient = item{"id": {"S": hosted}, "name": {"S": "Shop"}, "type": {"S": "public"}, "redirectUris": {"L": []any{map[string]string{"S": callback}}}}

const secret = `{"index":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}`

// siteURL is the site of the functions, and the issuer of their tokens.
const siteURL = "https://login.example.com"

// assignment is a part of the UpdateExpression of a transaction.
var assignment = regexp.MustCompile(`(\w+) = (:\w+)`)

var codeLine = regexp.MustCompile(`\n(\d{6})\n`)

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if strings.HasPrefix(r.URL.Path, "/v2/email") {
		time.Sleep(c.delay) // simulates a provider's latency
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	var in struct {
		TableName                 string
		Item, Key                 item
		UpdateExpression          string
		ExpressionAttributeValues item
		Message                   []byte // a digest that KMS signs
		Content                   struct {
			Simple struct {
				Body struct{ Text struct{ Data string } }
			}
		}
	}
	json.Unmarshal(body, &in) //nolint:errcheck // what is missing shows in the functions' answers
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var out any = map[string]any{}
	switch action {
	case "GetSecretValue":
		out = map[string]string{"SecretString": secret}
	case "GetParameter":
		out = map[string]any{"Parameter": map[string]string{"Value": siteURL}}
	case "GetPublicKey":
		public, _ := x509.MarshalPKIXPublicKey(&c.key.PublicKey) // fails only for a key of another kind
		out = map[string]any{"KeyId": "key", "PublicKey": public}
	case "Sign":
		signature, _ := rsa.SignPKCS1v15(nil, c.key, crypto.SHA256, in.Message) // complete checks it
		out = map[string]any{"KeyId": "key", "Signature": signature}
	case "PutItem":
		if in.TableName == "codes" {
			c.items[in.Item["sessionId"]["S"].(string)] = in.Item
		}
	case "GetItem":
		if found := c.find(in.TableName, in.Key); found != nil {
			out = map[string]any{"Item": found}
		}
	case "Query":
		out = map[string]any{"Items": []item{c.items[in.ExpressionAttributeValues[":id"]["S"].(string)]}, "Count": 1}
	case "UpdateItem":
		if in.TableName == "limits" {
			out = map[string]any{"Attributes": item{"tries": {"N": "1"}, "ceiling": {"N": "5"}}}
		}
		if found := c.find(in.TableName, in.Key); in.TableName == "codes" && strings.HasPrefix(in.Key["sessionId"]["S"].(string), "authz#") {
			for _, set := range assignment.FindAllStringSubmatch(in.UpdateExpression, -1) {
				found[set[1]] = in.ExpressionAttributeValues[set[2]]
			}
		}
	case "": // SES
		if found := codeLine.FindStringSubmatch(in.Content.Simple.Body.Text.Data); found != nil {
			c.code = found[1]
		}
		out = map[string]string{"MessageId": "1"}
	}
	json.NewEncoder(w).Encode(out) //nolint:errcheck // the function reports what is missing
}

func (c *cloud) find(table string, key item) item {
	switch table {
	case "codes":
		return c.items[key["sessionId"]["S"].(string)]
	case "clients":
		if key["id"]["S"] == hosted {
			return hostedClient
		}
		return item{"id": {"S": client}, "name": {"S": "Shop"}, "type": {"S": "public"}, "purposes": {"L": []any{map[string]string{"S": "verify"}}}}
	case "users":
		return c.users[key["email"]["S"].(string)]
	}
	return nil
}

// addUser adds the account ada@example.com with oldPassword.
func (c *cloud) addUser() {
	c.users["ada@example.com"] = item{"email": {"S": "ada@example.com"}, "id": {"S": "6f2a9d0c-2f0e-4c8e-9d3a-5b8f6c1e7a42"}, "passwordHash": {"S": oldHash}, "channel": {"S": "email"}}
}
