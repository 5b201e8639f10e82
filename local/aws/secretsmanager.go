package aws

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"streamotp/local/template"
)

// Secrets imitates Secrets Manager: each secret has versions, of which one is AWSCURRENT and one AWSPREVIOUS.
type Secrets struct {
	mu   sync.Mutex
	path string
	all  []*Secret
}

// Secret is one secret. Its fields are exported for the file that stores it.
type Secret struct {
	Name, ARN string
	Given     string // the value in the template when it was last read
	Created   time.Time
	Current   Version
	Previous  *Version
	Older     []Version
}

// Version is one value of a secret.
type Version struct {
	ID, Value string
	Created   time.Time
}

// OpenSecrets reads the secrets that are stored at path. With an empty path they are in memory only.
func OpenSecrets(path string) (*Secrets, error) {
	s := &Secrets{path: path}
	if path == "" {
		return s, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(data, &s.all)
}

// Create makes a secret of the template unless it exists. As in a deployment, a secret takes a new value when its
// SecretString has changed; otherwise it keeps what it was set to since.
func (s *Secrets) Create(spec template.Secret) error {
	value := spec.SecretString
	if spec.GenerateSecretString != nil {
		var err error
		if value, err = generate(*spec.GenerateSecretString); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch x := s.find(spec.ARN); {
	case x == nil:
		s.all = append(s.all, &Secret{Name: spec.Name, ARN: spec.ARN, Given: spec.SecretString, Created: now, Current: Version{uuid.NewString(), value, now}})
	case x.Given != spec.SecretString:
		x.Given = spec.SecretString
		x.replace(uuid.NewString(), value)
	default:
		return nil
	}
	return s.save()
}

// generate makes a secret's value as its GenerateSecretString says: a random text, alone or as a member of a JSON object.
func generate(g template.Generate) (string, error) {
	letters := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	if !g.ExcludePunctuation {
		letters += "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	}
	text := make([]byte, g.PasswordLength)
	for i := range text {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(letters)))) // never fails (crypto/rand)
		text[i] = letters[n.Int64()]
	}
	if g.GenerateStringKey == "" {
		return string(text), nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(g.SecretStringTemplate), &object); err != nil || object == nil {
		return "", errors.New("SecretStringTemplate must be a JSON object")
	}
	object[g.GenerateStringKey] = string(text)
	out, err := json.Marshal(object)
	return string(out), err
}

// find returns the secret with this ARN or name; both are valid as a SecretId.
func (s *Secrets) find(id string) *Secret {
	for _, x := range s.all {
		if id != "" && (x.ARN == id || x.Name == id) {
			return x
		}
	}
	return nil
}

// arn returns the ARN that a SecretId stands for, or the SecretId itself if it names no secret.
func (s *Secrets) arn(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.find(id); x != nil {
		return x.ARN
	}
	return id
}

func (s *Secrets) save() error {
	if s.path == "" {
		return nil
	}
	data, err := json.Marshal(s.all)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path, data, 0o600)
}

// secretInput is the input of every imitated action.
type secretInput struct{ SecretId, VersionId, VersionStage, SecretString, SecretBinary, ClientRequestToken string }

// secretCall makes a handler of a call on one secret.
func secretCall(do func(x *Secret, q *request, in secretInput) *reply) func(*Endpoint, *request) *reply {
	return func(e *Endpoint, q *request) *reply {
		var in secretInput
		if err := json.Unmarshal(q.body, &in); err != nil {
			return q.fail("InvalidRequestException", err.Error())
		}
		e.Secrets.mu.Lock()
		defer e.Secrets.mu.Unlock()
		x := e.Secrets.find(in.SecretId)
		if x == nil {
			return q.fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		}
		res := do(x, q, in)
		if err := e.Secrets.save(); err != nil {
			return q.fail("InternalServiceError", err.Error())
		}
		return res
	}
}

func (e *Endpoint) secretPermissions(q *request) []permission {
	var in struct{ SecretId string }
	_ = json.Unmarshal(q.body, &in) // if the call is allowed, its handler reports what is wrong with it
	return []permission{{action: "secretsmanager:" + q.action, resource: e.Secrets.arn(in.SecretId)}}
}

func (x *Secret) get(q *request, in secretInput) *reply {
	id, stage := in.VersionId, in.VersionStage
	for _, v := range x.versions() {
		if (id == "" || id == v.ID) && (stage == "" && (id != "" || v.stage == "AWSCURRENT") || stage == v.stage && stage != "") {
			return q.ok(map[string]any{"ARN": x.ARN, "Name": x.Name, "VersionId": v.ID, "SecretString": v.Value,
				"VersionStages": v.stages(), "CreatedDate": seconds(v.Created)})
		}
	}
	return q.fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: "+stage)
}

// put makes a new current version; the last one becomes the previous one. The token becomes the new version's id. A token
// that was used before makes no new version; with another value it is an error.
func (x *Secret) put(q *request, in secretInput) *reply {
	if in.SecretString == "" || in.SecretBinary != "" {
		return q.fail("InvalidParameterException", "The development stack imitates SecretString only.")
	}
	token, value := cmp.Or(in.ClientRequestToken, uuid.NewString()), in.SecretString
	for _, v := range x.versions() {
		if v.ID == token && v.Value != value {
			return q.fail("ResourceExistsException", "You can't use the same ClientRequestToken with different parameters.")
		}
		if v.ID == token {
			return q.ok(map[string]any{"ARN": x.ARN, "Name": x.Name, "VersionId": v.ID, "VersionStages": v.stages()})
		}
	}
	x.replace(token, value)
	return q.ok(map[string]any{"ARN": x.ARN, "Name": x.Name, "VersionId": x.Current.ID, "VersionStages": []string{"AWSCURRENT"}})
}

func (x *Secret) replace(id, value string) {
	if x.Previous != nil {
		x.Older = append(x.Older, *x.Previous)
	}
	if last := x.Current; last.Value != "" {
		x.Previous = &last
	}
	x.Current = Version{id, value, time.Now()}
}

func (x *Secret) describe(q *request, _ secretInput) *reply {
	stages := map[string][]string{}
	for _, v := range x.versions() {
		if v.stage != "" {
			stages[v.ID] = v.stages()
		}
	}
	return q.ok(map[string]any{"ARN": x.ARN, "Name": x.Name, "VersionIdsToStages": stages,
		"CreatedDate": seconds(x.Created), "LastChangedDate": seconds(x.Current.Created)})
}

type staged struct {
	Version
	stage string
}

func (v staged) stages() []string {
	if v.stage == "" {
		return nil
	}
	return []string{v.stage}
}

func (x *Secret) versions() []staged {
	var out []staged
	if x.Current.Value != "" { // a secret may have been made without a value
		out = append(out, staged{x.Current, "AWSCURRENT"})
	}
	if x.Previous != nil {
		out = append(out, staged{*x.Previous, "AWSPREVIOUS"})
	}
	for _, v := range x.Older {
		out = append(out, staged{v, ""})
	}
	return out
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
