package evidence

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"streamotp/local/e2e"
)

type fields = map[string]any

const (
	clients  = 50
	phases   = 3 // of a round
	perPhase = 6 // operations of a client

	password = "tulip harbor lantern 42" // the demo users'
	callback = "http://127.0.0.1/callback"
	page     = "page" // the client that gets proofs
	app      = "app"  // the client that gets tokens
)

// stage is a running stack with what clients act on.
type stage struct {
	*e2e.Stack
	t      *testing.T
	seed   uint64
	only   string // the one model whose objects clients act on; empty for all
	faulty bool
	skewed bool // the functions' clocks differ
	faults *faults

	rounds   int
	subjects []*subject
	account  e2e.Item // a demo user's
	sent     sent
	unmarked map[string]bool // sessions whose message was sent, but not marked
}

// subject is an object with what its clients know about it.
type subject struct {
	*object
	act      func(c *client, x *subject)
	to       string
	sessions []*session
	code     string // of a grant, with its verifier
	verifier string
	since    int // the first of the sessions that was not yet checked for refunds

	mu     sync.Mutex
	tokens []string
}

// session is a session with its code, if the code arrived.
type session struct {
	id, to, code string
	call         int64
}

// client is one of the parallel clients, with a random source of its own.
type client struct {
	*stage
	*rand.Rand
	early bool // in the first phase most sessions and authorization codes are still to be used
}

// newStage registers the clients of a stack. f injects the faults; it remembers those of earlier stacks.
func newStage(t *testing.T, s *e2e.Stack, seed uint64, f *faults) *stage {
	for id, more := range map[string]e2e.Item{
		page: {"purposes": list("verify"), "origins": list("https://page.example")}, app: {"redirectUris": list(callback)},
	} {
		item := e2e.Item{"id": {"S": id}, "name": {"S": "Client"}, "type": {"S": "public"}, "createdAt": {"N": "1"}}
		for name, value := range more {
			item[name] = value
		}
		s.PutItem("ClientsTable", item)
	}
	f.s = s
	x := &stage{Stack: s, t: t, seed: seed, faults: f, unmarked: map[string]bool{}}
	for _, user := range s.Items("UsersTable") {
		if user["email"]["S"] == "ada@example.com" {
			x.account = user
		}
	}
	return x
}

func list(value string) map[string]any {
	return map[string]any{"L": []any{fields{"S": value}}}
}

// parameters turn off the limits that are not modelled.
var parameters = flags("SendsPerIpPerHour=0", "PasswordTriesPerHour=0", "PasswordTriesPerIpPerHour=0", "SmsPrefixSends=0", "SmsPerDay=0",
	"ResendCooldownSeconds=1", "CodeTtlSeconds=600", "ThrottleRate=10000", "ThrottleBurst=10000",
	fmt.Sprint("SendsPerHour=", perHour), fmt.Sprint("MaxAttempts=", maxAttempts))

func flags(parameters ...string) (args []string) {
	for _, p := range parameters {
		args = append(args, "-parameter", p)
	}
	return args
}

// round lets the clients act on new objects, and returns what is wrong with the objects' histories.
func (x *stage) round() (wrong []string) {
	x.rounds++
	start := time.Now()
	defer func() {
		fmt.Printf("round %d: %d operations so far, %.1f s, faults so far %v\n", x.rounds, x.operations(), time.Since(start).Seconds(), x.faults.kinds)
	}()
	x.prepare()
	for phase := range phases {
		var wait sync.WaitGroup
		if x.faulty {
			x.faults.aim(rand.New(rand.NewPCG(x.seed, uint64(x.rounds*10+phase))))
		}
		for n := range clients {
			wait.Go(func() {
				for op := range perPhase {
					// Each operation has a random source of its own: how many numbers one draws depends on how requests interleave.
					c := &client{x, rand.New(rand.NewPCG(x.seed, uint64(((x.rounds*10+phase)*100+n)*10+op))), phase == 0}
					if x.faulty {
						x.faults.maybe(c.Rand, (int(x.seed)*10*phases+x.rounds*phases+phase)*clients*perPhase+n*perPhase+op)
					}
					s := x.subjects[c.IntN(len(x.subjects))]
					s.act(c, s)
				}
			})
		}
		wait.Wait()
		x.ClearFaults()
		x.pass(between[phase])
	}
	for _, s := range x.subjects {
		if found := s.check(x.t, x.seed); found != "" {
			wrong = append(wrong, found)
		}
	}
	return wrong
}

