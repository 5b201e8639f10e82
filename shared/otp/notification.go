package otp

// Notification is a security notification for the owner of a session's subject. Its row lies beside the session's, and it is no
// session: nothing can be proven with it.
type Notification struct {
	SessionID string
	Kind      NotificationKind
	Purpose   Purpose // of the session
	Subject   string  // of the session
	KeyID     string  // the key that made Sealed
	Sealed    []byte  // Contents without a code, by Keyring.Seal
	Silent    bool    // nothing is sent: the session is a decoy, of a test destination, or of a suppressed address
}

// NotificationKind is what a notification says.
type NotificationKind string

const (
	NotifyPasswordChanged NotificationKind = "changed" // the account has a new password
	NotifyWrongCodes      NotificationKind = "guessed" // after the right password came five wrong codes (ASVS 5.0 6.3.5)
	NotifyLocked          NotificationKind = "closed"  // 100 wrong codes in a row: there are none for a day
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
