"""One job, from the folder of inputs to the folder of outputs."""

import os
import time

from .out_of_memory import with_back_off
from .params import load_params
from .refusal import Refusal
from .report import Progress, describe_prompts, host_peak_mib, write_json, write_mask
from .slicing import choose_axis
from .volume import read_input
from .weights import DigestCheck, find_weights, load_weights

# Of the whole, when the network is loaded, when all slices are labelled, and when writing begins.
LOADED, SEGMENTED, WRITING = 0.1, 0.95, 0.96


def run(environment, import_network):
    """Writes mask, metrics.json and progress.jsonl. Raises Refusal for every expected end without a mask.

    `import_network()` returns the image's network: `build()`, `fits(module, prompt)`, `resize(slices)`, `describe()`.
    """
    input_dir = environment.get("INPUT_DIR", "/workspace/inputs")
    output_dir = environment.get("OUTPUT_DIR", "/workspace/outputs")
    clock, progress = _Clock(), Progress(os.path.join(output_dir, "progress.jsonl"))
    progress.report("load", 0.0)
    # What needs neither the network nor torch comes first: a bad input is refused within a second.
    params = load_params(os.path.join(input_dir, "params.json"))
    imgs, prompts = read_input(os.path.join(input_dir, "input.npz"))
    weights = find_weights(environment)
    clock.lap("read")
    network, facts = _load(environment, import_network, weights, prompts)
    clock.lap("load")
    progress.report("segment", LOADED)
    axis = choose_axis(imgs.shape, params.axis)
    segmentation, batches = _segment(network, imgs, prompts, axis, params, progress)
    clock.lap("segment")
    progress.report("write", WRITING)
    mask, instance_count = _mask_of(segmentation, prompts)
    write_mask(os.path.join(output_dir, "input.npz"), mask)
    clock.lap("write")
    metrics = {
        "prompts": describe_prompts(prompts, segmentation, axis),
        "seed": params.seed,
        "axis": axis,
        **batches,
        **({} if instance_count is None else {"instances": instance_count}),
        "weights_sha256": weights.sha256,
        "seconds": clock.seconds,
        **facts(),
    }
    write_json(os.path.join(output_dir, "metrics.json"), metrics)
    progress.report("write", 1.0)


def _load(environment, import_network, weights, prompts):
    """Returns the SliceNetwork with its weights, and what to say about it at the end."""
    check = DigestCheck(weights)
    # Late: torch takes seconds to import, in which the file is hashed.
    import torch

    from .device import describe_device, pick_device
    from .random_streams import make_deterministic
    from .slice_network import SliceNetwork

    device = pick_device(environment)
    make_deterministic()
    network = import_network()
    try:
        module = network.build()
    except FileNotFoundError as error:
        raise Refusal("tokenizer_missing") from error
    # The network would cut what is too long, and answer another question than the client's.
    if not all(network.fits(module, text) for text in prompts.texts):
        raise Refusal("prompts_too_long")
    check.require()
    load_weights(module, weights.path)
    module.to(device).eval()

    def facts():
        return {
            **describe_device(device, host_peak_mib()),
            "versions": {"torch": torch.__version__, **network.describe()},
        }

    return SliceNetwork(module, network.resize, device), facts


def _segment(network, imgs, prompts, axis, params, progress):
    """Returns the Segmentation, and for metrics.json the batch size that was asked for and the one that fitted."""
    import torch

    from .device import free_cache
    from .segmentation import segment_volume

    def attempt(slice_batch_size):
        with torch.inference_mode():
            return segment_volume(network, imgs, prompts, axis, params, slice_batch_size, advance)

    def advance(fraction):
        progress.report("segment", LOADED + (SEGMENTED - LOADED) * fraction)

    asked = params.slice_batch_size
    segmentation, fitted, count = with_back_off(attempt, asked, lambda: free_cache(network.device))
    return segmentation, {
        "slice_batch_size_asked": asked,
        "slice_batch_size": fitted,
        "out_of_memory_count": count,
    }


def _mask_of(segmentation, prompts):
    """Returns the mask, and how many objects it has if each of them has its own id."""
    if prompts.instance_label == 0:
        return segmentation.labels, None
    from .instances import split_instances

    return split_instances(segmentation.labels, segmentation.edges)


class _Clock:
    """Seconds of each step."""

    def __init__(self):
        self.seconds = {}
        self._last = time.monotonic()

    def lap(self, step):
        now = time.monotonic()
        self.seconds[step] = round(now - self._last, 3)
        self._last = now
