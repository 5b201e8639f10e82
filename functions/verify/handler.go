package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"streamotp/shared/httpapi"
	"streamotp/shared/judge"
	"streamotp/shared/otp"
	"streamotp/shared/proof"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

type handler struct {
	judge     judge.Judge
	codes     codes
	limits    limits
	prefixes  prefixes
	signer    signer
	users     *store.Users // for the accounts that right codes create; nil if none may be created
	proofLife time.Duration
	now       func() time.Time
}

// signer signs what was proven for a client.
type signer interface {
	Sign(ctx context.Context, claims proof.Claims) (string, error)
}

type codes interface {
	Consume(ctx context.Context, s otp.Session, requestID string, now time.Time) error
	SignUp(ctx context.Context, s otp.Session, users store.Users, user store.User, requestID string, now time.Time) error
}

type limits interface {
	EndedBefore(ctx context.Context, subject string) (time.Time, error)
}

type prefixes interface {
	Verified(ctx context.Context, prefix string) error
}

func (h handler) routes() map[string]httpapi.Endpoint {
	return map[string]httpapi.Endpoint{
		"POST /verify": {Fields: []string{"sessionId", "code"}, Serve: h.verify, Counts: telemetry.Verified},
	}
}

// answer is what was proven. Only the server that made the call should trust it; everybody else checks the proof.
type answer struct {
	Verified bool        `json:"verified"`
	Purpose  otp.Purpose `json:"purpose"`
	Email    string      `json:"email,omitempty"`
	Phone    string      `json:"phone,omitempty"`

	Proof          string    `json:"proof,omitempty"` // a JWT, if the session has a client
	ProofExpiresAt time.Time `json:"proofExpiresAt,omitzero"`
}

func (h handler) verify(ctx context.Context, request httpapi.Request) (any, error) {
	id, code, err := httpapi.SessionAndCode(request)
	if err != nil {
		return nil, err
	}
	c, err := h.judge.Open(ctx, request.Event, request.ServerID(), id, otp.Verify, otp.Login, otp.Passwordless)
	if err != nil {
		return nil, err
	}
	proven := answer{Verified: true, Purpose: c.Purpose, Email: c.Contents.Email}
	if proven.Email == "" {
		proven.Phone = c.Contents.Phone
	}
	// The proof is signed before the code is used: if KMS is down, the code still works later. Of parallel requests only the one that uses
	// the code gets its proof.
	err = h.judge.Check(ctx, &c, code, request.ID, func(ctx context.Context) error {
		if err := h.ended(ctx, c); err != nil {
			return err
		}
		if err := h.prove(ctx, request, c, &proven); err != nil {
			return &judge.KeptError{Err: err}
		}
		return h.consume(ctx, c, request.ID)
	})
	if err != nil {
		return nil, err
	}
	if c.Contents.New {
		request.Event.WriteAs(telemetry.SignedUp, request.ID, h.now())
	}
	if proven.Proof != "" {
		request.Event.WriteAs(telemetry.Proven, request.ID, h.now())
	}
	if c.Contents.Prefix != "" && c.First { // the first success of a subject in 30 days counts for its prefix
		if err := h.prefixes.Verified(ctx, c.Contents.Prefix); err != nil {
			slog.Error("prefix not counted", "requestId", request.ID, telemetry.Cause(err)) // the response stays the same
		}
	}
	return proven, nil
}

// ended returns an error if a reset, or an operator's change of the account, ended a passwordless session, or if sign-up was turned off.
// Reserve has checked this for a login. Only a right code may learn it here: before that it would show a stranger what the account's owner
// does.
//
// Errors: otp.ErrCodeExpired.
func (h handler) ended(ctx context.Context, c judge.Case) error {
	switch {
	case c.Purpose != otp.Passwordless:
		return nil
	case c.Contents.New && h.users == nil:
		return otp.ErrCodeExpired
	}
	before, err := h.limits.EndedBefore(ctx, c.Ring.Subject(otp.Login, c.Contents.Email))
	if err != nil {
		return err
	}
	if c.CreatedAt.Before(before) {
		return otp.ErrCodeExpired
	}
	return nil
}

// consume uses the code, and creates the account of an address that has none.
//
// Errors: otp.ErrCodeUsed; otp.ErrCodeExpired, also if the account exists by now, since the proof has another account's id.
func (h handler) consume(ctx context.Context, c judge.Case, requestID string) error {
	if !c.Contents.New {
		return h.codes.Consume(ctx, c.Session, requestID, h.now())
	}
	return h.codes.SignUp(ctx, c.Session, *h.users, store.User{Email: c.Contents.Email, ID: c.Contents.AccountID}, requestID, h.now())
}

// prove adds the proof of a session that has a client.
func (h handler) prove(ctx context.Context, request httpapi.Request, c judge.Case, proven *answer) error {
	if c.Contents.Client == "" {
		return nil
	}
	claims, err := proof.ClaimsOf(c.Contents, uuid.NewString(), h.now(), h.proofLife, c.Ring.Pairwise)
	if err == nil {
		proven.Proof, err = h.signer.Sign(ctx, claims)
	}
	if err != nil {
		request.Event.WriteAs(telemetry.ProofFailed, request.ID, h.now())
		request.Event.Reason = "proof"
		return err
	}
	proven.ProofExpiresAt = time.Unix(claims.Expires, 0).UTC()
	return nil
}
