package main

import (
	"strings"
	"testing"
)

func TestCost(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true") // the command needs no credentials and no network
	runWith(ctx, nil, "cost").want(t, exitOK, "1,000,000 codes", "0 of them by SMS;", "A MONTH WITHOUT ANY CODE", "Twilio Verify")
	runWith(ctx, nil, "cost", "--codes", "20", "--sms-share", "0.5", "--country", "de").want(t, exitOK, "10 of them by SMS to DE;", "End User Messaging, OTP")
	runWith(ctx, nil, "cost", "--sms-share", "1", "--country", "FR", "--sms-price", "0.07").want(t, exitOK, "SMS to FR, your price", "$70,000.00", "for whose price to FR no text was found")
	runWith(ctx, nil, "cost", "--prices").want(t, exitOK, "https://", "SMS to US, Twilio")
	if r := runWith(ctx, nil, "cost", "--idle"); strings.Contains(r.stdout, "codes") || !strings.Contains(r.stdout, "dashboards") {
		t.Errorf("idle: %s", r.stdout)
	}
	for line, says := range map[string]string{
		"--sms-share 0.1":              "--country must be one of AU, BR, DE",
		"--sms-share 0.1 --country FR": "--sms-price",
		"--sms-share 1.1":              "from 0 to 1",
		"--sms-share -0.1":             "from 0 to 1",
		"--sms-share NaN":              "from 0 to 1",
		"--codes 0":                    "a whole number from 1",
		"--codes 1.5":                  "a whole number from 1",
		"--codes NaN":                  "a whole number from 1",
		"--codes Inf":                  "a whole number from 1",
		"--codes many":                 "invalid argument",
		"now":                          "got 1 arguments",
	} {
		r := runWith(ctx, nil, append([]string{"cost"}, strings.Fields(line)...)...)
		r.want(t, exitUsage, says)
		if r.stdout != "" {
			t.Errorf("%s: stdout has %s", line, r.stdout)
		}
	}
}
