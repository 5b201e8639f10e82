"""Translates template.yaml to plain CloudFormation, as a deployment does, and checks what only then can be seen."""
import json
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class Policies(ManagedPolicyLoader):
    def __init__(self):
        super().__init__(None)

    def load(self):
        return {name: f"arn:aws:iam::aws:policy/service-role/{name}" for name in (
            "AWSLambdaBasicExecutionRole", "AWSLambdaDynamoDBExecutionRole")}


def translate(**parameters):
    with open("template.yaml") as file:
        template = yaml_parse(file.read())
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://bucket/{name}.zip"
    return transform(template, {"SesFromAddress": "login@example.com", **parameters}, Policies())


def check(what, got, want):
    if got != want:
        sys.exit(f"translated template: {what} is\n{json.dumps(got, indent=1)}\nnot\n{json.dumps(want, indent=1)}")


def lint(name, template):
    """Judges the plain CloudFormation: a circle between resources shows only there."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(template, file)
        file.flush()
        linter = os.path.join(os.path.dirname(sys.executable), "cfn-lint")
        judged = subprocess.run([linter, "--ignore-checks", "W", "--", file.name], capture_output=True, text=True)
    if judged.returncode:
        sys.exit(f"translated template, {name}:\n{judged.stdout}{judged.stderr}")


resources = translate(CaptchaProvider="turnstile", CaptchaSiteKey="site-key", CaptchaSecret="secret-key")
lint("with a CAPTCHA", resources)
lint("at its defaults", translate())
check("the providers that have a row", sorted(resources["Mappings"]["CaptchaProviders"]),
      sorted(resources["Parameters"]["CaptchaProvider"]["AllowedValues"]))  # a missing one fails even in a branch not taken
check("the rules", list(resources["Rules"]), ["CaptchaHasItsKeys"])
check("where the CAPTCHA's secret key stands", [name for name, resource in resources["Resources"].items()
      if '{"Ref": "CaptchaSecret"}' in json.dumps(resource) or "secret-key" in json.dumps(resource)], ["CaptchaProviderSecret"])

body = translate(AllowedOrigins="https://a.example,https://b.example")["Resources"]["HttpApi"]["Properties"]["Body"]
cors = body["x-amazon-apigateway-cors"]
# Without the condition's other branch, which has no CORS at all.
branch = cors["Fn::If"] if "Fn::If" in cors else ["HasAllowedOrigins", cors, {"Ref": "AWS::NoValue"}]
check("CORS", branch[1], {
    "allowOrigins": {"Fn::Split": [",", "https://a.example,https://b.example"]},
    "allowMethods": ["POST"], "allowHeaders": ["content-type"], "exposeHeaders": ["retry-after"], "maxAge": 3600,
})
check("the condition of CORS", [branch[0], branch[2]], ["HasAllowedOrigins", {"Ref": "AWS::NoValue"}])
check("the routes", sorted(path for path in body["paths"]), ["/generate", "/resend", "/reset", "/verify"])
print("translated template: as it should be")
