"""Proves how MiniStack, the judge of the test, differs from AWS: this is the only list. Differences that would stop a deployment are
corrected here. Each entry fails the test once MiniStack does as AWS does."""
import contextlib
import json
import os
import re

import boto3
import yaml
from botocore.exceptions import ClientError

from judge import ACCOUNT, aws, check, request

BUILT = ".aws-sam/build/template.yaml"

wired = {}  # the routes that MiniStack made of an API's Body, by the API

# ---- What is put right ----------------------------------------------------------------------------------------------


def adapt():
    """Changes the built template, so that MiniStack deploys and runs it."""
    with open(BUILT) as file:
        template = yaml.safe_load(file)
    secrets = "|".join(name for name, r in template["Resources"].items() if r["Type"] == "AWS::SecretsManager::Secret")
    text = re.sub(rf'{{"Ref": "({secrets})"}}', r'{"Fn::GetAtt": ["\1", "Id"]}', json.dumps(template["Resources"]))
    template["Resources"] = resources = json.loads(re.sub(rf"\${{({secrets})}}", r"${\1.Id}", text))
    [send] = [s for s in resources["SendFunction"]["Properties"]["Policies"][0]["Statement"] if s["Action"] == "ses:SendEmail"]
    del send["Condition"]
    send["Resource"] = "*"
    for name in ("VerifyFunction", "OidcFunction"):
        for statement in resources[name]["Properties"]["Policies"][0]["Statement"]:
            if statement.get("Action") in ("kms:Sign", "kms:GetPublicKey"):
                del statement["Condition"]
                statement["Resource"] = "*"
    for origin in resources["Distribution"]["Properties"]["DistributionConfig"]["Origins"]:
        if "CustomOriginConfig" in origin:
            origin.update(DomainName="localhost", OriginPath={"Fn::Sub": "/_aws/execute-api/${HttpApi}" + origin.get("OriginPath", "")})
            origin["CustomOriginConfig"]["HTTPSPort"] = int(os.environ["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])
    with open(BUILT, "w") as file:
        yaml.safe_dump(template, file, sort_keys=False)


def wire(stack):
    """Makes the routes, the authorizers and the CORS configuration that the template's HttpApi has."""
    gateway, api = aws("apigatewayv2"), stack.ids["HttpApi"]
    body = stack.template()["Resources"]["HttpApi"]["Properties"]["Body"]
    if origins := stack.parameters.get("AllowedOrigins"):
        [_, cors, _] = body["x-amazon-apigateway-cors"]["Fn::If"]
        names = {name[0].upper() + name[1:]: value for name, value in cors.items()}
        gateway.update_api(ApiId=api, CorsConfiguration={**names, "AllowOrigins": origins.split(",")})
    if api in wired:
        return
    wired[api] = [route["RouteKey"] for route in gateway.get_routes(ApiId=api)["Items"]]
    authorizers = {}
    for name, scheme in body.get("components", {}).get("securitySchemes", {}).items():
        jwt = scheme["x-amazon-apigateway-authorizer"]
        checks = {"Issuer": jwt["jwtConfiguration"]["issuer"], "Audience": jwt["jwtConfiguration"]["audience"]}
        checks = json.loads(re.sub(r'{"Ref": "(\w+)"}', lambda ref: json.dumps(stack.parameters[ref[1]]), json.dumps(checks)))
        authorizers[name] = gateway.create_authorizer(ApiId=api, Name=name, AuthorizerType=jwt["type"].upper(),
                                                      IdentitySource=[jwt["identitySource"]], JwtConfiguration=checks)["AuthorizerId"]
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            name = stack.ids[re.search(r"\$\{(\w+)\.Arn\}", integration["uri"]["Fn::Sub"])[1]]
            function = aws("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
            made = gateway.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationMethod=integration["httpMethod"],
                                              PayloadFormatVersion=integration["payloadFormatVersion"], IntegrationUri=function)
            needed = [{"AuthorizationType": "JWT", "AuthorizerId": authorizers[name], "AuthorizationScopes": scopes}
                      for security in operation.get("security", []) for name, scopes in security.items() if name in authorizers]
            gateway.create_route(ApiId=api, RouteKey=f"{method.upper()} {path}", Target=f"integrations/{made['IntegrationId']}", **(needed or [{}])[0])


# ---- What is so still -----------------------------------------------------------------------------------------------


def origin_is_refused(stack):
    """The distribution with the API's own name as its origin."""
    cloudfront, distribution = aws("cloudfront"), stack.ids["Distribution"]
    made = cloudfront.get_distribution_config(Id=distribution)
    config = made["DistributionConfig"]
    [api] = [o for o in config["Origins"]["Items"] if o["Id"] == "api"]
    for origin in config["Origins"]["Items"]:
        origin.get("CustomOriginConfig", {}).setdefault("HTTPPort", 80)
    statuses = []
    for name in (stack.outputs["ApiBaseUrl"].split("/")[2], "localhost"):  # and back
        api["DomainName"] = name
        made = cloudfront.update_distribution(Id=distribution, IfMatch=made["ETag"], DistributionConfig=config)
        statuses.append(request("POST", stack.host(), "/api/status", {})[0])
    return statuses == [502, 400]


def denied(statement, service, call, **parameters):
    """Whether IAM denies a call to a role that may do this one thing."""
    iam, trust = aws("iam"), {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="probe", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    iam.put_role_policy(RoleName="probe", PolicyName="probe", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}))
    given = aws("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/probe", RoleSessionName="probe")["Credentials"]
    probe = boto3.client(service, aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
                         aws_session_token=given["SessionToken"])
    try:
        getattr(probe, call)(**parameters)
    except ClientError as error:
        return "AccessDenied" in error.response["Error"]["Code"]


def mail_is_denied(stack):
    mail = {"FromEmailAddress": "login@example.com", "Destination": {"ToAddresses": ["ada@example.com"]},
            "Content": {"Simple": {"Subject": {"Data": "."}, "Body": {"Text": {"Data": "."}}}}}
    of_identities = {"Action": "ses:SendEmail", "Resource": f"arn:aws:ses:*:{ACCOUNT}:*"}
    with_sender = {"Action": "ses:SendEmail", "Resource": "*", "Condition": {"StringLike": {"ses:FromAddress": "login@example.com"}}}
    return all(denied(s, "sesv2", "send_email", **mail) for s in (of_identities, with_sender))


def attributes_are_not_asked(stack):
    one = {"Action": "dynamodb:UpdateItem", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["key"]}}}
    return not denied(one, "dynamodb", "update_item", TableName=stack.outputs["LimitsTableName"], Key={"key": {"S": "probe"}},
                      UpdateExpression="SET m0 = :v", ExpressionAttributeValues={":v": {"N": "1"}})


