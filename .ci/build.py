"""Proves what `sam build` makes of somebody else's checkout: arm64 binaries, stripped, small, without net/rpc, never yesterday's.

The checkout is in a folder with a space in its name, has Windows' line ends (core.autocrlf) and another owner. It is then deployed.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

from judge import ROOT, attempt, check, run, tool

MOST = {"GenerateFunction": 6_000_000}  # bytes of the upload; of the others:
MOST_OF_OTHERS = 5_000_000


def checkout(folder):
    os.mkdir(folder)
    files = run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    attempt("cp", "--parents", "-t", folder, *files, cwd=ROOT)  # a file that was deleted and not committed is left out
    os.chdir(folder)
    for command in ("init -q", "add -A", "-c user.name=ci -c user.email=ci@example.com commit -qm copy", "rm -rqf --cached .",
                    "-c core.autocrlf=true reset -q --hard"):
        run("git", *command.split())
    os.environ["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1"
    check("that Git takes the copy for another owner's", attempt("git", "status")[0] != 0, True)


def sam_build(architecture):
    run(tool("sam"), "build", env={**os.environ, "GOARCH": architecture, "SAM_CLI_TELEMETRY": "0"})


def binary(function):
    with open(f".aws-sam/build/{function}/bootstrap", "rb") as file:
        return file.read()


def looks_right(function, folder):
    path = f".aws-sam/build/{function}"
    facts = run("go", "version", "-m", f"{path}/bootstrap")
    wanted = ["GOARCH=arm64", "GOOS=linux", "CGO_ENABLED=0", "-tags=lambda.norpc", "-trimpath=true"]
    check(f"what {function} is built without", [fact for fact in wanted if fact not in facts], [])
    check(f"symbols of {function}", "main.main" in attempt("go", "tool", "nm", f"{path}/bootstrap")[1], False)
    check(f"net/rpc in {function}", b"net/rpc" in binary(function), False)
    upload = os.path.getsize(shutil.make_archive(f"{folder}/{function}", "zip", path))
    check(f"that {function} is small", upload < MOST.get(function, MOST_OF_OTHERS), True)


def change(path, old, new):
    with open(path) as file:
        text = file.read()
    check(f"{old} in {path}", old in text, True)
    with open(path, "w") as file:
        file.write(text.replace(old, new))


def main():
    with tempfile.TemporaryDirectory() as folder:
        checkout(f"{folder}/a folder")
        sam_build("arm64")
        functions = sorted(os.path.basename(path) for path in glob.glob(".aws-sam/build/*Function"))
        check("how many functions are built", len(functions), 8)
        for function in functions:
            looks_right(function, folder)
        before = binary("VerifyFunction")
        change("shared/otp/session.go", "the code was used before", "the code was used long ago")
        sam_build("arm64")
        check("that a change in shared/ is built", binary("VerifyFunction") != before, True)
        sam_build("amd64")  # for this machine
        sys.exit(subprocess.run([sys.executable, f"{ROOT}/.ci/deploy.py"]).returncode)


if __name__ == "__main__":
    main()
