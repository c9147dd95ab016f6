"""What a seed decides, with a network that draws random numbers."""

import numpy as np
import pytest
import torch
from fakes import FakeModule, TableNetwork, resize
from segment.params import Params
from segment.prompts import Prompts
from segment.random_streams import RandomStreams
from segment.segmentation import segment_volume
from segment.slice_network import SliceNetwork

CPU = torch.device("cpu")
SHAPE = (6, 24, 20)
TEXTS = ("liver", "spleen", "aorta")


def prompts_of(*indices):
    return Prompts(tuple(index + 1 for index in indices), tuple(TEXTS[index] for index in indices), 0)


def far_apart():
    """Three masks in three corners, uncertain at their borders only, so that none can take a voxel from another."""
    masks = torch.full((SHAPE[0], 3, 32, 32), -9.0)
    for prompt, (y, x) in enumerate(((4, 4), (4, 20), (20, 4))):
        masks[:, prompt, y : y + 8, x : x + 8] = torch.linspace(-3, 3, 8)
    return masks, torch.full((SHAPE[0], 3), 2.0)


def segment(prompts, batch=2, tables=None, **params):
    network = TableNetwork(TEXTS, *(tables or far_apart()), noise=4.0)
    return segment_volume(
        network, np.zeros(SHAPE, np.uint8), prompts, 0, Params(**params), batch, lambda _: None
    ).labels


def test_a_prompt_by_itself_is_what_it_is_among_independent_ones():
    together = segment(prompts_of(0, 1, 2), independent=True, seed=5)
    for index in range(3):
        alone = segment(prompts_of(index), independent=True, seed=5)
        assert alone.any()
        np.testing.assert_array_equal(np.where(together == index + 1, index + 1, 0), alone)
        # One prompt has nobody to compete with.
        np.testing.assert_array_equal(alone, segment(prompts_of(index), independent=False, seed=5))
    # Prompts in one pass draw one after the other.
    competing = segment(prompts_of(0, 1, 2), independent=False, seed=5)
    assert not np.array_equal(np.where(competing == 2, 2, 0), segment(prompts_of(1), seed=5))


def test_a_whole_network_gives_a_prompt_among_independent_ones_what_it_gets_alone(seed):
    volume = np.random.default_rng(seed).integers(0, 256, SHAPE, dtype=np.uint8)

    def run(prompts):
        network = SliceNetwork(FakeModule(noise=3.0), resize, CPU)
        params = Params(independent=True, seed=9, threshold=0.0)
        return segment_volume(network, volume, prompts, 0, params, 4, lambda _: None)

    together, alone = run(prompts_of(0, 1, 2)), [run(prompts_of(index)) for index in range(3)]
    assert together.existence == tuple(one.existence[0] for one in alone)
    claimed = np.stack([one.labels for one in alone])
    assert (claimed != 0).sum(axis=0).max() > 1, "some overlap"
    # A voxel that nobody else claims is the prompt's own, and no prompt gets what it did not claim.
    np.testing.assert_array_equal(together.labels != 0, claimed.any(axis=0))
    for index in range(3):
        assert (claimed[index][together.labels == index + 1] == index + 1).all()


@pytest.mark.parametrize("independent", [False, True])
def test_the_seed_and_nothing_else_decides(independent):
    prompts = prompts_of(0, 1, 2)
    first = segment(prompts, seed=1, independent=independent)
    torch.manual_seed(99)
    torch.rand(17)
    np.testing.assert_array_equal(segment(prompts, seed=1, independent=independent), first)
    assert not np.array_equal(segment(prompts, seed=2, independent=independent), first)


def test_random_numbers_go_on_from_slice_to_slice():
    labels = segment(prompts_of(0), batch=1, seed=3)
    assert not np.array_equal(labels[0], labels[1])


def test_streams_do_not_disturb_each_other():
    streams, draws = RandomStreams(11, 2, CPU), [[], []]
    for index, count in ((0, 3), (1, 5), (1, 1), (0, 3)):
        with streams.stream(index):
            draws[index] += torch.rand(count).tolist()
        torch.rand(2)
    torch.manual_seed(11)
    expected = torch.rand(6).tolist()
    assert draws == [expected, expected]
