package console

import "github.com/spf13/pflag"

// Target is the deployment that a command works on.
type Target struct {
	Stack    string
	Region   string // empty: that of the profile or of AWS_REGION
	Profile  string // empty: that of AWS_PROFILE or the default one
	Endpoint string // empty: AWS itself
}

// Declare adds the flags that set a target.
func (t *Target) Declare(flags *pflag.FlagSet) {
	flags.StringVar(&t.Stack, "stack", "streamotp", "`NAME` of the CloudFormation stack")
	flags.StringVar(&t.Region, "region", "", "AWS `REGION` of the stack")
	flags.StringVar(&t.Profile, "profile", "", "`NAME` of the AWS profile to use")
	flags.StringVar(&t.Endpoint, "endpoint", "", "send all AWS calls to this `URL`, such as the one that the development stack prints")
}
