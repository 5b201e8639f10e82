"""Answers `sam deploy --guided` as README tells a new user to: with Enter, but where ANSWERS has more.

It runs in the folder that has .aws-sam/build, at a terminal of its own, until SAM has no more questions and looks for AWS.
"""
import os
import pty
import re
import signal
import sys

from sam import check

# Questions that Enter does not answer.
ANSWERS = {"Parameter SesFromAddress []": "login@example.com"}
QUESTION = re.compile(r"^\t(.*\]|Parameter \w+): $", re.M)
NO_MORE = "Looking for resources needed for deployment"


def ask():
    """SAM's questions, in order."""
    sam, terminal = pty.fork()
    if not sam:
        os.execve(os.path.join(os.path.dirname(sys.executable), "sam"), ["sam", "deploy", "--guided"], {
            **os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-central-1", "TERM": "dumb"})
    said, asked = "", []
    try:
        while NO_MORE not in said:
            said += re.sub(r"\x1b\[[0-9;]*m|\r", "", os.read(terminal, 4096).decode())
            if question := QUESTION.search(said):
                asked.append(question[1])
                said = said[question.end():]
                os.write(terminal, (next((a for q, a in ANSWERS.items() if q in question[1]), "") + "\n").encode())
    except OSError:  # SAM has ended
        sys.exit(f"sam deploy --guided: {asked[-1:]} was its last question\n{said}")
    finally:
        os.close(terminal)
        os.waitpid(sam, 0)
    return asked


def main():
    signal.alarm(120)  # a question of another form would be waited for
    asked = ask()
    check("the stack and region that SAM proposes", asked[:2], ["Stack Name [streamotp]", "AWS Region [eu-central-1]"])
    check("parameters that SAM takes no Enter for", [q for q in asked if q.startswith("Parameter") and not q.endswith("]")], [])
    check("questions whose default ends the deployment", [q for q in asked if q.endswith("[y/N]") and "changes" not in q and "rollback" not in q], [])
    print(f"answered the {len(asked)} questions of sam deploy --guided")


if __name__ == "__main__":
    main()
