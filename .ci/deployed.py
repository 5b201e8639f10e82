"""What is really there after a deployment: asked of each service itself, and put as CloudFormation puts it."""
import ast
import functools
import json

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


@functools.cache
def aws(service):
    return boto3.client(service, config=Config(retries={"total_max_attempts": 1}))  # moto answers the same the second time


def names(kind):
    """What there is of a type: names, ids or ARNs."""
    return set(LISTS[kind]())


def each_function(ask):
    return [found for name in names("AWS::Lambda::Function") for found in ask(name)]


def statements(function):
    """The statements of a function's own policy; none where it has no policy."""
    return json.loads(setting(aws("lambda").get_policy, FunctionName=function).get("Policy", '{"Statement": []}'))["Statement"]


def setting(ask, **what):
    """A setting; empty where there is none, which AWS calls an error."""
    try:
        return ask(**what)
    except ClientError:
        return {}


# A type of the template that is not here fails the test: it would be believed unseen.
LISTS = {
    "AWS::ApiGatewayV2::Api": lambda: [a["ApiId"] for a in aws("apigatewayv2").get_apis()["Items"]],
    "AWS::ApiGatewayV2::Stage": lambda: [s["StageName"] for a in names("AWS::ApiGatewayV2::Api")
                                         for s in aws("apigatewayv2").get_stages(ApiId=a)["Items"]],
    "AWS::CloudFront::Distribution": lambda: [
        d["Id"] for d in aws("cloudfront").list_distributions()["DistributionList"].get("Items", [])],
    "AWS::CloudFront::Function": lambda: [
        f["Name"] for f in aws("cloudfront").list_functions()["FunctionList"].get("Items", [])],
    "AWS::CloudFront::OriginAccessControl": lambda: [
        a["Id"] for a in aws("cloudfront").list_origin_access_controls()["OriginAccessControlList"].get("Items", [])],
    "AWS::CloudFront::OriginRequestPolicy": lambda: setting(aws("cloudfront").list_origin_request_policies, Type="custom").get(
        "OriginRequestPolicyList", {}).get("Items", []),
    "AWS::CloudFront::ResponseHeadersPolicy": lambda: setting(aws("cloudfront").list_response_headers_policies, Type="custom").get(
        "ResponseHeadersPolicyList", {}).get("Items", []),
    "AWS::CloudWatch::Alarm": lambda: [a["AlarmName"] for a in aws("cloudwatch").describe_alarms()["MetricAlarms"]],
    "AWS::CloudWatch::Dashboard": lambda: [d["DashboardName"] for d in aws("cloudwatch").list_dashboards()["DashboardEntries"]],
    "AWS::DynamoDB::Table": lambda: aws("dynamodb").list_tables()["TableNames"],
    "AWS::IAM::Role": lambda: [r["RoleName"] for r in aws("iam").list_roles()["Roles"]],
    "AWS::Lambda::Alias": lambda: each_function(lambda f: [a["AliasArn"] for a in aws("lambda").list_aliases(FunctionName=f)["Aliases"]]),
    "AWS::Lambda::EventSourceMapping": lambda: [m["UUID"] for m in aws("lambda").list_event_source_mappings()["EventSourceMappings"]],
    "AWS::Lambda::Function": lambda: [f["FunctionName"] for f in aws("lambda").list_functions()["Functions"]],
    "AWS::Lambda::Permission": lambda: each_function(lambda f: [s["Sid"] for s in statements(f)]),
    "AWS::Lambda::Version": lambda: each_function(lambda f: [
        v["FunctionArn"] for v in aws("lambda").list_versions_by_function(FunctionName=f)["Versions"] if v["Version"] != "$LATEST"]),
    "AWS::Logs::LogGroup": lambda: [g["logGroupName"] for g in aws("logs").describe_log_groups()["logGroups"]],
    "AWS::S3::Bucket": lambda: [b["Name"] for b in aws("s3").list_buckets()["Buckets"]],
    "AWS::S3::BucketPolicy": lambda: [b for b in names("AWS::S3::Bucket") if setting(aws("s3").get_bucket_policy, Bucket=b)],
    "AWS::SES::ConfigurationSet": lambda: [s["Name"] for s in aws("ses").list_configuration_sets()["ConfigurationSets"]],
    "AWS::SES::ConfigurationSetEventDestination": lambda: [
        d["Name"] for name in names("AWS::SES::ConfigurationSet") for d in setting(
            aws("ses").describe_configuration_set, ConfigurationSetName=name, ConfigurationSetAttributeNames=["eventDestinations"],
        ).get("EventDestinations", [])],
    "AWS::SNS::Subscription": lambda: [  # a topic's own ones are its property
        s["SubscriptionArn"] for s in aws("sns").list_subscriptions()["Subscriptions"] if s["Protocol"] == "lambda"],
    "AWS::SNS::Topic": lambda: [t["TopicArn"] for t in aws("sns").list_topics()["Topics"]],
    "AWS::SNS::TopicPolicy": lambda: [  # one that names a service: every topic has one for its owner
        t for t in names("AWS::SNS::Topic") if '"Service"' in aws("sns").get_topic_attributes(TopicArn=t)["Attributes"]["Policy"]],
    "AWS::SQS::Queue": lambda: aws("sqs").list_queues().get("QueueUrls", []),
    "AWS::SSM::Parameter": lambda: [p["Name"] for p in aws("ssm").describe_parameters()["Parameters"]],
    "AWS::SecretsManager::Secret": lambda: [s["Name"] for s in aws("secretsmanager").list_secrets()["SecretList"]],
    "Custom::Site": lambda: [b for b in names("AWS::S3::Bucket") if "index.html" in {  # a site that is published
        o["Key"] for o in aws("s3").list_objects_v2(Bucket=b).get("Contents", [])}],
}


