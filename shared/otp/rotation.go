package otp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Rotation reports what a rotation of the root secret changed, by key ids.
type Rotation struct {
	New     string // makes sessions from now on
	Old     string // made them until now; it stays known
	Forgets string // is no longer known; empty if no key had to go
}

const (
	keyIDLength     = 8
	rootKeyLength   = 64 // characters of 5 bits: 320 bits
	rootKeyAlphabet = "abcdefghijklmnopqrstuvwxyz234567"
)

// Rotate gives the root secret a new current key and makes the old current key the previous one. The rest of the document stays
// as it is, above all "index", which locks and counts depend on.
//
// Rotate has parsed what it returns: the new secret accepts what the old current key made and has the same subjects.
func Rotate(secret []byte, random io.Reader) (rotated []byte, r Rotation, err error) {
	before, err := ParseKeyring(secret)
	if err != nil {
		return nil, r, err
	}
	var doc rootDocument
	var members map[string]json.RawMessage // including those that are unknown here
	if err := errors.Join(json.Unmarshal(secret, &doc), json.Unmarshal(secret, &members)); err != nil {
		return nil, r, errors.New("the root secret must be JSON") // not err: it may quote what it read
	}
	fresh := make([]byte, keyIDLength+rootKeyLength)
	if _, err := io.ReadFull(random, fresh); err != nil {
		return nil, r, err
	}
	for i, b := range fresh {
		fresh[i] = rootKeyAlphabet[b&31] // 5 bits
	}
	old := doc.roots()
	for name, root := range map[string]rootKey{
		"current": {ID: string(fresh[:keyIDLength]), Secret: string(fresh[keyIDLength:])}, "previous": old[0],
	} {
		if members[name], err = json.Marshal(root); err != nil { //nolint:gosec // the secret is what the document is for
			return nil, r, err
		}
	}
	if rotated, err = json.Marshal(members); err != nil {
		return nil, r, err
	}
	r = Rotation{New: string(fresh[:keyIDLength]), Old: old[0].ID}
	if len(old) > 1 {
		r.Forgets = old[1].ID
	}
	if err := checkRotation(before, rotated, r); err != nil {
		return nil, r, err
	}
	return rotated, r, nil
}

// checkRotation returns an error unless a rotated document does what it must, whatever the old one contained.
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
