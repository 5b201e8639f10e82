package main

// What a code takes, each code a login that succeeds at the first try. Measured by `make bench ARGS="-only costs"`, which
// bench/README.md and README's Costs quote, with the default limits.
const (
	emailWrites, emailReads = 8, 3.5 // request units
	smsWrites, smsReads     = 11, 3.5
	emailCalls, smsCalls    = 12, 15 // calls to DynamoDB, a lease of the day's messages among them
	apiCalls                = 2      // generate, verify
	invocations             = 3      // and send
	cpuSeconds              = 0.0406 // of a code's functions, 0.038 of it Argon2id, on one x86-64 core
	logBytes                = 1490   // of the functions' lines
	codeBytes, limitBytes   = 849, 294
	pageFiles, pageBytes    = 17, 23195 // of a first visit to the login page, compressed
)

// What is not measured but assumed.
const (
	callSeconds     = 0.005 // a call to DynamoDB in the same region
	providerSeconds = 0.1   // SES or SNS
	itemOverhead    = 100   // bytes, as AWS counts a stored item
	codeDays        = 2     // until DynamoDB has deleted an expired item
	platformBytes   = 600   // of the log lines that Lambda adds to an invocation
	answerBytes     = 1000  // an HTTP answer's headers and body
	accounts        = 10000
	accountBytes    = 160 // measured, of the demo accounts
	minutes         = 43200
	hours           = 720
	visits          = 10 // logins of a person in a month, in the second of Cognito's lines
)

// What the template makes, which a test compares.
const (
	memoryMiB    = 512
	cpuMiB       = 1769 // of memory for one vCPU
	secrets      = 3
	moreSecrets  = 1  // with CaptchaProvider
	alarmMetrics = 21 // in the alarms, which are billed by metric, with AlarmEmail
	dashboards   = 1  // with AlarmEmail
	metricNames  = 11 // of ours, each by channel (2) and purpose (3)
)

// wish is what an estimate is asked for.
type wish struct {
	Codes    float64 `json:"codes"`
	SMSShare float64 `json:"smsShare"`
	Country  string  `json:"country,omitempty"`
}

func (w wish) sms() float64   { return w.Codes * w.SMSShare }
func (w wish) email() float64 { return w.Codes - w.sms() }

// estimate is what a month costs, in US dollars.
type estimate struct {
	wish
	Region  string  `json:"region"`
	Read    string  `json:"read"` // the day that the prices were looked up on
	Parts   []part  `json:"parts"`
	USD     float64 `json:"usd"`
	PerCode float64 `json:"perCode"`
	Idle    []part  `json:"idle"` // what a month without any code costs
	IdleUSD float64 `json:"idleUsd"`
	Others  []offer `json:"others"`
}

