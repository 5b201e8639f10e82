// Package cost has the command that estimates the costs of a month, from the prices in prices.json.
package cost

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"streamotp/otpctl/console"
)

// Command returns "otpctl cost".
func Command(c *console.Console) *cobra.Command {
	var w wish
	var smsPrice float64
	var idle, prices bool
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Estimates the costs of a month, and the costs of other services.",
		Long: `Estimates the costs of a month from the prices in otpctl/cost/prices.json, without network and credentials.

The estimate assumes that each code is a login that succeeds at the first attempt, with the default limits. The prices
are those of one region, before taxes and without free allowances. A * marks a quantity that is partly assumed;
docs/costs.md explains it. The idle part is the cost of a stack that sends no code.`,
		Example: "  otpctl cost\n  otpctl cost --codes 50000 --sms-share 0.1 --country DE\n  otpctl cost --prices",
		Annotations: console.Facts("",
			`{"codes":1000000,"smsShare":0.1,"country":"DE","region":"us-east-1","read":"2026-11-21","usd":9667.6,
"perCode":0.00967,
"parts":[{"name":"SMS to DE, AWS","quantity":100000,"unit":"messages","per":1,"price":0.0941,"usd":9410}],
"idleUsd":7.96,"idle":[{"name":"CloudWatch, dashboards","quantity":1,"unit":"a month","per":1,"price":3,"usd":3}],
"others":[{"name":"Twilio Verify","codes":1000000,"usd":61200,"perCode":0.0612,"note":"...",
"parts":[{"name":"Twilio Verify",
"quantity":1000000,"unit":"codes","per":1,"price":0.05,"usd":50000}]}]}`),
		RunE: func(*cobra.Command, []string) error {
			list, err := readPrices()
			if err != nil {
				return err
			}
			if prices {
				return c.Answer(list.all(), list.print)
			}
			if w.Country = strings.ToUpper(w.Country); smsPrice > 0 {
				list.set(w.Country, smsPrice)
			}
			if err := list.check(w); err != nil {
				return err
			}
			e := list.estimate(w)
			return c.Answer(e, func(w io.Writer) { e.print(w, idle) })
		},
	}
	flags := cmd.Flags()
	flags.Float64Var(&w.Codes, "codes", 1_000_000, "`N` codes in a month")
	flags.Lookup("codes").DefValue = "1000000" // pflag would write 1e+06
	flags.Float64Var(&w.SMSShare, "sms-share", 0, "the `SHARE` of codes that go by SMS, 0 to 1")
	flags.StringVar(&w.Country, "country", "", "the country of the SMS messages, an ISO `CODE` such as DE")
	flags.Float64Var(&smsPrice, "sms-price", 0, "your own price of an SMS to that country, in `USD`")
	flags.BoolVar(&w.Hosted, "hosted", false, "count each code as a hosted login, by which people log in to an application")
	flags.BoolVar(&idle, "idle", false, "print only the idle part")
	flags.BoolVar(&prices, "prices", false, "print only the prices, with their sources")
	return cmd
}

// set replaces the list's price for an SMS to a country by the operator's own price.
func (l priceList) set(country string, usd float64) {
	own := l.SMS[country]
	own.AWS = &price{Name: strings.TrimSpace("SMS to "+country) + ", your price", Per: 1, Unit: "messages", USD: usd}
	l.SMS[country] = own
}

func (l priceList) check(w wish) error {
	switch {
	case !(w.Codes >= 1 && w.Codes <= 1e9) || w.Codes != math.Trunc(w.Codes): // NaN is not allowed either
		return console.UsageErrorf("--codes must be a whole number from 1 to 1000000000")
	case !(w.SMSShare >= 0 && w.SMSShare <= 1):
		return console.UsageErrorf("--sms-share must be from 0 to 1, as 0.1 for a tenth")
	case w.SMSShare > 0 && l.SMS[w.Country].AWS == nil:
		return console.UsageErrorf("--country must be one of %s, for which the list has a price; for another give yours with --sms-price",
			strings.Join(l.countries(), ", "))
	}
	return nil
}

var english = message.NewPrinter(language.English)

