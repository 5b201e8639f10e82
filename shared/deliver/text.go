package deliver

import (
	"cmp"
	"fmt"
	"html"
	"strings"
	"time"

	"streamotp/shared/otp"
)

// language holds the texts of all messages in one language, apart from names and numbers. %[1]s is the name of the app, except in sms,
// smsShort and smsNamed, where it is the code.
type language struct {
	tag                     string                 // BCP 47, for the HTML
	subject, action, notYou map[otp.Purpose]string // by purpose
	expires, secret         string
	minutes, seconds        string
	smsAction               map[otp.Purpose]string
	sms, smsShort           string // %[1]s is the code, %[2]s the action, %[3]s the app's name (sms only)
	smsNamed                string // if sms is too long for a client's code: still with the client's name (%[3]s), which a person must see
	notifications           map[otp.NotificationKind]notification
	smsClosed               string
	date                    string // time layout
}

// signUp stands in the texts for Passwordless where the address has no account.
const signUp otp.Purpose = "sign-up"

// notification is an e-mail without a code.
type notification struct {
	subject    string
	paragraphs []string // %[2]s is the time
}

// languages by primary subtag. Every SMS text is GSM-7 (3GPP TS 23.038), or one message would cost three.
var languages = map[string]*language{"en": &english, "de": &german}

var english = language{
	tag: "en",
	subject: map[otp.Purpose]string{
		otp.Verify:       "Your %[1]s confirmation code",
		otp.Login:        "Your %[1]s login code",
		otp.Reset:        "Your %[1]s password reset code",
		otp.Passwordless: "Your %[1]s login code",
		signUp:           "Your code for a new %[1]s account",
	},
	action: map[otp.Purpose]string{
		otp.Verify:       "Use this code to confirm your e-mail address for %[1]s:",
		otp.Login:        "Use this code to log in to %[1]s:",
		otp.Reset:        "Use this code to set a new password for %[1]s:",
		otp.Passwordless: "Use this code to log in to %[1]s:",
		signUp:           "Use this code to create your account at %[1]s:",
	},
	notYou: map[otp.Purpose]string{
		otp.Verify:       "If you did not ask for it, ignore this message: nothing happens without the code.",
		otp.Login:        "If you did not try to log in, somebody knows your password: set a new one now.",
		otp.Reset:        "If you did not ask for it, ignore this message: your password stays as it is.",
		otp.Passwordless: "If you did not ask for it, ignore this message: nobody gets in without the code.",
		signUp:           "If you did not ask for it, ignore this message: there is no account without the code.",
	},
	expires:   "It expires in %s and works once.",
	minutes:   "%d minutes",
	seconds:   "%d seconds",
	secret:    "Nobody from %[1]s will ever ask you for this code. Do not pass it on.",
	smsAction: map[otp.Purpose]string{otp.Verify: "to confirm your number", otp.Login: "to log in"},
	sms:       "%[1]s is your %[3]s code %[2]s. Nobody will ask you for it. Not you? Ignore this.",
	smsShort:  "%[1]s is your code %[2]s. Nobody will ask for it. Not you? Ignore it.",
	smsNamed:  "%[1]s is your %[3]s code %[2]s.",

	notifications: map[otp.NotificationKind]notification{
		otp.NotifyPasswordChanged: {"Your %[1]s password was changed", []string{
			"The password of your %[1]s account was changed on %[2]s.",
			"If that was you, there is nothing to do.",
			"If it was not you, somebody can read your e-mail: secure your mailbox first, then set a new password with " +
				"\u201cForgot password\u201d, and tell the people who run %[1]s.",
		}},
		otp.NotifyWrongCodes: {"Somebody knows your %[1]s password", []string{
			"On %[2]s somebody entered the right password of your %[1]s account and then five wrong codes.",
			"If that was you, wait a while and ask for a new code.",
			"If it was not you, set a new password now with \u201cForgot password\u201d. Without a code nobody gets in, " +
				"but the password is known.",
		}},
		otp.NotifyLocked: {"Your %[1]s codes are closed for a day", []string{
			"By %[2]s somebody had entered 100 wrong codes in a row for your address at %[1]s. No code is sent or " +
				"accepted there for a day.",
			"If that was you, tell the people who run %[1]s: they can open it again.",
			"If it was not you, there is nothing to do: nobody got in with them.",
		}},
	},
	smsClosed: "100 wrong codes were entered for your number at %[1]s. It gets no code for a day. Nobody got in with them.",
	date:      "2 January 2006 at 15:04 UTC",
}

