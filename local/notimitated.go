package main

// NotImitated lists the differences from AWS that matter to a developer. docs/development.md has the same list, and -help prints it.
var NotImitated = []string{
	"IAM: no signature is checked, and operators may do everything. As in SES's sandbox, a sender also needs permission for the recipient's identity",
	"Architectures, the share of CPU that belongs to a MemorySize, and Lambda's memory limit: MemorySize is only a variable in a function's environment",
	"cold starts at scale, more than 8 processes of a function at once, and the freezing of idle environments",
	"time to live, encryption, backups and capacity limits of tables, unless the DynamoDB engine has them",
	"SES and SNS: reputation, sandbox, quotas, suppression lists, origination numbers and spend; templates and raw mail; SNS topics, except that SES's events reach their subscribers. Lambda's retries of such an event follow at once, not after minutes",
	"log groups and their retention, alarms and tags; metrics, except the sums of those that functions log",
	"stream checkpoints: after a restart with -data a mapping begins again at its StartingPosition",
	"the pauses between a mapping's retries, because AWS does not document them: here they are 0.1 s at first and double to 2 s",
	"queues: encryption, FIFO, message attributes, batches of messages and long polling (a receive does not wait). Messages are kept in memory, even with -data, and a mapping has no batching window",
	"route variables, catch-all routes, authorizers, custom domains, access logs and other stages of the HTTP API",
	"CloudFront: caches, compression, certificates, WAF, the origin secret, and folders by content hash. The pages come from frontend/, with the template's headers, and the function of a custom resource does not run",
	"CAPTCHA providers: a stub with their API and responses replaces them, and accepts everybody who ticks its checkbox",
	"AWS calls that neither the functions nor otpctl make, such as Lambda's Invoke and DynamoDB Streams: each returns an error",
	"macros, and every intrinsic, filter operator and secret option that template.yaml does not use today: using one is an error that says where",
}
