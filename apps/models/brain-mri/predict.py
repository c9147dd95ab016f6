"""Segments the brain in one T1 head MRI: inputs/input.npz -> outputs/input.npz (see README.md for the contract).

Volumes are (D, H, W) = (z, y, x). Half resolution = 2x2x2 mean, network, linear upsampling of the probability.
Patches overlap only where the last one of an axis is moved inwards to be a full one, and there the later one counts:
more overlap lowered the Dice, and so nothing has to be accumulated.
"""

import json
import os
import sys
import time
import zipfile
import zlib

import numpy as np

PATCH = 48  # the edge that the network was trained on, a multiple of its total stride 8
BRAIN_PROBABILITY_MIN = 0.5
TISSUE_INTENSITY_MIN = 0.05  # of the normalized 0..1; a patch below it everywhere is background
PROGRESS_FRACTION_STEP = 0.01
THREADS_DEFAULT, THREADS_MAX = 2, 64
RESOLUTIONS = ("half", "full")
# float64 values beyond this would overflow while they are normalized to float32.
INTENSITY_MAGNITUDE_MAX = 1e30

EXIT_INPUT_REJECTED, EXIT_OUT_OF_MEMORY, EXIT_WEIGHTS_MISSING, EXIT_MODEL_ERROR = 10, 11, 12, 1


class Refusal(Exception):
    """An expected end. `reason` is one of a fixed list: it never holds a value from the input."""

    def __init__(self, exit_code, reason):
        super().__init__(reason)
        self.exit_code = exit_code
        self.reason = reason


def load_params(path):
    """Returns the resolution. A missing file means the defaults."""
    try:
        with open(path, encoding="utf-8") as file:
            params = json.load(file)
    except FileNotFoundError:
        return "half"
    except (OSError, ValueError) as error:
        raise Refusal(EXIT_INPUT_REJECTED, "params_unreadable") from error
    if not isinstance(params, dict) or params.get("resolution", "half") not in RESOLUTIONS:
        raise Refusal(EXIT_INPUT_REJECTED, "params_invalid")
    return params.get("resolution", "half")


def load_volume(path):
    """Returns `imgs` as stored (any real dtype, any byte order) with its minimum and maximum. Nothing is unpickled."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            volume = archive["imgs"]
    except KeyError as error:
        raise Refusal(EXIT_INPUT_REJECTED, "imgs_missing") from error
    except (OSError, EOFError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise Refusal(EXIT_INPUT_REJECTED, "input_unreadable") from error
    if volume.ndim != 3 or volume.size == 0:
        raise Refusal(EXIT_INPUT_REJECTED, "imgs_shape")
    if volume.dtype.kind not in "uif":
        raise Refusal(EXIT_INPUT_REJECTED, "imgs_dtype")
    low, high = float(volume.min()), float(volume.max())
    # Both comparisons are false for NaN, which min and max hand on.
    if not (low >= -INTENSITY_MAGNITUDE_MAX and high <= INTENSITY_MAGNITUDE_MAX):
        raise Refusal(EXIT_INPUT_REJECTED, "imgs_not_finite")
    if low == high:
        raise Refusal(EXIT_INPUT_REJECTED, "imgs_constant")
    return volume, low, high


def normalize(part, low, high):
    """0..1, float32. C order whatever the input's: sums in another order would round otherwise."""
    return ((part.astype(np.float64, order="C") - low) / (high - low)).astype(np.float32)


