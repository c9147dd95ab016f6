import weakref

import numpy as np
import pytest
import torch
from segment.out_of_memory import is_out_of_memory, with_back_off
from segment.refusal import Refusal


class Limited:
    """Runs out of memory above `fits` slices, as `fail` does it."""

    def __init__(self, fits, fail):
        self.sizes, self._fits, self._fail = [], fits, fail

    def __call__(self, size):
        self.sizes.append(size)
        if size > self._fits:
            self._fail()
        return f"made with {size}"


def exhaust_torch():
    torch.empty(2**50, dtype=torch.uint8)


def exhaust_numpy():
    np.empty(2**50, np.uint8)


def exhaust_python():
    raise MemoryError


def error_of(function):
    with pytest.raises(Exception) as caught:
        function()
    return caught.value


@pytest.mark.parametrize("exhaust", [exhaust_torch, exhaust_numpy, exhaust_python])
def test_genuine_errors_of_allocators_are_recognised(exhaust):
    assert is_out_of_memory(error_of(exhaust))


@pytest.mark.parametrize(
    "text",
    [
        # As CUDA, cuBLAS, cuDNN and C++ say it; no GPU here.
        "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 14.76 GiB total capacity)",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "std::bad_alloc",
    ],
)
def test_words_of_other_allocators_are_recognised(text):
    assert is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(ValueError(text))


@pytest.mark.parametrize(
    "error",
    [
        error_of(lambda: torch.ones(2, 3) @ torch.ones(2, 3)),
        error_of(lambda: torch.ones(2).reshape(3)),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError(),
        RecursionError(),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_other_errors_are_not(error):
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("exhaust", [exhaust_torch, exhaust_numpy, exhaust_python])
@pytest.mark.parametrize(
    "asked, fits, sizes",
    [
        (4, 32, [4]),
        (4, 2, [4, 2]),
        (32, 1, [32, 16, 8, 4, 2, 1]),
        (7, 1, [7, 3, 1]),
        (5, 2, [5, 2]),
        (3, 1, [3, 1]),
        (1, 1, [1]),
    ],
)
def test_sizes_are_halved_until_one_fits(exhaust, asked, fits, sizes):
    attempt = Limited(fits, exhaust)
    freed = []
    result = with_back_off(attempt, asked, lambda: freed.append(len(attempt.sizes)))
    assert attempt.sizes == sizes
    assert result == (f"made with {sizes[-1]}", sizes[-1], len(sizes) - 1)
    # After each failure, before the next attempt.
    assert freed == list(range(1, len(sizes)))


@pytest.mark.parametrize("asked, sizes", [(1, [1]), (4, [4, 2, 1]), (6, [6, 3, 1])])
def test_it_gives_up_at_one_slice(asked, sizes):
    attempt = Limited(0, exhaust_torch)
    with pytest.raises(Refusal) as caught:
        with_back_off(attempt, asked)
    assert (caught.value.reason, caught.value.exit_code) == ("out_of_memory", 11)
    assert attempt.sizes == sizes


@pytest.mark.parametrize(
    "error", [RuntimeError("a shape"), ValueError("out of memory"), Refusal("imgs_shape"), KeyboardInterrupt()]
)
def test_other_errors_pass_through_at_once(error):
    sizes = []

    def attempt(size):
        sizes.append(size)
        raise error

    with pytest.raises(type(error)) as caught:
        with_back_off(attempt, 8)
    assert caught.value is error and sizes == [8]


@pytest.mark.parametrize("exhaust", [exhaust_torch, exhaust_python])
def test_nothing_of_a_failed_attempt_is_held_when_the_next_begins(exhaust):
    held, alive = [], []

    class Kept:
        """What a frame of the attempt holds; in a ring, as modules and their hooks are."""

        def __init__(self):
            self.ring, self.tensor = self, torch.ones(10)

    def attempt(size):
        alive.append([reference() is not None for reference in held])
        kept = Kept()
        held.append(weakref.ref(kept))
        held.append(weakref.ref(kept.tensor))
        if size > 1:
            exhaust()
        return size

    def free():
        alive.append([reference() is not None for reference in held])

    assert with_back_off(attempt, 4, free) == (1, 1, 2)
    assert alive == [[], 2 * [False], 2 * [False], 4 * [False], 4 * [False]]
