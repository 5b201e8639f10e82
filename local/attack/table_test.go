package attack

import "streamotp/local/e2e"

// attacks are all attacks, each with the controls that stop it. The attack that uses up the API's own throttle comes
// last.
var attacks = []attack{
	{"300 guesses at once over 4 sessions of one address", guessAtOnce, []control{
		{"the attempt limit", nil, edit(limits, `"tries < ceiling AND lastTry > :stale"`, `"lastTry > :stale"`)},
	}, nil},
	{"4 guesses, a new code, 4 guesses, and so on", guessWithNewCodes, []control{
		{"tries that count over sessions", nil, edit(limits, "l.update(ctx, s.Subject, takeAttempt,", "l.update(ctx, s.ID, takeAttempt,")},
	}, nil},
	{"50 guesses that all claim one request id", guessAsOneRequest, []control{
		{"request ids of API Gateway's own", nil, edit(request, "ID: event.RequestContext.RequestID,",
			`ID: event.Headers["x-request-id"] + event.RequestContext.RequestID[:0],`)},
	}, nil},
	{"guesses for a day, an hour after each lock", guessForADay, []control{
		{"the close at 100", nil, edit("shared/otp/limits.go", "closedAt         = 100", "closedAt         = 100_000")},
	}, nil},
	{"a used code again", useAgain, []control{
		{"the mark of use", nil, edit(codes, `"SET usedAt = :now, usedBy = :by"`, `"SET usedOn = :now, usedBy = :by"`)},
	}, nil},
	{"100 right answers at once", useAtOnce, []control{
		{"the condition of the consuming write", nil, edit(codes, `"attribute_not_exists(usedAt)"`, `"attribute_exists(code)"`)},
	}, nil},
	{"a code after its time", useLate, []control{
		{"expiry, on read and write", nil, append(edit(codes, `"expiredAt > :seconds"`, `"attribute_exists(expiredAt) OR expiredAt > :seconds"`),
			edit(session, "case !now.Before(s.ExpiresAt):", "case false:")...)},
	}, nil},
	{"a code for another call than it was made for", useElsewhere, []control{
		{"the purpose check", nil, edit(session, "case !slices.Contains(purposes, s.Purpose):", "case false && !slices.Contains(purposes, s.Purpose):")},
	}, nil},
	{"finishing a login after the owner's reset", finishOldLogin, []control{
		{"the end of older sessions", nil, edit(limits, "notBefore <= :created\"", "notBefore <= :created OR notBefore > :created\"")},
	}, nil},
	{"a second reset code after the owner used one", resetTwice, []control{
		{"the age check of the password", nil, edit(users, "passwordChangedAt <= :created\"",
			"passwordChangedAt <= :created OR passwordChangedAt > :created\"")},
	}, nil},
	{"60 messages to one mailbox in 60 spellings, from 60 addresses", floodMailbox, []control{
		{"SendsPerHour", []string{"SendsPerHour=0"}, nil},
		{"folding +tags", nil, edit(destination, "plus > 0 {", "plus > len(local) {")},
		{"folding case", nil, edit(address, "return strings.ToLower(address), nil", "return address, nil")},
	}, nil},
	{"60 mailboxes from one address", floodFromOne, []control{
		{"SendsPerIpPerHour", []string{"SendsPerIpPerHour=0"}, nil},
	}, nil},
	{"60 mailboxes from one address with forged forwarding headers", floodForged, []control{
		{"the origin secret's check", nil, edit(origin, "ours, err := origin.Sent(ctx, secret)\n\tif err != nil || !ours {",
			"_, err := origin.Sent(ctx, secret)\n\tif err != nil {")},
		{"API Gateway's word on the address", nil, edit(request, "Source: event.RequestContext.HTTP.SourceIP,", `Source: event.Headers["x-forwarded-for"],`)},
	}, nil},
	{"20 calls to the API's own URL, around the web ACL", goAround, []control{
		{"WebAclArn", []string{"WebAclArn="}, nil},
		{"the gate", nil, edit("shared/httpapi/serve.go", "\treturn errForbidden\n", "\treturn nil\n")},
	}, []string{"WebAclArn=arn:aws:wafv2:us-east-1:123456789012:global/webacl/site/6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"}},
	{"a blocked address asks for a victim's codes", burnVictim, []control{
		{"the client IP address's line", nil, lists("country, testDestination, mailbox, phone, prefix, day")},
	}, nil},
	{"wrong passwords, to use up the owner's messages", burnOwner, []control{
		{"the order, password before mailbox", nil, edit(generate, "\tok, err := password.Matches(",
			"\tif _, err := h.admit.Admit(ctx, c.admission(to, false, nil)); err != nil {\n\t\treturn err\n\t}\n\tok, err := password.Matches(")},
	}, nil},
	{"60 wrong passwords for one account, from 60 addresses", guessPasswords, []control{
		{"PasswordTriesPerHour", []string{"PasswordTriesPerHour=0"}, nil},
	}, nil},
	{"one wrong password for each of 80 accounts, from one address", sprayPassword, []control{
		{"PasswordTriesPerIpPerHour", []string{"PasswordTriesPerIpPerHour=0"}, nil},
	}, nil},
	{"the right password after 10 wrong ones", passwordBeyondLimit, []control{
		{"silence beyond the limit", nil, edit(checks, "account, all := a.account(), a.mailbox()",
			"account, all := a.account(), a.mailbox()\n\taccount.WrongPasswordsPerHour = 0")},
	}, nil},
	{"the right password beyond the limit, by what it uses up", passwordBySlots, []control{
		{"counting it as a wrong one", nil, edit("shared/admit/passwords.go", "ok && limited.Passwords {", "ok && limited.RetryAfter < 0 {")},
	}, nil},
	{"5 wrong codes after a stolen password, unnoticed", guessSilently, []control{
		{"the owner's notification", nil, edit("shared/judge/judge.go", `c.Reserved.NotificationDue(c.Purpose); due != "" {`, `c.Reserved.NotificationDue(c.Purpose); due == "never" {`)},
	}, nil},
	{"50 resends at once", resendStorm, []control{
		{"the cooldown", nil, edit(session, "return max(0, last.Add(cooldown)", "return min(0, last.Add(cooldown)")},
	}, nil},
	{"SMS to countries that are not allowed", smsAbroad, []control{
		{"AllowedCountries", []string{"AllowedCountries=US,GB,DE,IN,FR,JM,KZ"}, nil},
		{"the country check", nil, receives("n.Mobile")},
	}, nil},
	{"SMS to premium, landline and toll-free numbers", smsPremium, []control{
		{"the check of the number's kind", nil, receives("slices.Contains(countries, n.Country)")},
	}, nil},
	{"SMS to 60 numbers of one prefix, from 60 addresses, none typed in", pump, []control{
		{"SmsPrefixSends", []string{"SmsPrefixSends=0"}, nil},
	}, nil},
	{"more than an hour's messages, when no response says that they were written", loseAnswers, []control{
		{"being sure before a message is given back", nil, edit(generate, "; notWritten {", "; notWritten || err != nil {")},
	}, nil},
	{"wrong passwords from an office, to lock its other people out", lockOffice, []control{
		{"a limit of its own for the client IP address", []string{"PasswordTriesPerIpPerHour=10"}, nil},
	}, nil},
	{"SES throttles every call while 20 people ask for a code", outage, []control{
		{"the retry queue", nil, edit("functions/send/settle.go", "if outcome == later {", `if outcome == "never" {`)},
	}, nil},
	{"who has an account: a stranger's session while its owner resets", watchOwner, []control{
		{"a session's own attempts at /status", nil, edit("functions/status/handler.go", "if !s.Purpose.HidesAccounts() {", "if s.Purpose != \"\" {")},
		{"a session's own attempts at /reset", nil, edit("shared/judge/judge.go", "if !c.Purpose.HidesAccounts() {", "if c.Purpose != \"\" {")},
	}, nil},
	{"20 SMS when 495 were sent today", outspendSMS, []control{
		{"SmsPerDay", []string{"SmsPerDay=0"}, nil},
	}, nil},
	{"a robot with no, forged, used, old and other sites' CAPTCHA tokens", cheatCaptcha, []control{
		{"CaptchaProvider", []string{"CaptchaProvider=none"}, nil},
		{"the check of the token's site", nil, edit("functions/generate/captcha.go", "case host != siteHost &&", "case false &&")},
		{"the check of the token's action", nil, edit("functions/generate/captcha.go", `case c.provider == "turnstile" && !action:`, `case c.provider == "never" && !action:`)},
	}, []string{"CaptchaProvider=turnstile", "CaptchaSiteKey=site-key"}},
	{"a robot that fills every field", fillEverything, []control{
		{"the honeypot", nil, edit(generate, `if request.Get(honeypot) != "" {`, "if false {")},
	}, nil},
	{"a login code on the channel of the caller's choice", chooseChannel, []control{
		{"the account's own channel", nil, edit(generate, "to.Channel = user.LoginChannel()", "to.Channel = otp.Email")},
	}, nil},
	{"who has an account: answers of a login", tellByLogin, []control{
		{"one answer for both", nil, edit(generate, "\tok, err := password.Matches(",
			"\tif user.Email == \"\" {\n\t\treturn otp.ErrSessionNotFound\n\t}\n\tok, err := password.Matches(")},
	}, nil},
	{"finding accounts by the responses of a reset", tellByReset, []control{
		{"decoys", nil, edit(generate, "\t\terr = h.codes.Put(ctx, s, c.ID)", "\t\tif s.Silent {\n\t\t\treturn nil\n\t\t}\n\t\terr = h.codes.Put(ctx, s, c.ID)")},
	}, nil},
	{"who has an account: responses of a code alone", tellByCodeAlone, []control{
		{"decoys", nil, edit(generate, "\t\terr = h.codes.Put(ctx, s, c.ID)", "\t\tif s.Silent {\n\t\t\treturn nil\n\t\t}\n\t\terr = h.codes.Put(ctx, s, c.ID)")},
	}, nil},
	{"who has an account: responses of a code alone, with sign-up", tellByCodeAlone, []control{
		{"one answer for both", nil, edit(generate, "\t\tto.AccountID, to.New,",
			"\t\treturn httpapi.ErrInvalidCredentials\n\t\tto.AccountID, to.New,")},
	}, []string{"SignUp=on"}},
	{"3 sign-ups of an address that gets its account meanwhile", takeOver, []control{
		{"the condition that no account exists", nil, edit(users, "ConditionExpression: aws.String(noAccount),\n\t\tExpressionAttributeValues: item{\":id\"",
			"ConditionExpression: aws.String(noAccount + \" OR \" + accountExists),\n\t\tExpressionAttributeValues: item{\":id\"")},
	}, []string{"SignUp=on"}},
	{"8 sign-ups of one address at once", raceToSignUp, []control{
		{"the condition that no account exists", nil, edit(users, "ConditionExpression: aws.String(noAccount),\n\t\tExpressionAttributeValues: item{\":id\"",
			"ConditionExpression: aws.String(noAccount + \" OR \" + accountExists),\n\t\tExpressionAttributeValues: item{\":id\"")},
	}, []string{"SignUp=on", "MaxAttempts=10", "SendsPerHour=0"}},
	{"10 wrong codes of a code alone, to lock the owner out of the login", lockLoginByCodes, []control{
		{"a subject of its own", nil, edit(generate, "Subject: c.ring.Subject(to.Purpose, to.Identity())", "Subject: c.ring.Subject(otp.Login, to.Identity())")},
	}, nil},
	{"guesses at a code alone, with the right code of a session that a reset has ended before each lock", guessBesideDeadCode, []control{
		{"the attempt that a dead code keeps", nil, edit("shared/judge/judge.go", "errors.Is(err, otp.ErrCodeUsed) || ", "err != nil || ")},
	}, nil},
	{"a password for an address before its owner has an account", plantPassword, []control{
		{"decoys, and the age check of the account", nil, append(edit(generate, "to.decoy = user.Email == \"\"", "to.decoy = user.Email == \"never\""),
			edit(users, "createdAt <= :created\"", "createdAt <= :created OR createdAt > :created\"")...)},
	}, []string{"SignUp=on"}},
	{"accounts at a domain that is blocked", signUpBlocked, []control{
		{"the list of domains", nil, edit("shared/store/limits_signups.go", "len(out.Item) > 0", "len(out.Item) > 9")},
		{"the domains below one", nil, edit("shared/store/limits_signups.go", "for strings.Contains(domain, \".\") {", "for range 1 {")},
	}, []string{"SignUp=on"}},
	{"codes, addresses and passwords in tables, log and calls", readDump, []control{
		{"the digest", nil, edit(generate, "s.Digest, err = c.ring.Digest(s.KeyID, s.ID, to.Code); err", "s.Digest = to.Code; err")},
		{"silence in the log", nil, edit("shared/judge/judge.go", "	reserved := j.Now()",
			"	slog.Info(\"trying\", \"code\", code)\n	reserved := j.Now()")},
	}, nil},
	{"all codes against a stolen table", guessOffline, []control{
		{"the digest's key", nil, edit("shared/otp/keyring.go", "return mac(key.digest, sessionID, code), nil",
			"return mac(key.digest[:0], sessionID, code), nil")},
	}, nil},
	{"a proof for a confidential client, by a page that names it", proveForServer, []control{
		{"its credentials", nil, edit(forClient, "if c.Type == otp.ConfidentialClient {", "if false {")},
	}, nil},
	{"a proof for a client, from a page of another origin", proveElsewhere, []control{
		{"the client's origins", nil, edit(clients, "return origin == \"\" ||", "return origin != \"\" ||")},
	}, nil},
	{"a proof for any browser, without a nonce", proveWithoutNonce, []control{
		{"the nonce of a public client", nil, edit(forClient, `case c.Type == otp.PublicClient && body.nonce == "":`, "case false:")},
	}, nil},
	{"a proof for a purpose that its client does not have", proveOtherPurpose, []control{
		{"the client's purposes", nil, edit(forClient, "case body.purpose != otp.Reset && !c.MayAsk(body.purpose):", "case false:")},
	}, nil},
	{"a server's session, used by a page and by another server", useOthersSession, []control{
		{"the session's owner", nil, edit("shared/otp/contents.go", "return !c.Server || c.Client == serverID", `return !c.Server || serverID != "nobody"`)},
	}, nil},
	{"60 mailboxes from one address that names another one in x-client-ip", claimAddress, []control{
		{"the secret that the header needs", nil, edit(generate, "if request.Server != nil {\n\t\tnamed", "if true {\n\t\tnamed")},
	}, nil},
	{"80 guesses at a client's secret at once", guessSecret, []control{
		{"their limit", nil, edit("shared/clients/clients.go", "WrongSecretsPerHour = 50", "WrongSecretsPerHour = 0")},
	}, nil},
	{"a used code without a proof, while KMS fails", loseProof, []control{
		{"signing first", nil, edit("functions/verify/handler.go", "if err := h.prove(ctx, request, c, &proven); err != nil {\n\t\t\treturn &judge.KeptError{Err: err}\n\t\t}\n\t\treturn h.consume(ctx, c, request.ID)",
			"if err := h.consume(ctx, c, request.ID); err != nil {\n\t\t\treturn err\n\t\t}\n\t\treturn h.prove(ctx, request, c, &proven)")},
	}, nil},
	{"a proof without a used code, while DynamoDB fails", keepCode, []control{
		{"using the code before the answer", nil, edit("functions/verify/handler.go", "return h.consume(ctx, c, request.ID)",
			"_ = h.consume(ctx, c, request.ID)\n\t\treturn nil")},
	}, nil},
	{"a stolen transaction, in a browser without its cookie", stealTransaction, []control{
		{"the cookie, for what the login page shows", nil, edit(complete, "if !t.IsBegunBy(cookieOf(request.Cookie)) || !t.IsOpen", "if !t.IsOpen")},
		{"the cookie, for the authorization code", nil, edit(complete, "err == nil && !t.IsBegunBy(cookieOf(request.Cookie)) {", "false {")},
	}, nil},
	{"a victim who was lured to an attacker's login", lure, []control{
		{"the cookie", nil, edit(complete, "err == nil && !t.IsBegunBy(cookieOf(request.Cookie)) {", "false {")},
		{"the login that a proof names", nil, edit(complete, "c.Nonce == t.ID && ", "")},
	}, nil},
	{"the login page's calls, by pages of other origins", useFromElsewhere, []control{
		{"the origin, for the authorization code", nil, edit(complete, `if request.Header["origin"] != issuer {`, "if false {")},
		{"the origin, for the one-time code", nil, edit(forClient, "if origin != own {", `if origin != own && origin == "" {`)},
	}, nil},
	{"logging in to an application by mailbox, without a password", loginByMailbox, []control{
		{"the ways that the client allows, for the code and for the proof", nil, append(edit(forClient, "if err == nil && !slices.Contains(", `if wanted == "never" && !slices.Contains(`),
			edit(complete, "slices.Contains(client.LogsInBy(t.WantedLevel), c.Purpose) && ", "")...)},
	}, nil},
	{"a request for a password, answered by a code alone and by an old login", answerByLess, []control{
		{"the level that was asked for", nil, append(edit(forClient, "c.LogsInBy(wanted)", "c.LogsInBy(wanted[:0])"),
			edit(complete, "slices.Contains(client.LogsInBy(t.WantedLevel), c.Purpose) && otp.Meets(c.Level, t.WantedLevel)", "c.Purpose != otp.Verify")...)},
		{"the proof's transaction and time", nil, append(edit(complete, "c.Nonce == t.ID && ", ""), edit(complete, "c.AuthTime >= t.CreatedAt.Add(-store.ClockSlack).Unix() && ", "")...)},
	}, nil},
	{"proofs for a login that was completed", replayProof, []control{
		{"completing a login once, on read and write", nil, append(edit(transaction, `t.CodeHash == "" && now.Before`, "now.Before"),
			edit(transactions, "all(sameBrowser, noCodeYet, notExpired)", "all(sameBrowser, notExpired)")...)},
	}, nil},
	{"proofs that were forged without a key", forgeProof, []control{
		{"the check of a token's signature", nil, openAnything},
	}, nil},
	{"proofs that the right key signed, for something else", changeProof, []control{
		{"the checks of the claims", nil, edit(complete, "if !proves(claims, issuer, client, t, now) {", "if false && !proves(claims, issuer, client, t, now) {")},
		{"the type of a token", nil, edit(published, "header.ExtraHeaders[jose.HeaderType] != typ || ", "")},
	}, nil},
	{"an application with several issuers, of which one is the attacker's", mixUp, []control{
		{"iss, in success and error", nil, append(edit(complete, `"code": {code}, "iss": {issuer}`, `"code": {code}`),
			edit(authorize, `, "iss": {issuer}}`, "}")...)},
	}, nil},
	{"redirects to URLs that are not registered", leadElsewhere, []control{
		{"the check of redirect_uri", nil, edit(authorize, `case !client.RedirectsTo(values.Get("redirect_uri")):`, "case false:")},
		{"that only a public client chooses its port", nil, edit("shared/otp/redirect.go", "c.Type == PublicClient && slices", "slices")},
		{"the check of post_logout_redirect_uri", nil, edit("functions/oidc/logout.go", " || !client.LogsOutTo(to):", ":")},
	}, nil},
	{"logins that a page of another site begins, in frames and by images", beginElsewhere, []control{
		{"what browsers say of their requests", nil, edit(authorize, "if !isNavigation(event.Headers) {", "if false {")},
		{"a limit for the client IP address", nil, edit(authorize, "mostPerHour = 300", "mostPerHour = 100_000")},
	}, nil},
	{"an authorization code in another login", injectCode, []control{
		{"the client", nil, edit(token, "case t.ClientID != client.ID || ", "case ")},
		{"the client's secret", nil, edit(token, `secret == "" && client.Type != otp.PublicClient:`, `secret == "never":`)},
		{"the redirect URI", nil, edit(token, `t.RedirectURI != form.Get("redirect_uri") || `, "")},
		{"the verifier", nil, edit(token, ` || !verifies(t.Challenge, form.Get("code_verifier")):`, ":")},
		{"PKCE", nil, edit(authorize, `t.Challenge == "" && client.NeedsPKCE()`, "false")},
	}, nil},
	{"an intercepted authorization code, after its owner", exchangeTwice, []control{
		{"the mark of use, on read and write", nil, append(edit(token, "case !t.UsedAt.IsZero():", "case false:"),
			edit(codes, `"attribute_not_exists(usedAt)"`, `"attribute_exists(code)"`)...)},
		{"the end of the owner's tokens", nil, edit(token, "if err := h.codes.Revoke(ctx, t.ID, h.now()); err != nil {", "if err := ctx.Err(); err != nil {")},
	}, nil},
	{"50 exchanges of an authorization code at once, while answers are lost", raceExchanges, []control{
		{"the condition of the exchanging write", nil, edit(codes, `"attribute_not_exists(usedAt)"`, `"attribute_exists(code)"`)},
		{"the end of the tokens", nil, edit(token, "if err := h.codes.Revoke(ctx, t.ID, h.now()); err != nil {", "if err := ctx.Err(); err != nil {")},
	}, []string{"ThrottleRate=10000", "ThrottleBurst=10000"}},
	{"a login and an authorization code after their time", useLateGrant, []control{
		{"the login's expiry, on read and write", nil, append(edit(transaction, `t.CodeHash == "" && now.Before(t.ExpiresAt)`, `t.CodeHash == ""`),
			edit(codes, `"expiredAt > :seconds"`, `"attribute_exists(expiredAt) OR expiredAt > :seconds"`)...)},
		{"the code's expiry, on read and write", nil, append(edit(token, "case !h.now().Before(t.ExpiresAt) || ", "case "),
			edit(codes, `"expiredAt > :seconds"`, `"attribute_exists(expiredAt) OR expiredAt > :seconds"`)...)},
	}, nil},
	{"40 exchanges that lack something, to spend signatures", spendSignatures, []control{
		{"the checks before the signature", nil, edit(token, "	t, err := h.granted(ctx, client, form, audit)\n",
			"	t, err := h.codes.Transaction(ctx, otp.TransactionOf(form.Get(\"code\")))\n	if err == nil {\n		_, err = h.sign(ctx, client, t)\n	}\n"+
				"	if err == nil {\n		t, err = h.granted(ctx, client, form, audit)\n	}\n")},
	}, nil},
	{"a copy of the table, as cookie, authorization code and access token", useCopy, []control{
		{"the hashes", nil, edit(clients, "	hash := sha256.Sum256([]byte(secret))\n	return base64.RawURLEncoding.EncodeToString(hash[:])",
			"	hash := sha256.Sum256([]byte(secret))\n	_ = base64.RawURLEncoding.EncodeToString(hash[:])\n	return secret")},
	}, nil},
	{"access tokens that were forged without a key, for a known login", forgeAccessToken, []control{
		{"the check of a token's signature, and the stored hash", nil, append(edit(userinfoFile, "!t.HasToken(token) || ", ""), openAnything...)},
	}, nil},
	{"access tokens that the right key signed, and a guess, for a known login", guessAccessToken, []control{
		{"the stored hash", nil, edit(userinfoFile, "!t.HasToken(token) || ", "")},
	}, nil},
	{"ID tokens and proofs as access tokens", useOtherToken, []control{
		{"the type of a token, and the stored hash", nil, append(edit(userinfoFile, "!t.HasToken(token) || ", ""),
			edit(published, "header.ExtraHeaders[jose.HeaderType] != typ || ", "")...)},
	}, nil},
	{"access tokens after their time or their end", useOldAccessToken, []control{
		{"the expiry and the end", nil, edit(transaction, "return !t.UsedAt.IsZero() && t.RevokedAt.IsZero() && now.Before(t.ExpiresAt)", "return !t.UsedAt.IsZero()")},
	}, nil},
	{"500 requests at once, at a throttle of 20 a second", overrun, []control{
		{"ThrottleRate and ThrottleBurst", []string{"ThrottleRate=10000", "ThrottleBurst=10000"}, nil},
	}, []string{"ThrottleRate=20", "ThrottleBurst=40"}},
}