def table(name):
    found = aws("dynamodb").describe_table(TableName=name)["Table"]
    ttl = aws("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    backups = aws("dynamodb").describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    return {
        **found, "BillingMode": found["BillingModeSummary"]["BillingMode"],
        "SSESpecification": {"SSEEnabled": found.get("SSEDescription", {}).get("Status") == "ENABLED"},
        "TimeToLiveSpecification": {"AttributeName": ttl.get("AttributeName"), "Enabled": ttl["TimeToLiveStatus"] == "ENABLED"},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery == "ENABLED"},
    }


def role(name):
    found = aws("iam").get_role(RoleName=name)["Role"]
    inline = [aws("iam").get_role_policy(RoleName=name, PolicyName=policy)
              for policy in aws("iam").list_role_policies(RoleName=name)["PolicyNames"]]
    return {
        **found, "Policies": [{"PolicyName": p["PolicyName"], "PolicyDocument": document(p["PolicyDocument"])} for p in inline],
        "ManagedPolicyArns": [p["PolicyArn"] for p in aws("iam").list_attached_role_policies(RoleName=name)["AttachedPolicies"]],
    }


def document(policy):
    """A policy's document; moto gives one that its CloudFormation made as Python's own text."""
    return ast.literal_eval(policy) if isinstance(policy, str) else policy


def function(name):
    found = aws("lambda").get_function(FunctionName=name)
    tags = [{"Key": key, "Value": value} for key, value in found.get("Tags", {}).items()]
    return {**found["Configuration"], "Code": found["Configuration"]["CodeSha256"], "Tags": tags,
            "ReservedConcurrentExecutions": found.get("Concurrency", {}).get("ReservedConcurrentExecutions")}


def mapping(name):
    found = aws("lambda").get_event_source_mapping(UUID=name)
    return {**found, "FunctionName": found["FunctionArn"].split(":")[-1]}


def queue(name):
    found = aws("sqs").get_queue_attributes(QueueUrl=name, AttributeNames=["All"])["Attributes"]
    return {**found, "RedrivePolicy": json.loads(found.get("RedrivePolicy", "{}"))}


def log_group(name):
    [found] = aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return {"RetentionInDays": found.get("retentionInDays")}


def bucket(name):
    s3, rules = aws("s3"), "ServerSideEncryptionConfiguration"
    encryption = setting(s3.get_bucket_encryption, Bucket=name).get(rules, {}).get("Rules", [])
    return {
        "BucketEncryption": {rules: [{"ServerSideEncryptionByDefault": r["ApplyServerSideEncryptionByDefault"]} for r in encryption]},
        **setting(s3.get_public_access_block, Bucket=name), **setting(s3.get_bucket_ownership_controls, Bucket=name),
    }


# The properties of a resource by its physical id.
PROPERTIES = {
    "AWS::CloudWatch::Dashboard": lambda name: aws("cloudwatch").get_dashboard(DashboardName=name),
    "AWS::DynamoDB::Table": table,
    "AWS::IAM::Role": role,
    "AWS::Lambda::EventSourceMapping": mapping,
    "AWS::Lambda::Function": function,
    "AWS::Logs::LogGroup": log_group,
    "AWS::S3::Bucket": bucket,
    "AWS::SNS::Topic": lambda name: {"Subscription": aws("sns").list_subscriptions_by_topic(TopicArn=name)["Subscriptions"]},
    "AWS::SQS::Queue": queue,
    "AWS::SSM::Parameter": lambda name: {k: v for k, v in aws("ssm").get_parameter(Name=name)["Parameter"].items() if k in ("Name", "Type", "Value")},
}
