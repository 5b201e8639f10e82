package main

import (
	"context"
	"flag"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

var captchaSet = command{
	name: "captcha set", args: "",
	short: "Stores the CAPTCHA provider's secret key.",
	long: `A stack with CaptchaProvider answers 503 to /generate until it has the secret key that the provider gave you beside the
site key. The key is asked for twice without showing it, or read from stdin with --secret-stdin. It goes into Secrets Manager
and nowhere else; it is never an argument, which the list of processes and the shell's history would show. A running function
reads a changed key within a minute.`,
	examples:    []string{"captcha set", "captcha set --secret-stdin < secret.txt"},
	permissions: []string{"secretsmanager:PutSecretValue"},
	document:    `{"provider":"turnstile"}`,
	declare: func(flags *flag.FlagSet) action {
		stdin := flags.Bool("secret-stdin", false, "read the secret key from stdin, one line")
		return func(ctx context.Context, c *console, _ []string) error { return c.setCaptcha(ctx, *stdin) }
	},
}

func (c *console) setCaptcha(ctx context.Context, fromStdin bool) error {
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	provider := d.stack.parameters["CaptchaProvider"]
	if provider == "" || provider == "none" {
		return refusal("the stack asks for no CAPTCHA: deploy it with CaptchaProvider and CaptchaSiteKey first")
	}
	if err := d.stack.need("CaptchaSecretArn"); err != nil {
		return err
	}
	key, err := c.readSecret(ctx, typedKey, fromStdin)
	if err != nil {
		return err
	}
	if key = strings.TrimSpace(key); strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) || key == "" {
		return usageErrorf("the secret key must be printable ASCII characters without spaces, as the provider shows it")
	}
	s := d.secret("CaptchaSecretArn")
	if _, err := s.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &s.arn, SecretString: &key}); err != nil {
		return err
	}
	return c.answer(object{"provider": provider}, say("Stored the secret key of %s: within a minute it is used.\n", provider))
}

// captcha looks whether the secret key is there, without reading it.
func (x *examination) captcha(ctx context.Context) error {
	provider := x.stack.parameters["CaptchaProvider"]
	if provider == "" || provider == "none" {
		return nil
	}
	arn := x.stack.outputs["CaptchaSecretArn"]
	out, err := x.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn})
	if err != nil {
		return err
	}
	if len(out.VersionIdsToStages) == 0 {
		x.add("captcha", problem, "run otpctl captcha set", "nobody gets a code: %s's secret key is not stored", provider)
		return nil
	}
	x.add("captcha", fine, "", "the secret key of %s is stored", provider)
	return nil
}
