"""What a run tells while it goes on and afterwards: progress.jsonl, metrics.json, the mask."""

import json
import os
import resource

import numpy as np

FRACTION_STEP = 0.01


class Progress:
    """Appends lines to progress.jsonl, at most one per hundredth; it never goes back."""

    def __init__(self, path):
        self._path = path
        self._last = -1.0

    def report(self, step, fraction):
        if fraction - self._last < FRACTION_STEP and not (fraction == 1 and self._last < 1):
            return
        self._last = fraction
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"fraction": round(fraction, 4), "step": step}) + "\n")


def write_mask(path, mask):
    """Writes `segs` whole or not at all: under another name first."""
    part = f"{path}.part"
    with open(part, "wb") as file:
        np.savez_compressed(file, segs=mask)
    os.replace(part, path)


def write_json(path, value):
    part = f"{path}.part"
    with open(part, "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.replace(part, path)


def describe_prompts(prompts, segmentation, axis):
    """Per prompt: its existence score, its voxels, and how many slices along `axis` show it."""
    labels = np.moveaxis(segmentation.labels, axis, 0)
    counts = np.zeros((len(labels), 256), np.int64)
    for index, plane in enumerate(labels):
        counts[index] = np.bincount(plane.ravel(), minlength=256)
    return [
        {
            "id": id,
            "existence_score": round(score, 6),
            "voxels": int(counts[:, id].sum()),
            "slices": int(np.count_nonzero(counts[:, id])),
        }
        for id, score in zip(prompts.ids, segmentation.existence)
    ]


def host_peak_mib():
    # Linux counts it in KiB (getrusage(2)).
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
