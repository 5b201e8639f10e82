"""Translates template.yaml to plain CloudFormation, as a deployment does, and checks what only then can be seen."""
import json
import re
import subprocess

from sam import check, lint, read, translate

template = translate(CaptchaProvider="turnstile", CaptchaSiteKey="site-key")
lint("with a CAPTCHA", template)
lint("at its defaults", translate())
lint("with all that CloudFront can have", translate(
    DomainName="login.example.com", CertificateArn="arn:aws:acm:us-east-1:123456789012:certificate/6f2a9d0c",
    WebAclArn="arn:aws:wafv2:us-east-1:123456789012:global/webacl/site/6f2a9d0c"))
check("the providers that have a row", sorted(template["Mappings"]["CaptchaProviders"]),
      sorted(template["Parameters"]["CaptchaProvider"]["AllowedValues"]))  # a missing one fails even in a branch not taken
resources = template["Resources"]
check("the rules", sorted(template["Rules"]), ["CaptchaHasItsSite", "DomainHasItsCertificate"])

body = translate(AllowedOrigins="https://a.example,https://b.example")["Resources"]["HttpApi"]["Properties"]["Body"]
cors = body["x-amazon-apigateway-cors"]
# Without the condition's other branch, which has no CORS at all.
branch = cors["Fn::If"] if "Fn::If" in cors else ["HasAllowedOrigins", cors, {"Ref": "AWS::NoValue"}]
check("CORS", branch[1], {
    "allowOrigins": {"Fn::Split": [",", "https://a.example,https://b.example"]},
    "allowMethods": ["POST"], "allowHeaders": ["content-type"], "exposeHeaders": ["date", "retry-after"], "maxAge": 3600,
})
check("the condition of CORS", [branch[0], branch[2]], ["HasAllowedOrigins", {"Ref": "AWS::NoValue"}])
check("the routes", sorted(path for path in body["paths"]), ["/generate", "/resend", "/reset", "/status", "/verify"])


# ---- The site -------------------------------------------------------------------------------------------------------


def properties(name):
    return resources[name]["Properties"]


bucket = properties("SiteBucket")
check("what is public of the bucket", bucket["PublicAccessBlockConfiguration"], {name: True for name in (
      "BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")})
check("the bucket's encryption", bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"],
      [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}])
statements = properties("SiteBucketPolicy")["PolicyDocument"]["Statement"]
check("who may read the bucket", [(s["Principal"], s["Action"], s["Condition"]) for s in statements if s["Effect"] == "Allow"], [(
      {"Service": "cloudfront.amazonaws.com"}, ["s3:GetObject", "s3:ListBucket"],
      {"StringEquals": {"AWS:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"}}})])
check("how the bucket is asked", {k: v for k, v in properties("SiteAccess")["OriginAccessControlConfig"].items() if k != "Name"},
      {"OriginAccessControlOriginType": "s3", "SigningBehavior": "always", "SigningProtocol": "sigv4"})

distribution = properties("Distribution")["DistributionConfig"]
check("custom error responses, which would take the place of the API's", distribution.get("CustomErrorResponses", []), [])
check("HTTP/3 and IPv6", [distribution["HttpVersion"], distribution["IPV6Enabled"]], ["http2and3", True])
pages, api = distribution["Origins"]
check("the pages' origin", [pages["DomainName"], pages["OriginAccessControlId"]],
      [{"Fn::GetAtt": ["SiteBucket", "RegionalDomainName"]}, {"Fn::GetAtt": ["SiteAccess", "Id"]}])
check("the API's path, which is its stage", [api.get("OriginPath", ""), properties("HttpApiapiStage")["StageName"]], ["", "api"])
check("the API is spoken to by TLS alone", api["CustomOriginConfig"]["OriginProtocolPolicy"], "https-only")
check("the origin secret", api["OriginCustomHeaders"], [{"HeaderName": "x-origin-secret", "HeaderValue": {
      "Fn::Sub": "{{resolve:secretsmanager:${OriginSecret}:SecretString}}"}}])
[behaviour] = distribution["CacheBehaviors"]
check("what goes to the API", [behaviour["PathPattern"], behaviour["TargetOriginId"], sorted(behaviour["AllowedMethods"])],
      ["/api/*", api["Id"], ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]])
check("that the API is not cached", behaviour["CachePolicyId"], "4135ea2d-6df8-44a3-9df3-4b5a84be39ad")
check("what the API gets", behaviour["OriginRequestPolicyId"], {"Ref": "ApiHeaders"})
forwarded = properties("ApiHeaders")["OriginRequestPolicyConfig"]
check("headers that are forwarded", [forwarded["HeadersConfig"]["HeaderBehavior"], sorted(h.lower() for h in forwarded["HeadersConfig"]["Headers"])],
      ["whitelist", ["accept", "access-control-request-headers", "access-control-request-method", "cloudfront-viewer-address", "content-type", "origin"]])
