"""Runs each aws and otpctl command that the documents tell, in their order, on the stack that deploy.py deployed to moto.

Each must end with exit code 0, or stand in UNSEEN. docs/deploy.md names the latter; `python .ci/commands.py` prints that row.
"""
import contextlib
import datetime
import glob
import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request

from awscli.clidriver import create_clidriver
from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import sqs_backends

from deployed import aws
from sam import check

# In the order in which a new user reads them. What several of them tell is run where it comes first.
DOCS = list(dict.fromkeys(["README.md", "docs/deploy.md", "docs/operations.md", *sorted(glob.glob("docs/*.md"))]))

# What a document leaves to its reader: patterns, and what is put there. {Names} are outputs of the stack.
FILL = {
    r"\bUSERS_TABLE\b": "{UsersTableName}",
    r"\bDISTRIBUTION_ID\b": "{DistributionId}",
    r"\bARN_OF_THE_PHONE_NUMBER\b": "arn:aws:sms-voice:us-east-1:123456789012:phone-number/phone-1",
    r"\bACCOUNT_ID\b": "123456789012",
    r"\b(DESTINATION|EMAIL)$": "ada@example.com",
    r"\bPREFIX$": "+491511",
    r"\bCOMMAND\b": "stats",
    # of a command that is only named, its arguments
    r"^otpctl (user add --replace|user set-phone|unlock|suppressions remove)$": r"\g<0> ada@example.com",
    r"^otpctl user (add|remove)$": r"\g<0> bob@example.com",
    r"^otpctl user import$": r"\g<0> others.csv",
    r"^otpctl user set-phone \S+$": r"\g<0> +4915112345678",
    r"^otpctl test-destinations (add|remove)$": r"\g<0> review@example.com",
    # the stack is still needed
    r"^(aws cloudformation delete-stack --stack-name) \S+$": r"\1 another",
    # what somebody answers at a terminal
    r"^otpctl captcha set$": r"\g<0> --secret-stdin <<<key",
    r"^otpctl user add .*": r"\g<0> --password-stdin <<<'tulip harbor lantern 42'",
    r"^otpctl test-destinations add .*": rf"\g<0> --until {datetime.date.today() + datetime.timedelta(30)} --code-stdin <<<4829130576",
    r"^otpctl (user remove .*|rotate-secret)$": r"\g<0> --yes",
}

# The files that commands name.
FILES = {
    "accounts.csv": "email,name,phone,channel,password\ncarl@example.com,Carl,,email,tulip harbor lantern 42\n",
    "others.csv": "email,name,phone,channel,password\ngrace@example.com,Grace,+4915112345679,sms,tulip harbor lantern 42\n",
}

# Commands that moto cannot answer, each with what it says of that: it has no such call, or breaks off at one.
NONE, BREAKS = "404 Not Found", "500 Internal Server Error"
UNSEEN = {
    "aws cloudformation cancel-update-stack": BREAKS,
    "aws cloudformation continue-update-rollback": BREAKS,
    "aws cloudfront get-distribution": "NoSuchDistribution",  # its CloudFormation makes none
    "aws pinpoint-sms-voice-v2 create-registration": BREAKS,
    "aws pinpoint-sms-voice-v2 describe-phone-numbers": BREAKS,
    "aws pinpoint-sms-voice-v2 describe-registration-type-definitions": BREAKS,
    "aws pinpoint-sms-voice-v2 describe-registrations": BREAKS,
    "aws pinpoint-sms-voice-v2 describe-spend-limits": BREAKS,
    "aws pinpoint-sms-voice-v2 put-resource-policy": BREAKS,
    "aws pinpoint-sms-voice-v2 request-phone-number": BREAKS,
    "aws pinpoint-sms-voice-v2 request-sender-id": BREAKS,
    "aws sesv2 get-account": NONE,
    "aws sesv2 put-account-details": NONE,
    "aws sesv2 put-account-pricing-attributes": NONE,
    "aws sns create-sms-sandbox-phone-number": BREAKS,
    "aws sns get-sms-sandbox-account-status": BREAKS,
    "aws sns verify-sms-sandbox-phone-number": BREAKS,
    "otpctl doctor": "SESv2: GetAccount, https response error StatusCode: 404",
}

