"""Proves the deployment: `sam deploy --guided` on a foreign AWS, and what comes after it, failures too, to the end of the stack.

It runs in the folder that has .aws-sam/build.
"""
import functools
import http.server
import json
import os
import re
import signal
import sys
import tempfile
import threading

import pexpect

import adapt
import build
import commands
from drive import PASSWORD, Drive
from judge import ACCOUNT, LONGEST, Stack, attempt, aws, check, eventually, judge, request, run, tool

STACK, DOCS = "streamotp", "docs/deploy.md"
DEFAULTS = {"SesFromAddress": "login@example.com", "AllowedCountries": "DE"}

# Another value for each parameter that is neither a number nor a choice.
CHANGED = {
    "SesFromAddress": "code@example.com", "AppName": "Tea & Co", "AlarmEmail": "oncall@example.com", "AllowedOrigins": "https://b.example",
    "AlarmTopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:ops", "DomainName": "login.example.com",
    "CertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/6f2a9d0c",
    "WebAclArn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/site/6f2a9d0c", "CaptchaProvider": "turnstile", "CaptchaSiteKey": "site-key",
    "AllowedCountries": "US,DE", "SmsSenderId": "Tea", "SmsOriginationNumber": "+12065550100", "SmsEntityId": "E1", "SmsTemplateId": "T1",
    "SmsMaxPriceUsd": "0.15", "ReservedConcurrency": "5",
}
# The resources that stay when a stack is deleted, and when its first deployment fails.
OUTLIVES, OUTLIVES_FAILURE = ["AccessLogGroup", "KeySecret", "LogGroup", "UsersTable"], ["UsersTable"]


def deploy(stack, parameters, template=adapt.BUILT):
    """Exit code and output of a deployment with these parameters."""
    return attempt(tool("sam"), "deploy", "--template-file", template, "--stack-name", stack, "--resolve-s3", "--capabilities",
                   "CAPABILITY_IAM", "--no-confirm-changeset", "--parameter-overrides", *(f"{name}='{value}'" for name, value in parameters.items()))


def deployed(stack, parameters, template=adapt.BUILT):
    code, output = deploy(stack, parameters, template)
    check(f"the deployment of {stack}: {output}", code, 0)
    return wired(stack)


def wired(stack):
    made = Stack(stack)
    adapt.wire(made)
    check("resources that were not made", [r["LogicalResourceId"] for r in made.resources if not r["ResourceStatus"].endswith("_COMPLETE")], [])
    return made


def refused(stack, parameters, why):
    code, output = deploy(stack, parameters)
    check(f"that {stack} is refused, as {why}", [code, why in output], [1, True])


