package evidence

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// input is an operation as a model sees it: what it does, and a number whose meaning depends on that.
type input struct {
	do string
	n  int
}

// The results that several models know. Others are a status with the error's code, such as "410 code_used".
const (
	success = "200"
	unknown = "?" // no response: the operation may already have its effect, or may take effect later
)

// step returns the states in which an operation with this result may leave an object. A result that leaves it in no state is wrong.
type step[S comparable] func(s S, in input, result string) []S

// modelOf makes a model for Porcupine. It is nondeterministic, because an operation without a response may have had its effect or not.
func modelOf[S comparable](initial S, step step[S]) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{initial} },
		Step: func(state, in, result any) (next []any) {
			for _, s := range step(state.(S), in.(input), result.(string)) {
				next = append(next, s)
			}
			return next
		},
		DescribeOperation: func(in, result any) string {
			return fmt.Sprintf("%s %d → %v", in.(input).do, in.(input).n, result)
		},
		DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return m.ToModel()
}

func only[S any](ok bool, s S) []S {
	if ok {
		return []S{s}
	}
	return nil
}

// register is a session: a right code is accepted once, and the code is sent again at most twice.
type register struct {
	used    bool
	resends int
}

func sessionModel() porcupine.Model {
	return modelOf(register{}, func(s register, in input, result string) []register {
		after := s
		switch in.do {
		case "verify":
			after.used = true
		case "resend":
			after.resends++
		}
		fits := after.resends <= 2
		switch {
		case result == unknown:
			return append([]register{s}, only(fits, after)...)
		case result == success:
			return only(in.do != "guess" && !s.used && fits, after)
		case result == "410 code_used", result == "used":
			return only(s.used, s)
		case result == "403 locked", in.do == "resend" && result == "429 too_many_requests":
			return []register{s}
		case in.do == "guess" && result == "401 wrong_code", in.do == "status" && result == "unused":
			return only(!s.used, s)
		}
		return nil
	})
}

// counter is the attempts of a subject. It locks at lockAt, until the lock has passed.
type counter struct {
	count, lockAt int
	passed        bool
}

const maxAttempts = 5

// reserved returns the counter after one more attempt, if it may be made.
func (c counter) reserved() (counter, bool) {
	switch {
	case c.count == 0:
		c.lockAt = maxAttempts
	case c.count >= c.lockAt && !c.passed:
		return c, false
	case c.count >= c.lockAt:
		c.lockAt = c.count + maxAttempts
	}
	c.count, c.passed = c.count+1, false
	return c, true
}

// attemptModel has a right code in two parts, reserve and clear, because the function makes two writes. A later attempt may prevent the
// second one. With faults the counter may rise by itself, because a write whose response was lost is repeated, and counts again if another
// attempt came in between. So then the model shows that no lock is passed, but not that none comes early.
func attemptModel(faulty bool) porcupine.Model {
	step := func(c counter, in input, result string) []counter {
		after, ok := c.reserved()
		switch {
		case in.do == "clear":
			return []counter{c, {}}
		case in.do == "lock passes":
			c.passed = c.count > 0 && c.count >= c.lockAt
			return []counter{c}
		case result == unknown, result == "410 code_used": // in parallel with another right code it has reserved an attempt
			return append([]counter{c}, only(ok, after)...)
		case result == success:
			return only(ok, after)
		case result == "401 wrong_code":
			return only(ok && in.n == after.lockAt-after.count, after) // n attempts remain
		case result == "403 locked":
			return only(!ok, c)
		}
		return nil
	}
	return modelOf(counter{}, func(c counter, in input, result string) (next []counter) {
		next = step(c, in, result)
		for more, ok := c.reserved(); ok && faulty; more, ok = more.reserved() {
			next = append(next, step(more, in, result)...)
		}
		return next
	})
}

// window is the rolling limit of a mailbox: its messages of this phase and of the previous phase, which an hour covers. Requests that failed may hold
// a place at any time, and send may give back a message that its provider rejected.
type window struct{ now, before, failed, rejected int }

const perHour = 5

// limitModel gives back a rejected message only when a request needs the place: a history that allows it earlier allows it then.
func limitModel() porcupine.Model {
	return modelOf(window{}, func(w window, in input, result string) (next []window) {
		taken := w.now + w.before
		switch {
		case in.do == "time passes": // messages of the phase before the last one are 65 minutes old now
			w.now, w.before = 0, w.now
		case in.do == "refund":
			w.rejected++
		case result == unknown:
			w.failed++
		case result == success && taken < perHour:
			w.now++
		case result == success && w.rejected > 0:
			w.rejected--
			next = only(w.now > 0, w)
			w.now, w.before = w.now+1, w.before-1
			return append(next, only(w.before >= 0, w)...)
		case result != "429 too_many_requests" || taken+w.failed < perHour:
			return nil
		}
		return []window{w}
	})
}

// grant is an authorization code: it is exchanged once, and a second exchange ends the first one's token.
type grant string

// grantModel has "use" for an exchange that used the code, found it revoked when it repeated the write, and so was rejected.
func grantModel() porcupine.Model {
	return modelOf(grant("new"), func(g grant, in input, result string) []grant {
		switch {
		case in.do == "use":
			return append([]grant{g}, only(g == "new", grant("used"))...)
		case in.do == "theft": // with another verifier, which changes nothing
			return only(result == unknown || result == "400 invalid_grant", g)
		case in.do == "userinfo":
			return only(result == unknown || result == success && g == "used" || result == "401" && g == "revoked", g)
		case result == unknown && g == "new":
			return []grant{g, "used"}
		case result == unknown:
			return []grant{g, "revoked"}
		case result == success:
			return only(g == "new", grant("used"))
		case result == "400 invalid_grant":
			return only(g != "new", grant("revoked"))
		}
		return nil
	})
}

// account is the number of the session that reset an account's password, or 0. A password has the number of its session.
type account int

func accountModel() porcupine.Model {
	return modelOf(account(0), func(a account, in input, result string) []account {
		n := account(in.n)
		switch {
		case in.do == "login":
			return only(result == unknown || result == success && a == n || result == "401 invalid_credentials" && a != n, a)
		case result == unknown:
			return append([]account{a}, only(a == 0, n)...)
		case result == success:
			return only(a == 0, n)
		case result == "410 code_used":
			return only(a == n, a)
		case result == "410 code_expired": // another session was first
			return only(a != 0, a)
		case result == "403 locked":
			return []account{a}
		}
		return nil
	})
}