// operations returns how many operations the clients have made.
func (x *stage) operations() int { return x.rounds * phases * clients * perPhase }

// play plays rounds without faults, which show the calls that the functions make, until all usual responses have occurred: nearly always one round.
// Then it plays a round with faults, and further ones as long as more says so. A stack keeps all that it logs, so ten rounds are enough for one.
func (x *stage) play(check func(wrong []string), more func() bool) {
	missing := usual
	for ; len(missing) > 0 && x.rounds < 3; x.ClearMessages() {
		check(x.round())
		x.faults.learn()
		missing = slices.DeleteFunc(slices.Clone(missing), x.occurred)
	}
	if len(missing) > 0 {
		x.t.Errorf("these responses do not occur: %q", missing)
	}
	x.faulty = true
	for last := x.rounds + 1; x.rounds < last || x.rounds < 10 && more(); x.ClearMessages() {
		check(x.round())
	}
}

// usual are the responses that the models know. If one never occurred, a history could be right because nothing works.
var usual = []string{
	"session: verify → 200", "session: verify → 410 code_used", "session: guess → 401 wrong_code", "session: resend → 200", "session: status → unused", "session: status → used",
	"session by SMS: verify → 200", "session by SMS: verify → 410 code_used",
	"attempts: reserve → 200", "attempts: reserve → 401 wrong_code", "attempts: reserve → 403 locked",
	"limit: generate → 200", "limit: generate → 429 too_many_requests",
	"grant: token → 200", "grant: token → 400 invalid_grant", "grant: theft → 400 invalid_grant", "grant: userinfo → 200", "grant: userinfo → 401",
	"account: reset → 200", "account: reset → 410 code_used", "account: login → 200", "account: login → 401 invalid_credentials",
}

// occurred reports whether the last round had a response.
func (x *stage) occurred(response string) bool {
	for _, s := range x.subjects {
		kind, _, _ := strings.Cut(s.name, "-")
		if s.to[0] == '+' {
			kind += " by SMS"
		}
		for _, o := range s.ops {
			if fmt.Sprint(kind, ": ", o.Input.(input).do, " → ", o.Output) == response {
				return true
			}
		}
	}
	return false
}

// prepare makes the objects of a round, in parallel.
func (x *stage) prepare() {
	x.subjects = nil
	add := func(name string, n int, s func(i int) *subject) {
		switch x.only {
		case "":
		case name:
			n *= 4 // as many as of all models, or the histories are too parallel to check
		default:
			n = 0
		}
		for i := range n {
			made := s(i)
			made.object.name = fmt.Sprintf("%s-%d-%d", name, x.rounds, i)
			x.subjects = append(x.subjects, made)
		}
	}
	email := func(kind string, i int) string { return fmt.Sprintf("%s-%d-%d@example.com", kind, x.rounds, i) }
	add("session", 6, func(i int) *subject {
		s := &subject{object: &object{model: sessionModel()}, act: useSession, to: email("session", i)}
		if i%3 == 0 {
			s.to = fmt.Sprintf("+4915123%06d", x.rounds*10+i)
		}
		return s
	})
	add("attempts", 5, func(i int) *subject {
		return &subject{object: &object{model: attemptModel(x.faulty)}, act: guess, to: email("attempts", i)}
	})
	add("limit", 5, func(i int) *subject {
		return &subject{object: &object{model: limitModel()}, act: ask, to: email("limit", i)}
	})
	add("grant", 4, func(i int) *subject {
		return &subject{object: &object{model: grantModel()}, act: exchange, to: email("grant", i)}
	})
	add("account", 2, func(i int) *subject {
		return &subject{object: &object{model: accountModel()}, act: setPassword, to: email("account", i)}
	})
	var wait sync.WaitGroup
	for _, s := range x.subjects {
		wait.Go(func() { x.open(s) })
	}
	wait.Wait()
	if x.t.Failed() {
		x.t.FailNow()
	}
	time.Sleep(time.Second) // ResendCooldownSeconds

	for _, item := range x.Items("CodesTable") { // an authorization code lives for a minute, which a slow round may outlast
		if id, _ := item["sessionId"]["S"].(string); strings.HasPrefix(id, "authz#") && item["usedAt"] == nil {
			item["expiredAt"] = map[string]any{"N": fmt.Sprint(time.Now().Add(time.Hour).Unix())}
			x.PutItem("CodesTable", item)
		}
	}
}

