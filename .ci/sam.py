"""template.yaml as plain CloudFormation, as a deployment makes it, and how what is seen of that is checked."""
import json
import logging
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of features of its own that are off


class Policies(ManagedPolicyLoader):
    def __init__(self):
        super().__init__(None)

    def load(self):
        return {name: f"arn:aws:iam::aws:policy/service-role/{name}" for name in (
            "AWSLambdaBasicExecutionRole", "AWSLambdaDynamoDBExecutionRole")}


def read(path="template.yaml"):
    with open(path) as file:
        return yaml_parse(file.read())


def plain(template, **parameters):
    """A template whose CodeUri are on S3, as plain CloudFormation."""
    return transform(template, {"SesFromAddress": "login@example.com", **parameters}, Policies())


def translate(**parameters):
    """template.yaml as plain CloudFormation, its code at places that do not exist."""
    template = read()
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://bucket/{name}.zip"
    return plain(template, **parameters)


def check(what, got, want):
    if got != want:
        sys.exit(f"{what} is\n{json.dumps(got, indent=1)}\nnot\n{json.dumps(want, indent=1)}")


def lint(name, template):
    """Judges the plain CloudFormation: a circle between resources shows only there."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(template, file)
        file.flush()
        linter = os.path.join(os.path.dirname(sys.executable), "cfn-lint")
        judged = subprocess.run([linter, "--ignore-checks", "W", "--", file.name], capture_output=True, text=True)
    if judged.returncode:
        sys.exit(f"translated template, {name}:\n{judged.stdout}{judged.stderr}")
