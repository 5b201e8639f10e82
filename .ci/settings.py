"""Checks each setting of template.yaml that README, the handbooks or the code count on, in what a deployment makes of it."""
import re

from sam import check, translate

template = translate()
resources = template["Resources"]
parameters = template["Parameters"]


def properties(name):
    return resources[name]["Properties"]


def of(kind):
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == kind}


# ---- Parameters: default, least and most ----------------------------------------------------------------------------

NUMBERS = {
    "CodeLength": (6, 6, 10), "CodeTtlSeconds": (300, 60, 600), "MaxAttempts": (5, 1, 10), "LockSeconds": (900, 1, 3600),
    "SendsPerHour": (5, 0, 20), "SendsPerIpPerHour": (30, 0, 60), "PasswordTriesPerHour": (10, 0, 60),
    "PasswordTriesPerIpPerHour": (50, 0, 60), "SmsPerDay": (500, 0, 100000000), "SmsPrefixSends": (30, 0, 1000),
    "SmsPrefixVerifiedPercent": (20, 1, 100), "ThrottleRate": (200, 1, 10000), "ThrottleBurst": (400, 1, 10000),
    "ResendCooldownSeconds": (30, 1, 600), "MonthlySmsBudgetUsd": (10, 1, 1000000), "LogRetentionDays": (30, 1, 3653),
    "ReservedConcurrency": (0, 0, 10000),
}
TEXTS = {"SesFromAddress": None, "AppName": "StreamOTP", "CaptchaProvider": "none", "Tracing": "Active", **dict.fromkeys((
    "AllowedCountries", "SmsSenderId", "SmsOriginationNumber", "SmsEntityId", "SmsTemplateId", "DomainName", "CertificateArn",
    "WebAclArn", "AllowedOrigins", "CaptchaSiteKey", "AlarmEmail", "AlarmTopicArn", "SmsMaxPriceUsd"), "")}


def least_and_most(parameter):
    values = parameter.get("AllowedValues", [parameter.get("MinValue"), parameter.get("MaxValue")])
    return values[0], values[-1]


check("the parameters", sorted(parameters), sorted({**NUMBERS, **TEXTS}))
for name, wanted in NUMBERS.items():
    check(f"{name}'s default, least and most", [parameters[name]["Default"], *least_and_most(parameters[name])], list(wanted))


def told():
    """README's numbers: default, least and most. In "200, 400 (1–10,000)" the bounds are those of both."""
    found = {}
    with open("README.md") as file:
        rows = re.findall(r"^\| ((?:`\w+`[, ]*)+) \| ([^|]*) \|", file.read(), re.M)
    for names, cell in rows:
        names = [name for name in re.findall(r"\w+", names) if name in NUMBERS]
        bounds = None
        for name, number in zip(names[::-1], re.findall(r"(\d+)(?: \(([\d,]+)–([\d,]+)\))?", cell)[::-1]):
            default, *own = (part.replace(",", "") for part in number)
            bounds = own if own[0] else bounds
            found[name] = tuple(map(int, [default, *(bounds or NUMBERS[name][1:])]))
    return found


check("what README tells of numbers", told(), NUMBERS)
check("the defaults of texts", {name: parameters[name].get("Default") for name in TEXTS}, TEXTS)
for name, parameter in parameters.items():
    bounds = least_and_most(parameter) if parameter["Type"] == "Number" else [parameter.get("AllowedPattern", parameter.get("AllowedValues"))]
    check(f"the bounds of {name} that are missing", [b for b in bounds if b is None], [])
check("whole numbers, as MinValue and MaxValue would let 6.5 through", [parameters[n]["AllowedValues"] for n in ("CodeLength", "MaxAttempts")],
      [list(range(6, 11)), list(range(1, 11))])
check("the CAPTCHA providers", parameters["CaptchaProvider"]["AllowedValues"], ["none", "recaptcha", "turnstile", "hcaptcha"])
check("parameters that no console shows", [name for name, p in parameters.items() if p.get("NoEcho")], [])

# ---- Tables: everything that is set, so that nothing is set beside it ------------------------------------------------


def key(**keys):
    """KeySchema and AttributeDefinitions of string keys: HASH=name, RANGE=name."""
    return {"KeySchema": [{"AttributeName": name, "KeyType": kind} for kind, name in keys.items()],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in keys.values()]}