// open begins the sessions that an object's clients share, one after the other, so that each code is known to be its session's.
func (x *stage) open(s *subject) {
	kind, _, _ := strings.Cut(s.name, "-")
	body := fields{"email": s.to}
	if s.to[0] == '+' {
		body = fields{"phone": s.to}
	}
	switch kind {
	case "session":
		body["clientId"], body["nonce"] = page, "nonce-"+s.to
	case "account", "grant":
		user := maps.Clone(x.account)
		delete(user, "id")
		user["email"] = map[string]any{"S": s.to}
		x.PutItem("UsersTable", user)
		body["purpose"] = "reset"
	}
	if kind == "grant" {
		x.authorize(s)
	}
	sessions := map[string]int{"session": 1, "attempts": 3, "account": 3}[kind]
	if kind == "account" && x.skewed {
		sessions = 1 // a session may seem to be younger than a password that was changed within the clocks' difference
	}
	for range sessions {
		x.begin(s, body)
	}
}

// begin requests a code while there are no faults, and waits for it.
func (x *stage) begin(s *subject, body fields) *session {
	made := &session{to: s.to, call: clock()}
	status, _, answer := x.Post("/api/generate", body)
	if status != http.StatusOK {
		x.t.Errorf("generate for %s: %d %v", s.name, status, answer)
		return made
	}
	made.id = answer["sessionId"].(string)
	x.sent.asked(s.to, made.id)
	s.sessions = append(s.sessions, made)
	x.until("a code to "+s.to, func() bool {
		var codes []string
		for _, m := range x.Messages() { // newest first
			if c := e2e.Code(m); m.To == s.to && c != "" {
				codes = append(codes, c)
			}
		}
		if len(codes) == len(s.sessions) {
			made.code = codes[0]
		}
		return made.code != ""
	})
	return made
}

func (x *stage) until(what string, holds func() bool) {
	if !x.waits(holds) {
		x.t.Errorf("waited in vain: %s", what)
	}
}

// waits reports whether something holds at last.
func (x *stage) waits(holds func() bool) bool {
	for deadline := time.Now().Add(2 * e2e.Patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// between is how much time passes for the limits after each phase. Messages of the first phase are 55 minutes old in the second phase, where they
// count, and 65 minutes in the third, where they do not.
var between = [phases]time.Duration{55 * time.Minute, 10 * time.Minute, 0}

// pass makes the limits older, and the locks by two hours. It may overwrite a write of a failed request, which the models allow.
func (x *stage) pass(by time.Duration) {
	call := clock()
	var wait sync.WaitGroup
	for _, item := range x.Items("LimitsTable") {
		changed := false
		older := func(name string, by time.Duration) {
			text, _ := item[name]["N"].(string)
			whole, fraction, _ := strings.Cut(text, ".")
			if at, _ := strconv.ParseInt(whole, 10, 64); at > time.Now().Add(-3*time.Hour).UnixMilli() {
				item[name] = map[string]any{"N": fmt.Sprint(at-by.Milliseconds(), ".", fraction)}
				changed = true
			}
		}
		for i := range perHour {
			older(fmt.Sprint("m", i), by)
		}
		older("lastTry", 2*time.Hour)
		if changed {
			wait.Go(func() { x.PutItem("LimitsTable", item) })
		}
	}
	wait.Wait()
	for _, s := range x.subjects {
		switch kind, _, _ := strings.Cut(s.name, "-"); kind {
		case "attempts":
			s.add("lock passes", 0, success, call, clock())
		case "limit":
			x.refunds(s)
			s.add("time passes", 0, success, call, clock())
		}
	}
}

// refunds adds what the send function may have given back, because a provider rejected a message for good.
func (x *stage) refunds(s *subject) {
	for ; s.since < len(s.sessions); s.since++ {
		made := s.sessions[s.since]
		if state := x.settled(made.id); state != "sent" && state != "delivered" {
			s.add("refund", 0, unknown, made.call, never)
		}
	}
}
