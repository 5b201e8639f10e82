package admit

// The lists. In both the client IP address is asked before the mailbox, so that a blocked one cannot use up a victim's messages.
var (
	// A message that is asked for without a password: verify, reset and every resend.
	withoutPassword = []check{clientIP, country, testDestination, mailbox, phone, prefix, day}

	// A login whose password was right. Peek asked the client IP address before the password was looked at; it gives its message
	// last, so that an account without a wrong password left costs the same writes as for one more wrong password. The number
	// is read after the account, since that takes time after right passwords only.
	withPassword = []check{testDestination, mailbox, country, phone, prefix, day, clientIP}
)

// The checks, by the parameter that sets each. Which channels count against a number, a prefix and a day, otp.ChannelFacts says.
var (
	clientIP        = check{"client", takeClient}   // SendsPerIpPerHour; after a password PasswordTriesPerIpPerHour too
	country         = check{"country", readNumber}  // a mobile number of AllowedCountries, where there is one. Reading it takes 60 ms
	testDestination = check{"subject", testSubject} // it takes nothing, and the list ends here; it must not be locked
	mailbox         = check{"subject", takeMailbox} // SendsPerHour; the very address must not be locked. PasswordTriesPerHour
	phone           = check{"number", takeNumber}   // SendsPerHour for the number, over all accounts
	prefix          = check{"paused", takePrefix}   // SmsPrefixSends, unless the subject or number was verified lately
	day             = check{"day", takeDay}         // SmsPerDay
)