var german = language{
	tag: "de",
	subject: map[otp.Purpose]string{
		otp.Verify:       "Ihr Bestätigungscode für %[1]s",
		otp.Login:        "Ihr Anmeldecode für %[1]s",
		otp.Reset:        "Ihr Code für ein neues Passwort bei %[1]s",
		otp.Passwordless: "Ihr Anmeldecode für %[1]s",
		signUp:           "Ihr Code für ein neues Konto bei %[1]s",
	},
	action: map[otp.Purpose]string{
		otp.Verify:       "Mit diesem Code bestätigen Sie Ihre E-Mail-Adresse für %[1]s:",
		otp.Login:        "Mit diesem Code melden Sie sich bei %[1]s an:",
		otp.Reset:        "Mit diesem Code setzen Sie ein neues Passwort für %[1]s:",
		otp.Passwordless: "Mit diesem Code melden Sie sich bei %[1]s an:",
		signUp:           "Mit diesem Code legen Sie Ihr Konto bei %[1]s an:",
	},
	notYou: map[otp.Purpose]string{
		otp.Verify:       "Wenn Sie ihn nicht angefordert haben, ignorieren Sie diese Nachricht: Ohne den Code geschieht nichts.",
		otp.Login:        "Wenn Sie sich nicht anmelden wollten, kennt jemand Ihr Passwort: Setzen Sie jetzt ein neues.",
		otp.Reset:        "Wenn Sie ihn nicht angefordert haben, ignorieren Sie diese Nachricht: Ihr Passwort bleibt, wie es ist.",
		otp.Passwordless: "Wenn Sie ihn nicht angefordert haben, ignorieren Sie diese Nachricht: Ohne den Code kommt niemand hinein.",
		signUp:           "Wenn Sie ihn nicht angefordert haben, ignorieren Sie diese Nachricht: Ohne den Code entsteht kein Konto.",
	},
	expires:   "Er gilt %s und nur einmal.",
	minutes:   "%d Minuten",
	seconds:   "%d Sekunden",
	secret:    "Niemand von %[1]s wird Sie je nach diesem Code fragen. Geben Sie ihn nicht weiter.",
	smsAction: map[otp.Purpose]string{otp.Verify: "zum Bestätigen Ihrer Nummer", otp.Login: "zum Anmelden"},
	sms:       "%[1]s ist Ihr Code %[2]s bei %[3]s. Niemand wird Sie danach fragen. Nicht Sie? Ignorieren.",
	smsShort:  "%[1]s: Code %[2]s. Niemand fragt danach. Nicht Sie? Ignorieren.",
	smsNamed:  "%[1]s: Code %[2]s bei %[3]s.",

	notifications: map[otp.NotificationKind]notification{
		otp.NotifyPasswordChanged: {"Ihr Passwort für %[1]s wurde geändert", []string{
			"Das Passwort Ihres Kontos bei %[1]s wurde am %[2]s geändert.",
			"Wenn Sie das waren, ist nichts zu tun.",
			"Wenn nicht, kann jemand Ihre E-Mails lesen: Sichern Sie zuerst Ihr Postfach, setzen Sie dann mit " +
				"\u201ePasswort vergessen\u201c ein neues Passwort und sagen Sie den Betreibern von %[1]s Bescheid.",
		}},
		otp.NotifyWrongCodes: {"Jemand kennt Ihr Passwort für %[1]s", []string{
			"Am %[2]s hat jemand das richtige Passwort Ihres Kontos bei %[1]s eingegeben und danach fünf falsche Codes.",
			"Wenn Sie das waren, warten Sie eine Weile und fordern Sie einen neuen Code an.",
			"Wenn nicht, setzen Sie jetzt mit \u201ePasswort vergessen\u201c ein neues Passwort. Ohne Code kommt niemand " +
				"hinein, aber das Passwort ist bekannt.",
		}},
		otp.NotifyLocked: {"Ihre Codes für %[1]s sind einen Tag gesperrt", []string{
			"Bis zum %[2]s hat jemand 100 falsche Codes nacheinander für Ihre Adresse bei %[1]s eingegeben. Einen Tag lang " +
				"wird dort kein Code gesendet oder angenommen.",
			"Wenn Sie das waren, sagen Sie den Betreibern von %[1]s Bescheid: Sie können wieder öffnen.",
			"Wenn nicht, ist nichts zu tun: Niemand ist damit hineingekommen.",
		}},
	},
	smsClosed: "100 falsche Codes wurden für Ihre Nummer bei %[1]s eingegeben. Einen Tag lang kommt kein Code. Niemand kam damit hinein.",
	date:      "2.1.2006 um 15:04 UTC",
}

