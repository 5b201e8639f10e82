package secrets

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
)

// CaptchaSetCommand returns "otpctl captcha set".
func CaptchaSetCommand(c *console.Console) *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Stores the CAPTCHA provider's secret key.",
		Long: `Stores the CAPTCHA provider's secret key in Secrets Manager. The provider gives you this key with the site key.

In a stack with CaptchaProvider, /generate returns 503 until the key is stored. otpctl asks for the key twice without
showing it, or reads it from stdin with --secret-stdin. The functions use a changed key within a minute.`,
		Example: "  otpctl captcha set\n  otpctl captcha set --secret-stdin < secret.txt",
		Annotations: console.Facts("secretsmanager:PutSecretValue",
			`{"provider":"turnstile"}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error {
			provider := d.CaptchaProvider()
			if provider == "" {
				return console.Refusal("the stack asks for no CAPTCHA: deploy it with CaptchaProvider and CaptchaSiteKey first")
			}
			if err := d.Need("CaptchaSecretArn"); err != nil {
				return err
			}
			key, err := c.ReadSecret(ctx, console.TypedKey, fromStdin)
			if err != nil {
				return err
			}
			if key = strings.TrimSpace(key); strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) || key == "" {
				return console.UsageErrorf("the secret key must be printable ASCII characters without spaces, as the provider shows it")
			}
			s := d.Secret("CaptchaSecretArn")
			if _, err := s.Client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &s.ARN, SecretString: &key}); err != nil {
				return err
			}
			return c.Answer(console.Object{"provider": provider}, console.Say("Stored the secret key of %s: within a minute it is used.\n", provider))
		}),
	}
	cmd.Flags().BoolVar(&fromStdin, "secret-stdin", false, "read the secret key from stdin, one line")
	return cmd
}
