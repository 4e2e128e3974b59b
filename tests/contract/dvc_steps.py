"""Run by the Python of testbed/envs/dvc.txt: steps with the command lines of Git, DVC and GTO, told as JSON on standard
input and done one after the other in one folder.

A step is a list: `["write", <path>, <content in base64>]`, `["git", …]`, `["dvc", …]`, or `["gto", …]`. What they print
is printed as a list in JSON.
"""

import base64
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

from dvc.cli import main as dvc  # type: ignore[import-not-found]  # it is in an environment of its own
from gto.cli import app as gto  # type: ignore[import-not-found]


def done(step: list[str]) -> str:
    """Do one step; returns what it prints."""
    tool, *arguments = step
    said = io.StringIO()
    if tool == "write":
        path = Path(arguments[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(arguments[1]))
    elif tool == "git":
        result = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
        return result.stdout
    elif tool == "dvc":
        with redirect_stdout(said):
            status = dvc(arguments)
        if status:
            raise SystemExit(f"dvc {arguments} ended with {status}")
    else:
        with redirect_stdout(said):
            gto(arguments, standalone_mode=False)
    return said.getvalue()


def main() -> None:
    """All steps."""
    told = json.load(sys.stdin)
    printed = []
    for step in told["steps"]:
        os.chdir(told["folder"])  # anew: DVC goes elsewhere when it is told to, and stays there
        printed.append(done(step))
    json.dump(printed, sys.stdout)


if __name__ == "__main__":
    main()
