package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// A transaction is one item, whose partition key is this and its id. It has no "send", so the stream passes it by, and no "purpose",
// so it is read as no session.
const (
	transactionPrefix = "authz#"
	transactionRange  = "authz"
)

// transaction is an item of the table.
type transaction struct {
	SessionID string `dynamodbav:"sessionId"`
	Code      string `dynamodbav:"code"`
	Browser   string `dynamodbav:"browser"`
	Client    string `dynamodbav:"client"`
	Redirect  string `dynamodbav:"redirect"`
	Challenge string `dynamodbav:"challenge,omitempty"`
	Scopes    string `dynamodbav:"scopes"` // with a space between them
	Wanted    string `dynamodbav:"wanted,omitempty"`
	KeyID     string `dynamodbav:"kid"`
	Sealed    []byte `dynamodbav:"sealed"`
	CreatedAt int64  `dynamodbav:"createdAt"` // epoch milliseconds
	ExpiredAt int64  `dynamodbav:"expiredAt"` // epoch seconds, TTL
	AskedBy   string `dynamodbav:"askedBy"`   // request id

	CodeHash  string   `dynamodbav:"codeHash,omitempty"`
	ProofHash string   `dynamodbav:"proofHash,omitempty"`
	Subject   string   `dynamodbav:"subject,omitempty"`
	Methods   []string `dynamodbav:"amr,omitempty"`
	Level     string   `dynamodbav:"acr,omitempty"`
	AuthTime  int64    `dynamodbav:"authTime,omitempty"` // epoch seconds

	UsedAt    int64  `dynamodbav:"usedAt,omitempty"` // epoch milliseconds
	UsedBy    string `dynamodbav:"usedBy,omitempty"` // request id
	TokenHash string `dynamodbav:"tokenHash,omitempty"`
	RevokedAt int64  `dynamodbav:"revokedAt,omitempty"` // epoch milliseconds
}

func (t transaction) transaction() otp.Transaction {
	return otp.Transaction{
		ID: strings.TrimPrefix(t.SessionID, transactionPrefix), Browser: t.Browser, ClientID: t.Client, RedirectURI: t.Redirect, Challenge: t.Challenge,
		Scopes: strings.Fields(t.Scopes), WantedLevel: t.Wanted, KeyID: t.KeyID, Sealed: t.Sealed,
		CreatedAt: time.UnixMilli(t.CreatedAt), ExpiresAt: time.Unix(t.ExpiredAt, 0),
		CodeHash: t.CodeHash, ProofHash: t.ProofHash, Subject: t.Subject, Methods: t.Methods, Level: t.Level, AuthTime: time.Unix(t.AuthTime, 0),
		UsedAt: timeOf(t.UsedAt), UsedBy: t.UsedBy, TokenHash: t.TokenHash, RevokedAt: timeOf(t.RevokedAt),
	}
}

// timeOf returns a time that may be absent.
func timeOf(millis int64) (at time.Time) {
	if millis != 0 {
		at = time.UnixMilli(millis)
	}
	return at
}

func transactionKey(id string) item { return key(transactionPrefix+id, transactionRange) }

// PutTransaction writes a new transaction. A repeated write of the same request is success.
func (c Codes) PutTransaction(ctx context.Context, t otp.Transaction, requestID string) error {
	av, err := attributevalue.MarshalMap(transaction{
		SessionID: transactionPrefix + t.ID, Code: transactionRange, Browser: t.Browser, Client: t.ClientID, Redirect: t.RedirectURI,
		Challenge: t.Challenge, Scopes: strings.Join(t.Scopes, " "), Wanted: t.WantedLevel, KeyID: t.KeyID, Sealed: t.Sealed,
		CreatedAt: t.CreatedAt.UnixMilli(), ExpiredAt: t.ExpiresAt.Unix(), AskedBy: requestID,
	})
	if err != nil {
		return err
	}
	_, err = c.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &c.Table, Item: av, ConditionExpression: aws.String(noRow),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	if found, failed := conditionFailed(err); failed {
		return writtenBy(found, requestID)
	}
	return err
}

// Transaction reads a transaction, strongly consistent.
//
// Errors: otp.ErrNoTransaction.
func (c Codes) Transaction(ctx context.Context, id string) (otp.Transaction, error) {
	found, err := c.transactionItem(ctx, id)
	if err != nil {
		return otp.Transaction{}, err
	}
	return decodeTransaction(found)
}