func languageOf(locale string) *language { return cmp.Or(languages[locale], &english) }

type emailText struct{ subject, text, html string }

// email writes a message as text and HTML. The code is alone on its line, with its digits together, so that people can copy it
// and mail clients recognise it.
func (s *Sender) email(m Message) emailText {
	l := languageOf(m.Locale)
	if m.Notification != "" {
		n := l.notifications[m.Notification]
		paragraphs := make([]string, len(n.paragraphs))
		for i, p := range n.paragraphs {
			paragraphs[i] = s.fill(p, m.At.UTC().Format(l.date))
		}
		return s.compose(l.tag, s.fill(n.subject), paragraphs, "")
	}
	// Whole minutes, and ten seconds of grace: a code that is sent at once must not seem a minute shorter than it is.
	life := fmt.Sprintf(l.minutes, int((m.Life+10*time.Second)/time.Minute))
	if m.Life < 2*time.Minute {
		life = fmt.Sprintf(l.seconds, int(m.Life/time.Second))
	}
	purpose := m.Purpose
	if m.New {
		purpose = signUp
	}
	return s.compose(l.tag, s.fill(l.subject[purpose]), []string{
		s.fill(l.action[purpose]),
		fmt.Sprintf(l.expires, life),
		s.fill(l.secret),
		s.fill(l.notYou[purpose]),
	}, m.Code)
}

// fill inserts the app's name, and the other values of a text, into their places.
func (s *Sender) fill(text string, more ...string) string {
	text = strings.ReplaceAll(text, "%[1]s", s.AppName)
	for i, m := range more {
		text = strings.ReplaceAll(text, fmt.Sprintf("%%[%d]s", i+2), m)
	}
	return text
}

// compose lays out paragraphs. The code, if there is one, follows the first.
func (s *Sender) compose(lang, subject string, paragraphs []string, code string) emailText {
	var text, body strings.Builder
	for i, p := range paragraphs {
		fmt.Fprintf(&text, "%s\n\n", p)
		fmt.Fprintf(&body, `<p style="margin:0 0 16px">%s</p>`+"\n", html.EscapeString(p))
		if i == 0 && code != "" {
			fmt.Fprintf(&text, "%s\n\n", code)
			fmt.Fprintf(&body, `<p style="margin:0 0 16px;font:700 32px/1.3 ui-monospace,Menlo,Consolas,monospace;`+
				`letter-spacing:4px">%s</p>`+"\n", html.EscapeString(code))
		}
	}
	name := html.EscapeString(s.AppName)
	return emailText{subject: subject, text: text.String() + "-- \n" + s.AppName + "\n", html: `<!doctype html>
<html lang="` + lang + `"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
		`<meta name="color-scheme" content="light dark"><title>` + html.EscapeString(subject) + `</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif">
<div style="max-width:480px;margin:0 auto">
<p style="margin:0 0 24px;font-weight:700;font-size:18px">` + name + `</p>
` + body.String() + `</div></body></html>
`}
}

// segment is the number of characters that one SMS holds in GSM-7 (3GPP TS 23.038).
const segment = 160

// sms writes a message that fits into one segment. A code's message ends with the origin-bound line, so that a phone offers the code
// only on pages of that host (WICG, Origin-bound one-time codes delivered via SMS). If the host is long, the app's name is left out, unless it is a client's.
func (s *Sender) sms(m Message) string {
	l := languageOf(m.Locale)
	if m.Notification != "" {
		return s.fill(l.smsClosed) // the only notification that goes to a phone number
	}
	bound := fmt.Sprintf("\n\n@%s #%s", m.Host, m.Code)
	action := l.smsAction[m.Purpose]
	text := fmt.Sprintf(l.sms, m.Code, action, s.AppName)
	if tooLong := len([]rune(text+bound)) > segment; tooLong && m.App != "" {
		text = fmt.Sprintf(l.smsNamed, m.Code, action, m.App)
	} else if tooLong {
		text = fmt.Sprintf(l.smsShort, m.Code, action)
	}
	return text + bound
}
