package main

// NotImitated lists the differences from AWS that matter to a developer. docs/development.md has the same list, and -help prints it.
var NotImitated = []string{
	"IAM: no signature is checked and operators may do everything; SES asks for the recipient's identity too, as in its sandbox",
	"Architectures, MemorySize's share of the CPU and Lambda's memory limit: a function sees MemorySize in its environment only",
	"cold starts at scale, concurrency over 8 processes a function, and the freezing of idle environments",
	"time to live, encryption, backups and capacity limits of tables, other than the engine has them",
	"SES and SNS reputation, sandbox, quotas, suppression lists, origination numbers and spend; SES templates and raw mail; of SNS topics all but what SES tells them, at once and without minutes between tries",
	"log groups and their retention, alarms, tags, metrics but for sums of those that functions log",
	"stream checkpoints across a restart with -data: a mapping begins at its StartingPosition again",
	"the pauses between a mapping's retries, which AWS does not document: here 0.1 s, doubling to 2 s",
	"queues: encryption, FIFO, message attributes, batches of messages and long polling (a receive does not wait); messages are in memory, also with -data, and a mapping polls without a batching window",
	"route variables, catch-all routes, authorizers, custom domains, access logs and other stages of the HTTP API",
	"CloudFront's caches, compression, certificates and WAF, its origin secret and folders by content hash: pages come from frontend/, with the template's headers; what a custom resource calls is not run",
	"CAPTCHA providers: a stub with their API and answers stands in, which lets through whoever ticks its checkbox",
	"AWS calls that neither the functions nor otpctl make, such as Lambda's Invoke and DynamoDB Streams: each gets an error",
	"macros, and intrinsics, filter operators and options of a secret that template.yaml does not use: each is an error at its place",
}
