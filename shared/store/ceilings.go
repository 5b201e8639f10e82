package store

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/otp"
)

// Ceilings bound what a deployment sends in a day (UTC), whoever asks. A function instance leases as many messages as it
// has sent that day, a thousandth of the ceiling at most: so the day's one item is written some thousand times a day and
// never becomes hot, and what is lost when an instance ends is no more than it used. Under a ceiling of 2,000 or more
// the first message of an instance is sent if the day's count lets it, by a read, and paid with its second: so one that
// sends a single code costs no write and is not counted, and nothing is sent once the count is at the ceiling.
type Ceilings struct {
	DB       *dynamodb.Client
	Table    string
	Messages int // a day, of both channels; 0 means no limit
	SMS      int // a day, of those; 0 means no limit

	mu            sync.Mutex
	day           string
	messages, sms lease
}

// lease is what an instance still has of one ceiling.
type lease struct {
	left  int // less than 0: owed
	taken int
	over  bool // until the day is
}

const leases = 1000 // that a ceiling is divided into

const dayKey = "day#" // and the date

// Take takes one message from the day's ceilings.
//
// Errors: *otp.TooManyRequestsError until midnight.
func (c *Ceilings) Take(ctx context.Context, channel otp.Channel, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if day := now.UTC().Format(time.DateOnly); day != c.day {
		c.day, c.messages, c.sms = day, lease{}, lease{}
	}
	wanted := []want{{"messages", c.Messages, &c.messages}}
	if channel == otp.SMS {
		wanted = append(wanted, want{"sms", c.SMS, &c.sms})
	}
	if err := c.lease(ctx, slices.Clone(wanted), now); err != nil {
		return err
	}
	for _, w := range wanted {
		w.lease.left--
		w.lease.taken++
	}
	return nil
}

// want is one ceiling that a message needs a place under.
type want struct {
	name  string // of the attribute
	most  int
	lease *lease
}

// step is how many messages a lease has at most.
func (w want) step() int { return max(1, w.most/leases) }

// block is how many messages are leased at once, given how many are used, with what is owed.
func (w want) block(used int) int {
	return min(min(w.step(), max(1, w.lease.taken))-w.lease.left, w.most-used)
}

// lacks says whether a place must be leased first.
func (w want) lacks() bool { return w.most > 0 && w.lease.left <= 0 }

// onCredit says whether a place may be leased later, if the day has one.
func (w want) onCredit() bool { return w.lease.taken == 0 && w.step() > 1 }

// lease gets places where there are none left, for all ceilings in one write.
func (c *Ceilings) lease(ctx context.Context, wanted []want, now time.Time) (err error) {
	lacking := slices.DeleteFunc(wanted, func(w want) bool { return !w.lacks() })
	used := map[string]int{}
	for range 5 { // lost to others as the ceiling comes near
		for _, w := range lacking {
			if w.lease.over = w.lease.over || w.most-used[w.name] <= -w.lease.left; w.lease.over {
				return untilMidnight(now)
			}
		}
		if len(lacking) == 0 {
			return nil
		}
		if len(used) == 0 && !slices.ContainsFunc(lacking, func(w want) bool { return !w.onCredit() }) {
			if used, err = c.read(ctx); err != nil {
				return err
			}
			lacking = slices.DeleteFunc(lacking, func(w want) bool { return used[w.name] < w.most })
			continue
		}
		found, ok, err := c.write(ctx, lacking, used, now)
		if err != nil {
			return err
		}
		if !ok {
			used = found
			continue
		}
		for _, w := range lacking {
			w.lease.left += w.block(used[w.name])
		}
		return nil
	}
	return errKeepsChanging
}

// write adds a block to each counter that stays under its ceiling with it; ok is false if one would not.
func (c *Ceilings) write(ctx context.Context, lacking []want, used map[string]int, now time.Time) (found map[string]int, ok bool, err error) {
	values := item{":ttl": seconds(now.Add(otp.TriesLifetime))}
	var adds, clauses []string
	for _, w := range lacking {
		block := w.block(used[w.name])
		values[":add_"+w.name], values[":room_"+w.name] = number(int64(block)), number(int64(w.most-block))
		adds = append(adds, w.name+" :add_"+w.name)
		clauses = append(clauses, "attribute_not_exists("+w.name+") OR "+w.name+" <= :room_"+w.name)
	}
	_, err = c.DB.UpdateItem(ctx, conditional(c.Table, dayKey+c.day,
		"SET expiredAt = :ttl ADD "+strings.Join(adds, ", "), all(clauses...), values))
	held, full := refused(err)
	if !full {
		return nil, true, err
	}
	found, err = counts(held)
	return found, false, err
}

// read gives what the day has used, eventually consistent.
func (c *Ceilings) read(ctx context.Context) (map[string]int, error) {
	out, err := c.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &c.Table, Key: item{"key": text(dayKey + c.day)}})
	if err != nil {
		return nil, err
	}
	return counts(out.Item)
}

func counts(i item) (map[string]int, error) {
	var day struct {
		Messages int `dynamodbav:"messages"`
		SMS      int `dynamodbav:"sms"`
	}
	err := decode(i, &day)
	return map[string]int{"messages": day.Messages, "sms": day.SMS}, err
}

func untilMidnight(now time.Time) error {
	midnight := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	return &otp.TooManyRequestsError{RetryAfter: midnight.Sub(now)}
}
