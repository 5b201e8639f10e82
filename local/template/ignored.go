package template

// inert are the resource types that have no local counterpart. Other resources may refer to them: Ref returns their
// physical name, GetAtt the attributes that are listed here. If the template gets a resource of another such type, add a
// line.
var inert = map[string][]string{
	"AWS::Logs::LogGroup":        {"Arn"},
	"AWS::SES::ConfigurationSet": {}, // but SendEmail rejects a set that the template does not have
	"AWS::CloudWatch::Alarm":     {},
	"AWS::CloudWatch::Dashboard": {},
	"AWS::SNS::Topic":            {}, // but SES's events for a topic go to the functions that subscribe to it
	"AWS::SNS::TopicPolicy":      {},

	// The site: pages come from frontend/ and the API from the same server.
	"AWS::CloudFront::Distribution":        {"DomainName"},
	"AWS::CloudFront::Function":            {},
	"AWS::CloudFront::OriginAccessControl": {},
	"AWS::CloudFront::OriginRequestPolicy": {},
	"AWS::S3::Bucket":                      {"Arn"},
	"AWS::S3::BucketPolicy":                {},
}

// ignored are properties that the development stack knows and ignores on purpose.
var ignored = map[string][]string{
	"AWS::Serverless::Function":   {"Architectures", "Description", "Tags", "Tracing", "AutoPublishAlias", "VersionDeletionPolicy"},
	"AWS::Serverless::HttpApi":    {"Description", "Tags", "AccessLogSettings"},
	"AWS::DynamoDB::Table":        {"PointInTimeRecoverySpecification", "SSESpecification", "Tags", "DeletionProtectionEnabled"},
	"AWS::SecretsManager::Secret": {"Description", "KmsKeyId", "Tags"},
	"AWS::SSM::Parameter":         {"Description", "Tags"},
	"AWS::SQS::Queue":             {"SqsManagedSseEnabled", "Tags"},
}

// ignoredAttributes are the keys beside Properties that matter only to a deployment.
var ignoredAttributes = []string{"DeletionPolicy", "UpdateReplacePolicy", "DependsOn"}
