"""Reproducible sampling: the network draws random numbers in its attention, also when it only predicts."""

from contextlib import contextmanager

import torch


class RandomStreams:
    """Streams of torch's global generator, all from the same seed, that do not disturb each other.

    With one stream for each independent prompt a prompt draws what it would draw alone.
    """

    def __init__(self, seed, count, device):
        self._device = device
        torch.manual_seed(seed)  # of the CPU and of every device
        self._states = [self._read()] * count

    @contextmanager
    def stream(self, index):
        self._write(self._states[index])
        yield
        self._states[index] = self._read()

    def _read(self):
        return torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else torch.get_rng_state()

    def _write(self, state):
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(state, self._device)
        else:
            torch.set_rng_state(state)


def make_deterministic():
    """The same kernels on every run; the name CUBLAS_WORKSPACE_CONFIG is set in the image, before CUDA starts."""
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
