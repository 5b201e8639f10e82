"""Proves nothing itself: starts the judge, MiniStack, which is somebody else's imitation of AWS, and asks it."""
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time

import boto3
import requests

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ACCOUNT = "123456789012"
LONGEST = 180  # seconds that a command may take; what takes longer is tried once more


def check(what, got, want):
    if got != want:
        sys.exit(f"{what}: got\n{json.dumps(got, indent=1, default=str)}\nwant\n{json.dumps(want, indent=1, default=str)}")


def eventually(what, ask, seconds=30):
    """What ask returns once that is true."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within {seconds} s")
        time.sleep(0.1)
    return answer


def tool(name):
    return os.path.join(os.path.dirname(sys.executable), name)


def attempt(*command, again=True, stdin="", **options):
    """Exit code and output of a command."""
    try:
        done = subprocess.run(command, input=stdin, timeout=LONGEST, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return attempt(*command, again=False, stdin=stdin, **options) if again else sys.exit(f"{late}, twice")


def run(*command, **options):
    code, output = attempt(*command, **options)
    check(f"{' '.join(command)}: {output}", code, 0)
    return output


@contextlib.contextmanager
def judge(folder):
    """Runs MiniStack, with TLS, as the bucket of the pages refuses plain HTTP, and with IAM."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    certificate = f"{folder}/ministack-tls/server.crt"
    os.environ.update(AWS_ENDPOINT_URL=f"https://127.0.0.1:{port}", AWS_ACCESS_KEY_ID=ACCOUNT, AWS_SECRET_ACCESS_KEY="test",
                      AWS_DEFAULT_REGION="us-east-1", SAM_CLI_TELEMETRY="0")
    with open(f"{folder}/judge.log", "w") as log:
        server = subprocess.Popen([f"{ROOT}/.tools/ministack/bin/ministack"], stdout=log, stderr=log, start_new_session=True, env={
            **os.environ, "USE_SSL": "1", "AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "IOT_MTLS_ENABLED": "false",
            "MINISTACK_ACCOUNT_ID": ACCOUNT, "SSL_CERT_FILE": certificate, "AWS_CA_BUNDLE": certificate, "TMPDIR": folder})
    os.environ.update(dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), certificate))
    try:
        eventually("MiniStack answers", lambda: server.poll() is None and healthy())
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def healthy():
    with contextlib.suppress(OSError):
        return request("GET", "localhost", "/_ministack/health")[0] == 200


def request(method, host, path, body=None, **headers):
    """Status, headers and body of a call to a host of MiniStack's, which its own address serves; JSON is decoded."""
    address = os.environ["AWS_ENDPOINT_URL"]
    name = f"{host}:{address.rsplit(':', 1)[1]}" if "localhost" in host else host
    answer = requests.request(method, address + path, json=body, headers={"Host": name, **headers}, timeout=60, allow_redirects=False)
    return answer.status_code, answer.headers, answer.json() if "json" in answer.headers.get("content-type", "") else answer.text


@functools.cache
def client(service, region):
    return boto3.client(service, region_name=region)


def aws(service):
    return client(service, os.environ["AWS_DEFAULT_REGION"])


class Stack:
    """A deployed stack: its outputs and the physical ids of its resources."""

    def __init__(self, name):
        self.name = name
        [stack] = aws("cloudformation").describe_stacks(StackName=name)["Stacks"]
        self.id, self.outputs = stack["StackId"], {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
        self.parameters = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
        self.resources = aws("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
        self.ids = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in self.resources}

    def template(self):
        """The template as plain CloudFormation."""
        text = aws("cloudformation").get_template(StackName=self.name, TemplateStage="Processed")["TemplateBody"]
        return text if isinstance(text, dict) else json.loads(text)

    def api_host(self):
        """The API's own name, around CloudFront."""
        return f"{self.ids['HttpApi']}.execute-api.localhost"

    def host(self):
        """The name of the distribution, whatever domain it has beside it."""
        return aws("cloudfront").get_distribution(Id=self.ids["Distribution"])["Distribution"]["DomainName"]
