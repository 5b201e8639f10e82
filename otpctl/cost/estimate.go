package cost

import "slices"

// use is what one code uses, if each code is for a login that succeeds at the first attempt, with the default limits. The
// figures are measured by `make bench ARGS="-only costs"`; bench/README.md and the section Costs of README.md quote them.
type use struct {
	writes, reads float64 // request units
	calls         float64 // to DynamoDB
	invocations   float64 // of generate, send and verify; by e-mail, also of feedback
	logBytes      float64 // of the functions' lines
	looks         float64 // assumed: calls of /status by the page, until it knows that the message has arrived
}

var (
	byEmail = use{writes: 8, reads: 3.5, calls: 12, invocations: 4, logBytes: 2265, looks: 3}
	bySMS   = use{writes: 11, reads: 3.5, calls: 15, invocations: 3, logBytes: 1773, looks: 2}
	// hosted is what a hosted login uses beyond these: the calls of oidc, and the proof. Its figures are those of a login by e-mail.
	hosted = use{writes: 7, reads: 5, calls: 9, invocations: 5, logBytes: 1971}
)

// Measured too, and the same for both channels.
const (
	apiCalls              = 2      // generate, verify
	cpuSeconds            = 0.0406 // of the functions, per code; 0.038 of it is for Argon2id; on one x86-64 core
	codeBytes, limitBytes = 849, 294
	pageFiles, pageBytes  = 25, 38551 // of a first visit to the login page, compressed; compared by a test
	lookReads, lookCalls  = 1.5, 2    // of a call of /status
	lookBytes             = 261       // of its line in the log
	lookCPUSeconds        = 0.0016    // as measured for verify, which does more
	hostedCPUSeconds      = 0.0023    // of a hosted login, beside cpuSeconds: 0.91 of a code without Argon2id, and the proof
	hostedBytes           = 1252      // of its transaction
	signatures            = 2         // of a hosted login: the proof and the ID token
)

// Not measured but assumed.
const (
	callSeconds     = 0.005 // a call to DynamoDB in the same region
	providerSeconds = 0.1   // SES or SNS
	signSeconds     = 0.02  // KMS
	itemOverhead    = 100   // bytes, as AWS counts a stored item
	codeDays        = 2     // until DynamoDB has deleted an expired item
	platformBytes   = 600   // of the log lines that Lambda adds to an invocation
	accessBytes     = 200   // of an API request's log line: the access log's format in template.yaml, filled in for an IPv6 client
	answerBytes     = 1000  // headers and body of an HTTP response
	accounts        = 10000
	accountBytes    = 160 // measured, of the demo accounts
	minutes, hours  = 43200, 720
	tracedSeconds   = 2592000 // in a month: X-Ray traces a function's first invocation in each, and one in twenty of the rest
	secretReads     = 5       // a minute, by one busy instance of each function
	hostedReads     = 2       // the same of oidc
	keyReads        = 5       // of public keys by KMS, a minute, by one busy instance of verify and of oidc
	polls           = 648000  // a month, of an empty queue: five pollers, each every 20 s
	visits          = 10      // logins of a person in a month, for the second of Cognito's lines
)

// The numbers of things that the template creates. A test compares them.
const (
	memoryMiB    = 512
	cpuMiB       = 1769 // of memory for one vCPU
	secrets      = 3
	moreSecrets  = 1  // with CaptchaProvider
	keys         = 1  // that sign
	alarmMetrics = 21 // in the alarms, which are billed by metric, with AlarmEmail
	dashboards   = 1
	// All metrics of ours, each combination of a name and a dimension's value: 11 names by channel (2) and purpose (3), 5 names for
	// e-mail only, 1 name by two purposes, and 12 names without a dimension. The purpose passwordless, and SignedUp, are not among them.
	metrics = 74
)

// wish is the input of an estimate.
type wish struct {
	Codes    float64 `json:"codes"`
	SMSShare float64 `json:"smsShare"`
	Country  string  `json:"country,omitempty"`
	Hosted   bool    `json:"hosted,omitempty"`
}

func (w wish) sms() float64   { return w.Codes * w.SMSShare }
func (w wish) email() float64 { return w.Codes - w.sms() }

// hosted returns the number of hosted logins.
func (w wish) hosted() float64 {
	if w.Hosted {
		return w.Codes
	}
	return 0
}

// all adds up what the codes of both channels use.
func (w wish) all(of func(use) float64) float64 {
	return w.email()*of(byEmail) + w.sms()*of(bySMS) + w.hosted()*of(hosted)
}

// estimate is the cost of a month, in US dollars.
type estimate struct {
	wish
	Region  string  `json:"region"`
	Read    string  `json:"read"` // the day on which the prices were looked up
	Parts   []part  `json:"parts"`
	USD     float64 `json:"usd"`
	PerCode float64 `json:"perCode"`
	Idle    []part  `json:"idle"` // the costs of a month without any code
	IdleUSD float64 `json:"idleUsd"`
	Others  []offer `json:"others"`
}