# Commands that nobody must find in a document, each with what is said against it, to see that it is.
WRONG = {
    "aws dynamodb scam --table-name codes": "Invalid choice",
    "aws dynamodb scan": "--table-name",
    "aws dynamodb scan --table-name codes": "ResourceNotFoundException",
    "aws dynamodb scan --table-name codes --limits 3": "Unknown options",
    "aws dynamodb scan --table-name codes | cat": "ResourceNotFoundException",
    "aws dynamodb delete-table --table-name ''": "Invalid length",
    "aws sesv2 get-account --nosuch": "Unknown options",  # these stand in UNSEEN, for another reason
    "aws sesv2 put-account-details --mail-type X --production": "--website-url",
    "aws sesv2 put-account-pricing-attributes": "--plan",
    "otpctl user nosuch EMAIL": "there is no command",
    "otpctl unlock ada@example.com --nosuch": "not defined",
    "otpctl user remove nobody@example.com --yes": "no such account",
    "otpctl doctor --nosuch": "not defined",
}

BLOCK = re.compile(r" {4,}(?:\$ )?(?:\.tools/)?((?:aws|otpctl) [a-z].*)$")
INLINE = re.compile(r"`(?:source <\()?((?:aws|otpctl) (?:[a-z]|COMMAND)[^`]*?)\)?`")


def documented(text):
    """A document's commands, each with its line: those of indented blocks, and those between backquotes, where "a b | c"
    stands for "a b" and "a c"."""
    lines, found = text.splitlines(), []
    for at, line in enumerate(lines):
        if match := BLOCK.match(line):
            command, end = re.sub("  +#.*", "", match[1]), at + 1
            while incomplete(command) and lines[end:end + 1]:
                command, end = f"{command}\n{lines[end]}", end + 1
            found.append((at + 1, command))
            lines[at:end] = [""] * (end - at)
    prose = "\n".join(lines)
    for match in INLINE.finditer(prose):
        first, *others = match[1].replace("\n", " ").split(" | ")
        names = [first, *(f"{first.rsplit(' ', 1)[0]} {other}" for other in others)]
        found += [(prose.count("\n", 0, match.start()) + 1, name) for name in names]
    return sorted(found, key=lambda command: command[0])


def incomplete(command):
    return subprocess.run(["bash", "-n", "-c", command], stderr=subprocess.DEVNULL).returncode


def filled(command, outputs, unused):
    """The command with what its reader puts in."""
    for pattern, put in FILL.items():
        command, times = re.subn(pattern, put.format_map(outputs), command)
        if times:
            unused.discard(pattern)
    return command


def run(command, folder):
    """Exit code and output of a command. The AWS CLI runs in this process where no shell is needed: its start takes longer
    than all that it does."""
    if command.startswith("aws ") and not set(command) & set("|<$\n"):
        return cli(shlex.split(command)[1:])
    tools = os.path.dirname(sys.executable)
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env={**os.environ, "PATH": f"{folder}:{tools}:/usr/bin:/bin", "HOME": folder})
    return done.returncode, done.stdout + done.stderr


def cli(words):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = create_clidriver().main(words)
        except SystemExit as end:
            code = end.code
    return code, said.getvalue()


def unseen(command):
    """The entry of UNSEEN that a command falls under."""
    return next((name for name in UNSEEN if f"{command} ".startswith(f"{name} ")), None)


def judge(command, folder):
    """What there is to say against a command."""
    code, said = run(command, folder)
    known = unseen(command)
    if code == 0:
        return known and "moto answers it by now: it can leave UNSEEN"
    return None if known and UNSEEN[known] in said else f"exit code {code}: {said.strip()}"


# ---- What the commands find -----------------------------------------------------------------------------------------


