package aws

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"streamotp/local/template"
)

// Secrets imitates Secrets Manager: each secret has versions, of which the last is AWSCURRENT and the one before it
// AWSPREVIOUS.
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
	Versions  []Version // none: the secret was made without a value
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
	x := s.find(spec.ARN)
	if x == nil {
		x = &Secret{Name: spec.Name, ARN: spec.ARN, Created: time.Now()}
		s.all = append(s.all, x)
	}
	if value != "" && (len(x.Versions) == 0 || x.Given != spec.SecretString) {
		x.Given = spec.SecretString
		x.Versions = append(x.Versions, Version{uuid.NewString(), value, time.Now()})
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
	stage := in.VersionStage
	if stage == "" && in.VersionId == "" {
		stage = "AWSCURRENT"
	}
	for i, v := range x.Versions {
		if (in.VersionId == "" || in.VersionId == v.ID) && (stage == "" || slices.Contains(x.stages(i), stage)) {
			return q.ok(x.describeVersion(i, map[string]any{"SecretString": v.Value, "CreatedDate": seconds(v.Created)}))
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
	token := cmp.Or(in.ClientRequestToken, uuid.NewString())
	i := slices.IndexFunc(x.Versions, func(v Version) bool { return v.ID == token })
	if i >= 0 && x.Versions[i].Value != in.SecretString {
		return q.fail("ResourceExistsException", "You can't use the same ClientRequestToken with different parameters.")
	}
	if i < 0 {
		i = len(x.Versions)
		x.Versions = append(x.Versions, Version{token, in.SecretString, time.Now()})
	}
	return q.ok(x.describeVersion(i, map[string]any{}))
}

func (x *Secret) describe(q *request, _ secretInput) *reply {
	stages, changed := map[string][]string{}, x.Created
	for i, v := range x.Versions {
		changed = v.Created
		if len(x.stages(i)) > 0 {
			stages[v.ID] = x.stages(i)
		}
	}
	return q.ok(map[string]any{"ARN": x.ARN, "Name": x.Name, "VersionIdsToStages": stages,
		"CreatedDate": seconds(x.Created), "LastChangedDate": seconds(changed)})
}

// describeVersion adds to a response what version i is.
func (x *Secret) describeVersion(i int, response map[string]any) map[string]any {
	response["ARN"], response["Name"], response["VersionId"], response["VersionStages"] = x.ARN, x.Name, x.Versions[i].ID, x.stages(i)
	return response
}

// stages returns the staging labels of version i.
func (x *Secret) stages(i int) []string {
	switch len(x.Versions) - i {
	case 1:
		return []string{"AWSCURRENT"}
	case 2:
		return []string{"AWSPREVIOUS"}
	}
	return nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
