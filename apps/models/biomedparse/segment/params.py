"""params.json: what the client chose, after the platform checked it against model.json and filled in defaults."""

import json
from dataclasses import dataclass, fields

from .refusal import Refusal

SLICE_BATCH_SIZE_MAX = 32
SEED_MAX = 2**31 - 1
AXES = ("auto", "z", "y", "x")


@dataclass(frozen=True)
class Params:
    # Slices per pass through the network; less after running out of memory.
    slice_batch_size: int = 4
    # Of the network's own sampling.
    seed: int = 0
    # Each prompt by itself, with no suppression between prompts.
    independent: bool = False
    axis: str = "auto"
    # Least existence score (0..1) at which a slice may show a prompt's object.
    threshold: float = 0.5


def load_params(path):
    """Returns the Params of a JSON object; what is missing, also the whole file, takes its default."""
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except FileNotFoundError:
        return Params()
    except (OSError, ValueError, RecursionError) as error:
        raise Refusal("params_unreadable") from error
    if not isinstance(values, dict) or not set(values) <= {field.name for field in fields(Params)}:
        raise Refusal("params_invalid")
    params = Params(**values)
    if not _is_valid(params):
        raise Refusal("params_invalid")
    return params


def _is_valid(params):
    return (
        _is_integer(params.slice_batch_size, 1, SLICE_BATCH_SIZE_MAX)
        and _is_integer(params.seed, 0, SEED_MAX)
        and isinstance(params.independent, bool)
        and params.axis in AXES
        and isinstance(params.threshold, (int, float))
        and not isinstance(params.threshold, bool)
        and 0 <= params.threshold <= 1
    )


def _is_integer(value, low, high):
    # True and False are integers to Python.
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
