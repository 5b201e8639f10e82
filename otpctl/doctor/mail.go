package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// nearQuota is the percentage of a quota from which a warning is given.
const nearQuota = 80

func (x *examination) mailAccount(ctx context.Context) error {
	a, err := x.ses.GetAccount(ctx, &sesv2.GetAccountInput{})
	if err != nil {
		return err
	}
	x.either("ses.sandbox", a.ProductionAccessEnabled, "SES sends to everybody in "+x.region,
		problem, "SES is in its sandbox in "+x.region+": it sends to verified addresses only", "ask for production access in SES's console, in this region")
	x.either("ses.sending", a.SendingEnabled, "sending is enabled",
		problem, "sending is paused for the account", "see SES's reputation page and the mail from AWS")
	switch status := aws.ToString(a.EnforcementStatus); status {
	case "HEALTHY":
		x.add("ses.reputation", fine, "", "the account is healthy")
	case "":
		x.add("ses.reputation", unchecked, "", "could not be checked: SES reports no enforcement status")
	case "PROBATION":
		x.add("ses.reputation", warning, "see SES's reputation page, and answer AWS's case", "the account is under review")
	default:
		x.add("ses.reputation", problem, "answer AWS's case", "the account is %s", status)
	}
	x.mailQuota(a.SendQuota)
	return nil
}

func (x *examination) mailQuota(quota *types.SendQuota) {
	if quota == nil {
		x.add("ses.quota", unchecked, "", "could not be checked: SES reports no quota")
		return
	}
	used, most := quota.SentLast24Hours, quota.Max24HourSend
	if most < 0 {
		x.add("ses.quota", fine, "", "%.0f messages in 24 hours, without a quota", used)
		return
	}
	state, advice := fine, ""
	switch {
	case used >= most:
		state, advice = problem, "ask for a higher quota in Service Quotas; until then nothing is sent"
	case used*100 >= most*nearQuota:
		state, advice = warning, "ask for a higher quota in Service Quotas"
	}
	x.add("ses.quota", state, advice, "%.0f of %.0f messages in 24 hours, %.0f a second at most", used, most, quota.MaxSendRate)
}

// identity reads an SES identity, or returns nil if it does not exist.
func (x *examination) identity(ctx context.Context, name string) (*sesv2.GetEmailIdentityOutput, error) {
	out, err := x.ses.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: &name})
	var none *types.NotFoundException
	if errors.As(err, &none) {
		return nil, nil
	}
	return out, err
}

// mailSender checks the sender's address and its domain: either may be verified. An address that is itself an identity
// has its own settings.
func (x *examination) mailSender(ctx context.Context) error {
	from := x.stack.Parameters["SesFromAddress"]
	_, domain, ok := strings.Cut(from, "@")
	if !ok {
		return errors.New("the stack has no parameter SesFromAddress")
	}
	address, err := x.identity(ctx, from)
	if err != nil {
		return err
	}
	parent, err := x.identity(ctx, domain)
	if err != nil {
		return err
	}
	used, name := address, from
	if address == nil || !address.VerifiedForSendingStatus && parent != nil {
		used, name = parent, domain
	}
	if used == nil || !used.VerifiedForSendingStatus {
		x.add("ses.sender", problem, "verify the domain in SES, in this region: nothing is sent before",
			"neither %s nor %s is verified in %s", from, domain, x.region)
		return nil
	}
	x.add("ses.sender", fine, "", "%s may send, as %s is verified", from, name)
	x.mailSignature(used, parent, domain)
	return nil
}

func (x *examination) mailSignature(used, parent *sesv2.GetEmailIdentityOutput, domain string) {
	signed := func(i *sesv2.GetEmailIdentityOutput) bool {
		return i != nil && i.DkimAttributes != nil && i.DkimAttributes.SigningEnabled && i.DkimAttributes.Status == types.DkimStatusSuccess
	}
	x.either("ses.dkim", signed(used) || signed(parent), "mail is signed with DKIM",
		warning, "mail is not signed with DKIM: it ends among spam, or is refused", "verify "+domain+" in SES with Easy DKIM and make its three DNS records")
	switch m := used.MailFromAttributes; {
	case m == nil || aws.ToString(m.MailFromDomain) == "":
		x.add("ses.mailfrom", remark, "optional: set one, so that SPF speaks for "+domain+" too", "there is no MAIL FROM domain")
	case m.MailFromDomainStatus != types.MailFromDomainStatusSuccess:
		x.add("ses.mailfrom", warning, "make its MX and TXT records as SES's console shows them", "the MAIL FROM domain is %s", m.MailFromDomainStatus)
	default:
		x.add("ses.mailfrom", fine, "", "there is a MAIL FROM domain")
	}
}
