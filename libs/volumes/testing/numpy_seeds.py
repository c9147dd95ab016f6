"""Prints what NumPy writes, for `src/testing/corpus/numpy-seeds.ts`; mutants start from there.

    python numpy_seeds.py       one JSON object: pickles of text_prompts, and with NumPy 2 whole archives, in base64
"""

import base64
import io
import json
import pickle

import numpy as np

PLAIN = {"1": "liver", "instance_label": 0}
SCALARS = {np.str_("7"): np.str_("Läsion"), "8": "spleen", "instance_label": np.int64(1)}
MAJOR = np.__version__.split(".")[0]


def text(data):
    return base64.b64encode(data).decode()


def archive(save):
    buffer = io.BytesIO()
    imgs = np.arange(24, dtype="u1").reshape(2, 3, 4) * 10
    save(buffer, imgs=imgs, text_prompts=PLAIN, spacing=np.array([0.5, 0.75, 5.0]))
    return text(buffer.getvalue())


seeds = {}
for protocol in [2, 3, 4, 5]:
    for name, prompts in [("plain", PLAIN), ("scalars", SCALARS)]:
        data = pickle.dumps(np.array(prompts, dtype=object), protocol=protocol)
        seeds[f"numpy {MAJOR}, protocol {protocol}, {name}"] = text(data)
if MAJOR == "2":
    seeds["savez"] = archive(np.savez)
    seeds["savez_compressed"] = archive(np.savez_compressed)
print(json.dumps(seeds, indent=1))
