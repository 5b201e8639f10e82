// Package otp holds the rules of StreamOTP: what a session, a code, a destination, a key and a limit are. It is pure: it uses no AWS, no
// clock and no environment, and gets time and randomness as arguments.
//
// Its invariants, which tests name:
//
//		I1: a code is uniform over all strings of its length.
//	  I2: nothing that is stored or compared reveals the code without the key: digests are keyed, and contents are encrypted.
//		I3: a code is accepted at most once, and never after it expired.
//	  I4: between two locks, no more than MaxAttempts codes are checked for a subject, over all its sessions.
//		I5: an address means one mailbox and nothing else: no display name, no second line, no second recipient.
//		I6: a caller can see no difference between a decoy session and a real session.
package otp

// UnavailableError reports a temporary failure that is not the caller's fault, other than a failed call to AWS. Reason holds
// nothing secret: it is logged.
type UnavailableError struct{ Reason string }

func (e *UnavailableError) Error() string { return e.Reason }
