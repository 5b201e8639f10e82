package aws

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"streamotp/local/template"
)

// Keys imitates KMS for RSA_2048 keys that sign. They last as long as the run.
type Keys struct {
	mu      sync.Mutex
	keys    map[string]*signingKey // by id
	aliases map[string]*keyAlias   // by name
}

type signingKey struct {
	private  *rsa.PrivateKey
	created  time.Time
	deletion time.Time // zero unless it is scheduled
}

type keyAlias struct {
	key     string // id
	created time.Time
	pointed time.Time
}

// NewKeys makes the template's keys and aliases.
func NewKeys(spec *template.Stack) (*Keys, error) {
	k := &Keys{keys: map[string]*signingKey{}, aliases: map[string]*keyAlias{}}
	for _, id := range spec.Keys {
		if err := k.make(id); err != nil {
			return nil, err
		}
	}
	for _, a := range spec.KeyAliases {
		now := time.Now()
		k.aliases[a.AliasName] = &keyAlias{a.TargetKeyId, now, now}
	}
	return k, nil
}

func (k *Keys) make(id string) error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	k.keys[id] = &signingKey{private: private, created: time.Now()}
	return err
}

// keyRequest has the members of all imitated calls.
type keyRequest struct {
	KeyId, AliasName, TargetKeyId               string
	Message                                     []byte
	MessageType, SigningAlgorithm               string
	KeySpec, KeyUsage, Description              string
	PendingWindowInDays, Limit                  int
	Marker, CustomerMasterKeySpec               string
	MultiRegion, BypassPolicyLockoutSafetyCheck bool
}

func keyARN(id string) string { return template.ARN("kms", "key/"+id) }

// find returns the id of the key that an id, an ARN or an alias names, or "" for an unknown key. k.mu is held.
func (k *Keys) find(name string) string {
	if a := k.aliases[name]; a != nil {
		name = a.key
	}
	id := strings.TrimPrefix(name, keyARN(""))
	if k.keys[id] == nil {
		return ""
	}
	return id
}

// keyCall returns the handler of a call. do is called with k.mu held; a text is the code of an error.
func keyCall(do func(k *Keys, in keyRequest) (any, string)) func(*Endpoint, *request) *reply {
	return func(e *Endpoint, q *request) *reply {
		var in keyRequest
		if err := Strict(q.body, &in); err != nil {
			return q.fail("ValidationException", err.Error())
		}
		e.Keys.mu.Lock()
		defer e.Keys.mu.Unlock()
		out, failure := do(e.Keys, in)
		if failure != "" {
			return q.fail(failure, "")
		}
		return q.ok(out)
	}
}

// withKey returns what do returns for the key that the call names.
func withKey(do func(k *Keys, in keyRequest, id string, key *signingKey) (any, string)) func(*Endpoint, *request) *reply {
	return keyCall(func(k *Keys, in keyRequest) (any, string) {
		id := k.find(in.KeyId)
		if id == "" {
			return nil, "NotFoundException"
		}
		return do(k, in, id, k.keys[id])
	})
}