def prepare(folder, outputs):
    """Files, a paused prefix, a suppressed address and a dead letter."""
    for name, text in FILES.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    subprocess.run(["go", "run", "streamotp/otpctl/incident", outputs["LimitsTableName"], outputs["KeySecretArn"], "+491511", "ada@example.com"],
                   check=True)
    letter(outputs)


@contextlib.contextmanager
def without_docker(outputs):
    """moto would run the sender in Docker, for each record of the stream and each message of the retry queue. Here it does
    neither."""
    dynamodb_backends["123456789012"]["us-east-1"].get_table(outputs["CodesTableName"]).lambda_event_source_mappings.clear()
    for queue in sqs_backends["123456789012"]["us-east-1"].queues.values():
        queue.lambda_event_source_mappings.clear()
    docker(False)
    try:
        yield
    finally:
        docker(True)  # without it moto does not find the stack's functions


def docker(used):
    urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/config", json.dumps({"lambda": {"use_docker": used}}).encode()).close()


def letter(outputs):
    """A code that was not sent, and the dead letter that points to it."""
    row = {"sessionId": "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f", "code": "digest"}
    aws("dynamodb").put_item(TableName=outputs["CodesTableName"], Item={
        **{name: {"S": value} for name, value in row.items()}, "send": {"S": "code"}, "sealed": {"B": b"1"},
        "expiredAt": {"N": str(int(time.time()) + 600)}})
    aws("sqs").send_message(QueueUrl=outputs["DeadLetterQueueUrl"], MessageBody=json.dumps(row))


def accounts(table):
    return sorted(aws("dynamodb").scan(TableName=table)["Items"], key=lambda item: item["email"]["S"])


def lose(table):
    """Deletes all accounts, so that there is something to restore."""
    before = accounts(table)
    for item in before:
        aws("dynamodb").delete_item(TableName=table, Key={"email": item["email"]})
    return before


# ---- The test -------------------------------------------------------------------------------------------------------


def prove(folder, outputs):
    os.environ["AWS_MAX_ATTEMPTS"] = "1"  # moto answers the same the second time
    with without_docker(outputs):
        prepare(folder, outputs)
        commands, unused = told(outputs)
        run_all(commands, folder, outputs["UsersTableName"])
        for command, want in WRONG.items():
            check(f"that `{command}` is refused by {want}", want in (judge(command, folder) or ""), True)
    check("what of FILL no document needs", unused, [])
    check("what of UNSEEN no document has", sorted(set(UNSEEN) - set(map(unseen, commands))), [])
    with open("docs/deploy.md") as file:
        check("that docs/deploy.md has what `python .ci/commands.py` prints", row() in file.read(), True)
    print(f"ran the documents' {len(commands)} commands, {len(set(map(unseen, commands)) - {None})} of which moto does not answer")


def told(outputs):
    """The documents' commands, each with the place where it comes first, and what of FILL none of them needs."""
    commands, unused = {}, set(FILL)
    for document in DOCS:
        with open(document) as file:
            for line, command in documented(file.read().replace(row(), "")):  # which names commands that nobody is to run
                commands.setdefault(filled(command, outputs, unused), f"{document}:{line}")
    return commands, sorted(unused)


def run_all(commands, folder, table):
    """Runs them, and loses all accounts before those that were restored are put back."""
    wrong, lost = [], None
    for command, place in commands.items():
        if restores := command.startswith("aws dynamodb scan --table-name users-restored"):
            lost = lose(table)
        if said := judge(command, folder):
            wrong.append(f"{place}: {command}\n{said}")
        if restores and accounts(table) != lost:
            wrong.append(f"{place}: the accounts are not those that were lost")
    check("the documented commands that fail", wrong, [])
    check("that accounts were lost", bool(lost), True)


def row():
    """docs/deploy.md's row, beside those of unproven.py."""
    return f"| answers of commands | {', '.join(f'`{name}`' for name in UNSEEN)} |"


if __name__ == "__main__":
    print(row())