EVERY_TABLE = {"BillingMode": "PAY_PER_REQUEST"}
EXPIRES = {"TimeToLiveSpecification": {"AttributeName": "expiredAt", "Enabled": True}}
check("the tables", of("AWS::DynamoDB::Table"), {
    "CodesTable": {**EVERY_TABLE, **EXPIRES, **key(HASH="sessionId", RANGE="code"), "StreamSpecification": {"StreamViewType": "NEW_IMAGE"}},
    "LimitsTable": {**EVERY_TABLE, **EXPIRES, **key(HASH="key")},
    "UsersTable": {**EVERY_TABLE, **key(HASH="email"), "DeletionProtectionEnabled": True,
                   "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
})
check("what outlives the stack", {name: r["DeletionPolicy"] for name, r in resources.items() if r.get("DeletionPolicy", "Delete") != "Delete"}, {
    "UsersTable": "Retain", **dict.fromkeys(("KeySecret", "LogGroup", "AccessLogGroup"), "RetainExceptOnCreate")})
check("what a replacement keeps", sorted(name for name, r in resources.items() if r.get("UpdateReplacePolicy") == "Retain"),
      ["AccessLogGroup", "KeySecret", "LogGroup", "UsersTable"])

# ---- From the stream to the sender, and where that fails -------------------------------------------------------------

check("the event source mappings", of("AWS::Lambda::EventSourceMapping"), {"SendFunctionCodes": {
    "EventSourceArn": {"Fn::GetAtt": ["CodesTable", "StreamArn"]}, "FunctionName": {"Ref": "SendFunction"},
    "StartingPosition": "TRIM_HORIZON", "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "ParallelizationFactor": 2,
    "BisectBatchOnFunctionError": True, "MaximumRetryAttempts": 8, "MaximumRecordAgeInSeconds": 3600,
    "FunctionResponseTypes": ["ReportBatchItemFailures"], "MetricsConfig": {"Metrics": ["EventCount"]},
    "FilterCriteria": {"Filters": [{"Pattern": '{"eventName":["INSERT"],"dynamodb":{"NewImage":{"send":{"S":[{"exists":true}]}}}}'}]},
    "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}},
}, "RetryMapping": {
    "EventSourceArn": {"Fn::GetAtt": ["RetryQueue", "Arn"]}, "FunctionName": {"Ref": "SendFunction"}, "BatchSize": 10,
    "MaximumBatchingWindowInSeconds": 0, "ScalingConfig": {"MaximumConcurrency": 2}, "MetricsConfig": {"Metrics": ["EventCount"]},
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}})
check("the queues", of("AWS::SQS::Queue"), {
    "RetryQueue": {"VisibilityTimeout": 30, "MessageRetentionPeriod": 24 * 3600, "SqsManagedSseEnabled": True,
                   "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}, "maxReceiveCount": 5}},
    "DeadLetterQueue": {"MessageRetentionPeriod": 14 * 24 * 3600, "SqsManagedSseEnabled": True},
})

# ---- Functions -------------------------------------------------------------------------------------------------------

for name, function in of("AWS::Lambda::Function").items():
    check(f"what {name} runs on", [function[k] for k in ("Runtime", "Architectures", "Handler")], ["provided.al2023", ["arm64"], "bootstrap"])
    check(f"{name}'s log", function["LoggingConfig"], {"LogFormat": "JSON", "LogGroup": {"Ref": "LogGroup"}})
    check(f"{name}'s tracing", function["TracingConfig"], {"Mode": {"Ref": "Tracing"}})
    check(f"{name}'s role is its own", function["Role"], {"Fn::GetAtt": [f"{name}Role", "Arn"]})
    check(f"{name} can answer before API Gateway gives up, after 30 s", function["Timeout"] < 30 or name == "PublishFunction", True)
check("log groups", of("AWS::Logs::LogGroup"), dict.fromkeys(("LogGroup", "AccessLogGroup"), {"RetentionInDays": {"Ref": "LogRetentionDays"}}))

# ---- Alarms ----------------------------------------------------------------------------------------------------------

# How it counts, over how many seconds, in how many of them, more than what.
ALARMS = {
    "DeadLetterAlarm": ("Maximum", 300, 1, 0), "UndeliveredAlarm": ("Sum", 300, 1, 0), "FeedbackAlarm": ("Sum", 300, 1, 0),
    "IteratorAgeAlarm": ("Maximum", 60, 3, 60000), "ProviderErrorAlarm": ("Sum", 300, 1, 5), "ServerErrorAlarm": ("Sum", 300, 1, 5),
    "LatencyAlarm": ("p99", 300, 3, 3000), "LockAlarm": ("Sum", 300, 1, 50), "BlockAlarm": ("Sum", 300, 1, 100), "PumpingAlarm": ("Sum", 300, 1, 0),
    **{f"{name}ThrottleAlarm": ("Sum", 300, 1, 0) for name in ("Generate", "Verify", "Reset", "Status", "Send", "Feedback")},
}
REACHED = {  # at least what
    "BounceAlarm": ("Maximum", 3600, 1, 0.05), "ComplaintAlarm": ("Maximum", 3600, 1, 0.001),
    "SmsSpendAlarm": ("Maximum", 3600, 1, {"Ref": "MonthlySmsBudgetUsd"}),
}
MISSING = {"SenderAlarm": ("Sum", 300, 1, 0)}  # at most what


def judged(alarm):
    return (alarm.get("Statistic", alarm.get("ExtendedStatistic")), alarm["Period"], alarm["EvaluationPeriods"], alarm["Threshold"])


alarms = of("AWS::CloudWatch::Alarm")
check("the alarms", {name: judged(a) for name, a in alarms.items()}, {**ALARMS, **REACHED, **MISSING})
check("how alarms compare", {name: a["ComparisonOperator"] for name, a in alarms.items()}, {
    **dict.fromkeys(ALARMS, "GreaterThanThreshold"), **dict.fromkeys(REACHED, "GreaterThanOrEqualToThreshold"),
    **dict.fromkeys(MISSING, "LessThanOrEqualToThreshold")})

# ---- The API ---------------------------------------------------------------------------------------------------------

[stage] = of("AWS::ApiGatewayV2::Stage").values()
check("the stage and its throttle", [stage["StageName"], stage["DefaultRouteSettings"]],
      ["api", {"ThrottlingRateLimit": {"Ref": "ThrottleRate"}, "ThrottlingBurstLimit": {"Ref": "ThrottleBurst"}}])

# ---- Secrets ---------------------------------------------------------------------------------------------------------

check("the CAPTCHA secret's value, which no deployment may write over", {"SecretString", "GenerateSecretString"} & set(properties("CaptchaProviderSecret")), set())
check("the root secret's value", properties("KeySecret")["GenerateSecretString"],
      {"SecretStringTemplate": "{}", "GenerateStringKey": "index", "PasswordLength": 64, "ExcludePunctuation": True})
check("the origin secret's value", properties("OriginSecret")["GenerateSecretString"], {"PasswordLength": 64, "ExcludePunctuation": True})
check("the test destinations of a new stack", properties("TestDestinationsSecret")["SecretString"], '{"destinations":{}}')

print("settings: as they should be")
