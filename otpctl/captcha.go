package main

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/spf13/cobra"
)

func (c *console) captchaSetCommand() *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Stores the CAPTCHA provider's secret key.",
		Long: `Stores the secret key that the CAPTCHA provider gave you beside the site key, in Secrets Manager.

A stack with CaptchaProvider answers 503 to /generate until the key is stored. otpctl asks for it twice without showing it, or
reads it from stdin with --secret-stdin. The functions use a changed key within a minute.`,
		Example: "  otpctl captcha set\n  otpctl captcha set --secret-stdin < secret.txt",
		Annotations: facts{
			"permissions": "secretsmanager:PutSecretValue",
			"document":    `{"provider":"turnstile"}`,
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return c.setCaptcha(cmd.Context(), fromStdin) },
	}
	cmd.Flags().BoolVar(&fromStdin, "secret-stdin", false, "read the secret key from stdin, one line")
	return cmd
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
