"""Where the weights are, whether they are the right ones, and into the network with them, all of them."""

import hashlib
import inspect
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .out_of_memory import is_out_of_memory
from .refusal import Refusal

BAKED_FOLDER = "/workspace/baked"
BAKED_RECORD = "weights.json"
# A download that failed, or Git LFS's pointer to a file that was never fetched.
BYTES_MIN = 1024
_CHUNK_BYTES = 8 * 1024 * 1024
# Of training; upstream drops them, too (`load_pretrained` in its biomedparse_3D.py).
_LOSS_KEYS = ("loss_function.loss_fn.dice_loss.class_weight", "loss_function.cls_loss_fn.pos_weight")
_PREFIX = "model."
_KEYS_SHOWN_MAX = 5


@dataclass(frozen=True)
class WeightsFile:
    path: str
    # What it must hash to, SHA-256 in hex.
    sha256: str


def find_weights(environment, baked_folder=BAKED_FOLDER):
    """Returns the WeightsFile that the platform names, or the one in the image if it names none."""
    name = environment.get("WEIGHTS_FILE", "")
    if name != "":
        sha256 = environment.get("WEIGHTS_SHA256", "")
        if sha256 == "":
            raise Refusal("weights_not_pinned")
        found = WeightsFile(os.path.join(environment.get("WEIGHTS_DIR", "/workspace/weights"), name), sha256)
    else:
        found = _baked(baked_folder)
    try:
        too_small = os.path.getsize(found.path) < BYTES_MIN
    except OSError as error:
        raise Refusal("weights_missing") from error
    if too_small:
        raise Refusal("weights_unreadable")
    return found


def _baked(folder):
    try:
        with open(os.path.join(folder, BAKED_RECORD), encoding="utf-8") as file:
            record = json.load(file)
        return WeightsFile(os.path.join(folder, record["file"]), record["sha256"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Refusal("weights_missing") from error


class DigestCheck:
    """Hashes the file beside everything else: 4 GB take seconds, and so do imports and building the network."""

    def __init__(self, weights):
        self._weights = weights
        self._executor = ThreadPoolExecutor(max_workers=1)
        self._digest = self._executor.submit(sha256_of, weights.path)
        self._executor.shutdown(wait=False)

    def require(self):
        """Returns when the file is the right one. Nothing of it may be used before."""
        try:
            digest = self._digest.result()
        except OSError as error:
            raise Refusal("weights_unreadable") from error
        if digest != self._weights.sha256:
            raise Refusal("weights_digest_mismatch")


def sha256_of(path):
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def load_weights(module, path):
    """Puts a checkpoint into a network that fits it key by key; upstream only warns, and the rest stays random."""
    state = _read_state(path)
    expected = module.state_dict()
    missing, unexpected = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    misshapen = sorted(key for key in expected.keys() & state.keys() if expected[key].shape != state[key].shape)
    if missing or unexpected or misshapen:
        # Names of layers, so that whoever keeps the model can see which checkpoint this is.
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen)):
            print(f"weights: {len(keys)} keys {what}: {keys[:_KEYS_SHOWN_MAX]}", file=sys.stderr)
        raise Refusal("weights_keys_mismatch")
    module.load_state_dict(state, strict=True)


def _read_state(path):
    """{name: tensor} without the trainer's prefix and the loss's own entries."""
    import torch

    try:
        if path.endswith(".safetensors"):
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            # Mapped: a checkpoint of training is three times the network, and only a third is ever read. torch < 2.1
            # cannot.
            mapped = {"mmap": True} if "mmap" in inspect.signature(torch.load).parameters else {}
            checkpoint = torch.load(path, map_location="cpu", weights_only=True, **mapped)
            state = checkpoint.get("state_dict", checkpoint)
        state = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}
        if not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
            raise ValueError("something in it is no tensor")
    except Exception as error:  # what a damaged file raises depends on where it is damaged
        if is_out_of_memory(error):
            raise
        # The file is the one that was pinned, so what this says is about the format and holds no patient's data.
        print(f"weights: {type(error).__name__}: {error}", file=sys.stderr)
        raise Refusal("weights_unreadable") from error
    for key in _LOSS_KEYS:
        state.pop(key, None)
    return state
