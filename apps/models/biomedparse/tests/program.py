"""Where the program under test is: beside this folder in a checkout, at /workspace in an image."""

import os
import subprocess
import sys

TESTS = os.path.dirname(os.path.abspath(__file__))
_BESIDE = os.path.dirname(TESTS)
FOLDER = _BESIDE if os.path.isdir(os.path.join(_BESIDE, "segment")) else "/workspace"


def peak_kib():
    """The most memory that this process has held. Not getrusage's figure: that one begins with the parent's."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def run_child(code, content=b"", timeout_s=60, environment=None):
    """Runs Python code in a process of its own that can import `segment` and the helpers here, and ends in time."""
    path = os.pathsep.join([TESTS, FOLDER])
    return _run(["-c", code], content, timeout_s, {"PYTHONPATH": path, **(environment or {})})


def run_program(environment):
    """Runs predict.py as its container does: found by its path alone."""
    return _run([os.path.join(FOLDER, "predict.py")], b"", 60, environment)


def _run(arguments, content, timeout_s, environment):
    return subprocess.run(
        [sys.executable, *arguments],
        input=content,
        capture_output=True,
        timeout=timeout_s,
        cwd=os.path.sep,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        check=False,
    )
