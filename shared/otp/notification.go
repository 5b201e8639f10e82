package otp

// Notification is a security notification for the owner of a session's subject. Its row is stored beside the session's, but it is not
// a session: it proves nothing.
type Notification struct {
	SessionID string
	Kind      NotificationKind
	Purpose   Purpose // of the session
	Subject   string  // of the session
	KeyID     string  // the key that made Sealed
	Sealed    []byte  // Contents without a code, by Keyring.Seal
	Silent    bool    // nothing is sent: the session is a decoy, of a test destination, or of a suppressed address
}

// NotificationKind is what a notification reports.
type NotificationKind string

const (
	NotifyPasswordChanged NotificationKind = "changed" // the account has a new password
	NotifyWrongCodes      NotificationKind = "guessed" // five wrong codes were entered after the right password (ASVS 5.0 6.3.5)
	NotifyLocked          NotificationKind = "closed"  // 100 wrong codes in a row: the subject is locked for 24 hours
)

const suspiciousAt = 5 // wrong codes after the right password

// Threshold returns the count of wrong codes at which a notification is due.
func (k NotificationKind) Threshold() int {
	if k == NotifyLocked {
		return closedAt
	}
	return suspiciousAt
}

// NotificationDue returns the notification to send after a wrong code, or "" if none is due.
func (t Attempts) NotificationDue(p Purpose) NotificationKind {
	switch {
	case t.Count >= closedAt && t.NotifiedCount < closedAt:
		return NotifyLocked
	case t.Count >= suspiciousAt && t.NotifiedCount < suspiciousAt && p == Login:
		return NotifyWrongCodes
	}
	return ""
}
