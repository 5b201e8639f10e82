package doctor

import "slices"

// These lists are AWS's requirements for SMS to a country. The account's own settings do not show them.
//
// Sources: "Supported countries and regions" of the SNS developer guide (since 2023-08-31 the United States and their
// territories take messages from dedicated numbers only), "Special requirements for sending SMS messages to recipients in
// India", and "Registration forms" of the AWS End User Messaging SMS user guide, whose countries register sender IDs.
// Read in November 2026. Operators in a country that is not listed may have rules of their own.
var (
	numberNeeded     = []string{"AS", "GU", "PR", "US", "VI"}
	senderRegistered = []string{"AE", "AT", "AU", "BY", "EG", "ES", "FI", "GB", "ID", "IE", "JO", "KE", "KW", "KZ", "LK", "PH", "QA", "RU", "SA", "SG",
		"TH", "TR", "VN", "ZM"}
)

// country is an allowed country, with what the account has for it.
type country struct {
	code   string
	number bool   // the account has an origination number of it
	sender string // SmsSenderId
	dlt    bool   // SmsEntityId and SmsTemplateId are set
}

// judge reports what is missing. advice is empty if nothing is.
func (c country) judge() (state, found, advice string) {
	switch {
	case slices.Contains(numberNeeded, c.code) && !c.number:
		return problem, "needs an origination number (10DLC, toll-free or short code), and the account has none of it",
			"get a number in AWS End User Messaging, register it, and let SNS use it"
	case c.code == "IN" && !c.dlt:
		return warning, "has no SmsEntityId and SmsTemplateId: operators may refuse what no DLT registration names",
			"register with DLT, then set SmsSenderId, SmsEntityId and SmsTemplateId"
	case c.code == "CN":
		return warning, "takes registered templates only", "register the text in AWS End User Messaging"
	case slices.Contains(senderRegistered, c.code) && !c.number:
		found = "has a registration of sender IDs"
		if c.sender == "" {
			found += ", and SmsSenderId is not set"
		}
		return remark, found, "register a sender ID in AWS End User Messaging if operators refuse or rename yours"
	}
	return fine, "nothing known is missing", ""
}
