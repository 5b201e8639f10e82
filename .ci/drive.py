"""Proves that a deployed stack works for people and browsers: every call, every page, each kind of message, through CloudFront."""
import base64
import datetime
import json
import re
import uuid

from judge import ACCOUNT, aws, check, eventually, request

PASSWORD, NEW_PASSWORD = "tulip harbor lantern 42", "violet anchor meadow 77"
NUMBER = "+4915112345678"


class Drive:
    """A stack and the people who use it. otpctl runs the operator's commands."""

    def __init__(self, stack, otpctl, issuer=None):
        self.stack, self.otpctl, self.issuer = stack, otpctl, issuer or stack.outputs["SiteUrl"]
        self.site = stack.outputs["SiteUrl"].removeprefix("https://")

    def everything(self):
        self.pages()
        self.verify_by_email()
        self.verify_by_sms()
        self.login_and_reset()
        self.resend_and_feedback()
        self.proofs()

    # ---- What a page does -------------------------------------------------------------------------------------------

    def expect(self, what, name, body, status=200, server=None, **wanted):
        """The body of an answer with this status and these members, to a call that the site passes on to the API, or of a server to
        the API itself."""
        host, headers = self.site, {}
        if server:
            host, headers["Authorization"] = self.stack.api_host(), "Basic " + base64.b64encode(":".join(server).encode()).decode()
        got, _, answer = request("POST", host, f"/api/{name}", body, **headers)
        check(what, [got, {member: answer.get(member) for member in wanted}], [status, wanted])
        return answer

    def ask(self, **body):
        answer = self.expect(f"generate with {sorted(body)}", "generate", body)
        check("what generate returns", list(answer), ["sessionId"])
        return answer["sessionId"]

    def mail(self, address, count=1):
        """The count-th e-mail to an address."""
        return eventually(f"e-mail {count} arrives", lambda: mails(address)[count - 1:count])[0]

    def coded(self, address, count=1, **body):
        """A session and the code that came by e-mail."""
        return {"sessionId": self.ask(email=address, **body), "code": code(self.mail(address, count)["BodyText"])}

    def is_in_state(self, session, state):
        eventually(f"the session is {state}", lambda: self.expect("status", "status", {"sessionId": session})["state"] == state)

    def account(self):
        address = somebody()
        self.otpctl("user", "add", address, "--name", "Ada", "--password-stdin", stdin=f"{PASSWORD}\n")
        return address

    def client(self, purposes):
        return json.loads(self.otpctl("client", "add", "Shop", "--purpose", purposes, "--json"))["data"]["id"]

    # ---- Promises ---------------------------------------------------------------------------------------------------

    def pages(self):
        for path in ("/config.json", "/stream-otp.js"):
            status, headers, _ = request("GET", self.site, path, Origin="https://shop.example")
            check(f"whether pages of other origins may read {path}", [status, headers.get("access-control-allow-origin")], [200, "*"])
        for path in ("/", "/index.html", "/verify.html", "/forgot.html"):
            status, headers, body = request("GET", self.site, path)
            check(path, [status, headers["content-type"].split(";")[0], headers["x-frame-options"]], [200, "text/html", "DENY"])
            check(f"who may run scripts on {path}", "script-src 'self'" in headers["content-security-policy"], True)
            for file in re.findall(r'(?:src|href)="([^":]+\.(?:js|css|svg))"', str(body)):
                check(f"{file} of {path}", request("GET", self.site, f"/{file.lstrip('/')}")[0], 200)
        bucket = f"{self.stack.outputs['SiteBucketName']}.s3.amazonaws.com"
        check("the pages without CloudFront", request("GET", bucket, "/index.html")[0], 403)

    def verify_by_email(self):
        address, attempts = somebody(), int(self.stack.parameters["MaxAttempts"])
        right = self.coded(address)
        wrong = {**right, "code": f"{right['code'][:-1]}{(int(right['code'][-1]) + 1) % 10}"}
        self.is_in_state(right["sessionId"], "sent")
        for remaining in reversed(range(attempts)):
            self.expect("a wrong code", "verify", wrong, 401, code="wrong_code", attemptsRemaining=remaining)
        self.expect("the right code, once locked", "verify", right, 403, code="locked")
        self.otpctl("unlock", address)
        self.expect("the right code, once unlocked", "verify", right, verified=True, purpose="verify", email=address)
        self.expect("a code that was used", "verify", right, 410, code="code_used")
        self.expect("a session that nobody has", "status", {"sessionId": str(uuid.uuid4())}, 404, code="session_not_found")
        self.is_in_state(right["sessionId"], "used")
        check("messages to somebody who asked once", len(mails(address)), 1)  # a used code is a MODIFY, which sends nothing

    def verify_by_sms(self):
        before = len(texts(NUMBER))
        session = self.ask(phone=NUMBER)
        text = eventually("an SMS arrives", lambda: texts(NUMBER)[before:])[0]
        check("the last line of an SMS", text.splitlines()[-1], f"@{self.site} #{code(text)}")
        self.expect("the right code", "verify", {"sessionId": session, "code": code(text)}, phone=NUMBER)
        self.expect("a country that is not allowed", "generate", {"phone": "+33612345678"}, 400, code="unsupported_destination")

    def login_and_reset(self):
        address = self.account()
        login = {"email": address, "purpose": "login"}
        self.expect("a wrong password", "generate", {**login, "password": NEW_PASSWORD}, 401, code="invalid_credentials")
        right = self.coded(address, purpose="login", password=PASSWORD)
        self.expect("the code of a login", "verify", right, purpose="login", email=address)
        reset = self.coded(address, 2, purpose="reset")
        self.expect("a weak password", "reset", {**reset, "password": "short"}, 422, code="weak_password")
        self.expect("a reset", "reset", {**reset, "password": NEW_PASSWORD}, reset=True)
        check("the subject of the owner's notification", "password" in self.mail(address, 3)["Subject"], True)
        self.expect("the old password", "generate", {**login, "password": PASSWORD}, 401, code="invalid_credentials")
        self.ask(email="nobody@example.com", purpose="reset")
        self.coded(address, 4, purpose="login", password=NEW_PASSWORD)  # it was asked for later
        check("e-mails to nobody", mails("nobody@example.com"), [])

    def resend_and_feedback(self):
        """A code that is sent again, and then a bounce, in an event of SES's form, since MiniStack sends none."""
        address, codes = somebody(), self.stack.outputs["CodesTableName"]
        right = self.coded(address)
        again = {"sessionId": right["sessionId"]}
        self.expect("a resend at once", "resend", again, 429, code="too_many_requests")
        [row] = aws("dynamodb").query(TableName=codes, KeyConditionExpression="sessionId = :id",
                                      ExpressionAttributeValues={":id": {"S": right["sessionId"]}})["Items"]
        earlier = {"N": str(int(row["createdAt"]["N"]) - 600_000)}
        aws("dynamodb").update_item(TableName=codes, Key={name: row[name] for name in ("sessionId", "code")},
                                    UpdateExpression="SET createdAt = :earlier", ExpressionAttributeValues={":earlier": earlier})
        self.expect("a resend later", "resend", again, **again)
        check("the code that is sent again", code(self.mail(address, 2)["BodyText"]), right["code"])
        tags = {"session": [right["sessionId"]], "digest": [row["code"]["S"]], "destination": [row["subject"]["S"]]}
        aws("sns").publish(TopicArn=self.stack.ids["FeedbackTopic"], Message=json.dumps({
            "eventType": "Bounce", "mail": {"tags": tags},
            "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "timestamp": f"{datetime.datetime.now(datetime.UTC):%FT%TZ}"}}))
        self.is_in_state(right["sessionId"], "bounced")

    def proofs(self):
        """Two clients, a page's and a server's, and what they get."""
        def add(*arguments):
            return json.loads(self.otpctl("client", "add", "Shop", *arguments, "--json"))["data"]
        page, server = add("--purpose", "verify", "--home-url", "https://shop.example/"), add("--purpose", "login,verify", "--confidential")
        check("where people go on to", request("GET", self.site, "/.well-known/streamotp.json")[2],
              {"application": {"name": "Shop", "homeUrl": "https://shop.example/"}})
        address, credentials = somebody(), (server["id"], server["secret"])
        right = self.coded(address, clientId=page["id"], nonce="n")
        check("the sender of a client's code", "Shop" in mails(address)[0]["Source"], True)
        proof = self.expect("the right code of a client", "verify", right, email=address)["proof"]
        claims = json.loads(base64.urlsafe_b64decode(proof.split(".")[1] + "=="))
        check("the claims", [claims[name] for name in ("iss", "aud", "nonce", "scope")], [self.issuer, page["id"], "n", "otp:verify"])
        [key] = request("GET", self.site, "/.well-known/jwks.json")[2]["keys"]
        check("the key of the proof", json.loads(base64.urlsafe_b64decode(proof.split(".")[0] + "=="))["kid"], key["kid"])
        session = self.expect("generate by a server", "generate", {"email": somebody()}, server=credentials)
        self.expect("a server's session, to a page", "status", session, 404, code="session_not_found")
        self.expect("a server's session, to the server", "status", session, server=credentials)
        self.expect("a wrong secret", "status", session, 401, server=(server["id"], "wrong"), code="invalid_client")
        return page["id"], proof


def somebody():
    return f"{uuid.uuid4()}@example.com"


def code(message):
    return re.search(r"\b\d{6,10}$", message, re.M)[0]


def mails(address):
    return [m for m in request("GET", "localhost", "/_ministack/ses/messages")[2]["messages"].get(ACCOUNT, []) if m["To"] == [address]]


def texts(number):
    return [m["Message"] for m in request("GET", "localhost", "/_ministack/sns/sms-messages")[2]["sms_messages"].get(number, [])]
