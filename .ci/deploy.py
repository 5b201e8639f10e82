"""Deploys what `sam build` made to moto by the AWS CLI, as it is deployed to an account, and looks at what is then there.

It runs in the folder that has .aws-sam/build. What moto cannot show is in unproven.py, and here it is made sure that it
cannot.
"""
import base64
import contextlib
import datetime
import functools
import hashlib
import io
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import warnings
import zipfile

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from moto.server import ThreadedMotoServer

import commands
import unproven
from deployed import LISTS, PROPERTIES, aws, names, setting, statements
from sam import check, plain, read
from values import Values, same

STACK, BUCKET, BUILD, DOCS = "streamotp", "artifacts", ".aws-sam/build", "docs/deploy.md"

# With these every condition of the template holds, so that nothing stays out.
FIRST = {
    "SesFromAddress": "login@example.com", "AlarmEmail": "ops@example.com", "AllowedOrigins": "https://a.example",
    "DomainName": "login.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/6f2a9d0c",
    "WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/site/6f2a9d0c",
    "CaptchaProvider": "turnstile", "CaptchaSiteKey": "site-key",
    "ReservedConcurrency": "5", "Tracing": "PassThrough",
}
# What the update makes of parameters that are no number and no choice.
SECOND = {
    "SesFromAddress": "code@example.com", "AppName": "Tea & Co", "AlarmEmail": "oncall@example.com", "AllowedOrigins": "https://b.example",
    "DomainName": "code.example.com", "CertificateArn": FIRST["CertificateArn"] + "1",
    "WebAclArn": FIRST["WebAclArn"] + "1", "CaptchaSiteKey": "other-key",
    "AllowedCountries": "US,DE", "SmsSenderId": "Tea", "SmsOriginationNumber": "+12065550100", "SmsEntityId": "E1", "SmsTemplateId": "T1", "SmsMaxPriceUsd": "0.15",
}


def run(*command, stdin=None, cwd=None):
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def tool(name):
    return os.path.join(os.path.dirname(sys.executable), name)


# ---- The package ----------------------------------------------------------------------------------------------------


def package(folder):
    """Packages the build, and checks that what was built is what is uploaded. Gives the template that names it."""
    path = os.path.join(folder, "packaged.yaml")
    run(tool("sam"), "package", "--template-file", f"{BUILD}/template.yaml", "--s3-bucket", BUCKET, "--output-template-file", path)
    template = read(path)
    functions = {name: r for name, r in template["Resources"].items() if r["Type"] == "AWS::Serverless::Function"}
    check("what is built and not packaged", sorted(set(os.listdir(BUILD)) - {"template.yaml"} ^ set(functions)), [])
    for name, resource in functions.items():
        uri = resource["Properties"]["CodeUri"]
        check(f"the place of {name}'s code", uri.startswith(f"s3://{BUCKET}/"), True)
        check(f"the package of {name}", unzipped(uploaded(uri.rsplit("/", 1)[-1])), built(name))
    return template