def halve(volume, low, high):
    """2x2x2 mean of the normalized volume, float32; odd edges repeat their last plane. Two slices at a time."""
    depth, height, width = volume.shape
    pad = ((0, 0), (0, height % 2), (0, width % 2))
    half = np.empty(((depth + 1) // 2, (height + 1) // 2, (width + 1) // 2), np.float32)
    for z in range(half.shape[0]):
        slab = np.pad(normalize(volume[2 * z : 2 * z + 2], low, high), pad, mode="edge")
        rows, columns = half.shape[1:]
        half[z] = slab.reshape(slab.shape[0], rows, 2, columns, 2).mean(axis=(0, 2, 4))
    return half


def upsampling_weights(size):
    """For each of `size` voxels: its two neighbours at half resolution and the second one's share (voxel centres)."""
    position = np.clip((np.arange(size) + 0.5) / 2 - 0.5, 0, (size + 1) // 2 - 1)
    below = np.floor(position).astype(np.intp)
    above = np.minimum(below + 1, (size + 1) // 2 - 1)
    return below, above, (position - below).astype(np.float32)


def double(probability, shape):
    """Mask (uint8, `shape`) of the probability at half resolution, linearly upsampled one slice at a time."""
    mask = np.empty(shape, np.uint8)
    (z0, z1, wz), (y0, y1, wy), (x0, x1, wx) = (upsampling_weights(size) for size in shape)
    wy = wy[:, None]
    for z in range(shape[0]):
        plane = probability[z0[z]] * (1 - wz[z]) + probability[z1[z]] * wz[z]
        plane = plane[y0] * (1 - wy) + plane[y1] * wy
        plane = plane[:, x0] * (1 - wx) + plane[:, x1] * wx
        mask[z] = plane >= BRAIN_PROBABILITY_MIN
    return mask


def patch_slices(shape):
    """The boxes that cover `shape`: full patches wherever the axis is long enough for one."""
    starts = [[min(start, max(0, size - PATCH)) for start in range(0, size, PATCH)] for size in shape]
    return [
        tuple(slice(start, min(start + PATCH, size)) for start, size in zip((z, y, x), shape))
        for z in starts[0] for y in starts[1] for x in starts[2]
    ]


def for_each_patch(shape, read, network, write, progress):
    """Runs `network` (float32 cube -> probability cube) over the patches that hold tissue; returns how many ran."""
    boxes = patch_slices(shape)
    cube = np.zeros((PATCH, PATCH, PATCH), np.float32)
    ran = 0
    for index, box in enumerate(boxes):
        part = read(box)
        if part.max() >= TISSUE_INTENSITY_MIN:
            cube.fill(0)
            inside = tuple(slice(0, size) for size in part.shape)
            cube[inside] = part
            write(box, network(cube)[inside])
            ran += 1
        progress((index + 1) / len(boxes))
    return ran, len(boxes)


def segment(volume, low, high, resolution, network, progress):
    """Returns the mask (uint8 0/1, the volume's shape) and the patch counts (ran, all)."""
    if resolution == "full":
        mask = np.zeros(volume.shape, np.uint8)

        def write_mask(box, probability):
            mask[box] = probability >= BRAIN_PROBABILITY_MIN

        counts = for_each_patch(
            volume.shape, lambda box: normalize(volume[box], low, high), network, write_mask, progress,
        )
        return mask, counts
    half = halve(volume, low, high)
    probability = np.zeros(half.shape, np.float32)
    counts = for_each_patch(half.shape, half.__getitem__, network, probability.__setitem__, progress)
    return double(probability, volume.shape), counts


def thread_count(text):
    """OMP_NUM_THREADS as onnxruntime needs it; onnxruntime itself reads only the session option."""
    usable = text and text.isascii() and text.isdigit() and int(text) > 0
    return min(int(text), THREADS_MAX) if usable else THREADS_DEFAULT


def load_network(path, threads):
    if not os.path.isfile(path):
        raise Refusal(EXIT_WEIGHTS_MISSING, "weights_missing")
    import onnxruntime  # late: the checks above answer without it, and unit tests need no network

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda cube: session.run(None, {name: cube[None, None]})[0][0, 0]


class Progress:
    """Appends lines to progress.jsonl, at most one per hundredth."""

    def __init__(self, path):
        self._path = path
        self._last = -1.0

    def report(self, step, fraction):
        if fraction - self._last < PROGRESS_FRACTION_STEP and fraction < 1:
            return
        self._last = fraction
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"fraction": round(fraction, 4), "step": step}) + "\n")


def run(input_dir, output_dir, weights_path, threads):
    started = time.monotonic()
    progress = Progress(os.path.join(output_dir, "progress.jsonl"))
    progress.report("load", 0.0)
    resolution = load_params(os.path.join(input_dir, "params.json"))
    volume, low, high = load_volume(os.path.join(input_dir, "input.npz"))
    network = load_network(weights_path, threads)
    loaded = time.monotonic()
    mask, (patches_run, patches) = segment(
        volume, low, high, resolution, network, lambda done: progress.report("segment", 0.05 + 0.9 * done),
    )
    segmented = time.monotonic()
    progress.report("write", 0.96)
    np.savez_compressed(os.path.join(output_dir, "input.npz"), segs=mask)
    metrics = {
        "patches": patches,
        "patches_run": patches_run,
        "load_ms": round((loaded - started) * 1000),
        "segment_ms": round((segmented - loaded) * 1000),
        "write_ms": round((time.monotonic() - segmented) * 1000),
    }
    with open(os.path.join(output_dir, "metrics.json"), "w", encoding="utf-8") as file:
        json.dump(metrics, file)
    progress.report("write", 1.0)


def finish(exit_code, reason):
    """Ends with the reason as the last line of stderr."""
    print(json.dumps({"code": exit_code, "reason": reason}), file=sys.stderr, flush=True)
    return exit_code


def is_allocation_failure(error):
    # onnxruntime has no error class of its own for this: it hands on what the C++ allocator said.
    text = str(error)
    return "bad_alloc" in text or "Failed to allocate" in text


def main(environment):
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        run(
            environment.get("INPUT_DIR", "/workspace/inputs"),
            environment.get("OUTPUT_DIR", "/workspace/outputs"),
            os.path.join(here, "model.onnx"),
            thread_count(environment.get("OMP_NUM_THREADS")),
        )
    except Refusal as refusal:
        return finish(refusal.exit_code, refusal.reason)
    except MemoryError:
        return finish(EXIT_OUT_OF_MEMORY, "out_of_memory")
    except Exception as error:  # whatever it is, its text might quote data: only its kind decides
        if is_allocation_failure(error):
            return finish(EXIT_OUT_OF_MEMORY, "out_of_memory")
        return finish(EXIT_MODEL_ERROR, "unexpected_error")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