def ends(stack, wanted):
    """The id of a stack, by which it is known when it is gone, once its status is the wanted one."""
    def described():
        return aws("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    eventually(f"{stack} is {wanted}", lambda: described()["StackStatus"] == wanted, 90)
    return described()["StackId"]


# ---- The guided deployment ------------------------------------------------------------------------------------------

QUESTION = r"([^\t\n]*\]|Parameter \w+): $"
# Questions that Enter does not answer; AllowedCountries has SMS driven too.
ANSWERS = {**{f"Parameter {name} []": value for name, value in DEFAULTS.items()}, "Deploy this changeset?": "y"}


def guided():
    """Answers `sam deploy --guided` at a terminal, with Enter where ANSWERS has nothing else. Gives its questions."""
    sam = pexpect.spawn(tool("sam"), ["deploy", "--guided"], timeout=LONGEST, encoding="utf-8")
    asked = []
    while sam.expect([QUESTION, pexpect.EOF]) == 0:
        asked.append(re.sub(r"\x1b\[\d*m", "", sam.match[1]))
        sam.sendline(next((answer for question, answer in ANSWERS.items() if question in asked[-1]), ""))
    check(f"the end of sam deploy --guided, after {asked[-1:]}: {sam.before}", sam.wait(), 0)
    check("the stack and region that SAM proposes", asked[:2], [f"Stack Name [{STACK}]", f"AWS Region [{os.environ['AWS_DEFAULT_REGION']}]"])
    check("parameters that SAM takes no Enter for", [q for q in asked if q.startswith("Parameter") and not q.endswith("]")], [])
    check("questions whose default ends the deployment",
          [q for q in asked if q.endswith("[y/N]") and not any(word in q for word in ("rollback", "Deploy this"))], [])
    return asked


# ---- The resources ---------------------------------------------------------------------------------------------------


def left(stack_id):
    """The resources that stay of a stack that was deleted or whose first deployment failed. All others are gone."""
    events = aws("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack_id).build_full_result()["StackEvents"]
    last = {e["LogicalResourceId"]: e["ResourceStatus"] for e in reversed(events) if e["PhysicalResourceId"] not in ("", stack_id)
            and e["ResourceType"] != "AWS::Lambda::Version"}  # which goes with its function
    stays = [name for name, status in last.items() if status != "DELETE_COMPLETE"]
    check("resources that are neither kept nor gone", [name for name in stays if last[name] != "DELETE_SKIPPED"], [])
    return sorted(stays)


def compared(stack):
    """The types whose settings MiniStack compares with the template's. All are as they should be."""
    aws("cloudformation").detect_stack_drift(StackName=stack.name)
    drifts = aws("cloudformation").describe_stack_resource_drifts(StackName=stack.name)["StackResourceDrifts"]
    check("resources that are not as the template says", [d for d in drifts if d["StackResourceDriftStatus"] != "IN_SYNC"], [])
    return {d["ResourceType"] for d in drifts}


# ---- Changes and failures -------------------------------------------------------------------------------------------


def change(stack):
    """Deploys another value of every parameter, and looks at what they are for."""
    parameters = {}
    for name, p in stack.template()["Parameters"].items():
        choices = [CHANGED[name]] if name in CHANGED else p.get("AllowedValues", [p.get("MinValue"), p.get("MaxValue")])[::-1]
        parameters[name] = next(str(v) for v in choices if str(v) != str(stack.parameters[name]))
    stack = deployed(STACK, parameters)
    check("the parameters", stack.parameters, parameters)
    check("the site", stack.outputs["SiteUrl"], "https://login.example.com")
    config = request("GET", stack.host(), "/config.json")[2]
    check("what pages know", [config[name] for name in ("appName", "codeLength", "captcha")], ["Tea & Co", 10, {"provider": "turnstile", "siteKey": "site-key"}])
    api = stack.api_host()
    for call in ("generate", "resend", "verify", "reset", "status"):
        check(f"{call} around the web ACL", request("POST", api, f"/api/{call}", {})[0], 403)
        check(f"{call} through CloudFront", request("POST", stack.host(), f"/api/{call}", {})[0], 400)
    check("a CAPTCHA without its secret key", request("POST", stack.host(), "/api/generate", {"email": "ada@example.com", "captchaToken": "x"})[0], 503)
    for origin, allowed in {"https://b.example": "https://b.example", "https://c.example": None}.items():
        headers = request("OPTIONS", api, "/api/generate", Origin=origin, **{"Access-Control-Request-Method": "POST"})[1]
        check(f"whether pages of {origin} may call", headers.get("access-control-allow-origin"), allowed)
    return stack


def cancel(stack, documented):
    """Cancels an update as the documents say, while a bucket that takes no file keeps it busy."""
    formation, s3, bucket = aws("cloudformation"), aws("s3"), stack.outputs["SiteBucketName"]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    full = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": json.loads(policy)["Statement"] + [full]}))
    formation.update_stack(StackName=STACK, UsePreviousTemplate=True, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"], Parameters=[
        {"ParameterKey": name, **({"ParameterValue": "Other"} if name == "AppName" else {"UsePreviousValue": True})} for name in stack.parameters])
    eventually("the update publishes", lambda: ("Site", "UPDATE_IN_PROGRESS") in [
        (e["LogicalResourceId"], e["ResourceStatus"]) for e in formation.describe_stack_events(StackName=STACK)["StackEvents"][:1]])
    documented("aws cloudformation cancel-update-stack")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    ends(STACK, "UPDATE_ROLLBACK_COMPLETE")
    check("the name after an update that was cancelled", Stack(STACK).parameters["AppName"], stack.parameters["AppName"])


def fail_an_update(stack, documented):
    """An update with a new page whose bucket is gone, which no rollback mends; then the recovery that the documents have."""
    bucket, s3 = stack.outputs["SiteBucketName"], aws("s3")
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    for item in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=item["Key"])
    s3.delete_bucket(Bucket=bucket)
    build.change("frontend/index.html", "<title>", "<title>New: ")
    build.sam_build("amd64")
    adapt.adapt()
    check("an update without the bucket", deploy(STACK, stack.parameters)[0], 1)
    ends(STACK, "UPDATE_ROLLBACK_FAILED")
    documented("aws cloudformation continue-update-rollback")
    ends(STACK, "UPDATE_ROLLBACK_COMPLETE")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    stack = deployed(STACK, stack.parameters)
    check("that the changed page is published", "<title>New: " in request("GET", stack.host(), "/")[2], True)


def fail_a_first_deployment(documented, otpctl):
    """A first deployment that cannot make a parameter, since there is one of that name; then the recovery that the documents have."""
    aws("ssm").put_parameter(Name="/streamotp/another/site", Value="https://www.example.com", Type="String")
    refused("another", DEFAULTS, "ROLLBACK_COMPLETE")
    failed = ends("another", "ROLLBACK_COMPLETE")
    check("what stays of a first deployment that failed", left(failed), OUTLIVES_FAILURE)
    documented("aws cloudformation delete-stack", "another")
    ends(failed, "DELETE_COMPLETE")
    aws("ssm").delete_parameter(Name="/streamotp/another/site")
    delete(authorize(deployed("another", DEFAULTS), otpctl))


