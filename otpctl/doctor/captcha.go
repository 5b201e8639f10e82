package doctor

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// captcha checks whether the secret key exists, without reading it.
func (x *examination) captcha(ctx context.Context) error {
	provider := x.stack.Parameters["CaptchaProvider"]
	if provider == "" || provider == "none" {
		return nil
	}
	arn := x.stack.Outputs["CaptchaSecretArn"]
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