// The files that have the controls.
const (
	limits      = "shared/store/limits.go"
	codes       = "shared/store/codes.go"
	users       = "shared/store/users.go"
	session     = "shared/otp/session.go"
	destination = "shared/otp/destination.go"
	address     = "shared/email/email.go"
	request     = "shared/httpapi/request.go"
	origin      = "shared/keys/origin.go"
	generate    = "functions/generate/handler.go"
	forClient   = "functions/generate/client.go"
	clients     = "shared/otp/client.go"
	checks      = "shared/admit/checks.go"

	authorize    = "functions/oidc/authorize.go"
	complete     = "functions/oidc/complete.go"
	token        = "functions/oidc/token.go"
	userinfoFile = "functions/oidc/userinfo.go"
	transaction  = "shared/otp/transaction.go"
	transactions = "shared/store/codes_transactions.go"
	published    = "shared/proof/published.go"
)

func edit(file, old, changed string) []e2e.Edit {
	return []e2e.Edit{{File: file, Old: old, New: changed}}
}

// lists makes every message pass only these checks of shared/admit, in this order.
func lists(checks string) []e2e.Edit {
	return []e2e.Edit{{File: "shared/admit/lists.go", New: `package admit

var (
	withoutPassword = []check{` + checks + `}
	withPassword    = withoutPassword

	clientIP        = check{"client", takeClient}
	country         = check{"country", readNumber}
	testDestination = check{"subject", testSubject}
	mailbox         = check{"subject", takeMailbox}
	phone           = check{"number", takeNumber}
	prefix          = check{"paused", takePrefix}
	day             = check{"day", takeDay}
)

var _ = clientIP
`}}
}

// receives changes which numbers may get SMS.
func receives(condition string) []e2e.Edit {
	return edit("shared/phone/number/number.go", "n.Mobile && slices.Contains(countries, n.Country)",
		condition+" && len(slices.Clip(countries)) > 0")
}

// openAnything reads the claims of a token with three parts, and checks nothing.
var openAnything = append(edit(published, `	"encoding/json"
`, `	"encoding/base64"
	"encoding/json"
	"strings"
`), e2e.Edit{File: published, Old: "	signed, err := jose.ParseSignedCompact(", New: `	if parts := strings.Split(token, "."); len(parts) > 1 {
		if data, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil && json.Unmarshal(data, claims) == nil {
			return nil
		}
	}
	signed, err := jose.ParseSignedCompact(`})
