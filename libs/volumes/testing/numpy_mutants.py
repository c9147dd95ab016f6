"""Reads with NumPy what this library accepted, and compares what both understood. Used by mutants.spec.ts.

    python numpy_mutants.py KIND FILE    KIND is pickles, headers, inputs or masks; FILE has one JSON object a line
    prints {"checked": N, "disagreements": [...]}

The files are mutants of hostile things: the unpickler here knows seven names, and the process may not grow or run on.
"""

import base64
import collections
import io
import json
import pickle
import resource
import sys
import warnings

import numpy as np

MEMORY_BYTES_MAX = 4 * 1024**3
CPU_SECONDS_MAX = 900
SHOWN_MAX = 10

NAMES = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


def encode(text, encoding):
    if encoding != "latin1":
        raise pickle.UnpicklingError("another codec")
    return text.encode("latin1")


class Restricted(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("_codecs", "encode"):
            return encode
        if (module, name) in NAMES:
            return super().find_class(module, name)
        raise pickle.UnpicklingError("another name")


class PickleModule:
    """All that numpy.lib.format uses of pickle."""

    UnpicklingError = pickle.UnpicklingError

    @staticmethod
    def load(file, **options):
        return Restricted(file, **options).load()


def restrict_numpy():
    """From here on no array can run anything; proven with one that would."""
    header = io.BytesIO()
    np.lib.format.write_array(header, np.array(None, dtype=object), allow_pickle=True)
    np.lib.format.read_array.__globals__["pickle"] = PickleModule
    hostile = header.getvalue()[:128] + b"\x80\x02cos\nabort\n)R."
    try:
        np.lib.format.read_array(io.BytesIO(hostile), allow_pickle=True)
    except pickle.UnpicklingError:
        return
    raise SystemExit("the unpickler is not restricted")


def require(condition, what):
    if not condition:
        raise AssertionError(what)


def array_of(npy):
    file = io.BytesIO(npy)
    array = np.lib.format.read_array(file, allow_pickle=True)
    require(file.read() == b"", "bytes are left over")
    return array


def check_prompts(array, understood):
    require(array.shape == () and array.dtype == object, "no 0-d array of objects")
    found = array.item()
    require(type(found) is dict, "no dictionary")
    expected = {str(label["id"]): label["prompt"] for label in understood["labels"]}
    labels = {key: value for key, value in found.items() if key != "instance_label"}
    require(all(isinstance(text, str) for item in labels.items() for text in item), "no text")
    require(labels == expected, "other prompts")
    instance_label = found.get("instance_label", 0)
    require(not isinstance(instance_label, (bool, float, str)), "another kind of instance label")
    require(instance_label == understood["instanceLabel"], "another instance label")


def check_header(array, case):
    require(list(array.shape) == case["shape"], "another shape")
    require(array.dtype.newbyteorder("=").name == case["dtype"], "another type")
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    order = "F" if case["fortranOrder"] else "C"
    require(little.tobytes(order=order) == base64.b64decode(case["littleEndian"]), "other values")
    if array.ndim > 1 and array.size > 0:
        require(array.flags.f_contiguous if case["fortranOrder"] else array.flags.c_contiguous, "another order")


def check_input(source, rebuilt, summary):
    imgs = source["imgs"]
    require(list(imgs.shape) == summary["shape"], "another shape")
    require(imgs.dtype.newbyteorder("=").name == summary["dtype"], "another type")
    expected = imgs * imgs.dtype.type(255) if summary["intensity"]["applied"] == "x255" else imgs
    require(np.array_equal(rebuilt["imgs"], expected), "other voxels")
    require(("text_prompts" in source.files) == (summary["prompts"] is not None), "prompts came or went")
    if summary["prompts"] is not None:
        check_prompts(source["text_prompts"], summary["prompts"])
        check_prompts(rebuilt["text_prompts"], summary["prompts"])
    require(("spacing" in source.files) == (summary["spacingMm"] is not None), "spacing came or went")
    if summary["spacingMm"] is not None:
        require(np.asarray(source["spacing"], dtype="f8").tolist() == summary["spacingMm"], "another spacing")
        require(rebuilt["spacing"].tolist() == summary["spacingMm"], "another spacing in the new file")


def opened(text):
    return np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=True)


def check(kind, case):
    if kind == "pickles":
        check_prompts(array_of(base64.b64decode(case["source"])), case["prompts"])
    elif kind == "headers":
        check_header(array_of(base64.b64decode(case["source"])), case)
    elif kind == "inputs":
        check_input(opened(case["source"]), opened(case["rebuilt"]), case["summary"])
    else:
        source = opened(case["source"])
        key = next(key for key in ["segs", "pred_mask", "mask"] if key in source.files)
        require(source[key].shape == tuple(case["shape"]), "another shape")
        require(np.array_equal(source[key].ravel(), case["ids"]), "other ids")


def main(kind, path):
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    restrict_numpy()
    checked = 0
    reasons = collections.Counter()
    shown = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            checked += 1
            try:
                check(kind, case)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"[:200]
                reasons[reason] += 1
                if reasons[reason] == 1 and len(shown) < SHOWN_MAX:
                    shown.append({"reason": reason, "source": case["source"]})
    counts = dict(reasons.most_common(SHOWN_MAX))
    print(json.dumps({"checked": checked, "disagreements": shown, "reasons": counts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
