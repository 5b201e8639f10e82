package main

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
)

// TestPricesAreSourced: a price without its unit, its source and that text's date is no price.
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
	for _, e := range []estimate{email, half} {
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

func TestCost(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true") // it needs none of them, and no network
	runWith(ctx, nil, "cost").want(t, exitOK, "1,000,000 codes", "0 of them by SMS;", "A MONTH WITHOUT ANY CODE", "Twilio Verify")
	runWith(ctx, nil, "cost", "--codes", "20", "--sms-share", "0.5", "--country", "de").want(t, exitOK, "10 of them by SMS to DE;", "End User Messaging, OTP")
	runWith(ctx, nil, "cost", "--sms-share", "1", "--country", "FR", "--sms-price", "0.07").want(t, exitOK, "SMS to FR, your price", "$70,000.00", "for whose price to FR no text was found")
	runWith(ctx, nil, "cost", "--prices").want(t, exitOK, "https://", "SMS to US, Twilio")
	if r := runWith(ctx, nil, "cost", "--idle"); strings.Contains(r.stdout, "codes") || !strings.Contains(r.stdout, "dashboards") {
		t.Errorf("idle: %s", r.stdout)
	}
	for line, says := range map[string]string{
		"--sms-share 0.1":              "--country must be one of AU, BR, DE",
		"--sms-share 0.1 --country FR": "--sms-price",
		"--sms-share 1.1":              "from 0 to 1",
		"--sms-share -0.1":             "from 0 to 1",
		"--sms-share NaN":              "from 0 to 1",
		"--codes 0":                    "a whole number from 1",
		"--codes 1.5":                  "a whole number from 1",
		"--codes NaN":                  "a whole number from 1",
		"--codes Inf":                  "a whole number from 1",
		"--codes many":                 "invalid argument",
		"now":                          "got 1 arguments",
	} {
		r := runWith(ctx, nil, append([]string{"cost"}, strings.Fields(line)...)...)
		r.want(t, exitUsage, says)
		if r.stdout != "" {
			t.Errorf("%s: stdout has %s", line, r.stdout)
		}
	}
}
