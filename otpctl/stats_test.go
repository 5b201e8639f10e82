package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
)

// measure stores a metric's value in CloudWatch.
func (a *cloud) measure(t *testing.T, namespace, name string, at time.Time, value float64, dimensions ...string) {
	t.Helper()
	datum := types.MetricDatum{MetricName: &name, Timestamp: &at, Value: &value}
	if len(dimensions) > 0 {
		datum.Dimensions = []types.Dimension{{Name: &dimensions[0], Value: &dimensions[1]}}
	}
	client := cloudwatch.NewFromConfig(a.cfg, func(o *cloudwatch.Options) { o.Protocol = awsjson.New10(schemas.GraniteServiceVersion20100801) })
	if _, err := client.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: []types.MetricDatum{datum}}); err != nil {
		t.Fatal(err)
	}
}

// counts is the output of stats --json.
type counts struct {
	ByChannel, ByPurpose []struct {
		Name           string
		Sent, Verified float64
		Conversion     *float64
	}
	SMSSpend *float64 `json:"smsSpendUsd"`
}

func (a *cloud) statistics(t *testing.T, args ...string) (s counts) {
	t.Helper()
	r := a.run(t, append([]string{"stats", "--json"}, args...)...)
	r.want(t, exitOK)
	if err := json.Unmarshal([]byte(r.data(t)), &s); err != nil {
		t.Fatal(err)
	}
	if got, want := shape(t, r.data(t)), shape(t, find("stats").Annotations["document"]); s.SMSSpend != nil && s.ByChannel[0].Conversion != nil && s.ByPurpose[0].Conversion != nil && got != want {
		t.Errorf("prints %s\nhelp has %s", got, want)
	}
	return s
}

func TestStats(t *testing.T) {
	a := newCloud(t, operations)
	// AWS accepts no value that is older than two weeks, and MiniStack stores none. So otpctl's clock is fast here: what
	// it takes for 29 days ago, or for the beginning of the month, is at most 13 days ago.
	const ahead = 17 * 24 * time.Hour
	a.now = func() time.Time { return time.Now().Add(ahead) }
	now := a.now().UTC()
	ours := "StreamOTP/" + a.stack
	for _, at := range []time.Time{now.Add(-time.Hour), now.Add(-3 * time.Hour), now.AddDate(0, 0, -5)} {
		a.measure(t, ours, "Sent", at, 4, "Channel", "email")
		a.measure(t, ours, "Verified", at, 3, "Channel", "email")
		a.measure(t, ours, "Sent", at, 5, "Purpose", "verify")
	}
	a.measure(t, ours, "Sent", now.AddDate(0, 0, -29), 7, "Channel", "email")
	a.measure(t, ours+"-other", "Sent", now.Add(-time.Hour), 100, "Channel", "email") // another stack's

	day := a.statistics(t)
	if mail := day.ByChannel[0]; mail.Name != "email" || mail.Sent != 8 || mail.Verified != 6 || *mail.Conversion != 0.75 {
		t.Errorf("a day: %+v", mail)
	}
	if sms := day.ByChannel[1]; sms.Name != "sms" || sms.Sent != 0 || sms.Conversion != nil || day.SMSSpend != nil {
		t.Errorf("a day: %+v, spend %v", sms, day.SMSSpend)
	}
	if verify := day.ByPurpose[0]; verify.Name != "verify" || verify.Sent != 10 || verify.Verified != 0 || *verify.Conversion != 0 {
		t.Errorf("a day: %+v", verify)
	}
	if week := a.statistics(t, "--days", "7").ByChannel[0]; week.Sent != 12 {
		t.Errorf("a week: %+v", week)
	}
	if month := a.statistics(t, "--days", "30").ByChannel[0]; month.Sent != 19 {
		t.Errorf("30 days: %+v", month)
	}
	a.run(t, "stats").want(t, exitOK, "Since 2", "CHANNEL ", "PURPOSE ", "75 %", "no SMS spend")

	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	a.measure(t, "AWS/SNS", "SMSMonthToDateSpentUSD", first.Add(-time.Hour), 90) // last month's
	a.measure(t, "AWS/SNS", "SMSMonthToDateSpentUSD", first, 3.21)
	if s := a.statistics(t); s.SMSSpend == nil || *s.SMSSpend != 3.21 {
		t.Errorf("spend %v", aws.ToFloat64(s.SMSSpend))
	}
	a.run(t, "stats", "--days", "2").want(t, exitOK, "SMS of the account this month: 3.21 USD")
}

func TestStatsFail(t *testing.T) {
	for _, days := range []string{"0", "31", "-1", "x"} {
		runWith(ctx, nil, "stats", "--days="+days).want(t, exitUsage, "--days")
	}
	a := newCloud(t, operations)
	a.deny("cloudwatch:GetMetricData")
	a.run(t, "stats").want(t, exitFailed, "may not call CloudWatch GetMetricData")
}