class Forwarder(http.server.BaseHTTPRequestHandler):
    """Passes calls on to the distribution host, whose name no other program can look up."""
    host = None

    def do_GET(self):
        status, headers, document = request("GET", self.host, self.path)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_):
        pass


def authorize(stack, otpctl):
    """Has API Gateway's own authorizer, in the example of an HTTP API, check proofs of a stack, which was not called before."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("To", (Forwarder,), {"host": stack.host()})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        issuer = f"http://127.0.0.1:{server.server_port}"
        aws("ssm").put_parameter(Name=f"/streamotp/{stack.name}/site", Value=issuer, Overwrite=True)
        drive = Drive(stack, functools.partial(otpctl, "--stack", stack.name), issuer)
        other, _ = drive.proofs()
        client, address = drive.client("login,verify"), drive.account()
        api = deployed("example", {"Issuer": issuer, "ClientId": client}, "examples/http-api/template.yaml").api_host()
        answer = request("POST", api, "/nonce")
        nonce, cookie = answer[2]["nonce"], answer[1]["set-cookie"].split(";")[0]

        def proof(client, number, nonce=nonce, **login):
            return drive.expect("verify", "verify", drive.coded(address, number, clientId=client, nonce=nonce, **login))["proof"]
        login = {"purpose": "login", "password": PASSWORD}
        right = proof(client, 1, **login)
        head, claims, signature = right.split(".")
        tampered = f"{head}.{claims[:-4]}{claims[-4:][::-1]}.{signature}"
        for what, token, sent, status in (
                ("a login", right, cookie, 200), ("no cookie", right, "", 403), ("another nonce", proof(client, 2, "n", **login), cookie, 403),
                ("another scope", proof(client, 3), cookie, 403), ("another client", proof(other, 4), cookie, 401),
                ("a changed proof", tampered, cookie, 401), ("no proof", "", cookie, 401)):
            got, _, said = request("POST", api, "/session", Cookie=sent, **({"Authorization": f"Bearer {token}"} if token else {}))
            check(f"what the example says to {what}", [got, got == 200 and [said["person"][0], said["email"]]], [status, status == 200 and [issuer, address]])
        aws("cloudformation").delete_stack(StackName="example")
        server.shutdown()
    return stack


def delete(stack):
    aws("cloudformation").delete_stack(StackName=stack.name)
    ends(stack.id, "DELETE_COMPLETE")
    check("what stays of a stack that is deleted", left(stack.id), OUTLIVES)


# ---- The test -------------------------------------------------------------------------------------------------------


def section(types, compared):
    """docs/deploy.md's part of what was deployed and seen."""
    def row(what, names):
        return f"| {what} | {', '.join(f'`{name}`' for name in sorted(names))} |"
    return "\n".join([
        "| deployed, and compared with the template | types |", "|---|---|",
        row("setting by setting", compared), row("as created, and by how it responds to calls", types - compared),
        "", "MiniStack differs from AWS in these points:", "", *[f"- {what}" for what in adapt.LACKS], "",
        "MiniStack does not know these commands: " + ", ".join(f"`{name}`" for name in commands.UNSEEN) + "."])


def prove(folder):
    adapt.adapt()
    asked = guided()
    stack = wired(STACK)
    compared(stack)
    for sender in (DEFAULTS["SesFromAddress"], CHANGED["SesFromAddress"]):
        aws("sesv2").create_email_identity(EmailIdentity=sender)
    run("go", "build", "-buildvcs=false", "-o", f"{folder}/otpctl", "streamotp/otpctl")
    otpctl = functools.partial(run, f"{folder}/otpctl", "--endpoint", os.environ["AWS_ENDPOINT_URL"])
    Drive(stack, otpctl).everything()
    adapt.still(stack)
    refused("refused", {**DEFAULTS, "DomainName": "login.example.com"}, "DomainName needs CertificateArn")

    stack = change(stack)
    types = {r["ResourceType"] for r in stack.resources}
    seen = section(types, compared(stack))
    with open(DOCS) as file:
        check(f"that {DOCS} has\n\n{seen}\n", seen in file.read(), True)
    documents = commands.Documents(folder, stack.outputs, seen)
    count = documents.prove()
    cancel(stack, documents.one)
    fail_an_update(stack, documents.one)
    fail_a_first_deployment(documents.one, otpctl)
    stack = Stack(STACK)
    template = stack.template()
    delete(stack)

    os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"
    aws("sesv2").create_email_identity(EmailIdentity=DEFAULTS["SesFromAddress"])
    elsewhere = deployed(STACK, {**DEFAULTS, "AlarmEmail": CHANGED["AlarmEmail"]})
    Drive(elsewhere, otpctl).everything()
    check("resources that were never deployed", sorted(set(template["Resources"]) - set(stack.ids) - set(elsewhere.ids)), [])
    delete(elsewhere)
    print(f"deployed to MiniStack in two regions, {len(types)} types of resource, after {len(asked)} questions; {count} documented commands run")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    with tempfile.TemporaryDirectory() as folder, judge(folder):
        prove(folder)


if __name__ == "__main__":
    main()