var keyCalls = map[string]call{
	"Sign": {do: withKey(func(_ *Keys, in keyRequest, id string, key *signingKey) (any, string) {
		if in.SigningAlgorithm != "RSASSA_PKCS1_V1_5_SHA_256" || in.MessageType != "DIGEST" || len(in.Message) != crypto.SHA256.Size() {
			return nil, "ValidationException"
		}
		if !key.deletion.IsZero() {
			return nil, "KMSInvalidStateException"
		}
		signature, err := rsa.SignPKCS1v15(nil, key.private, crypto.SHA256, in.Message)
		if err != nil {
			return nil, "KMSInternalException"
		}
		return map[string]any{"KeyId": keyARN(id), "Signature": signature, "SigningAlgorithm": in.SigningAlgorithm}, ""
	}), permissions: keyPermissions},
	"GetPublicKey": {do: withKey(func(_ *Keys, _ keyRequest, id string, key *signingKey) (any, string) {
		der, err := x509.MarshalPKIXPublicKey(&key.private.PublicKey)
		if err != nil {
			return nil, "KMSInternalException"
		}
		return map[string]any{"KeyId": keyARN(id), "PublicKey": der, "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY",
			"SigningAlgorithms": []string{"RSASSA_PKCS1_V1_5_SHA_256"}}, ""
	}), permissions: keyPermissions},
	"DescribeKey": {do: withKey(func(_ *Keys, _ keyRequest, id string, key *signingKey) (any, string) {
		return map[string]any{"KeyMetadata": key.metadata(id)}, ""
	}), permissions: keyPermissions},
	"CreateKey": {do: keyCall(func(k *Keys, in keyRequest) (any, string) {
		id := uuid.NewString()
		if in.KeySpec != "RSA_2048" || in.KeyUsage != "SIGN_VERIFY" || k.make(id) != nil {
			return nil, "UnsupportedOperationException"
		}
		return map[string]any{"KeyMetadata": k.keys[id].metadata(id)}, ""
	})},
	"ScheduleKeyDeletion": {do: withKey(func(_ *Keys, in keyRequest, id string, key *signingKey) (any, string) {
		if !key.deletion.IsZero() {
			return nil, "KMSInvalidStateException"
		}
		key.deletion = time.Now().AddDate(0, 0, in.PendingWindowInDays)
		return map[string]any{"KeyId": keyARN(id), "DeletionDate": key.deletion.Unix(), "KeyState": "PendingDeletion"}, ""
	}), permissions: keyPermissions},
	"ListAliases": {do: keyCall(func(k *Keys, _ keyRequest) (any, string) {
		list := []map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(k.aliases)) {
			a := k.aliases[name]
			list = append(list, map[string]any{"AliasName": name, "TargetKeyId": a.key, "AliasArn": template.ARN("kms", name),
				"CreationDate": a.created.Unix(), "LastUpdatedDate": a.pointed.Unix()})
		}
		return map[string]any{"Aliases": list, "Truncated": false}, ""
	})},
	"CreateAlias": {do: keyCall(func(k *Keys, in keyRequest) (any, string) { return k.point(in, false) })},
	"UpdateAlias": {do: keyCall(func(k *Keys, in keyRequest) (any, string) { return k.point(in, true) })},
	"DeleteAlias": {do: keyCall(func(k *Keys, in keyRequest) (any, string) {
		if k.aliases[in.AliasName] == nil {
			return nil, "NotFoundException"
		}
		delete(k.aliases, in.AliasName)
		return struct{}{}, ""
	})},
}

func (key *signingKey) metadata(id string) map[string]any {
	state := "Enabled"
	if !key.deletion.IsZero() {
		state = "PendingDeletion"
	}
	return map[string]any{"KeyId": id, "Arn": keyARN(id), "CreationDate": key.created.Unix(), "KeyState": state, "Enabled": state == "Enabled",
		"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}
}

// point points an alias to a key. exists says whether there has to be such an alias, or there must be none.
func (k *Keys) point(in keyRequest, exists bool) (any, string) {
	alias, id := k.aliases[in.AliasName], k.find(in.TargetKeyId)
	switch {
	case id == "" || exists && alias == nil:
		return nil, "NotFoundException"
	case !exists && alias != nil:
		return nil, "AlreadyExistsException"
	case alias == nil:
		k.aliases[in.AliasName] = &keyAlias{id, time.Now(), time.Now()}
	default:
		alias.key, alias.pointed = id, time.Now()
	}
	return struct{}{}, ""
}

func keyPermissions(e *Endpoint, q *request) []permission {
	var in keyRequest
	_ = json.Unmarshal(q.body, &in) // if the call is allowed, its handler reports what is wrong with it
	e.Keys.mu.Lock()
	id := e.Keys.find(in.KeyId)
	e.Keys.mu.Unlock()
	context := map[string][]string{}
	for key, value := range map[string]string{"kms:SigningAlgorithm": in.SigningAlgorithm, "kms:MessageType": in.MessageType} {
		if value != "" {
			context[key] = []string{value}
		}
	}
	if strings.HasPrefix(in.KeyId, "alias/") {
		context["kms:RequestAlias"] = []string{in.KeyId}
	}
	return []permission{{action: "kms:" + q.action, resource: keyARN(id), context: context}}
}
