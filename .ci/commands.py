"""Proves the documents' commands: runs each `aws` and `otpctl` command that they name, in their order, on the deployed stack.

Each must end with exit code 0, or MiniStack has no answer to it and it stands in UNSEEN.
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
import time

from awscli.clidriver import create_clidriver

from judge import attempt, aws, check, run, tool

# In the order in which a new user reads them. A command that several of them have runs where it comes first.
DOCS = list(dict.fromkeys(["README.md", "docs/deploy.md", "docs/operations.md", *sorted(glob.glob("docs/*.md"))]))

# Patterns for the parts that a document leaves to its reader, with their values. {Names} are outputs of the stack.
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

# Commands that MiniStack does not answer, each with what it says in place of an answer.
UNSEEN = {
    "aws pinpoint-sms-voice-v2": "An error occurred (400)",
    "aws sesv2 put-account-pricing-attributes": "Unknown SES v2 path",
    "aws sns get-sms-sandbox-account-status": "Unknown action",
    "aws sns create-sms-sandbox-phone-number": "Unknown action",
    "aws sns verify-sms-sandbox-phone-number": "Unknown action",
    "aws sns set-sms-attributes": "Unknown action",
}

# Commands that deploy.py runs when there is something to cancel, to recover or to delete.
ELSEWHERE = ("aws cloudformation cancel-update-stack", "aws cloudformation continue-update-rollback", "aws cloudformation delete-stack")

BLOCK = re.compile(r" {4,}(?:\$ )?(?:\.tools/)?((?:aws|otpctl) [a-z].*)$")
INLINE = re.compile(r"`(?:source <\()?((?:aws|otpctl) (?:[a-z]|COMMAND)[^`]*?)\)?`")


def documented(text):
    """A document's commands, each with its line: those of indented blocks, and those between backquotes, where "a b | c"
    stands for "a b" and "a c"."""
    lines, found = text.splitlines(), []
    for at, line in enumerate(lines):
        if match := BLOCK.match(line):
            command, end = re.sub("  +#.*", "", match[1]), at + 1
            while lines[end:end + 1] and subprocess.run(["bash", "-n", "-c", command], stderr=subprocess.DEVNULL).returncode:
                command, end = f"{command}\n{lines[end]}", end + 1
            found.append((at + 1, command))
            lines[at:end] = [""] * (end - at)
    prose = "\n".join(lines)
    for match in INLINE.finditer(prose):
        first, *others = match[1].replace("\n", " ").split(" | ")
        names = [first, *(f"{first.rsplit(' ', 1)[0]} {other}" for other in others)]
        found += [(prose.count("\n", 0, match.start()) + 1, name) for name in names]
    return sorted(found, key=lambda command: command[0])


def execute(command, folder):
    """Exit code and output of a command. The AWS CLI runs in this process where no shell is needed: it takes long to start."""
    if command.startswith("aws ") and not set(command) & set("|<$\n"):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                return create_clidriver().main(shlex.split(command)[1:]), said.getvalue()
            except SystemExit as end:
                return end.code, said.getvalue()
    return attempt("bash", "-o", "pipefail", "-c", command, cwd=folder, env={
        **os.environ, "PATH": f"{folder}:{os.path.dirname(tool(''))}:/usr/bin:/bin", "HOME": folder})


def unseen(command):
    """The entry of UNSEEN for a command."""
    return next((name for name in UNSEEN if f"{command} ".startswith(f"{name} ")), None)


def judged(command, folder):
    """The fault of a command, if any."""
    code, said = execute(command, folder)
    known = unseen(command)
    if code == 0:
        return known and "MiniStack answers it by now: it can leave UNSEEN"
    return None if known and UNSEEN[known] in said else f"exit code {code}: {said.strip()}"


# ---- What the commands find -----------------------------------------------------------------------------------------


def prepare(folder, outputs):
    """Files, a paused prefix, a suppressed address, and a dead letter that points to a code."""
    for name, text in FILES.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    run("go", "run", "streamotp/otpctl/incident", outputs["LimitsTableName"], outputs["KeySecretArn"], "+491511", "ada@example.com")
    key = {"sessionId": "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f", "code": "digest"}
    aws("dynamodb").put_item(TableName=outputs["CodesTableName"], Item={
        **{name: {"S": value} for name, value in key.items()}, "sealed": {"B": b"1"}, "expiredAt": {"N": str(int(time.time()) + 600)}})
    aws("sqs").send_message(QueueUrl=outputs["DeadLetterQueueUrl"], MessageBody=json.dumps(key))


def accounts(table):
    return sorted(aws("dynamodb").scan(TableName=table)["Items"], key=lambda item: item["email"]["S"])


class Documents:
    """The documents' commands for a stack with these outputs. own_list is a text that has commands which nobody is to run."""

    def __init__(self, folder, outputs, own_list):
        self.folder, self.outputs = folder, outputs
        self.commands, self.unused = {}, set(FILL)
        for document in DOCS:
            with open(document) as file:
                for line, command in documented(file.read().replace(own_list, "")):
                    self.commands.setdefault(self.filled(command), f"{document}:{line}")

    def filled(self, command):
        for pattern, put in FILL.items():
            command, times = re.subn(pattern, put.format_map(self.outputs), command)
            if times:
                self.unused.discard(pattern)
        return command

    def one(self, name, stack=None):
        """Runs the documented command that begins so, on another stack if there is one."""
        [command] = [command for command in self.commands if command.startswith(name)]
        code, said = execute(command if stack is None else re.sub(r"(--stack-name) \S+", rf"\1 {stack}", command), self.folder)
        check(f"{command}: {said}", code, 0)

    def prove(self):
        """Runs them but those of ELSEWHERE, and loses all accounts before those that were restored are put back. Gives how many."""
        prepare(self.folder, self.outputs)
        wrong, lost, users = [], None, self.outputs["UsersTableName"]
        for command, place in self.commands.items():
            if command.startswith(ELSEWHERE):
                continue
            if restores := command.startswith("aws dynamodb scan --table-name users-restored"):
                lost = accounts(users)
                for item in lost:
                    aws("dynamodb").delete_item(TableName=users, Key={"email": item["email"]})
            if said := judged(command, self.folder):
                wrong.append(f"{place}: {command}\n{said}")
            if restores:
                check("the accounts that were lost", accounts(users), lost)
        check("the documented commands that fail", wrong, [])
        check("that accounts were lost", bool(lost), True)
        check("what of FILL no document needs", sorted(self.unused), [])
        check("what of UNSEEN no document has", sorted(set(UNSEEN) - set(map(unseen, self.commands))), [])
        return len(self.commands)