func (c Codes) transactionItem(ctx context.Context, id string) (item, error) {
	out, err := c.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &c.Table, Key: transactionKey(id), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// ClientOf returns the client of a transaction that is open at now, and the level that its application wants. It decodes nothing else of
// it, which keeps generate small.
//
// Errors: otp.ErrNoTransaction.
func (c Codes) ClientOf(ctx context.Context, id string, now time.Time) (client, wanted string, err error) {
	found, err := c.transactionItem(ctx, id)
	if err != nil {
		return "", "", err
	}
	of, _ := found["client"].(*types.AttributeValueMemberS)
	expires, _ := found["expiredAt"].(*types.AttributeValueMemberN)
	if of == nil || expires == nil || found["codeHash"] != nil {
		return "", "", otp.ErrNoTransaction
	}
	at, err := strconv.ParseInt(expires.Value, 10, 64)
	if err == nil && now.Unix() >= at {
		err = otp.ErrNoTransaction
	}
	if level, ok := found["wanted"].(*types.AttributeValueMemberS); ok {
		wanted = level.Value
	}
	return of.Value, wanted, err
}

// decodeTransaction reads a transaction from an item.
//
// Errors: otp.ErrNoTransaction if the item is empty.
func decodeTransaction(found item) (otp.Transaction, error) {
	if len(found) == 0 {
		return otp.Transaction{}, otp.ErrNoTransaction
	}
	t, err := decode[transaction](found)
	return t.transaction(), err
}

// The clauses of the writes to a transaction, beside those of a code.
const (
	sameBrowser = "browser = :browser"
	noCodeYet   = "attribute_not_exists(codeHash)"
	sameCode    = "codeHash = :code"
	notRevoked  = "attribute_not_exists(revokedAt)"
)

// Complete records that the person has logged in, in one conditional write, and returns the transaction as it is after that. Of any
// number of parallel proofs one completes it; the same proof again finds its own success.
//
// Errors: otp.ErrTransactionOver.
func (c Codes) Complete(ctx context.Context, t otp.Transaction, now time.Time) (otp.Transaction, error) {
	methods, err := attributevalue.Marshal(t.Methods)
	if err != nil {
		return t, err
	}
	_, err = c.DB.UpdateItem(ctx, conditional(c.Table, transactionKey(t.ID),
		"SET codeHash = :code, proofHash = :proof, subject = :subject, amr = :amr, acr = :acr, authTime = :auth, sealed = :sealed, kid = :kid, expiredAt = :ttl",
		all(sameBrowser, noCodeYet, notExpired), item{
			":browser": text(t.Browser), ":seconds": seconds(now), ":code": text(t.CodeHash), ":proof": text(t.ProofHash), ":subject": text(t.Subject),
			":amr": methods, ":acr": text(t.Level), ":auth": seconds(t.AuthTime), ":sealed": &types.AttributeValueMemberB{Value: t.Sealed},
			":kid": text(t.KeyID), ":ttl": seconds(t.ExpiresAt),
		}))
	found, failed := conditionFailed(err)
	if !failed {
		return t, err
	}
	held, err := decodeTransaction(found)
	if err != nil || held.Browser != t.Browser || !held.CompletedBy(t.ProofHash, now) {
		return t, otp.ErrTransactionOver
	}
	return held, nil
}

// Exchange uses a transaction's authorization code and stores the hash of the access token, in one conditional write (I3).
//
// Errors: otp.ErrCodeUsed, otp.ErrCodeExpired.
func (c Codes) Exchange(ctx context.Context, t otp.Transaction, tokenHash, requestID string, now time.Time) error {
	values := consumption(requestID, now)
	values[":code"], values[":token"], values[":ttl"] = text(t.CodeHash), text(tokenHash), seconds(now.Add(otp.AccessTokenLife))
	_, err := c.DB.UpdateItem(ctx, conditional(c.Table, transactionKey(t.ID), useIt+", tokenHash = :token, expiredAt = :ttl",
		all(sameCode, notUsed, notRevoked, notExpired), values))
	found, failed := conditionFailed(err)
	if !failed {
		return err
	}
	held, err := decodeTransaction(found)
	switch {
	case err != nil: // deleted since it was read, or unreadable
		return otp.ErrCodeExpired
	case held.UsedBy == requestID && held.RevokedAt.IsZero():
		return nil // this request exchanged it: the response to an earlier attempt was lost
	case !held.UsedAt.IsZero():
		return otp.ErrCodeUsed
	}
	return otp.ErrCodeExpired
}

// Revoke ends the access token of a transaction whose code was used again.
func (c Codes) Revoke(ctx context.Context, id string, now time.Time) error {
	_, err := c.DB.UpdateItem(ctx, conditional(c.Table, transactionKey(id), "SET revokedAt = :now", all(sessionExists, notRevoked),
		item{":now": millis(now)}))
	return ignoreConditionFailed(err)
}