// amount writes a number with separators. It keeps up to four decimals if the number is less than 100.
func amount(n float64) string {
	decimals := 0
	if n < 100 {
		decimals = 4
	}
	return english.Sprint(number.Decimal(n, number.MaxFractionDigits(decimals)))
}

// dollars writes an amount with cents, or with three significant digits if it is less than a dollar.
func dollars(usd float64) string {
	if usd >= 1 || usd == 0 {
		return "$" + english.Sprint(number.Decimal(usd, number.Scale(2)))
	}
	text := strconv.FormatFloat(usd, 'f', 2-int(math.Floor(math.Log10(usd))), 64)
	for strings.HasSuffix(text, "0") && len(text) > len("0.00") {
		text = strings.TrimSuffix(text, "0")
	}
	return "$" + text
}

// exact writes a price with all of its digits, and at least the cents.
func exact(usd float64) string {
	text := console.Decimal(usd)
	if _, decimals, _ := strings.Cut(text, "."); len(decimals) < 2 || len(decimals) > 10 { // more than 10: an average of tiers
		return dollars(usd)
	}
	return "$" + text
}

func (e estimate) print(w io.Writer, onlyIdle bool) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer table.Flush() //nolint:errcheck // the console keeps the error
	if onlyIdle {
		e.printIdle(table)
		return
	}
	what := "codes"
	if e.Hosted {
		what = "hosted logins"
	}
	fmt.Fprintf(table, "%s %s in a month, %s of them by SMS%s; %s, prices looked up %s\n\n", amount(e.Codes), what,
		amount(e.sms()), before(" to ", e.Country), e.Region, e.Read)
	printParts(table, "PART", e.Parts)
	fmt.Fprintf(table, "all\t\t\t%s\nfor a code\t\t\t%s\n\n", dollars(e.USD), dollars(e.PerCode))
	e.printIdle(table)
	fmt.Fprintf(table, "\nTHE SAME BY OTHERS\tCODES\tFOR A CODE\tTOGETHER\n")
	ours := newOffer("StreamOTP, with the idle part", e.Codes, "", slices.Concat(e.Parts, e.Idle)...)
	notes := ""
	for _, o := range append([]offer{ours}, e.Others...) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", o.Name, amount(o.Codes), dollars(o.PerCode), dollars(o.USD))
		service, _, _ := strings.Cut(o.Name, ",")
		if note := service + ": " + o.Note + ".\n"; o.Note != "" && !strings.Contains(notes, note) {
			notes += note
		}
	}
	fmt.Fprintf(table, "\n%s", notes)
}

func (e estimate) printIdle(w io.Writer) {
	printParts(w, "A MONTH WITHOUT ANY CODE", e.Idle)
	fmt.Fprintf(w, "all\t\t\t%s\n", dollars(e.IdleUSD))
}

func printParts(w io.Writer, title string, parts []part) {
	fmt.Fprintf(w, "%s\tQUANTITY\tUNIT PRICE\tTOGETHER\n", title)
	for _, p := range parts {
		star := ""
		if p.Assumed {
			star = " *"
		}
		fmt.Fprintf(w, "%s\t%s %s%s\t%s%s\t%s\n", p.Name, amount(p.Quantity), p.Unit, star, exact(p.Price), each(p.Per), dollars(p.USD))
	}
}

// before puts words before a text that is not empty.
func before(words, text string) string {
	if text == "" {
		return ""
	}
	return words + text
}

func each(per float64) string {
	if per == 1 {
		return ""
	}
	return " for " + amount(per)
}

// print lists the prices, each with its source and the date of the source.
func (l priceList) print(w io.Writer) {
	fmt.Fprintf(w, "US dollars, %s, looked up %s. The date is that of the text.\n\n", l.Region, l.Read)
	for _, p := range l.all() {
		tiers := ""
		for _, t := range p.Tiers {
			tiers += exact(t.USD) + " up to " + amount(t.UpTo) + ", then "
		}
		fmt.Fprintf(w, "%s: %s%s%s %s (%s)\n  %s%s\n", p.Name, tiers, exact(p.USD), each(p.Per), p.Unit, p.Dated, p.Source, before("\n  ", p.Note))
	}
}
