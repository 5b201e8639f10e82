package store

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// A limit of n per rolling hour is n time slots in one item, newest first. One conditional write shifts them and takes
// the first; it fails unless the last slot is empty or an hour old. So no hour holds more than n, at any parallelism and
// without a read.
const window = time.Hour

// slots are the attributes of one such limit. A limit of 0 has none and allows everything.
type slots struct {
	letter string // messages are m0, m1 …, wrong passwords w0, w1 …
	n      int
}

func messageSlots(n int) slots       { return slots{"m", n} }
func wrongPasswordSlots(n int) slots { return slots{"w", n} }

// clockTolerance is how far the clocks of two instances may be apart. A slot that lies further in the future was taken by an instance
// with a wrong clock; it counts as free, or the key would be blocked until then.
const clockTolerance = time.Minute

// mostSlots is the highest limit that the template allows.
const mostSlots = 60

// digits name the slots by one character each: an item with every slot of the default limits taken stays under 1 KiB, which
// is what one write unit covers. No reserved word of two letters begins with m or w.
const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func (s slots) name(i int) string { return s.letter + digits[i:i+1] }

func (s slots) names() []string {
	names := make([]string, s.n)
	for i := range names {
		names[i] = s.name(i)
	}
	return names
}

// owned is the value of a slot that a request took at now: epoch milliseconds and, as the fraction, its owner. Two requests of
// the same millisecond share an owner with a chance of one in 45 million.
func owned(requestID string, now time.Time) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprintf("%d.%d", now.UnixMilli(), owner(requestID))}
}

// owner identifies a request by eight digits. The last is odd: DynamoDB would cut off a zero, and the value would not compare as text.
func owner(requestID string) int64 {
	h := fnv.New64a()
	h.Write([]byte(requestID))
	return 10_000_001 + 2*int64(h.Sum64()%45_000_000)
}

// take makes an update take the newest slot, on the condition that the oldest is free.
func (s slots) take(u *update, taken types.AttributeValue, now time.Time) {
	if s.n == 0 {
		return
	}
	u.set(s.name(0), ":slot", taken)
	for i := 1; i < s.n; i++ {
		u.set(s.name(i), ifThere(s.name(i-1)), number(0))
	}
	s.needFree(u, now)
}

// needFree makes an update require a free slot.
func (s slots) needFree(u *update, now time.Time) {
	if s.n == 0 {
		return
	}
	u.need(fmt.Sprintf("attribute_not_exists(%[1]s) OR %[1]s < :inWindow OR %[1]s > :wrongClock", s.name(s.n-1)))
	u.values[":wrongClock"] = millis(now.Add(clockTolerance))
	u.values[":inWindow"] = number(now.Add(-window).UnixMilli() + 1) // the window's first millisecond: values have fractions
}

// needNotOurs makes an update require that no slot has the value that it takes, which a write whose response was lost has taken. It looks at
// all slots, since other requests may have shifted it.
func (s slots) needNotOurs(u *update) {
	if s.n > 0 {
		u.need("NOT :slot IN (" + strings.Join(s.names(), ", ") + ")")
	}
}

// giveBack makes an update remove a slot and move the older ones up, on the condition that the slot still has the value taken.
func (s slots) giveBack(u *update, at int, taken types.AttributeValue) {
	for i := at; i < s.n-1; i++ {
		u.set(s.name(i), ifThere(s.name(i+1)), number(0))
	}
	u.set(s.name(s.n-1), ":zero", number(0))
	u.need(s.name(at) + " = :slot")
	u.values[":slot"] = taken
}

// find returns the place of a value among the slots of an item, or -1.
func (s slots) find(found item, taken types.AttributeValue) int {
	return slices.IndexFunc(s.names(), func(name string) bool { return sameNumber(found[name], taken) })
}

func sameNumber(a, b types.AttributeValue) bool {
	x, isX := a.(*types.AttributeValueMemberN)
	y, isY := b.(*types.AttributeValueMemberN)
	return isX && isY && x.Value == y.Value
}

// full returns an error, with the time that is left, if the oldest slot is still within the window.
//
// Errors: *otp.TooManyRequestsError.
func (s slots) full(found item, now time.Time) error {
	if s.n == 0 {
		return nil
	}
	at, err := slotTime(found[s.name(s.n-1)])
	if err != nil {
		return err
	}
	if wait := at.Add(window).Sub(now); wait > 0 && !at.After(now.Add(clockTolerance)) {
		return &otp.TooManyRequestsError{RetryAfter: min(wait, window), Passwords: s.letter == "w"}
	}
	return nil
}

// taken counts the slots that were taken in the hour before now.
func (s slots) taken(found item, now time.Time) (n int, err error) {
	for _, name := range s.names() {
		at, err := slotTime(found[name])
		if err != nil {
			return 0, err
		}
		if at.After(now.Add(-window)) {
			n++
		}
	}
	return n, nil
}

// slotTime returns when a slot was taken, or the epoch for an empty slot.
func slotTime(slot types.AttributeValue) (time.Time, error) {
	taken, ok := slot.(*types.AttributeValueMemberN)
	if !ok {
		return time.Unix(0, 0), nil
	}
	whole, _, _ := strings.Cut(taken.Value, ".")
	at, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("decode a slot: %w", err)
	}
	return time.UnixMilli(at), nil
}

func ifThere(name string) string { return "if_not_exists(" + name + ", :zero)" }
