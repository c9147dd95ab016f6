import numpy as np
import pytest
import reference
import torch
from fakes import FakeModule, TableNetwork, resize
from segment.params import Params
from segment.postprocess import OVERLAP_MAX, competing_labels, independent_labels, shrink_to, suppress_overlaps
from segment.prompts import Prompts
from segment.refusal import Refusal
from segment.segmentation import segment_volume
from segment.slice_network import SliceNetwork
from segment.slicing import Slices

CPU = torch.device("cpu")


def prompts_of(count, instance_label=0):
    """Ids with gaps."""
    return Prompts(
        tuple(range(3, 3 + 11 * count, 11)), tuple(f"organ {index}" for index in range(count)), instance_label
    )


def tables(generator, prompt_count, slice_count, side=32):
    """Logits of blobs: some overlap a lot, some are empty, some are absent."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    masks = torch.empty(slice_count, prompt_count, side, side)
    for index in range(slice_count):
        for prompt in range(prompt_count):
            # From a few places, so that prompts share them.
            y, x = (float(side * generator.choice((0.3, 0.5, 0.7))) for _ in range(2))
            radius = float(generator.choice((-2, 4, 5, 9))) + float(generator.random())
            if index == prompt == 0:
                radius = 9.0
            distance = ((rows - y - generator.random()) ** 2 + (columns - x) ** 2).sqrt()
            masks[index, prompt] = radius - distance + torch.from_numpy(generator.normal(0, 0.5, (side, side))).float()
    existence = torch.from_numpy(generator.normal(0.7, 1.5, (slice_count, prompt_count))).float()
    existence[0, 0] = 9.0  # so that there is something in every volume
    return masks, existence


def segment(masks, existence, prompts, shape, axis, batch, **params):
    network = TableNetwork(prompts.texts, masks, existence)
    with torch.inference_mode():
        return segment_volume(
            network, np.zeros(shape, np.uint8), prompts, axis, Params(**params), batch, lambda _: None
        )


def by_prompt(table):
    return table.transpose(0, 1)


# Every axis; squares that are wider, higher, odd and even. 15 and 23 prompts cost most: other batch sizes by axis.
VOLUMES = [((4, 41, 67), 0, (3,)), ((60, 4, 33), 1, (1, 4)), ((21, 36, 5), 2, (4, 32))]


@pytest.mark.parametrize("shape, axis, batches", VOLUMES)
@pytest.mark.parametrize("prompt_count", [1, 2, 15, 23])
@pytest.mark.parametrize("independent", [False, True])
def test_slices_in_batches_of_any_size_equal_the_whole_volume(shape, axis, batches, prompt_count, independent, seed):
    masks, existence = tables(np.random.default_rng(seed), prompt_count, shape[axis])
    prompts = prompts_of(prompt_count)
    formula = reference.independent_labels_of_volume if independent else reference.labels_of_volume
    expected = formula(by_prompt(masks), by_prompt(existence), prompts.ids, 0.5, shape, axis)
    assert expected.any()
    for batch in batches if prompt_count > 2 else (1, 3, 4, 32):
        found = segment(masks, existence, prompts, shape, axis, batch, independent=independent)
        assert found.labels.dtype == np.uint8
        np.testing.assert_array_equal(found.labels, expected)
        assert found.existence == tuple(existence.amax(dim=0).sigmoid().tolist())


@pytest.mark.parametrize("shape", [(3, 512, 300), (3, 700, 641), (3, 551, 669)])
def test_slices_of_the_networks_size_and_larger_equal_the_whole_volume(shape, seed):
    masks, existence = tables(np.random.default_rng(seed), 4, 3, side=128)
    prompts = prompts_of(4)
    expected = reference.labels_of_volume(by_prompt(masks), by_prompt(existence), prompts.ids, 0.5, shape, 0)
    np.testing.assert_array_equal(segment(masks, existence, prompts, shape, 0, 2).labels, expected)


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.8, 1.0])
@pytest.mark.parametrize("prompt_count", [1, 6])
def test_the_threshold_is_that_of_existence(threshold, prompt_count, seed):
    masks, existence = tables(np.random.default_rng(seed), prompt_count, 4)
    prompts, shape = prompts_of(prompt_count), (4, 20, 20)
    for independent in (False, True):
        formula = reference.independent_labels_of_volume if independent else reference.labels_of_volume
        expected = formula(by_prompt(masks), by_prompt(existence), prompts.ids, threshold, shape, 0)
        found = segment(masks, existence, prompts, shape, 0, 3, threshold=threshold, independent=independent)
        np.testing.assert_array_equal(found.labels, expected)


@pytest.mark.parametrize("batch", [1, 3, 4, 32])
@pytest.mark.parametrize("shape, axis", [((5, 30, 47), 0), ((26, 4, 33), 1), ((31, 17, 5), 2), ((1, 20, 20), 0)])
def test_from_voxels_to_labels_with_a_whole_network(shape, axis, batch, seed):
    """Neighbours, tiling, queries and post-processing together, against all slices at once."""
    volume = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    module, prompts = FakeModule(), prompts_of(5, instance_label=1)
    network = SliceNetwork(module, resize, CPU)
    with torch.inference_mode():
        encoded = network.encode(prompts.texts)
        images = reference.rgb_images(volume, axis, resize, mean=4.0, std=2.0)
        whole = network.run(module.backbone(images), encoded, shape[axis])
        found = segment_volume(network, volume, prompts, axis, Params(), batch, lambda _: None)
    for logits, labels in ((whole.masks, found.labels), (whole.edges, found.edges)):
        expected = reference.labels_of_volume(
            by_prompt(logits), by_prompt(whole.existence), prompts.ids, 0.5, shape, axis
        )
        assert expected.any()
        np.testing.assert_array_equal(labels, expected)


def plain_logits(*values, side=8):
    """A slice that is the same everywhere, by prompt."""
    return torch.tensor(values).float()[:, None, None].expand(-1, side, side)


def table_of(count):
    return torch.arange(count + 1, dtype=torch.uint8) * 10


def test_at_exactly_one_half_a_voxel_is_background():
    sure = torch.tensor([5.0, 5.0])
    for merge in (competing_labels, independent_labels):
        assert not merge(plain_logits(0.0), sure[:1], table_of(1), 16, 0.5).any()
        assert not merge(plain_logits(0.0, 0.0), sure, table_of(2), 16, 0.5).any()
        assert (merge(plain_logits(0.01, 0.0), sure, table_of(2), 16, 0.5) == 10).all()


def test_of_equal_probabilities_the_lower_id_wins():
    """Two masks on two halves that share a column: neither suppresses the other, and both are equally sure of it."""
    probability = torch.zeros(3, 16, 16)
    probability[0, :, :9], probability[1, :, 8:] = 2.0, 2.0
    probability[2] = -5.0
    existence = torch.tensor([1.0, 3.0, 9.0])
    labels = competing_labels(probability, existence, table_of(3), 16, 0.5)
    assert (labels[:, :8] == 10).all() and (labels[:, 9:] == 20).all()
    assert (labels[:, 8] == 10).all()


def test_at_exactly_the_threshold_one_prompt_is_absent_and_several_are_there():
    """As upstream has it: > for a single prompt, >= in the suppression."""
    half = torch.zeros(1)
    assert not competing_labels(plain_logits(4.0), half, table_of(1), 16, 0.5).any()
    several = torch.tensor([0.0, -1.0])
    assert (competing_labels(plain_logits(4.0, 4.0), several, table_of(2), 16, 0.5) == 10).all()
    # Prompts that are run by themselves are single ones.
    assert not independent_labels(plain_logits(4.0, 4.0), several, table_of(2), 16, 0.5).any()


def test_independent_claims_go_to_the_highest_score_and_of_equals_to_the_lower_id():
    logits = plain_logits(1.0, 9.0, 1.0)
    for existence, label in (
        ([1.0, 2.0, 3.0], 30),
        ([3.0, 2.0, 1.0], 10),
        ([2.0, 2.0, 1.0], 10),
        ([-1.0, 2.0, -1.0], 20),
    ):
        labels = independent_labels(logits, torch.tensor(existence), table_of(3), 16, 0.5)
        assert (labels == label).all(), existence


def boxes(*ranges):
    masks = torch.zeros(len(ranges), 1, 100, dtype=torch.bool)
    for mask, (start, stop) in zip(masks, ranges):
        mask[0, start:stop] = True
    return masks


def test_overlap_of_exactly_one_half_does_not_suppress():
    assert OVERLAP_MAX == 0.5
    # 50 of 100 shared, then 51 of 100.
    assert suppress_overlaps(boxes((0, 100), (0, 50)), torch.tensor([0.9, 0.8]), 0.5) == [0, 1]
    assert suppress_overlaps(boxes((0, 100), (0, 51)), torch.tensor([0.9, 0.8]), 0.5) == [0]
    assert suppress_overlaps(boxes((0, 100), (0, 51)), torch.tensor([0.8, 0.9]), 0.5) == [1]


def test_what_was_suppressed_suppresses_nothing_itself():
    masks = boxes((0, 60), (15, 75), (30, 90))
    assert suppress_overlaps(masks, torch.tensor([0.9, 0.8, 0.7]), 0.5) == [0, 2]
    assert suppress_overlaps(masks, torch.tensor([0.8, 0.9, 0.7]), 0.5) == [1]


def test_empty_and_absent_masks_are_not_kept():
    masks = boxes((0, 50), (0, 0), (60, 90), (60, 90))
    assert suppress_overlaps(masks, torch.tensor([0.5, 0.99, 0.49, 0.7]), 0.5) == [3, 0]
    assert suppress_overlaps(boxes((0, 0), (0, 0)), torch.tensor([0.9, 0.9]), 0.5) == []


@pytest.mark.parametrize("side", [1, 2, 13, 128, 200, 256, 511, 512, 1024])
def test_labels_shrink_to_their_nearest_neighbour(side):
    labels = torch.randint(0, 256, (2, 512, 512), dtype=torch.uint8, generator=torch.Generator().manual_seed(side))
    small = shrink_to(labels, side)
    rows = torch.arange(side) * 512 // side
    assert small.dtype == torch.uint8
    assert torch.equal(small, labels[:, rows][:, :, rows])


def test_slices_are_taken_in_order_and_each_once():
    masks, existence = tables(np.random.default_rng(1), 1, 10)
    network, fractions = TableNetwork(["organ 0"], masks, existence), []
    segment_volume(network, np.zeros((10, 4, 4), np.uint8), prompts_of(1), 0, Params(), 4, fractions.append)
    assert network.batches == [(0, 4), (4, 8), (8, 10)]
    assert fractions == [0.4, 0.8, 1.0]
    assert Slices(np.zeros((10, 4, 4)), 0).count == 10


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["masks", "existence", "edges"])
def test_a_network_that_does_not_answer_in_numbers_finds_nothing_absent(where, value):
    masks, existence = tables(np.random.default_rng(1), 2, 3)
    logits = {"masks": masks, "existence": existence, "edges": masks.clone()}
    logits[where][2, 1] = value
    prompts = prompts_of(2)
    network = TableNetwork(prompts.texts, logits["masks"], logits["existence"], logits["edges"])
    with pytest.raises(Refusal) as caught:
        segment_volume(network, np.zeros((3, 8, 8), np.uint8), prompts, 0, Params(), 2, lambda _: None)
    assert (caught.value.reason, caught.value.exit_code) == ("network_not_finite", 1)
