"""Completes Schemathesis's requests where a JSON Schema cannot say what is valid.

Generated session ids are unknown, generated codes are wrong, and few generated numbers exist. So half of the valid requests get a real
session with its code, and all of them a real client, number and new password. Requests that are invalid on purpose are sent as they are,
except that an unknown field gets a text, as a number would be rejected for its type.
"""

import base64
import itertools
import json
import os
import random
import time
import urllib.request

import schemathesis
from schemathesis.generation import GenerationMode

BASE = os.environ["STREAMOTP_URL"]
CREDENTIALS = base64.b64encode(("demo-server:" + os.environ["STREAMOTP_SECRET"]).encode()).decode()
UNKNOWN = "x-schemathesis-unknown-property"
number = itertools.count()
choice = random.Random(1)
resends = 3  # that wait until their code may be sent again; later ones come too early


def call(path, body=None):
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(BASE + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


def session(purpose):
    """Returns a new session of its own address or, for a reset, of the demo user, with the code that was sent."""
    email = "ada@example.com" if purpose == "reset" else f"session{next(number)}@example.com"
    known = {m["id"] for m in call("/_local/messages")}
    session_id = call("/api/generate", {"email": email, "purpose": purpose})["sessionId"]
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for message in call("/_local/messages"):
            if message["id"] not in known and message["to"] == email and "code" in message["text"]:
                lines = [line.strip() for line in message["text"].splitlines()]
                if codes := [line for line in lines if len(line) == 6 and line.isdigit()]:
                    return session_id, codes[0]
        time.sleep(0.02)
    raise TimeoutError(f"no code for {email}")


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not isinstance(case.body, dict):
        return
    if case.meta.generation.mode == GenerationMode.POSITIVE:
        complete(case.operation.definition.raw["operationId"], case.body, case.headers)
    elif UNKNOWN in case.body:
        case.body[UNKNOWN] = "42"


def complete(operation, body, headers):
    global resends
    if choice.random() < 0.3:  # as a client's server
        headers["Authorization"] = f"Basic {CREDENTIALS}"
    if operation in ("generate", "resend"):
        headers["x-client-ip"] = "203.0.113.7"
    if operation == "generate":
        body.pop("transaction", None)  # a generated one is unknown
        if body.get("phone"):
            body["phone"] = f"+49 151 {10000000 + next(number)}"
        if body.get("locale"):
            body["locale"] = "".join(c for c in body["locale"] if c.isprintable())
        if body.get("clientId") or body.get("nonce") or body.get("purpose") == "passwordless":
            body.update(clientId="demo", nonce=body.get("nonce") or "n")
        if body.get("clientId") and "Authorization" in headers:
            body["clientId"] = "demo-server"
        return
    if operation == "reset":
        body["password"] = "seven quiet rivers 81"
    if "code" in body:
        body["code"] = "123 456"
    if operation == "resend":
        if (resends := resends - 1) >= 0:
            body["sessionId"], _ = session("verify")
            time.sleep(1)  # ResendCooldownSeconds
    elif choice.random() < 0.5:
        body["sessionId"], code = session("reset" if operation == "reset" else "verify")
        if "code" in body:
            body["code"] = code
