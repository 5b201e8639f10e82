package attack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"streamotp/local/e2e"
)

const (
	sendsPerHour      = 5  // the default, for one mailbox
	sendsPerIPPerHour = 30 // the default, for one client IP address
)

// sent waits until the accepted messages have gone out to addresses that to selects, and returns how many did.
func sent(t *testing.T, s *e2e.Stack, tries, accepted, most int, to func(string) bool) result {
	t.Helper()
	got := func() (n int) {
		for _, m := range s.Messages() {
			if to(m.To) {
				n++
			}
		}
		return n
	}
	wait(t, fmt.Sprint(accepted, " messages"), func() bool { return got() >= accepted })
	return result{tries, got(), "sent", got() > most}
}

func floodMailbox(t *testing.T, s *e2e.Stack) result {
	spell := []func(i int) string{
		func(int) string { return "flood@bücher.example" },
		func(i int) string { return fmt.Sprintf("flood+%d@bücher.example", i) },
		func(i int) string { return capitals("flood", i) + "@xn--bcher-kva.example" },
		func(int) string { return "  flood@BÜCHER.Example " },
		func(i int) string { return capitals("flood", i) + "@ｂücher.ｅｘａｍｐｌｅ" }, // full width
	}
	seen := atOnce(60, func(i int) (int, fields) {
		return post(elsewhere(s), "generate", fields{"email": spell[i%len(spell)](i)})
	})
	return sent(t, s, 60, seen["200"], sendsPerHour, func(to string) bool {
		return strings.HasPrefix(strings.ToLower(to), "flood") && strings.HasSuffix(to, "@xn--bcher-kva.example")
	})
}

// capitals writes some letters of a word in upper case: those whose bits are set in i.
func capitals(word string, i int) string {
	letters := []byte(word)
	for at := range letters {
		if i>>at&1 == 1 {
			letters[at] -= 'a' - 'A'
		}
	}
	return string(letters)
}

// floodBy requests one code for each of n mailboxes whose names begin with the word.
func floodBy(t *testing.T, s *e2e.Stack, word string, n int, caller func(i int) *e2e.Stack) result {
	t.Helper()
	seen := atOnce(n, func(i int) (int, fields) {
		return post(caller(i), "generate", fields{"email": fmt.Sprintf("%s%d@example.com", word, i)})
	})
	return sent(t, s, n, seen["200"], sendsPerIPPerHour, func(to string) bool { return strings.HasPrefix(to, word) })
}

func floodFromOne(t *testing.T, s *e2e.Stack) result {
	caller := elsewhere(s)
	return floodBy(t, s, "many", 60, func(int) *e2e.Stack { return caller })
}

// floodForged claims another IP address each time, in every header that a proxy may set.
func floodForged(t *testing.T, s *e2e.Stack) result {
	return floodBy(t, s, "forged", 60, func(i int) *e2e.Stack {
		claim := fmt.Sprintf("198.51.100.%d", i+1)
		return s.From("127.10.0.1", http.Header{
			"X-Forwarded-For": {claim}, "Forwarded": {"for=" + claim}, "X-Real-Ip": {claim}, "X-Client-Ip": {claim},
			"True-Client-Ip": {claim}, "Cf-Connecting-Ip": {claim},
			"Cloudfront-Viewer-Address": {claim + ":4711"}, "X-Origin-Secret": {"guess"},
		})
	})
}

// goAround calls the API's own URL, which no web ACL protects, and guesses the secret that CloudFront would send.
func goAround(t *testing.T, s *e2e.Stack) result {
	seen := atOnce(20, func(i int) (int, fields) {
		return post(elsewhere(s, "X-Origin-Secret", strings.Repeat("guess", i%3)), "generate", fields{"email": fmt.Sprintf("around%d@example.com", i)})
	})
	return result{tries: 20, got: seen["200"], what: "answered", breach: seen["200"] > 0}
}

// burnVictim uses up the limit of its own IP address and goes on with a victim's mailbox, to use up the messages that the
// mailbox may get in an hour.
func burnVictim(t *testing.T, s *e2e.Stack) result {
	attacker := elsewhere(s)
	atOnce(sendsPerIPPerHour, func(i int) (int, fields) {
		return post(attacker, "generate", fields{"email": fmt.Sprintf("mine%d@example.com", i)})
	})
	const victim = "victim@example.com"
	atOnce(10, func(int) (int, fields) { return post(attacker, "generate", fields{"email": victim}) })
	return keptOut(sendsPerIPPerHour+10, elsewhere(s), fields{"email": victim})
}

func burnOwner(t *testing.T, s *e2e.Stack) result {
	const owner = "owner@example.com"
	account(t, s, owner)
	for i := range 8 {
		post(elsewhere(s), "generate", login(owner, fmt.Sprint("not the password ", i)))
	}
	return keptOut(8, elsewhere(s), login(owner, password))
}

