"""Proves of template.yaml what no deployment shows: what nobody may do, and what every function, alarm and parameter must have."""
import json
import os

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

from judge import check  # noqa: E402


class Policies:
    """SAM's names of AWS's own policies."""

    def load(self):
        return {name: f"arn:aws:iam::aws:policy/service-role/{name}" for name in ("AWSLambdaBasicExecutionRole", "AWSLambdaDynamoDBExecutionRole")}


with open("template.yaml") as file:
    source = yaml_parse(file.read())
functions = {name: r["Properties"] for name, r in source["Resources"].items() if r["Type"] == "AWS::Serverless::Function"}
for name, function in functions.items():
    function["CodeUri"] = f"s3://bucket/{name}.zip"
template = transform(source, {"SesFromAddress": "login@example.com"}, Policies())


def of(kind):
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


# A role allows what template.yaml says there, and in addition logging, tracing and, for the sender, reading the stream.
for name, role in of("AWS::IAM::Role").items():
    managed = {arn.split("/")[-1] for arn in role["ManagedPolicyArns"]}
    wanted = {"AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess"} | ({"AWSLambdaDynamoDBExecutionRole"} if name == "SendFunctionRole" else set())
    check(f"AWS's own policies of {name}", managed, wanted)
    for statement in [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]:
        everywhere = statement["Resource"] == "*" and statement["Action"] not in ("sns:Publish", "sms-voice:SendTextMessage")  # phones have no ARN
        check(f"what {name} may do everywhere", everywhere and statement, False)
        check(f"wildcards in the actions of {name}", "*" in json.dumps(statement["Action"]), False)
check("functions that share a role", len({json.dumps(f["Role"]) for f in of("AWS::Lambda::Function").values()}), len(functions))
[statement] = of("AWS::SNS::TopicPolicy")["FeedbackTopicPolicy"]["PolicyDocument"]["Statement"]
check("who may report on e-mail", [statement["Principal"], sorted(statement["Condition"]["StringEquals"])],
      [{"Service": "ses.amazonaws.com"}, ["AWS:SourceAccount", "AWS:SourceArn"]])

distribution = of("AWS::CloudFront::Distribution")["Distribution"]["DistributionConfig"]
[api] = distribution["CacheBehaviors"]
check("calls by plain HTTP, of which a redirect would have the password already", api["ViewerProtocolPolicy"], "https-only")
check("that the API is not cached", api["CachePolicyId"], "4135ea2d-6df8-44a3-9df3-4b5a84be39ad")  # AWS's CachingDisabled
check("error pages, which would take the place of the API's answers", distribution.get("CustomErrorResponses", []), [])

for name, function in of("AWS::Lambda::Function").items():
    check(f"where {name} logs", function["LoggingConfig"], {"LogFormat": "JSON", "LogGroup": {"Ref": "LogGroup"}})
    check(f"that {name} answers before API Gateway gives up", function["Timeout"] < 30 or name == "PublishFunction", True)
topic = [{"Fn::If": ["HasAlarmTopicArn", {"Ref": "AlarmTopicArn"}, {"Ref": "AlarmTopic"}]}]
for name, alarm in of("AWS::CloudWatch::Alarm").items():
    check(f"who hears of {name}, and of its end", [alarm.get("AlarmActions"), alarm.get("OKActions")], [topic, topic])
    check(f"that {name} is deployed with the others alone", template["Resources"][name].get("Condition"), "HasAlarms")
for name, parameter in template["Parameters"].items():
    bounds = {"AllowedValues", "AllowedPattern"} | ({"MinValue"} if "MaxValue" in parameter else set())
    check(f"that {name} has bounds", bool(bounds & set(parameter)), True)
    check(f"that a console shows {name}", parameter.get("NoEcho", False), False)
check("the CAPTCHA providers that have a row", sorted(template["Mappings"]["CaptchaProviders"]),
      sorted(template["Parameters"]["CaptchaProvider"]["AllowedValues"]))
print("template.yaml: as it should be")