// part is a quantity of one thing and what it costs.
type part struct {
	Name     string  `json:"name"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Per      float64 `json:"per"`
	Price    float64 `json:"price"` // for so many units, on average where there are tiers
	USD      float64 `json:"usd"`
	Assumed  bool    `json:"assumed,omitempty"` // the quantity is, or a part of it
}

func measured(p price, quantity float64) part {
	usd, each := p.of(quantity), p.USD
	switch {
	case len(p.Tiers) > 0 && quantity <= p.Tiers[0].UpTo:
		each = p.Tiers[0].USD
	case len(p.Tiers) > 0:
		each = usd / quantity * p.Per
	}
	return part{Name: p.Name, Quantity: quantity, Unit: p.Unit, Per: p.Per, Price: each, USD: usd}
}

func assumed(p price, quantity float64) part {
	all := measured(p, quantity)
	all.Assumed = true
	return all
}

func total(parts []part) (usd float64) {
	for _, p := range parts {
		usd += p.USD
	}
	return usd
}

func (l priceList) estimate(w wish) estimate {
	e := estimate{wish: w, Region: l.Region, Read: l.Read, Parts: l.parts(w), Idle: l.idle(), Others: l.others(w)}
	e.USD, e.IdleUSD = total(e.Parts), total(e.Idle)
	e.PerCode = e.USD / w.Codes
	return e
}

func (l priceList) parts(w wish) []part {
	p, codes, email, sms := l.Prices, w.Codes, w.email(), w.sms()
	logged := codes * (logBytes + invocations*platformBytes) / 1e9
	return append(l.messages(w),
		measured(p["httpApi"], codes*apiCalls),
		measured(p["lambdaRequests"], codes*invocations),
		assumed(p["lambdaTime"], lambdaSeconds(email, sms)*memoryMiB/1024),
		measured(p["writes"], email*emailWrites+sms*smsWrites),
		measured(p["reads"], email*emailReads+sms*smsReads),
		assumed(p["tableStorage"], codes*((codeBytes+itemOverhead)*codeDays/30.0+limitBytes+itemOverhead)/1e9),
		assumed(p["cdnRequests"], codes*(apiCalls+pageFiles)),
		assumed(p["cdnFunctions"], codes*pageFiles),
		assumed(p["dataOut"], codes*(pageBytes+(apiCalls+pageFiles)*answerBytes)/1e9),
		assumed(p["secretCalls"], 2*min(codes, minutes)),
		assumed(p["logs"], logged),
		assumed(p["logStorage"], logged),
		assumed(p["metrics"], min(metricNames*(2+3), codes*invocations*2/hours)), // a metric costs in the hours that have it
	)
}

// messages are what SES and SNS take.
func (l priceList) messages(w wish) (all []part) {
	if w.sms() > 0 {
		all = append(all, measured(*l.SMS[w.Country].AWS, w.sms()))
	}
	if w.email() > 0 {
		all = append(all, measured(l.Prices["email"], w.email()))
	}
	return all
}

// lambdaSeconds is the billed time of all functions: their processor time at this memory's share of a core, and waiting.
func lambdaSeconds(email, sms float64) float64 {
	const each = cpuSeconds*cpuMiB/memoryMiB + providerSeconds
	return (email+sms)*each + (email*emailCalls+sms*smsCalls)*callSeconds
}

// idle is a month without any code, with a CAPTCHA and AlarmEmail.
func (l priceList) idle() []part {
	const users = accounts * (accountBytes + itemOverhead) / 1e9
	captcha := measured(l.Prices["secrets"], moreSecrets)
	captcha.Name += ", with a CAPTCHA"
	return []part{
		measured(l.Prices["secrets"], secrets), captcha,
		measured(l.Prices["alarms"], alarmMetrics), measured(l.Prices["dashboards"], dashboards),
		assumed(l.Prices["tableStorage"], users), assumed(l.Prices["recovery"], users),
	}
}

// offer is what others take for the same.
type offer struct {
	Name    string  `json:"name"`
	Codes   float64 `json:"codes"` // of those asked for, that it can send
	Parts   []part  `json:"parts"`
	USD     float64 `json:"usd"`
	PerCode float64 `json:"perCode"`
	Note    string  `json:"note,omitempty"`
}

func newOffer(name string, codes float64, note string, parts ...part) offer {
	usd := total(parts)
	return offer{Name: name, Codes: codes, Parts: parts, USD: usd, PerCode: usd / codes, Note: note}
}

func (l priceList) others(w wish) []offer {
	p := l.Prices
	all := []offer{l.twilio(w)}
	messages := l.messages(w)
	for _, key := range []string{"cognitoEssentials", "cognitoPlus"} {
		once := append([]part{measured(p[key], w.Codes)}, messages...)
		often := append([]part{assumed(p[key], w.Codes/visits)}, messages...)
		all = append(all, newOffer(p[key].Name+", each person once a month", w.Codes, "it sends by your SES and SNS", once...),
			newOffer(p[key].Name+", each person ten times", w.Codes, "it sends by your SES and SNS", often...))
	}
	for _, key := range []string{"notify", "pinpointOtp"} {
		if sms := w.sms(); sms > 0 {
			all = append(all, newOffer(p[key].Name, sms, "it sends no e-mail: this is for the SMS alone", measured(p[key], sms), measured(*l.SMS[w.Country].AWS, sms)))
		}
	}
	return all
}

func (l priceList) twilio(w wish) offer {
	verified := measured(l.Prices["twilioVerify"], w.Codes)
	note := "e-mails go through a SendGrid account, which is not in it"
	if w.sms() == 0 {
		return newOffer("Twilio Verify", w.Codes, note, verified)
	}
	if sms := l.SMS[w.Country].Twilio; sms != nil {
		return newOffer("Twilio Verify", w.Codes, note, verified, measured(*sms, w.sms()))
	}
	return newOffer("Twilio Verify", w.Codes, note+"; nor are SMS, for whose price to "+w.Country+" no text was found", verified)
}