// keptOut returns the result of an attack that tries to keep a victim from getting a code.
func keptOut(tries int, victim *e2e.Stack, ask fields) result {
	if status, _ := post(victim, "generate", ask); status != 200 {
		return result{tries, 1, "victim kept out", true}
	}
	return result{tries, 0, "victims kept out", false}
}

func resendStorm(t *testing.T, s *e2e.Stack) result {
	const to = "storm@example.com"
	id, _ := begin(t, s, fields{"email": to}, to)
	seen := atOnce(50, func(int) (int, fields) { return post(s, "resend", fields{"sessionId": id}) })
	r := sent(t, s, 50, 1+seen["200"], 1, func(at string) bool { return at == to })
	r.got-- // the first message, which was not a resend
	return r
}

// sms requests a code for each number.
func sms(t *testing.T, s *e2e.Stack, numbers ...string) result {
	t.Helper()
	caller, accepted := elsewhere(s), 0
	wanted := map[string]bool{}
	for _, n := range numbers {
		wanted[n] = true
		if status, _ := post(caller, "generate", fields{"phone": n}); status == 200 {
			accepted++
		}
	}
	return sent(t, s, len(numbers), accepted, 0, func(to string) bool { return wanted[to] })
}

// smsAbroad requests codes for countries that are not allowed. Some of them share their country code with one that is.
func smsAbroad(t *testing.T, s *e2e.Stack) result {
	return sms(t, s, "+33612345678", "+18762101234" /* Jamaica, as the US */, "+77710009998" /* Kazakhstan, as Russia */, "+447781123456", /* Guernsey, as GB */
		"+881612345678" /* satellite */)
}

func smsPremium(t *testing.T, s *e2e.Stack) result {
	return sms(t, s, "+19002345678", "+18002345678", "+493012345678", "+499001234567", "+442079460000", "+449098790000",
		"+447012345678" /* personal, looks like a mobile */, "+911123456789")
}

// pump commits fraud: the numbers' operator gets a share of the fee for every message.
func pump(t *testing.T, s *e2e.Stack) result {
	const prefix = "+44740012"
	seen := atOnce(60, func(i int) (int, fields) {
		return post(elsewhere(s), "generate", fields{"phone": fmt.Sprintf("%s34%02d", prefix, i)})
	})
	return sent(t, s, 60, seen["200"], 30, func(to string) bool { return strings.HasPrefix(to, prefix) })
}

func outspendSMS(t *testing.T, s *e2e.Stack) result {
	today := func(sms int) {
		s.PutItem("LimitsTable", e2e.Item{
			"key": {"S": "day#" + time.Now().UTC().Format(time.DateOnly)}, "sms": {"N": fmt.Sprint(sms)},
			"expiredAt": {"N": fmt.Sprint(time.Now().Add(24 * time.Hour).Unix())},
		})
	}
	today(495)
	defer today(0)
	seen := atOnce(20, func(i int) (int, fields) {
		return post(elsewhere(s), "generate", fields{"phone": fmt.Sprintf("+4915121%02d5678", i)})
	})
	return sent(t, s, 20, seen["200"], 5, func(to string) bool { return strings.HasPrefix(to, "+4915121") })
}

// outage is not an attack but a failure of the provider. Its result is the number of codes that did not arrive.
func outage(t *testing.T, s *e2e.Stack) result {
	const people = 20
	before := len(s.Calls())
	refused := func() (n int) {
		for _, c := range s.Calls()[before:] {
			if c.Service == "ses" && c.Function == "SendFunction" {
				n++
			}
		}
		return n
	}
	s.Fault(fields{"service": "ses", "action": "SendEmail", "error": "TooManyRequestsException"})
	seen := atOnce(people, func(i int) (int, fields) {
		return post(elsewhere(s), "generate", fields{"email": fmt.Sprintf("outage%d@example.com", i)})
	})
	wait(t, "every message was refused", func() bool { return refused() >= seen["200"] })
	s.ClearFaults()
	arrived := func() (n int) {
		for _, m := range s.Messages() {
			if strings.HasPrefix(m.To, "outage") {
				n++
			}
		}
		return n
	}
	for deadline := time.Now().Add(e2e.Patience); arrived() < people && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	return result{people, people - arrived(), "lost", arrived() != people}
}

