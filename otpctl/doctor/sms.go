package doctor

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"streamotp/otpctl/console"
)

func (x *examination) smsSandbox(ctx context.Context) error {
	if len(x.stack.Countries()) == 0 {
		x.add("sms.sandbox", remark, "name countries in AllowedCountries if codes should go by SMS", "SMS is off")
		return nil
	}
	out, err := x.sns.GetSMSSandboxAccountStatus(ctx, &sns.GetSMSSandboxAccountStatusInput{})
	if err != nil {
		return err
	}
	x.either("sms.sandbox", !out.IsInSandbox, "SMS goes to all numbers",
		problem, "SMS is in its sandbox in "+x.region+": it goes to verified numbers only", "leave it in SNS's console, in this region")
	return nil
}

// smsSpend compares two monthly limits: the account's, at which SNS stops sending, and the one at which an alarm goes
// off.
func (x *examination) smsSpend(ctx context.Context) error {
	if len(x.stack.Countries()) == 0 {
		return nil
	}
	budget, err := x.stack.Number("MonthlySmsBudgetUsd")
	if err != nil {
		return err
	}
	out, err := x.sns.GetSMSAttributes(ctx, &sns.GetSMSAttributesInput{Attributes: []string{"MonthlySpendLimit"}})
	if err != nil {
		return err
	}
	limit, err := strconv.ParseFloat(out.Attributes["MonthlySpendLimit"], 64)
	if err != nil {
		return errors.New("SNS reports no MonthlySpendLimit; that of a new account is 1 USD")
	}
	stop, alarm := console.Decimal(limit), console.Decimal(budget)
	x.either("sms.spend", limit >= budget, "SNS stops at "+stop+" USD a month, the alarm goes off at "+alarm,
		warning, "SNS stops at "+stop+" USD a month, before the alarm at MonthlySmsBudgetUsd ("+alarm+")",
		"ask for more in Service Quotas, then set MonthlySpendLimit in SNS")
	return nil
}

// smsCountries checks each allowed country, and the number that is set.
func (x *examination) smsCountries(ctx context.Context) error {
	allowed := x.stack.Countries()
	if len(allowed) == 0 {
		return nil
	}
	numbers, countries, err := x.numbers(ctx)
	if err != nil {
		return err
	}
	p := x.stack.Parameters
	if set := strings.TrimPrefix(p["SmsOriginationNumber"], "+"); set != "" && !numbers[set] {
		x.add("sms.number", problem, "get the number in this region, or set another or none", "SmsOriginationNumber is no active number of the account")
	}
	for _, code := range allowed {
		state, found, advice := country{code, countries[code], p["SmsSenderId"], p["SmsEntityId"] != "" && p["SmsTemplateId"] != ""}.judge()
		x.add("sms.country."+code, state, advice, "%s", found)
	}
	return nil
}

// numbers returns the account's active origination numbers, without their plus, and their countries.
func (x *examination) numbers(ctx context.Context) (numbers, countries map[string]bool, err error) {
	numbers, countries = map[string]bool{}, map[string]bool{}
	pages := sns.NewListOriginationNumbersPaginator(x.sns, &sns.ListOriginationNumbersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, n := range page.PhoneNumbers {
			if status := aws.ToString(n.Status); status == "" || strings.EqualFold(status, "active") {
				numbers[strings.TrimPrefix(aws.ToString(n.PhoneNumber), "+")] = true
				countries[aws.ToString(n.Iso2CountryCode)] = true
			}
		}
	}
	return numbers, countries, nil
}