// part is a quantity of one thing with its cost.
type part struct {
	Name     string  `json:"name"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Per      float64 `json:"per"`
	Price    float64 `json:"price"` // for this many units, on average if there are tiers
	USD      float64 `json:"usd"`
	Assumed  bool    `json:"assumed,omitempty"` // the quantity, or a part of it, is assumed
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
	p, codes := l.Prices, w.Codes
	invocations := w.all(func(u use) float64 { return u.invocations })
	looks := w.all(func(u use) float64 { return u.looks })
	requests := codes*apiCalls + looks + w.hosted()*hosted.invocations
	logged := w.all(func(u use) float64 { return u.logBytes + u.looks*lookBytes + (u.invocations+u.looks)*platformBytes })
	logged = (logged + requests*accessBytes) / 1e9
	looked := assumed(p["reads"], looks*lookReads)
	looked.Name += ", of /status"
	all := append(l.messages(w),
		measured(p["events"], w.email()),
		assumed(p["httpApi"], requests),
		assumed(p["lambdaRequests"], invocations+looks),
		assumed(p["lambdaTime"], lambdaSeconds(w)*memoryMiB/1024),
		measured(p["writes"], w.all(func(u use) float64 { return u.writes })),
		measured(p["reads"], w.all(func(u use) float64 { return u.reads })),
		looked,
		assumed(p["tableStorage"], (codes*((codeBytes+itemOverhead)*codeDays/30.0+limitBytes+itemOverhead)+w.hosted()*(hostedBytes+itemOverhead)*codeDays/30)/1e9),
		assumed(p["cdnRequests"], codes*pageFiles+requests),
		assumed(p["cdnFunctions"], codes*pageFiles),
		assumed(p["dataOut"], (codes*(pageBytes+pageFiles*answerBytes)+requests*answerBytes)/1e9),
		assumed(p["secretCalls"], secretReads*min(codes, minutes)+hostedReads*min(w.hosted(), minutes)),
		assumed(p["signatures"], signatures*w.hosted()+keyReads*min(w.hosted(), minutes)),
		assumed(p["logs"], logged),
		assumed(p["logStorage"], logged),
		assumed(p["metrics"], min(metrics, invocations*2/hours)), // a metric costs only in the hours that have it
		assumed(p["traces"], traced(codes)*bySMS.invocations+traced(w.email())*(byEmail.invocations-bySMS.invocations)+traced(looks)+traced(w.hosted()*hosted.invocations)),
	)
	return slices.DeleteFunc(all, func(p part) bool { return p.Quantity == 0 })
}

// traced returns how many of a function's invocations in a month X-Ray records.
func traced(invocations float64) float64 {
	first := min(invocations, tracedSeconds)
	return first + (invocations-first)/20
}

// messages returns the charges of SES and SNS.
func (l priceList) messages(w wish) (all []part) {
	if w.sms() > 0 {
		all = append(all, measured(*l.SMS[w.Country].AWS, w.sms()))
	}
	if w.email() > 0 {
		all = append(all, measured(l.Prices["email"], w.email()))
	}
	return all
}

// lambdaSeconds returns the billed time of all functions: their processor time at this memory's share of a core, and the
// time that they wait.
func lambdaSeconds(w wish) float64 {
	const each = cpuSeconds*cpuMiB/memoryMiB + providerSeconds
	const look = lookCPUSeconds*cpuMiB/memoryMiB + lookCalls*callSeconds
	const hostedEach = hostedCPUSeconds*cpuMiB/memoryMiB + signatures*signSeconds
	return w.Codes*each + w.hosted()*hostedEach + w.all(func(u use) float64 { return u.calls*callSeconds + u.looks*look })
}

// idle returns the costs of a month without any code, with a CAPTCHA and AlarmEmail.
func (l priceList) idle() []part {
	const users = accounts * (accountBytes + itemOverhead) / 1e9
	captcha := measured(l.Prices["secrets"], moreSecrets)
	captcha.Name += ", with a CAPTCHA"
	return []part{
		measured(l.Prices["secrets"], secrets), captcha, measured(l.Prices["keys"], keys),
		measured(l.Prices["alarms"], alarmMetrics), measured(l.Prices["dashboards"], dashboards),
		assumed(l.Prices["polls"], polls),
		assumed(l.Prices["tableStorage"], users), assumed(l.Prices["recovery"], users),
	}
}

// offer is the price of another service for the same.
type offer struct {
	Name    string  `json:"name"`
	Codes   float64 `json:"codes"` // how many of the requested codes it can send
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
	if sms := w.sms(); sms > 0 {
		for _, key := range []string{"notify", "pinpointOtp"} {
			all = append(all, newOffer(p[key].Name, sms, "it sends no e-mail, so this is the price of the SMS only", measured(p[key], sms), measured(*l.SMS[w.Country].AWS, sms)))
		}
	}
	return all
}

func (l priceList) twilio(w wish) offer {
	parts, note := []part{measured(l.Prices["twilioVerify"], w.Codes)}, "e-mails go through a SendGrid account, whose cost is not included"
	if sms := l.SMS[w.Country].Twilio; w.sms() > 0 && sms != nil {
		parts = append(parts, measured(*sms, w.sms()))
	} else if w.sms() > 0 {
		note += "; nor are SMS, for whose price to " + w.Country + " no text was found"
	}
	return newOffer("Twilio Verify", w.Codes, note, parts...)
}
