package aws

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"strings"
	"sync"
	"time"
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

// Create makes a secret with this value unless there is one with this ARN. given is the secret's value in the template,
// empty for a generated one. As in a deployment, a secret takes a new value when the template's value has changed;
// otherwise it keeps what it was set to since.
func (s *Secrets) Create(name, arn, value, given string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch x := s.find(arn); {
	case x == nil:
		s.all = append(s.all, &Secret{Name: name, ARN: arn, Given: given, Created: now, Current: Version{newID(), value, now}})
	case x.Given != given:
		x.Given = given
		x.replace(newID(), value)
	default:
		return nil
	}
	return s.save()
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

func (s *Secrets) do(q *request) *reply {
	var in struct{ SecretId, VersionId, VersionStage, SecretString, SecretBinary, ClientRequestToken string }
	if err := json.Unmarshal(q.body, &in); err != nil {
		return q.fail("InvalidRequestException", err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.find(in.SecretId)
	if x == nil {
		return q.fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	switch q.action {
	case "GetSecretValue":
		return x.get(q, in.VersionId, in.VersionStage)
	case "DescribeSecret":
		return x.describe(q)
	case "PutSecretValue":
		if in.SecretString == "" || in.SecretBinary != "" {
			return q.fail("InvalidParameterException", "The development stack imitates SecretString only.")
		}
		res := x.put(q, in.ClientRequestToken, in.SecretString)
		if err := s.save(); err != nil {
			return q.fail("InternalServiceError", err.Error())
		}
		return res
	}
	return q.fail("UnknownOperationException", "the development stack does not imitate "+q.action)
}

func (x *Secret) get(q *request, id, stage string) *reply {
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
func (x *Secret) put(q *request, token, value string) *reply {
	if token == "" {
		token = newID()
	}
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

func (x *Secret) describe(q *request) *reply {
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

// Characters describes how the random part of a secret is made ("AWS::SecretsManager::Secret GenerateSecretString").
type Characters struct {
	Length                                 int
	Exclude                                string
	NoPunctuation, NoDigits                bool
	NoLower, NoUpper, Space, NotOfEachKind bool
}

// Random returns a random text.
func (c Characters) Random() (string, error) {
	var kinds []string
	for _, k := range []struct {
		without bool
		letters string
	}{
		{c.NoLower, "abcdefghijklmnopqrstuvwxyz"},
		{c.NoUpper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{c.NoDigits, "0123456789"},
		{c.NoPunctuation, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"},
		{!c.Space, " "},
	} {
		letters := strings.Map(func(r rune) rune {
			if k.without || strings.ContainsRune(c.Exclude, r) {
				return -1
			}
			return r
		}, k.letters)
		if letters != "" {
			kinds = append(kinds, letters)
		}
	}
	if len(kinds) == 0 || !c.NotOfEachKind && c.Length < len(kinds) {
		return "", errors.New("GenerateSecretString: too short for one character of each kind, or no kind is left")
	}
	for { // until each kind occurs
		s := draw(strings.Join(kinds, ""), c.Length)
		if c.NotOfEachKind || hasEach(s, kinds) {
			return s, nil
		}
	}
}

func draw(letters string, n int) string {
	out := make([]byte, n)
	for i := range out {
		j, _ := rand.Int(rand.Reader, big.NewInt(int64(len(letters)))) // never fails (crypto/rand)
		out[i] = letters[j.Int64()]
	}
	return string(out)
}

func hasEach(s string, kinds []string) bool {
	for _, k := range kinds {
		if !strings.ContainsAny(s, k) {
			return false
		}
	}
	return true
}
