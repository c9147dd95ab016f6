"""The usual way to take a volume in: FastAPI on uvicorn, with its fastest loop and parser. Started by tools/bench.

`/spool` receives the file and answers. `/infer` checks it as well, with NumPy, for what POST /infer of this platform
checks about voxels: a readable archive without pickles, type, three dimensions, finite, range, distinct values.
It neither rebuilds nor stores nor syncs the file, and records no job.
"""

import sys

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException, UploadFile

DTYPES = ("uint8", "int8", "uint16", "int16", "int32", "uint32", "float32", "float64")
INTENSITY_MIN, INTENSITY_MAX, DISTINCT_MIN = 0, 255, 2

app = FastAPI()


def has_enough_distinct_values(volume):
    """Slice by slice, and only until there are enough: the whole volume's np.unique would take seconds."""
    seen = set()
    for plane in volume:
        seen.update(np.unique(plane).tolist())
        if len(seen) >= DISTINCT_MIN:
            return True
    return False


def check(file):
    with np.load(file, allow_pickle=False) as archive:
        volume = archive["imgs"]
    if volume.dtype.name not in DTYPES or volume.ndim != 3:
        return False
    low, high = volume.min(), volume.max()
    if not np.isfinite(low) or not np.isfinite(high) or low < INTENSITY_MIN or high > INTENSITY_MAX:
        return False
    return has_enough_distinct_values(volume)


@app.post("/spool", status_code=202)
async def spool(file: UploadFile):
    return {"bytes": file.size}


@app.post("/infer", status_code=202)
def infer(file: UploadFile):  # not async: FastAPI then checks in a thread, so that it goes on answering others
    if not check(file.file):
        raise HTTPException(422)
    return {"job_id": "f1c9a1f4-95a5-4b33-9e4f-7d2f2b8f0f6a", "status": "submitted"}


@app.get("/status/{job_id}")
async def status(job_id: str):
    return {
        "job_id": job_id,
        "status": "pending",
        "phase": "queued",
        "attempt": 0,
        "waiting_for": "worker",
        "cancel_requested": False,
        "created_at": "2026-01-01T00:00:00.000Z",
    }


if __name__ == "__main__":
    # One process, no access log; loop and http are uvloop and httptools, as `uvicorn[standard]` has them.
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="error"
    )
