package admit

// The lists. In both, the client IP address is checked before the mailbox, so that a blocked address cannot use up a victim's messages.
var (
	// A message that is requested without a password: verify, reset and every resend.
	withoutPassword = []check{clientIP, country, testDestination, mailbox, phone, prefix, day}

	// A login whose password was right. Peek checked the client IP address before the password was compared. The message of the client
	// IP address is taken last, so that a right password for an account at its wrong-password limit costs the same writes as a wrong
	// one. The number is read only after the account is checked, because reading takes time and happens only after right passwords.
	withPassword = []check{testDestination, mailbox, country, phone, prefix, day, clientIP}
)

// The checks, each with the parameter that sets it. otp.ChannelFacts says which channels count against a number, a prefix and a day.
var (
	clientIP        = check{"client", takeClient}   // SendsPerIpPerHour; after a password also PasswordTriesPerIpPerHour
	country         = check{"country", readNumber}  // a mobile number of AllowedCountries, if there is a number. Reading it takes 60 ms
	testDestination = check{"subject", testSubject} // ends the list for a test destination, and takes nothing; the subject must not be locked
	mailbox         = check{"subject", takeMailbox} // SendsPerHour and PasswordTriesPerHour; the exact address must not be locked
	phone           = check{"number", takeNumber}   // SendsPerHour for the number, over all accounts
	prefix          = check{"paused", takePrefix}   // SmsPrefixSends, unless the subject or number was verified in the last 30 days
	day             = check{"day", takeDay}         // SmsPerDay
)
