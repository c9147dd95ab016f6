"""The GPU that the container was given, or the processor if it was given none."""

import torch

from .refusal import Refusal


def pick_device(environment):
    """A GPU that was promised and does not answer ends the job: on the processor it would run for hours."""
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    if environment.get("CUDA_VISIBLE_DEVICES", "") != "":
        raise Refusal("device_unavailable")
    return torch.device("cpu")


def free_cache(device):
    if device.type == "cuda":
        torch.cuda.empty_cache()


def describe_device(device, host_peak_mib):
    """For metrics.json: which device it was, and the most memory (MiB) that was held beside and on it."""
    if device.type != "cuda":
        return {"device": "cpu", "peak_memory_mib": {"host": host_peak_mib, "device": None}}
    return {
        "device": "cuda",
        "device_name": torch.cuda.get_device_name(device),
        "peak_memory_mib": {
            "host": host_peak_mib,
            "device": torch.cuda.max_memory_allocated(device) // (1024 * 1024),
        },
    }
