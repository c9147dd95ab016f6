import itertools
import random

import numpy as np
import pytest
from segment.slicing import Slices, choose_axis


def rule(depth, height, width):
    """Upstream's, in words: nearly square slices stay, otherwise the shortest axis, the first of equals."""
    sides = [depth, height, width]
    if 2 * abs(height - width) < 0.5 * (height + width):
        return 0
    return sides.index(min(sides))


@pytest.mark.parametrize(
    "shape, axis",
    [
        ((256, 256, 35), 2),
        ((64, 100, 200), 0),
        ((63, 512, 512), 0),
        ((19, 551, 669), 0),
        ((535, 321, 321), 0),
        ((70, 218, 182), 0),
        ((134, 200, 200), 0),
        ((200, 35, 256), 1),
        # The bound itself is not below the bound: 2 * 20 / 80 = 0.5.
        ((90, 30, 50), 1),
        ((90, 31, 50), 0),
        ((30, 30, 90), 0),
        ((1, 1, 1), 0),
        ((5, 1, 9), 1),
        ((9, 5, 1), 2),
    ],
)
def test_examples_of_the_rule(shape, axis):
    assert choose_axis(shape) == axis == rule(*shape)


def test_the_rule_over_many_shapes(seed):
    for shape in itertools.product((1, 2, 3, 5, 8, 13, 30, 50, 51, 90), repeat=3):
        assert choose_axis(shape) == rule(*shape), shape
    generator = random.Random(seed)
    for _ in range(5_000):
        shape = tuple(generator.randrange(1, 700) for _ in range(3))
        assert choose_axis(shape, "auto") == rule(*shape), shape


@pytest.mark.parametrize("asked, axis", [("z", 0), ("y", 1), ("x", 2)])
def test_an_axis_that_is_asked_for_is_taken(asked, axis):
    for shape in ((256, 256, 35), (64, 100, 200), (9, 9, 9)):
        assert choose_axis(shape, asked) == axis


def padded(plane):
    """Centred in a square of zeros, the smaller half first."""
    side = max(plane.shape)
    square = np.zeros((side, side), plane.dtype)
    top, left = (side - plane.shape[0]) // 2, (side - plane.shape[1]) // 2
    square[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
    return square


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 7), (5, 8, 3), (9, 7, 6), (2, 11, 11), (4, 1, 6)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_squares_hold_every_slice_in_its_middle(shape, axis):
    volume = np.arange(1, np.prod(shape) + 1, dtype=np.int32).reshape(shape)
    slices = Slices(volume, axis)
    assert slices.count == shape[axis]
    assert slices.side == max(side for index, side in enumerate(shape) if index != axis)
    for start in range(slices.count):
        for stop in range(start + 1, slices.count + 2):
            squares = slices.squares(start, stop)
            expected = [padded(volume.take(index, axis)) for index in range(start, min(stop, slices.count))]
            assert squares.dtype == volume.dtype and squares.flags.c_contiguous
            np.testing.assert_array_equal(squares, np.stack(expected))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 7), (5, 8, 3), (9, 7, 6), (2, 11, 11), (4, 1, 6)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_labels_come_back_to_where_the_voxels_were(shape, axis, seed):
    volume = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    slices = Slices(volume, axis)
    for batch in (1, 2, 5, 32):
        labels = slices.empty_labels()
        assert not labels.volume().any()
        for start in range(0, slices.count, batch):
            labels.put(start, slices.squares(start, start + batch))
        assert labels.volume().dtype == np.uint8
        np.testing.assert_array_equal(labels.volume(), volume)


def test_labels_outside_of_the_volume_are_cut_off():
    slices = Slices(np.zeros((2, 3, 6), np.uint8), 0)
    labels = slices.empty_labels()
    labels.put(1, np.arange(36, dtype=np.uint8).reshape(1, 6, 6))
    np.testing.assert_array_equal(labels.volume()[1], np.arange(36).reshape(6, 6)[1:4])
    assert not labels.volume()[0].any()
