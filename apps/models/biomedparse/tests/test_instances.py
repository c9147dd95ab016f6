import time

import numpy as np
import pytest
from scipy import ndimage
from segment.instances import INSTANCES_MAX, split_instances
from segment.refusal import Refusal

SECONDS_MAX = 40


def balls(shape, centres, radius):
    """uint8, 1 inside of any ball."""
    volume = np.zeros(shape, np.uint8)
    offsets = np.indices((2 * radius + 1,) * 3) - radius
    ball = (offsets**2).sum(axis=0) <= radius**2
    for z, y, x in centres:
        box = volume[z - radius : z + radius + 1, y - radius : y + radius + 1, x - radius : x + radius + 1]
        box[ball] = 1
    return volume


def check(labels, instances, count):
    """Every voxel of the mask in exactly one object, of one label; ids 1..count, none left out."""
    assert instances.dtype == np.uint16 and instances.shape == labels.shape
    np.testing.assert_array_equal(instances != 0, labels != 0)
    ids = np.unique(instances[instances != 0])
    assert ids.tolist() == list(range(1, count + 1))
    for id in ids[:200]:
        assert len(np.unique(labels[instances == id])) == 1


def test_an_empty_mask_has_no_objects():
    for edges in (None, np.ones((3, 4, 5), np.uint8)):
        instances, count = split_instances(np.zeros((3, 4, 5), np.uint8), edges)
        assert count == 0 and instances.dtype == np.uint16 and not instances.any()


def test_parts_are_numbered_in_the_order_of_their_first_voxel():
    labels = np.zeros((2, 5, 7), np.uint8)
    labels[0, 0, 5], labels[0, 1, 0], labels[0, 4, :3], labels[1, 2, 2] = 1, 1, 1, 1
    instances, count = split_instances(labels, None)
    assert count == 4
    assert [instances[at] for at in ((0, 0, 5), (0, 1, 0), (0, 4, 1), (1, 2, 2))] == [1, 2, 3, 4]
    check(labels, instances, count)


def test_voxels_that_share_a_corner_or_an_edge_are_two_objects():
    labels = np.zeros((2, 3, 3), np.uint8)
    labels[0, 0, 0], labels[0, 1, 1], labels[1, 2, 2] = 1, 1, 1
    instances, count = split_instances(labels, None)
    assert count == 3
    labels[0, 0, 1] = 1
    assert split_instances(labels, None)[1] == 2
    check(np.minimum(labels, 1), *split_instances(labels, None))


def test_labels_that_touch_are_objects_of_their_own_and_lower_labels_come_first():
    labels = np.zeros((1, 4, 6), np.uint8)
    labels[0, :, :2], labels[0, :, 2:4], labels[0, 0, 5], labels[0, 3, 5] = 200, 7, 7, 255
    instances, count = split_instances(labels, None)
    assert count == 4
    assert [instances[0, 0, x] for x in (0, 2, 5)] == [3, 1, 2] and instances[0, 3, 5] == 4
    check(labels, instances, count)


def test_edges_split_objects_that_touch():
    labels = np.zeros((5, 9, 21), np.uint8)
    labels[1:4, 1:8, 1:20] = 3
    edges = np.zeros_like(labels)
    edges[:, :, 10] = 3
    instances, count = split_instances(labels, edges)
    assert count == 2
    check(labels, instances, count)
    assert (instances[1:4, 1:8, 1:10] == 1).all() and (instances[1:4, 1:8, 11:20] == 2).all()
    # The border's own voxels are somebody's, too.
    assert set(np.unique(instances[1:4, 1:8, 10])) <= {1, 2}


def test_every_edge_voxel_goes_to_the_nearest_interior():
    labels = np.ones((1, 1, 12), np.uint8)
    edges = np.zeros_like(labels)
    edges[0, 0, 2:10] = 1
    instances, count = split_instances(labels, edges)
    assert count == 2
    assert instances[0, 0].tolist() == 6 * [1] + 6 * [2]


def test_an_object_that_is_all_edge_or_has_one_interior_stays_one():
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[1, 1:4, 1:4], labels[1, 5:8, 5:8] = 1, 1
    edges = np.zeros_like(labels)
    edges[1, 1:4, 1:4] = 1
    edges[1, 5, :] = 1
    instances, count = split_instances(labels, edges)
    assert count == 2
    check(labels, instances, count)


def test_edges_outside_of_the_mask_change_nothing():
    labels = balls((20, 20, 40), [(9, 9, 9), (9, 9, 29)], 6)
    edges = np.where(labels == 0, 9, 0).astype(np.uint8)
    alone, _ = split_instances(labels, None)
    np.testing.assert_array_equal(split_instances(labels, edges)[0], alone)


def test_random_masks_and_edges(seed):
    generator = np.random.default_rng(seed)
    for _ in range(40):
        shape = tuple(generator.integers(1, 14, 3))
        labels = generator.choice(np.array([0, 0, 1, 5, 250], np.uint8), shape)
        labels = np.moveaxis(labels, 0, -1) if generator.random() < 0.3 else labels
        edges = generator.choice(np.array([0, 0, 0, 1], np.uint8), labels.shape)
        instances, count = split_instances(labels, edges)
        check(labels, instances, count)
        # At least the parts, and none of them across two.
        parts = sum(ndimage.label(labels == label)[1] for label in (1, 5, 250))
        assert parts == split_instances(labels, None)[1] <= count
        again, _ = split_instances(np.asfortranarray(labels), edges.copy())
        np.testing.assert_array_equal(again, instances)


def test_more_objects_than_ids_are_refused():
    labels = np.zeros((1, 2, 2 * (INSTANCES_MAX + 1)), np.uint8)
    labels[0, 0, ::2] = 1
    with pytest.raises(Refusal) as caught:
        split_instances(labels, None)
    assert (caught.value.reason, caught.value.exit_code) == ("too_many_instances", 1)
    labels[0, 0, 0] = 0
    instances, count = split_instances(labels, None)
    assert count == INSTANCES_MAX == instances.max()


def test_a_thousand_balls_in_a_large_volume_end_in_time(seed):
    generator = np.random.default_rng(seed)
    # A grid of 5 x 14 x 15 cells of 13 voxels, with a ball of radius 5 or a pair that touches in most of them.
    cells = [(13 * z + 10, 13 * y + 7, 13 * x + 7) for z in range(9) for y in range(14) for x in range(14)]
    chosen = [cells[index] for index in generator.permutation(len(cells))[:1000]]
    labels = balls((134, 200, 200), chosen, 5)
    started = time.process_time()
    instances, count = split_instances(labels, np.zeros_like(labels))
    assert count == 1000
    # Larger balls touch their neighbours in one great part; where no ball reaches a cell's border is an edge.
    touching = balls((134, 200, 200), chosen, 6)
    touching[:, 6:-6, 6:-6][touching[:, 6:-6, 6:-6] == 0] = 1
    edges = np.where(labels == 0, 1, 0).astype(np.uint8)
    great, great_count = split_instances(touching, edges)
    assert time.process_time() - started < SECONDS_MAX
    assert great_count == 1000
    np.testing.assert_array_equal(great != 0, touching != 0)
    # The same balls with the same first voxels: the same ids.
    np.testing.assert_array_equal(np.where(labels != 0, great, 0) != 0, instances != 0)
    assert len(np.unique(great[labels != 0])) == 1000