// loseAnswers requests codes while each row is written but the response is lost. A message that goes out must count, so
// what it took from the limits must not be given back.
func loseAnswers(t *testing.T, s *e2e.Stack) result {
	const to, tries = "refund@example.com", 8
	rows := func() (n int) {
		for _, item := range s.Items("CodesTable") {
			if item["send"] != nil {
				n++
			}
		}
		return n
	}
	before := rows()
	for action, fault := range map[string]fields{"PutItem": {"dropResponse": true}, "UpdateItem": {"error": "InternalServerError"}} {
		fault["service"], fault["action"], fault["table"], fault["function"] = "dynamodb", action, "CodesTable", "GenerateFunction"
		s.Fault(fault)
	}
	defer s.ClearFaults()
	for range tries {
		post(elsewhere(s), "generate", fields{"email": to})
	}
	return sent(t, s, tries, rows()-before, sendsPerHour, func(at string) bool { return at == to })
}

// solve returns the token of a solved challenge, or some other text if the stack has no CAPTCHA.
func solve(s *e2e.Stack, challenge fields) string {
	var answer struct{ Token string }
	status, _, data := s.Do(http.MethodPost, "/_local/captcha/tokens", challenge)
	if status != http.StatusOK || json.Unmarshal(data, &answer) != nil {
		return "none"
	}
	return answer.Token
}

func cheatCaptcha(t *testing.T, s *e2e.Stack) result {
	challenge := func(hostname, action string, age int) fields {
		return fields{"siteKey": "site-key", "hostname": hostname, "action": action, "ageSeconds": age}
	}
	used := solve(s, challenge("127.0.0.1", "verify", 0))
	begin(t, s, fields{"email": "person@example.com", "captchaToken": used}, "person@example.com")
	tokens := []string{"", "forged", used, used, solve(s, challenge("127.0.0.1", "verify", 301)),
		solve(s, challenge("evil.example", "verify", 0)), solve(s, challenge("127.0.0.1", "login", 0)), solve(s, challenge("127.0.0.1", "", 0))}
	caller := elsewhere(s)
	seen := atOnce(len(tokens), func(i int) (int, fields) {
		return post(caller, "generate", fields{"email": fmt.Sprintf("cheat%d@example.com", i), "captchaToken": tokens[i]})
	})
	return sent(t, s, len(tokens), seen["200"], 0, func(to string) bool { return strings.HasPrefix(to, "cheat") })
}

func fillEverything(t *testing.T, s *e2e.Stack) result {
	caller := elsewhere(s)
	seen := atOnce(20, func(i int) (int, fields) {
		return post(caller, "generate", fields{"email": fmt.Sprintf("robot%d@example.com", i), "contact_me_by_fax_only": "https://example.com"})
	})
	if seen["200"] != 20 {
		t.Errorf("the response shows the robot that it was recognised: %v", seen)
	}
	// A message that is not sent leaves no trace to wait for, so an honest code is requested after it.
	begin(t, s, fields{"email": "honest@example.com"}, "honest@example.com")
	return sent(t, s, 20, 0, 0, func(to string) bool { return strings.HasPrefix(to, "robot") })
}

// chooseChannel knows the password and can read the owner's e-mail, or has a phone of its own, but does not have the
// owner's phone.
func chooseChannel(t *testing.T, s *e2e.Stack) result {
	const owner, phone, ownPhone = "careful@example.com", "+4915112345670", "+4915112345671"
	account(t, s, owner, "channel", "sms", "phone", phone)
	asks := []fields{login(owner, password)}
	for _, more := range []fields{{"channel": "email"}, {"phone": ownPhone}, {"to": owner}, {"channel": "email", "locale": "de"}} {
		ask := login(owner, password)
		for name, value := range more {
			ask[name] = value
		}
		asks = append(asks, ask)
	}
	asks = append(asks, fields{"phone": ownPhone, "purpose": "login", "password": password}, fields{"phone": ownPhone, "purpose": "reset"})
	accepted := 0
	for _, ask := range asks {
		if status, _ := post(elsewhere(s), "generate", ask); status == 200 {
			accepted++
		}
	}
	all := func(to string) bool { return to == owner || to == ownPhone || to == phone }
	sent(t, s, len(asks), accepted, 0, all) // waits until everything that will arrive has arrived
	return sent(t, s, len(asks), 0, 0, func(to string) bool { return to == owner || to == ownPhone })
}

// overrun calls the API until API Gateway throttles a call, but makes no more than a fixed number of calls. It counts
// those that reach a function. The throttle is set low, as a slow machine may not exceed the default rate of 200 a
// second.
func overrun(_ *testing.T, s *e2e.Stack) result {
	const lanes, each = 50, 10
	var passed, refused atomic.Int64
	atOnce(lanes, func(int) (int, fields) {
		for range each {
			if refused.Load() > 0 {
				break
			}
			if _, _, answer := s.Post("/api/verify", fields{}); answer["message"] == nil {
				passed.Add(1)
			} else {
				refused.Add(1)
			}
		}
		return 0, nil
	})
	return result{int(passed.Load() + refused.Load()), int(passed.Load()), "let through before one is refused", refused.Load() == 0}
}