@functools.cache
def uploaded(key):
    return aws("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()


def unzipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        return {i.filename: [digest(z.read(i)), bool(i.external_attr >> 16 & 0o111)] for i in z.infolist()}


def built(name):
    folder = os.path.join(BUILD, name)
    return {file: [digest(open(os.path.join(folder, file), "rb").read()), True] for file in os.listdir(folder)}


def digest(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


# ---- The deployment -------------------------------------------------------------------------------------------------


def without(template, kinds):
    """The template without its resources of these types, with what stands in for them in the others."""
    gone = {name: value for name, value in unproven.stand_ins(template).items() if template["Resources"][name]["Type"] in kinds}

    def stand_in(name, attribute):
        return gone[name][attribute] if name in gone else None

    def within(match):
        value = stand_in(match[1], match[2] or "Ref")
        return f"${{{value['Ref']}}}" if isinstance(value, dict) else value or match[0]

    def put(value):
        if isinstance(value, list):
            return [put(v) for v in value]
        if isinstance(value, str):
            return re.sub(r"\$\{(\w+)\.?(\w*)\}", within, value)
        match value:
            case {"Ref": name} if name in gone:
                return stand_in(name, "Ref")
            case {"Fn::GetAtt": [name, attribute]} if name in gone:
                return stand_in(name, attribute)
            case dict():
                return {k: put(v) for k, v in value.items() if k != "DependsOn" or not set([v] if isinstance(v, str) else v) & set(gone)}
        return value
    kept = {name: r for name, r in template["Resources"].items() if name not in gone}
    return {**template, "Resources": put(kept), "Outputs": put(template["Outputs"])}


def deploy(folder, template, parameters):
    path = os.path.join(folder, "template.json")
    with open(path, "w") as file:
        json.dump(template, file)
    run(tool("aws"), "cloudformation", "deploy", "--stack-name", STACK, "--template-file", path, "--s3-bucket", BUCKET,
        "--capabilities", "CAPABILITY_IAM", "--parameter-overrides", *[f"{k}={v}" for k, v in parameters.items()])


def changed(template):
    """Another value for every parameter: that of SECOND, or else one end of what is allowed."""
    values = {}
    for name, p in template["Parameters"].items():
        choices = [SECOND[name]] if name in SECOND else p.get("AllowedValues", [p.get("MinValue"), p.get("MaxValue")])[::-1]
        values[name] = next(str(v) for v in choices if str(v) != str(FIRST.get(name, p.get("Default"))))
    return values


def counts(template, kinds):
    return {kind: sum(r["Type"] == kind for r in template["Resources"].values()) for kind in sorted(kinds)}


def there():
    """What there is of each type but the bucket of the packages."""
    return {kind: sorted(names(kind) - {BUCKET}) for kind in sorted(LISTS)}


def complete(template):
    """Checks that all of the template is there, and nothing else."""
    check("how many of each type are there", {kind: len(found) for kind, found in there().items() if found}, counts(template, {
        r["Type"] for r in template["Resources"].values()}))


def physical():
    """The physical id of each resource, by its logical one."""
    there = aws("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    return {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in there if r.get("PhysicalResourceId")}


def look(template, values):
    """What of the template moto does not have: by type and property, with a resource's name, what is wanted and what is there."""
    missing = {}
    for name, resource in template["Resources"].items():
        if (kind := resource["Type"]) in PROPERTIES:
            got = PROPERTIES[kind](values.known[name])
            for key, want in values.of(resource.get("Properties", {})).items():
                want = digest(uploaded(want["S3Key"])) if key == "Code" else want
                if not same(want, got.get(key)):
                    missing.setdefault(kind, {})[key] = [name, str(want), str(got.get(key))]
    return missing


def applied(when, missing, known):
    """Checks that moto lacks what is known of it, no more and no less."""
    unexpected = {kind: {key: seen for key, seen in found.items() if key not in known.get(kind, [])} for kind, found in missing.items()}
    check(f"what {when} is not as the template says (name, wanted, found)", {k: v for k, v in unexpected.items() if v}, {})
    check(f"the settings that moto does not apply, {when}", {kind: sorted(missing[kind]) for kind in sorted(missing)}, known)


def callers(template, values):
    """Checks who may call each function."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Permission":
            wanted = values.of(resource["Properties"])
            statement = {"Effect": "Allow", "Action": wanted["Action"], "Principal": {"Service": wanted["Principal"]},
                         "Condition": {"ArnLike": {"AWS:SourceArn": wanted["SourceArn"]}}}
            check(f"that {name} is there", any(same(statement, s) for s in statements(wanted["FunctionName"])), True)


def outputs():
    return {o["OutputKey"]: o["OutputValue"] for o in aws("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0].get("Outputs", [])}


def with_outputs(template, parameters):
    """The stack's outputs. moto gives none after a change set, which `deploy` makes: a plain update of nothing does."""
    check("the outputs that moto gives after a change set (if there are any, this step can go)", outputs(), {})
    aws("cloudformation").update_stack(StackName=STACK, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"],
                                       Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()])
    check("the outputs", sorted(outputs()), sorted(template["Outputs"]))
    return outputs()


# ---- The operator ---------------------------------------------------------------------------------------------------


def make_secrets(template):
    """Makes the secrets that moto's CloudFormation does not, with what the template says is in them."""
    for name, resource in template["Resources"].items():
        p = resource.get("Properties", {})
        if resource["Type"] == "AWS::SecretsManager::Secret":
            text = p.get("SecretString")
            if made := p.get("GenerateSecretString"):
                text = aws("secretsmanager").get_random_password(
                    PasswordLength=made["PasswordLength"], ExcludePunctuation=made["ExcludePunctuation"])["RandomPassword"]
                if "GenerateStringKey" in made:
                    text = json.dumps({**json.loads(made["SecretStringTemplate"]), made["GenerateStringKey"]: text})
            aws("secretsmanager").create_secret(Name=unproven.stand_ins(template)[name]["Ref"], **({"SecretString": text} if text else {}))


def operate(folder, url, table):
    """The operator's real binary on the deployed stack, found by its outputs."""
    binary = os.path.join(folder, "otpctl")
    run("go", "build", "-o", binary, "streamotp/otpctl")

    def otpctl(*words, stdin=None):
        return run(binary, "--endpoint", url, "--stack", STACK, *words, stdin=stdin)
    otpctl("user", "add", "eve@example.com", "--name", "Eve", "--password-stdin", stdin="tulip harbor lantern 42\n")
    [item] = aws("dynamodb").scan(TableName=table)["Items"]
    check("the account in the deployed table", [item["email"]["S"], item["passwordHash"]["S"][:10]], ["eve@example.com", "$argon2id$"])
    otpctl("user", "set-phone", "eve@example.com", "+4915112345678")
    check("that otpctl lists the account", "eve@example.com" in otpctl("user", "list"), True)
    otpctl("unlock", "eve@example.com")
    until = str(datetime.date.today() + datetime.timedelta(days=30))
    otpctl("test-destinations", "add", "review@example.com", "--until", until, "--code-stdin", stdin="4829130576\n")  # CodeLength
    check("that otpctl lists the test destination", "review@example.com" in otpctl("test-destinations", "list"), True)
    otpctl("test-destinations", "remove", "review@example.com")


# ---- Away with it ---------------------------------------------------------------------------------------------------


def delete(retained):
    run(tool("aws"), "cloudformation", "delete-stack", "--stack-name", STACK)
    run(tool("aws"), "cloudformation", "wait", "stack-delete-complete", "--stack-name", STACK)
    stays = {kind: found for kind, found in there().items() if found and kind != "AWS::SecretsManager::Secret"}  # those the test made
    check("what stays of the stack", stays, retained)


def needed(template, parameters):
    """Checks of each type in unproven.py that moto really does not make it."""
    for kind in unproven.TYPES:
        before = names(kind)
        with contextlib.suppress(ClientError, ResponseParserError), contextlib.redirect_stdout(io.StringIO()):
            aws("cloudformation").create_stack(
                StackName=re.sub(r"\W+", "-", kind), Capabilities=["CAPABILITY_IAM"],
                TemplateBody=json.dumps(without(template, set(unproven.TYPES) - {kind})),
                Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()])
        check(f"that moto still passes over {kind} (or it can leave unproven.py)",
              len(names(kind) - before) < counts(template, [kind])[kind], True)


def main():
    logging.disable()  # moto tells at length what it cannot do, and needed() asks for just that; it prints of Docker too
    warnings.simplefilter("ignore", UserWarning)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = f"http://localhost:{server.get_host_and_port()[1]}"  # by this name moto finds a template in its S3
    os.environ.update(AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1",
                      SAM_CLI_TELEMETRY="0")
    aws("s3").create_bucket(Bucket=BUCKET)
    with tempfile.TemporaryDirectory() as folder:
        prove(folder, url)


def prove(folder, url):
    template = plain(package(folder))
    with open(DOCS) as file:
        check(f"that {DOCS} has what `python .ci/unproven.py` prints", unproven.section(template) in file.read(), True)
    kinds = {r["Type"] for r in template["Resources"].values()}
    check("the types that the test neither looks for nor leaves out", sorted(kinds - set(LISTS)), [])
    check("the types of unproven.py that the template does not have", sorted(set(unproven.TYPES) - kinds), [])
    part = without(template, unproven.TYPES)

    deploy(folder, part, FIRST)
    complete(part)
    ids = physical()
    values = Values(part, FIRST, ids, STACK)
    applied("as it is made", look(part, values), unproven.SETTINGS)
    callers(part, values)

    second = changed(template)
    deploy(folder, part, second)
    complete(part)
    applied("as it is changed", look(part, Values(part, second, {**ids, **physical()}, STACK)), unproven.after_update())

    make_secrets(template)
    found = with_outputs(part, second)
    users = found["UsersTableName"]
    operate(folder, url, users)
    commands.prove(folder, found)
    kept = commands.accounts(users)
    check("that Eve's account is kept", "eve@example.com" in [account["email"]["S"] for account in kept], True)
    logs = sorted(names("AWS::Logs::LogGroup"))  # which moto loses sight of as it does not change it
    delete({"AWS::DynamoDB::Table": [users], "AWS::Logs::LogGroup": logs})
    check("the accounts that outlive the stack", commands.accounts(users), kept)
    check("what deleting their table answers", setting(aws("dynamodb").delete_table, TableName=users), {})
    needed(template, FIRST)
    print("deployed to moto by the AWS CLI, changed, operated and deleted: as it should be")


if __name__ == "__main__":
    main()
