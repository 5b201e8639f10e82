"""Proves the documents' commands: runs each `aws` and `otpctl` command that they name, in their order, on the deployed stack.

Each must end with exit code 0, or MiniStack has no answer to it and it stands in UNSEEN.
"""
import contextlib
import glob
import io
import json
import os
import re
import shlex
import time

from awscli.clidriver import create_clidriver
from markdown_it import MarkdownIt

from judge import ACCOUNT, attempt, aws, check, run, tool

# In the order in which a new user reads them. A command that several of them have runs where it comes first.
DOCS = list(dict.fromkeys(["README.md", "docs/deploy.md", "docs/operations.md", *sorted(glob.glob("docs/*.md"))]))

# Patterns for the parts that a document leaves to its reader, with their values. {Names} are outputs of the stack.
FILL = {
    "USERS_TABLE": "{UsersTableName}",
    "DISTRIBUTION_ID": "{DistributionId}",
    "ARN_OF_THE_PHONE_NUMBER": f"arn:aws:sms-voice:us-east-1:{ACCOUNT}:phone-number/phone-1",
    "ACCOUNT_ID": ACCOUNT,
    "COMMAND": "user list",
    " (DESTINATION|DOMAIN|EMAIL|PREFIX)$": "",
    "^otpctl client add NAME$": r"\g<0> --purpose login",
    # what somebody answers at a terminal
    "^otpctl captcha set$": r"\g<0> --secret-stdin <<<key",
    "^otpctl user add .*@.*": r"\g<0> --password-stdin <<<'tulip harbor lantern 42'",
    "^otpctl rotate-secret$": r"\g<0> --yes",
}

ACCOUNTS = "email,name,phone,channel,password\ncarl@example.com,Carl,,email,tulip harbor lantern 42\n"  # accounts.csv

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

BLOCK = re.compile(r"^(?:\$ )?(?:\.tools/)?((?:aws|otpctl) (?:(?!  +#).)*(?:\n  .*)*)", re.M)
INLINE = re.compile(r"(?:source <\()?((?:aws|otpctl) (?:[a-z]|COMMAND)[^)]*)")


def documented(text):
    """A document's commands, each with its line: those of code blocks, and those between backquotes, where "a b | c" stands
    for "a b" and "a c"."""
    for token in MarkdownIt().parse(text):
        if token.type == "code_block":
            yield from ((token.map[0] + 1, command) for command in BLOCK.findall(token.content))
        for code in [child.content for child in token.children or [] if child.type == "code_inline"]:
            if named := INLINE.match(code):
                first, *others = named[1].split(" | ")
                yield from ((token.map[0] + 1, name) for name in (first, *(f"{first.rsplit(' ', 1)[0]} {other}" for other in others)))


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


def fault(command, folder):
    """What is wrong with a command, if anything. One that is named without its arguments need only be known."""
    code, said = execute(command, folder)
    known = unseen(command)
    if code == 0:
        return known and "MiniStack answers it by now: it can leave UNSEEN"
    fine = UNSEEN[known] in said if known else code == 2 and "and got 0 arguments" in said
    return None if fine else f"exit code {code}: {said.strip()}"


def prepare(folder, outputs):
    """A file of accounts, a paused prefix, a suppressed address, and a dead letter that points to a code."""
    with open(f"{folder}/accounts.csv", "w") as file:
        file.write(ACCOUNTS)
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
            self.unused -= {pattern} if times else set()
        return command

    def one(self, name, stack="streamotp"):
        """Runs the documented command that begins so, on a stack of this name."""
        [command] = [command for command in self.commands if command.startswith(name)]
        code, said = execute(re.sub(r"(--stack-name) \S+", rf"\1 {stack}", command), self.folder)
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
            if said := fault(command, self.folder):
                wrong.append(f"{place}: {command}\n{said}")
            if restores:
                check("the accounts that were lost", [bool(lost), accounts(users)], [True, lost])
        check("the documented commands that fail", wrong, [])
        check("what of FILL no document needs", sorted(self.unused), [])
        check("what of UNSEEN no document has", sorted(set(UNSEEN) - set(map(unseen, self.commands))), [])
        return len(self.commands)