standard = distribution["DefaultCacheBehavior"]
check("the pages' behaviour", [standard["TargetOriginId"], standard["ViewerProtocolPolicy"], standard["Compress"], standard["FunctionAssociations"]],
      [pages["Id"], "redirect-to-https", True, [{"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["SiteIndex", "FunctionARN"]}}]])
check("headers of pages and API", [standard["ResponseHeadersPolicyId"], behaviour["ResponseHeadersPolicyId"]], [{"Ref": "SiteHeaders"}] * 2)

uris = ["/", "/index.html", "/folder/", "/folder", "/api/", "/0123456789abcdef/style.css"]
index = subprocess.run(["node", "-e", properties("SiteIndex")["FunctionCode"] + "; console.log(JSON.stringify(" + json.dumps(uris) +
                        ".map((uri) => handler({ request: { uri } }).uri)))"], capture_output=True, text=True, check=True)
check("what the index function asks the bucket for", json.loads(index.stdout),
      ["/index.html", "/index.html", "/folder/index.html", "/folder", "/api/index.html", "/0123456789abcdef/style.css"])

# A build is published, since its version is a property; the version itself goes with the next one.
site = properties("Site")
version = resources[site["Release"]["Ref"]]
check("what a new build changes", [version["Type"], version.get("DeletionPolicy")], ["AWS::Lambda::Version", "Delete"])
check("seconds that CloudFormation waits", site["ServiceTimeout"] > resources["PublishFunction"]["Properties"]["Timeout"], True)

# The functions that calls come to know whether a web ACL is there; each may read the secret that it then asks for.
uris = [route["post"]["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"] for route in body["paths"].values()]
by_http = sorted({re.search(r"\$\{(\w+)\.Arn\}/invocations$", uri)[1] for uri in uris})
for name in by_http:
    check(f"what {name} asks for with a web ACL", properties(name)["Environment"]["Variables"].get("REQUIRED_ORIGIN_SECRET"),
          {"Fn::If": ["HasWebAcl", {"Ref": "OriginSecret"}, {"Ref": "AWS::NoValue"}]})
    check(f"that {name} may read it", '{"Ref": "OriginSecret"}' in json.dumps(properties(f"{name}Role")["Policies"]), True)

# A function that the API is made of and that refers to the distribution would make the stack circular.
check("who refers to the distribution", sorted(name for name, resource in resources.items() if name != "Distribution" and (
      '"Distribution"' in json.dumps(resource) or "${Distribution" in json.dumps(resource))),
      ["PublishFunctionRole", "Site", "SiteBucketPolicy", "SiteParameter"])

# ---- Roles ----------------------------------------------------------------------------------------------------------

# What a role allows is what template.yaml says there, which the development stack enforces, and beside that what Lambda
# needs itself: to log, to trace and, for the sender, to read the stream and to write dead letters.
for name, function in read()["Resources"].items():
    if function["Type"] != "AWS::Serverless::Function":
        continue
    role = properties(f"{name}Role")
    check(f"what {name} may do", [p["PolicyDocument"] for p in role["Policies"]], function["Properties"]["Policies"] + (
        [{"Statement": [{"Action": "sqs:SendMessage", "Effect": "Allow", "Resource": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}]}]
        if name == "SendFunction" else []))
    own = ["AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess"] + ["AWSLambdaDynamoDBExecutionRole"] * (name == "SendFunction")
    check(f"what Lambda may do for {name}", sorted(arn.split("/")[-1] for arn in role["ManagedPolicyArns"]), sorted(own))
    check(f"who {name} is", properties(name)["Role"], {"Fn::GetAtt": [f"{name}Role", "Arn"]})
    for statement in [s for document in function["Properties"]["Policies"] for s in document["Statement"]]:
        everything = statement["Resource"] == "*" and statement["Effect"] == "Allow"
        check(f"that {name} may do nothing everywhere but send to phones", everything, statement["Action"] in ("sns:Publish", "sms-voice:SendTextMessage") and everything)

# SES alone writes to the topic of its events, for this stack's configuration set; what is sent there is not kept.
[statement] = properties("FeedbackTopicPolicy")["PolicyDocument"]["Statement"]
check("who may tell of e-mail", [statement["Principal"], sorted(statement["Condition"]["StringEquals"])],
      [{"Service": "ses.amazonaws.com"}, ["AWS:SourceAccount", "AWS:SourceArn"]])
check("what is told", properties("MailEvents")["EventDestination"]["MatchingEventTypes"], ["delivery", "bounce", "complaint"])
check("where what cannot be taken is kept", [name for name, r in resources.items() if r["Type"] == "AWS::Lambda::EventInvokeConfig"], [])

# ---- Alarms ---------------------------------------------------------------------------------------------------------

# That the functions count what is watched: local/e2e TestWatchedMetrics.
alarms = {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
for name, alarm in alarms.items():
    topic = [{"Fn::If": ["HasAlarmTopicArn", {"Ref": "AlarmTopicArn"}, {"Ref": "AlarmTopic"}]}]
    check(f"who hears of {name}, and of its end", [alarm.get("AlarmActions"), alarm.get("OKActions")], [topic, topic])
    if "StreamOTP" in json.dumps(alarm["Namespace"]):
        check(f"the namespace of {name}", alarm["Namespace"], properties("SendFunction")["Environment"]["Variables"]["METRICS_NAMESPACE"])
dashboard = json.loads(re.sub(r"\$\{[^}]*\}", "x", properties("Dashboard")["DashboardBody"]["Fn::Sub"]))
check("the dashboard's questions", [w["properties"]["title"] for w in dashboard["widgets"]],
      ["Do codes arrive?", "How fast?", "Do people get in?", "Who is attacking?", "What does it cost?"])
lint("with alarms", translate(AlarmEmail="ops@example.com"))
lint("with alarms to a topic", translate(AlarmTopicArn="arn:aws:sns:us-east-1:123456789012:ops"))
print("translated template: as it should be")
