"""
What Schemathesis sends beyond what it makes up (SCHEMATHESIS_HOOKS=api_requests). Made-up ids name no job and made-up
files are no volume, so every second request gets a job of ours, or a volume that is one: else only the first check of
each route would ever answer.

Environment: KNOWN_JOBS, ids of jobs that have ended, comma-separated, a completed one first; VOLUME, an NPZ that is
accepted; ANSWERS, the file that at the end says how often which operation answered what: {"getStatus": {"200": 17}}.
"""

import atexit
import itertools
import json
import os
import random
import re
from pathlib import Path

import schemathesis

KNOWN_JOBS = os.environ["KNOWN_JOBS"].split(",")
VOLUME = Path(os.environ["VOLUME"]).read_bytes()
JOBS_MAX = 1_000
WAIT_MAX_S = 1  # a held answer is tested elsewhere; here it would only take time
STREAMS = {"getEvents"}  # each lasts as long as its job, so only of jobs that have ended
SHOWS_A_RESULT = {"getResult", "getArtifact"}
ENDS_A_JOB = {"cancelJob", "deleteJob"}

coin = random.Random(1)
known = itertools.cycle(KNOWN_JOBS)
submitted: list[str] = []
answers: dict[str, dict[int, int]] = {}
atexit.register(lambda: Path(os.environ["ANSWERS"]).write_text(json.dumps(answers)))


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw.get("operationId")
    wait = (case.query or {}).get("wait")
    if re.fullmatch(r"\d{1,2}", str(wait)) and WAIT_MAX_S < int(wait) <= 60:
        case.query["wait"] = WAIT_MAX_S
    if coin.random() < 0.5:
        return
    if "job_id" in (case.path_parameters or {}):
        case.path_parameters["job_id"] = job_for(operation) or case.path_parameters["job_id"]
    if operation == "submitJob" and isinstance(case.body, dict):
        case.body["file"] = VOLUME
        case.body["model"] = "echo"
        case.body["params"] = '{"behaviour": "slow"}'
        case.body.pop("geometry", None)


def job_for(operation):
    if operation in ENDS_A_JOB:
        return submitted.pop() if submitted else None
    if operation in SHOWS_A_RESULT and coin.random() < 0.5:
        return KNOWN_JOBS[0]
    if operation not in STREAMS and submitted and coin.random() < 0.5:
        return submitted[-1]
    return next(known)


@schemathesis.hook
def after_call(context, case, response):
    operation = case.operation.definition.raw.get("operationId")
    # It also asks by methods that a route does not have: no answer of this operation.
    if case.method.upper() != case.operation.method.upper():
        return
    counts = answers.setdefault(operation, {})
    counts[response.status_code] = counts.get(response.status_code, 0) + 1
    if operation == "submitJob" and response.status_code == 202 and len(submitted) < JOBS_MAX:
        submitted.append(response.json()["job_id"])
