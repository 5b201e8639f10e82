package cost

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
)

// TestPricesAreSourced: each price has its unit, its source and the date of the source's text.
func TestPricesAreSourced(t *testing.T) {
	list, err := readPrices()
	if err != nil {
		t.Fatal(err)
	}
	date := regexp.MustCompile(`^(20\d\d-[01]\d-[0-3]\d|undated)$`)
	address := regexp.MustCompile(`^https?://[a-zA-Z0-9.-]+/\S+$`)
	for _, p := range list.all() {
		if p.Name == "" || p.Unit == "" || p.Per < 1 || p.USD <= 0 || !date.MatchString(p.Dated) || !address.MatchString(p.Source) {
			t.Errorf("not whole: %+v", p)
		}
		from := 0.0
		for _, tier := range p.Tiers {
			if tier.UpTo <= from || tier.USD < 0 {
				t.Errorf("%s: tiers out of order", p.Name)
			}
			from = tier.UpTo
		}
	}
	if !date.MatchString(list.Read) || len(list.all()) < 30 {
		t.Errorf("%d prices, read %s", len(list.all()), list.Read)
	}
}

func TestTiers(t *testing.T) {
	p := price{Per: 10, Tiers: []tier{{UpTo: 100, USD: 0}, {UpTo: 200, USD: 5}}, USD: 2}
	for quantity, want := range map[float64]float64{0: 0, 100: 0, 150: 25, 200: 50, 250: 60} {
		if got := p.of(quantity); got != want {
			t.Errorf("%v cost %v, want %v", quantity, got, want)
		}
	}
}

func TestEstimate(t *testing.T) {
	list, err := readPrices()
	if err != nil {
		t.Fatal(err)
	}
	email, half := list.estimate(wish{Codes: 1000}), list.estimate(wish{Codes: 1000, SMSShare: 0.5, Country: "DE"})
	for _, p := range email.Parts {
		if strings.HasPrefix(p.Name, "SMS") {
			t.Errorf("without SMS there is %+v", p)
		}
	}
	if got, want := half.Parts[0].USD, 500*list.SMS["DE"].AWS.USD; got != want {
		t.Errorf("SMS cost %v, want %v", got, want)
	}
	hosted := list.estimate(wish{Codes: 1000, Hosted: true})
	if email.USD >= hosted.USD || half.PerCode <= hosted.PerCode {
		t.Errorf("hosted logins cost %v, others %v", hosted.USD, email.USD)
	}
	for _, e := range []estimate{email, half, hosted} {
		if sum := total(e.Parts); e.USD != sum || e.PerCode != sum/1000 {
			t.Errorf("%v and %v a code, of parts that are %v", e.USD, e.PerCode, sum)
		}
		for _, o := range e.Others {
			if math.Abs(o.USD-total(o.Parts)) > 1e-9 || o.PerCode <= 0 {
				t.Errorf("%s: %v, of parts that are %v", o.Name, o.USD, total(o.Parts))
			}
		}
		var again estimate
		text, err := json.Marshal(e)
		if err != nil || json.Unmarshal(text, &again) != nil || again.USD != e.USD || len(again.Idle) != len(e.Idle) {
			t.Errorf("as JSON %s: %v", text, err)
		}
	}
}
