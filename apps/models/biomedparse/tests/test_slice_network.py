import numpy as np
import pytest
import reference
import torch
from fakes import FakeModule, numbers_of, resize
from segment.slice_network import SliceNetwork
from segment.slicing import Slices

CPU = torch.device("cpu")
TEXTS = ["liver", "spleen", "aorta"]


def network(**options):
    return SliceNetwork(FakeModule(**options), resize, CPU)


def marked(count):
    """A volume whose slice i is 10 * i everywhere."""
    return np.repeat(10 * np.arange(count, dtype=np.uint8), 12).reshape(count, 3, 4)


def marks(images):
    """The slice that each channel came from; the mean of 4 and deviation of 2 of the fakes taken back."""
    return (images[:, :, 256, 256] * 2 + 4).div(10).int().tolist()


def test_a_slice_comes_with_the_one_before_and_the_one_after():
    images = network().images(Slices(marked(5), 0), 0, 5)
    assert images.dtype == torch.float32 and images.shape == (5, 3, 512, 512)
    assert marks(images) == [[0, 1, 1], [1, 0, 2], [2, 1, 3], [3, 2, 4], [4, 3, 3]]


def test_one_slice_is_its_own_neighbour_and_of_two_each_is_the_other_ones():
    assert marks(network().images(Slices(marked(1), 0), 0, 1)) == [[0, 0, 0]]
    assert marks(network().images(Slices(marked(2), 0), 0, 2)) == [[0, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_the_borders_of_batches_do_not_matter(count):
    slices, whole = Slices(marked(count), 0), network().images(Slices(marked(count), 0), 0, count)
    for start in range(count):
        for stop in range(start + 1, count + 1):
            assert torch.equal(network().images(slices, start, stop), whole[start:stop]), (start, stop)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(4, 7, 3), (1, 9, 9), (5, 2, 6)])
def test_images_are_padded_enlarged_and_normalized_as_a_whole_volume_would_be(shape, axis, seed):
    volume = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    expected = reference.rgb_images(volume, axis, resize, mean=4.0, std=2.0)
    slices = Slices(volume, axis)
    assert torch.equal(network().images(slices, 0, slices.count), expected)


def test_only_the_slices_of_a_batch_and_their_neighbours_are_enlarged():
    seen = []

    def watched(slices):
        seen.append(len(slices))
        return resize(slices)

    slices = Slices(marked(9), 0)
    for start in (0, 3, 6):
        SliceNetwork(FakeModule(), watched, CPU).images(slices, start, start + 3)
    assert seen == [4, 5, 4]


def test_prompts_are_joined_for_upstream():
    asked = []

    class Asked(FakeModule):
        def __init__(self):
            super().__init__()
            self.sem_seg_head.encode_prompts = lambda text, eval: asked.append((text, eval))

    SliceNetwork(Asked(), resize, CPU).encode(TEXTS)
    SliceNetwork(Asked(), resize, CPU).encode(["liver"])
    assert asked == [(["liver[SEP]spleen[SEP]aorta"], True), (["liver"], True)]


@pytest.mark.parametrize("slice_count", [1, 2, 5])
def test_prompts_repeat_as_a_whole_for_every_slice(slice_count):
    module = FakeModule()
    net = SliceNetwork(module, resize, CPU)
    prompts = net.encode(TEXTS)
    features = torch.rand(slice_count, 3, 128, 128)
    output = net.run(features, prompts, slice_count)
    ((given, tiled),) = module.sem_seg_head.calls
    assert given is features
    expected = torch.tensor([numbers_of(text) for _ in range(slice_count) for text in TEXTS])
    assert torch.equal(tiled["class_emb"], expected)
    assert tiled["grounding_tokens"][:, :, 0].tolist() == [
        slice_count * [3.0 * n, 3.0 * n + 1, 3.0 * n + 2] for n in range(3)
    ]
    # What came in is as it was, for the next batch.
    assert prompts["class_emb"].shape == (3, 4) and prompts["grounding_tokens"].shape == (3, 3, 1)
    assert output.masks.shape == output.edges.shape == (slice_count, 3, 128, 128)
    assert output.existence.shape == (slice_count, 3)


def test_a_batch_gives_what_each_slice_gives_alone(seed):
    torch.manual_seed(seed)
    net = network()
    prompts, images = net.encode(TEXTS), torch.rand(5, 3, 512, 512) * 50
    whole = net.run(net.features(images), prompts, 5)
    for index in range(5):
        alone = net.run(net.features(images[index : index + 1]), prompts, 1)
        assert torch.equal(alone.masks[0], whole.masks[index])
        assert torch.equal(alone.edges[0], whole.edges[index])
        assert torch.equal(alone.existence[0], whole.existence[index])
    single = net.run(net.features(images), net.encode(["spleen"]), 5)
    assert torch.equal(single.masks[:, 0], whole.masks[:, 1])


@pytest.mark.parametrize("edge_queries", [0, 1, 4])
def test_edge_queries_come_last_and_are_averaged_by_themselves(edge_queries):
    module = FakeModule(edge_queries=edge_queries)
    net = SliceNetwork(module, resize, CPU)
    features, prompts = torch.rand(2, 3, 128, 128), net.encode(TEXTS)
    output = net.run(features, prompts, 2)
    queries = module.sem_seg_head(features, {**prompts, "class_emb": prompts["class_emb"].repeat(2, 1)})["pred_gmasks"]
    assert queries.shape[1] == 2 + edge_queries
    torch.testing.assert_close(output.masks.flatten(0, 1), (queries[:, 0] + queries[:, 1]) / 2)
    if edge_queries == 0:
        assert output.edges is None
    else:
        torch.testing.assert_close(output.edges.flatten(0, 1), sum(queries[:, 2:].unbind(1)) / edge_queries)
