"""Drives a deployed stack as people and browsers do: every call, every page, each kind of message, through CloudFront."""
import json
import re
import uuid

from judge import ACCOUNT, aws, check, eventually, request

PASSWORD, NEW_PASSWORD = "tulip harbor lantern 42", "violet anchor meadow 77"
PAGES = {"/": "text/html", "/index.html": "text/html", "/verify.html": "text/html", "/forgot.html": "text/html", "/config.json": "application/json"}


class Drive:
    """A stack and the people who use it. otpctl runs the operator's commands."""

    def __init__(self, stack, otpctl):
        self.stack, self.otpctl = stack, otpctl
        self.site = stack.outputs["SiteUrl"].removeprefix("https://")
        self.digits = int(stack.parameters["CodeLength"])

    def everything(self):
        self.pages()
        self.verify_by_email()
        self.verify_by_sms()
        self.lock()
        self.login_and_reset()
        self.resend()
        self.feedback()

    # ---- What a page does -------------------------------------------------------------------------------------------

    def call(self, name, body):
        """Status and body of a call that the site passes on to the API."""
        status, _, answer = request("POST", self.site, f"/api/{name}", body)
        return status, answer

    def expect(self, what, name, body, status, **wanted):
        """The body of an answer with this status and these members."""
        got, answer = self.call(name, body)
        check(what, [got, {member: answer.get(member) for member in wanted}], [status, wanted])
        return answer

    def ask(self, **body):
        answer = self.expect(f"generate with {sorted(body)}", "generate", body, 200)
        check("what generate returns", sorted(answer), ["sessionId"])
        return answer["sessionId"]

    def mail(self, address, count=1):
        """The count-th e-mail to an address."""
        return eventually(f"e-mail {count} arrives", lambda: mails(address)[count - 1:count])[0]

    def code(self, message):
        return re.search(rf"\b\d{{{self.digits}}}\b", message)[0]

    def is_in_state(self, session, state):
        eventually(f"the session is {state}", lambda: self.call("status", {"sessionId": session})[1]["state"] == state)

    def row(self, session):
        """The one row of a session."""
        [row] = aws("dynamodb").query(TableName=self.stack.outputs["CodesTableName"], KeyConditionExpression="sessionId = :id",
                                      ExpressionAttributeValues={":id": {"S": session}})["Items"]
        return row

    # ---- Promises ---------------------------------------------------------------------------------------------------

    def pages(self):
        for path, kind in PAGES.items():
            status, headers, body = request("GET", self.site, path)
            check(path, [status, headers["content-type"].split(";")[0], headers["x-frame-options"]], [200, kind, "DENY"])
            for file in re.findall(r'(?:src|href)="([^":]+\.(?:js|css|svg))"', body if kind == "text/html" else ""):
                check(f"{file} of {path}", request("GET", self.site, f"/{file.lstrip('/')}")[0], 200)
            check(f"who may run scripts on {path}", "script-src 'self'" in headers["content-security-policy"], True)
        bucket = f"{self.stack.outputs['SiteBucketName']}.s3.amazonaws.com"
        check("the pages without CloudFront", request("GET", bucket, "/index.html")[0], 403)

    def verify_by_email(self):
        address = somebody()
        session = self.ask(email=address)
        code = self.code(self.mail(address)["BodyText"])
        self.is_in_state(session, "sent")
        self.expect("a wrong code", "verify", {"sessionId": session, "code": wrong(code)}, 401, code="wrong_code",
                    attemptsRemaining=int(self.stack.parameters["MaxAttempts"]) - 1)
        self.expect("the right code", "verify", {"sessionId": session, "code": code}, 200, verified=True, purpose="verify", email=address)
        self.expect("a code that was used", "verify", {"sessionId": session, "code": code}, 410, code="code_used")
        self.expect("a session that nobody has", "status", {"sessionId": str(uuid.uuid4())}, 404, code="session_not_found")
        self.is_in_state(session, "used")
        check("messages to somebody who asked once", len(mails(address)), 1)  # a used code is a MODIFY, which sends nothing

    def verify_by_sms(self):
        number = "+4915112345678"
        before = len(texts(number))
        session = self.ask(phone=number)
        text = eventually("an SMS arrives", lambda: texts(number)[before:])[0]
        check("the last line of an SMS", text.splitlines()[-1], f"@{self.site} #{self.code(text)}")
        self.expect("the right code", "verify", {"sessionId": session, "code": self.code(text)}, 200, phone=number)
        self.expect("a country that is not allowed", "generate", {"phone": "+33612345678"}, 400, code="unsupported_destination")

    def lock(self):
        address, attempts = somebody(), int(self.stack.parameters["MaxAttempts"])
        session = self.ask(email=address)
        code = self.code(self.mail(address)["BodyText"])
        for remaining in reversed(range(attempts)):
            self.expect("a wrong code", "verify", {"sessionId": session, "code": wrong(code)}, 401, attemptsRemaining=remaining)
        self.expect("the right code, once locked", "verify", {"sessionId": session, "code": code}, 403, code="locked")
        self.otpctl("unlock", address)
        self.expect("the right code, once unlocked", "verify", {"sessionId": session, "code": code}, 200, verified=True)

    def login_and_reset(self):
        address = somebody()
        self.otpctl("user", "add", address, "--name", "Ada", "--password-stdin", stdin=f"{PASSWORD}\n")
        login = {"email": address, "purpose": "login"}
        self.expect("a wrong password", "generate", {**login, "password": NEW_PASSWORD}, 401, code="invalid_credentials")
        session = self.ask(**login, password=PASSWORD)
        self.expect("the code of a login", "verify", {"sessionId": session, "code": self.code(self.mail(address)["BodyText"])}, 200,
                    purpose="login", email=address)
        reset = {"sessionId": self.ask(email=address, purpose="reset"), "code": self.code(self.mail(address, 2)["BodyText"])}
        self.expect("a weak password", "reset", {**reset, "password": "short"}, 422, code="weak_password")
        self.expect("a reset", "reset", {**reset, "password": NEW_PASSWORD}, 200, reset=True)
        check("the subject of the owner's notification", "password" in self.mail(address, 3)["Subject"], True)
        self.expect("the old password", "generate", {**login, "password": PASSWORD}, 401, code="invalid_credentials")
        self.ask(**login, password=NEW_PASSWORD)
        self.ask(email="nobody@example.com", purpose="reset")
        self.mail(address, 4)  # its code was requested before, so an e-mail to nobody@ would have arrived by now
        check("e-mails to nobody", mails("nobody@example.com"), [])

    def resend(self):
        address = somebody()
        session = self.ask(email=address)
        code = self.code(self.mail(address)["BodyText"])
        self.expect("a resend at once", "resend", {"sessionId": session}, 429, code="too_many_requests")
        row = self.row(session)
        earlier = str(int(row["createdAt"]["N"]) - 600_000)
        aws("dynamodb").update_item(TableName=self.stack.outputs["CodesTableName"], Key={k: row[k] for k in ("sessionId", "code")},
                                    UpdateExpression="SET createdAt = :earlier", ExpressionAttributeValues={":earlier": {"N": earlier}})
        self.expect("a resend later", "resend", {"sessionId": session}, 200, sessionId=session)
        check("the code that is sent again", self.code(self.mail(address, 2)["BodyText"]), code)

    def feedback(self):
        """A bounce, reported by an event in SES's form, since MiniStack sends none."""
        address = somebody()
        session = self.ask(email=address)
        self.mail(address)
        row = self.row(session)
        tags = {"session": [session], "digest": [row["code"]["S"]], "destination": [row["subject"]["S"]]}
        aws("sns").publish(TopicArn=self.stack.ids["FeedbackTopic"], Message=json.dumps({
            "eventType": "Bounce", "mail": {"timestamp": "2026-11-28T12:00:00.000Z", "tags": tags}, "bounce": {
                "bounceType": "Permanent", "bounceSubType": "General", "timestamp": "2026-11-28T12:00:01.000Z"}}))
        self.is_in_state(session, "bounced")


def somebody():
    return f"{uuid.uuid4()}@example.com"


def wrong(code):
    return str((int(code) + 1) % 10 ** len(code)).zfill(len(code))


def mails(address):
    return [m for m in request("GET", "localhost", "/_ministack/ses/messages")[2]["messages"].get(ACCOUNT, []) if m["To"] == [address]]


def texts(number):
    return [m["Message"] for m in request("GET", "localhost", "/_ministack/sns/sms-messages")[2]["sms_messages"].get(number, [])]
