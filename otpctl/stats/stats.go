// Package stats has the command that counts messages, from the stack's metrics.
package stats

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

// maxDays is how many days stats can look back. CloudWatch keeps hourly sums for longer.
const maxDays = 30

// Command returns "otpctl stats".
func Command(c *console.Console) *cobra.Command {
	var days int
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Counts sent and verified messages, and shows the month's SMS costs.",
		Long: `Counts messages by the stack's CloudWatch metrics, which arrive a minute or two late.

SENT counts the messages that SES or SNS accepted, including resends and security notifications. VERIFIED counts the
right codes, including those of test destinations, which are never sent. CONVERSION is VERIFIED divided by SENT.

The SMS costs are those of the whole AWS account in this region since the month began (UTC). They are null if SNS
reports no costs, such as before the first SMS of a month.`,
		Example: "  otpctl stats\n  otpctl stats --days 7 --json | jq .data.byChannel",
		Annotations: console.Facts("cloudwatch:GetMetricData",
			`{"days":7,"since":"2026-11-14T15:09:39Z","until":"2026-11-21T15:09:39Z",
"byChannel":[{"name":"email","sent":1200,"verified":1100,"conversion":0.917}],
"byPurpose":[{"name":"login","sent":900,"verified":840,"conversion":0.933}],"smsSpendUsd":3.21}`),
		PreRunE: func(*cobra.Command, []string) error {
			if days < 1 || days > maxDays {
				return console.UsageErrorf("--days must be 1 to %d", maxDays)
			}
			return nil
		},
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error { return stats(ctx, c, d, days) }),
	}
	cmd.Flags().IntVar(&days, "days", 1, fmt.Sprintf("how many `DAYS` to look back, 1 to %d", maxDays))
	return cmd
}

// counted is a row: the numbers of sent and verified messages of a channel or for a purpose.
type counted struct {
	Name       string   `json:"name"`
	Sent       float64  `json:"sent"`
	Verified   float64  `json:"verified"`
	Conversion *float64 `json:"conversion"` // from 0 to 1; nil if nothing was sent
}

type statistics struct {
	Days      int       `json:"days"`
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until"`
	ByChannel []counted `json:"byChannel"`
	ByPurpose []counted `json:"byPurpose"`
	SMSSpend  *float64  `json:"smsSpendUsd"`
}

func stats(ctx context.Context, c *console.Console, d *deployed.Stack, days int) (err error) {
	until := c.Now().UTC().Truncate(time.Second)
	s := statistics{Days: days, Since: until.AddDate(0, 0, -days), Until: until}
	// The client speaks AWS JSON, one of the service's protocols, instead of CBOR, which the development stack does not know.
	m := metrics{cloudwatch.NewFromConfig(d.Config, func(o *cloudwatch.Options) { o.Protocol = awsjson.New10(schemas.GraniteServiceVersion20100801) }),
		"StreamOTP/" + d.Name, until}
	if s.ByChannel, err = m.rows(ctx, s.Since, "Channel", otp.ChannelNames()); err != nil {
		return err
	}
	if s.ByPurpose, err = m.rows(ctx, s.Since, "Purpose", otp.PurposeNames()); err != nil {
		return err
	}
	month := time.Date(until.Year(), until.Month(), 1, 0, 0, 0, 0, time.UTC)
	spent, err := m.values(ctx, month, "Maximum", types.Metric{Namespace: aws.String("AWS/SNS"), MetricName: aws.String("SMSMonthToDateSpentUSD")})
	if err != nil {
		return err
	}
	if len(spent) > 0 {
		s.SMSSpend = aws.Float64(slices.Max(spent))
	}
	return c.Answer(s, s.write)
}

// metrics are those of CloudWatch up to a time, with the namespace of the stack's own.
type metrics struct {
	client    *cloudwatch.Client
	namespace string
	until     time.Time
}

// rows counts messages by the values of a dimension.
func (m metrics) rows(ctx context.Context, since time.Time, dimension string, names []string) (rows []counted, err error) {
	for _, name := range names {
		row := counted{Name: name}
		for metric, total := range map[string]*float64{telemetry.Sent: &row.Sent, telemetry.Verified: &row.Verified} {
			values, err := m.values(ctx, since, "Sum", types.Metric{Namespace: &m.namespace, MetricName: &metric,
				Dimensions: []types.Dimension{{Name: &dimension, Value: &name}}})
			if err != nil {
				return nil, err
			}
			for _, value := range values {
				*total += value
			}
		}
		if row.Sent > 0 {
			row.Conversion = aws.Float64(row.Verified / row.Sent)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// values returns a metric's values by the hour.
func (m metrics) values(ctx context.Context, since time.Time, stat string, metric types.Metric) (values []float64, err error) {
	pages := cloudwatch.NewGetMetricDataPaginator(m.client, &cloudwatch.GetMetricDataInput{StartTime: &since, EndTime: &m.until,
		MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("m"), MetricStat: &types.MetricStat{Period: aws.Int32(3600), Stat: &stat, Metric: &metric}}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.MetricDataResults {
			values = append(values, r.Values...)
		}
	}
	return values, nil
}

func (s statistics) write(w io.Writer) {
	fmt.Fprintf(w, "Since %s:\n", console.UTC(s.Since))
	for _, part := range []struct {
		name string
		rows []counted
	}{{"CHANNEL", s.ByChannel}, {"PURPOSE", s.ByPurpose}} {
		fmt.Fprintln(w)
		t := console.NewTable(w, part.name, "SENT", "VERIFIED", "CONVERSION")
		for _, row := range part.rows {
			share := "-"
			if row.Conversion != nil {
				share = fmt.Sprintf("%.0f %%", *row.Conversion*100)
			}
			t.Row(row.Name, fmt.Sprintf("%.0f", row.Sent), fmt.Sprintf("%.0f", row.Verified), share)
		}
		t.End("Nothing was counted.")
	}
	if s.SMSSpend == nil {
		fmt.Fprintln(w, "\nSNS reports no SMS spend of this month.")
	} else {
		fmt.Fprintf(w, "\nSMS of the account this month: %.2f USD.\n", *s.SMSSpend)
	}
}