def aliases_are_denied(stack):
    alias = stack.outputs["SigningKeyAlias"]
    one = {"Action": "kms:GetPublicKey", "Resource": "*", "Condition": {"StringEquals": {"kms:RequestAlias": alias}}}
    return denied(one, "kms", "get_public_key", KeyId=alias)


def permissions_are_not_asked(stack):
    policy = json.loads(aws("lambda").get_policy(FunctionName=stack.ids["StatusFunction"])["Policy"])
    for statement in policy["Statement"]:
        aws("lambda").remove_permission(FunctionName=stack.ids["StatusFunction"], StatementId=statement["Sid"])
    return request("POST", stack.host(), "/api/status", {})[0] == 400


def nothing_is_throttled(stack):
    aws("apigatewayv2").update_stage(ApiId=stack.ids["HttpApi"], StageName="api", DefaultRouteSettings={
        "ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 1})
    return all(request("POST", stack.host(), "/api/status", {})[0] == 400 for _ in range(10))


# How MiniStack differs from AWS, each with a check that it still does. The last two checks break the stack that they use.
LACKS = {
    "on AWS `Ref` of a secret is its ARN, on MiniStack its name; the test deploys the secret's attribute `Id` instead, which is the ARN": lambda s: not s.ids["KeySecret"].startswith("arn:"),
    "MiniStack makes no routes, no authorizers and no CORS from an API's `Body`; the test makes them": lambda s: "POST /generate" not in wired[s.ids["HttpApi"]],
    "CloudFront calls no origin at amazonaws.com; the test gives the API another host name": origin_is_refused,
    "for `ses:SendEmail` IAM knows neither resources nor `ses:FromAddress`; in the test the send function may use any sender": mail_is_denied,
    "IAM does not check `dynamodb:Attributes` of an update": attributes_are_not_asked,
    "IAM knows neither `kms:RequestAlias` nor a key by its alias; in the test the functions may use every key": aliases_are_denied,
    "CloudFront returns 403, not 404, for a page that does not exist": lambda s: request("GET", s.host(), "/nope")[0] == 403,
    "event source mappings lose their `MetricsConfig`": lambda s: not any(
        m.get("MetricsConfig") for m in aws("lambda").list_event_source_mappings()["EventSourceMappings"]),
    "the API's access log stays empty": lambda s: not aws("logs").filter_log_events(logGroupName=s.ids["AccessLogGroup"])["events"],
    "metrics in the functions' log lines are not counted": lambda s: not aws("cloudwatch").list_metrics(Namespace=f"StreamOTP/{s.name}")["Metrics"],
    "`ThrottleRate` and `ThrottleBurst` have no effect": nothing_is_throttled,
    "API Gateway needs no permission to call a function": permissions_are_not_asked,
}


def still(stack):
    """Checks each of LACKS."""
    check("what MiniStack does as AWS does by now (it can leave .ci/adapt.py)", [what for what, lacks in LACKS.items() if not lacks(stack)], [])
