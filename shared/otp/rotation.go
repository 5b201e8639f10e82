package otp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Rotation says what a rotation of the root secret changes, by key ids.
type Rotation struct {
	New     string // what sessions are made with from now on
	Old     string // what they were made with; it stays known
	Forgets string // what is known no more; empty where no key had to go
}

const (
	keyIDLength     = 8
	rootKeyLength   = 64 // characters of 5 bits: 320 bits
	rootKeyAlphabet = "abcdefghijklmnopqrstuvwxyz234567"
)

// Rotate gives the root secret a new current key and makes the one it had so far the previous one. What else is in the
// document stays as it is, "index" above all: locks and counts hang on it.
//
// What it returns was read back: it accepts what the old current key made and has the same subjects.
func Rotate(secret []byte, random io.Reader) (rotated []byte, r Rotation, err error) {
	before, err := ParseKeyring(secret)
	if err != nil {
		return nil, r, err
	}
	var doc rootDocument
	var members map[string]json.RawMessage // with those that are not known here
	if err := errors.Join(json.Unmarshal(secret, &doc), json.Unmarshal(secret, &members)); err != nil {
		return nil, r, errors.New("the root secret must be JSON") // not err: it may quote what it read
	}
	fresh := rootKey{}
	if fresh.ID, err = randomText(random, keyIDLength); err != nil {
		return nil, r, err
	}
	if fresh.Secret, err = randomText(random, rootKeyLength); err != nil {
		return nil, r, err
	}
	old := doc.roots()
	if members["current"], err = json.Marshal(fresh); err != nil { //nolint:gosec // the secret is what the document is for
		return nil, r, err
	}
	if members["previous"], err = json.Marshal(old[0]); err != nil { //nolint:gosec // as above
		return nil, r, err
	}
	if rotated, err = json.Marshal(members); err != nil {
		return nil, r, err
	}
	r = Rotation{New: fresh.ID, Old: old[0].ID}
	if len(old) > 1 {
		r.Forgets = old[1].ID
	}
	if err := checkRotation(before, rotated, r); err != nil {
		return nil, r, err
	}
	return rotated, r, nil
}

// checkRotation says whether a rotated document does what it must, whatever stood in the old one.
func checkRotation(before *Keyring, rotated []byte, r Rotation) error {
	after, err := ParseKeyring(rotated)
	if err != nil {
		return err
	}
	old := before.keys[0]
	same := bytes.Equal(before.index, after.index) && len(after.keys) == 2 && after.keys[0].id == r.New &&
		after.keys[1].id == old.id && bytes.Equal(after.keys[1].seal, old.seal) && bytes.Equal(after.keys[1].digest, old.digest)
	if !same || before.Has(r.New) {
		return errors.New("the root secret cannot be rotated: it has a member twice or in other spellings")
	}
	return nil
}

// randomText is n random characters of 5 bits each.
func randomText(random io.Reader, n int) (string, error) {
	text := make([]byte, n)
	if _, err := io.ReadFull(random, text); err != nil {
		return "", err
	}
	for i, b := range text {
		text[i] = rootKeyAlphabet[b&31]
	}
	return string(text), nil
}
