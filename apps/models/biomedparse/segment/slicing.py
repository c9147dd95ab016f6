"""How a volume becomes square slices, and masks of square slices a volume again. NumPy only."""

import numpy as np

AXIS_NAMES = ("z", "y", "x")
# Upstream's bound for "nearly square" (`get_axis` in its utils.py).
SIDE_DIFFERENCE_MAX = 0.5


def choose_axis(shape, asked="auto"):
    """Returns the axis (0, 1, 2 of (D, H, W)) to slice along.

    `auto` is upstream's rule: axis 0 if 2 |H - W| / (H + W) < 0.5, else the shortest axis (the first of equals). So
    (256, 256, 35) is turned, and (64, 100, 200), too, though its slices lie along axis 0 already.
    """
    if asked != "auto":
        return AXIS_NAMES.index(asked)
    _, height, width = shape
    if 2 * abs(height - width) / (height + width) < SIDE_DIFFERENCE_MAX:
        return 0
    return int(np.argmin(shape))


class Slices:
    """A volume seen as square slices: the slicing axis first, each slice centred in a square of zeros."""

    def __init__(self, volume, axis):
        self.axis = axis
        self._slices = np.moveaxis(volume, axis, 0)
        self.count, height, width = self._slices.shape
        self.side = max(height, width)
        # The smaller half comes first, as upstream has it.
        top, left = (self.side - height) // 2, (self.side - width) // 2
        self._inside = (slice(None), slice(top, top + height), slice(left, left + width))

    def squares(self, start, stop):
        """Returns slices start..stop-1 as (n, side, side), in the volume's type."""
        part = self._slices[start:stop]
        squares = np.zeros((len(part), self.side, self.side), part.dtype)
        squares[self._inside] = part
        return squares

    def empty_labels(self):
        return Labels(np.zeros(self._slices.shape, np.uint8), self.axis, self._inside)


class Labels:
    """A label map under construction: squares go in by slice, the volume in its own orientation comes out."""

    def __init__(self, slices, axis, inside):
        self._slices = slices
        self._axis = axis
        self._inside = inside

    def put(self, start, squares):
        self._slices[start : start + len(squares)] = squares[self._inside]

    def volume(self):
        """(D, H, W), uint8; a view."""
        return np.moveaxis(self._slices, 0, self._axis)
