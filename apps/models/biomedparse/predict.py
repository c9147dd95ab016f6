"""Segments one volume with BiomedParse: inputs/input.npz -> outputs/input.npz (see README.md for the contract)."""

import importlib
import json
import os
import sys
import traceback

from segment.job import run
from segment.out_of_memory import is_out_of_memory
from segment.refusal import Refusal


def main(environment):
    """Returns the exit code, after one JSON object as the last line of stderr unless it is 0."""
    try:
        run(environment, lambda: importlib.import_module("network"))
        return 0
    except Exception as error:  # whatever it is, its text might quote data: only its kind decides
        reason = reason_of(error)
    # Only here, past the handler, are the files closed that the error's frames held. One that is half written complains
    # on stderr, which has to come before the last line.
    return finish(Refusal(reason))


def reason_of(error):
    if isinstance(error, Refusal):
        return error.reason
    if is_out_of_memory(error):
        return "out_of_memory"
    # Where it happened holds no data; what it says may.
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    print(f"{type(error).__name__} at\n{frames}", file=sys.stderr)
    return "unexpected_error"


def finish(refusal):
    print(json.dumps({"code": refusal.exit_code, "reason": refusal.reason}), file=sys.stderr, flush=True)
    return refusal.exit_code


if __name__ == "__main__":
    sys.exit(main(os.environ))
