"""Starts the judge: MiniStack, somebody else's imitation of AWS, which deploys and runs what it is given; and asks it."""
import contextlib
import functools
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time

import boto3

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


def attempt(*command, stdin=None, **options):
    """Exit code and output of a command."""
    for last in (False, True):
        try:
            done = subprocess.run(command, input=stdin, stdin=None if stdin else subprocess.DEVNULL, timeout=LONGEST, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
            return done.returncode, done.stdout
        except subprocess.TimeoutExpired:
            if last:
                sys.exit(f"{' '.join(command)}: not within {LONGEST} s, twice")


def run(*command, **options):
    code, output = attempt(*command, **options)
    if code:
        sys.exit(f"{' '.join(command)}: exit code {code}\n{output}")
    return output


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def judge(folder):
    """Runs MiniStack, with TLS, as the bucket of the pages refuses plain HTTP, and with IAM."""
    key, certificate, port = f"{folder}/key.pem", f"{folder}/certificate.pem", free_port()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
    url = f"https://127.0.0.1:{port}"
    os.environ.update(AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID=ACCOUNT, AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1",
                      AWS_CA_BUNDLE=certificate, SSL_CERT_FILE=certificate, SAM_CLI_TELEMETRY="0")
    with open(f"{folder}/judge.log", "w") as log:
        server = subprocess.Popen([f"{ROOT}/.tools/ministack/bin/ministack"], stdout=log, stderr=log, start_new_session=True, env={
            **os.environ, "USE_SSL": "1", "MINISTACK_SSL_CERT": certificate, "MINISTACK_SSL_KEY": key, "AUTH": "true", "BIND_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT, "GATEWAY_PORT": str(port), "IOT_MTLS_ENABLED": "false", "TMPDIR": folder})
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
    address, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("https://").split(":")
    connection = http.client.HTTPSConnection(address, int(port), timeout=60, context=ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"]))
    headers = {"Host": f"{host}:{port}" if "localhost" in host else host, **headers}
    if body is not None:
        headers["content-type"], body = "application/json", json.dumps(body)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text, fields = response.read().decode(), {name.lower(): value for name, value in response.getheaders()}
    return response.status, fields, json.loads(text) if "json" in fields.get("content-type", "") else text


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
        self.outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
        self.parameters = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
        self.resources = aws("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
        self.ids = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in self.resources}

    def template(self):
        """The template as plain CloudFormation."""
        text = aws("cloudformation").get_template(StackName=self.name, TemplateStage="Processed")["TemplateBody"]
        return text if isinstance(text, dict) else json.loads(text)

    def host(self):
        """The name of the distribution, whatever domain it has beside it."""
        return aws("cloudfront").get_distribution(Id=self.ids["Distribution"])["Distribution"]["DomainName"]
