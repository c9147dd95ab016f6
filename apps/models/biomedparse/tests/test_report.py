import json
import os
import random

import numpy as np
import pytest
from segment.prompts import Prompts
from segment.report import Progress, describe_prompts, host_peak_mib, write_json, write_mask
from segment.segmentation import Segmentation


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_progress_never_goes_back_and_is_one_line_per_hundredth(tmp_path, seed):
    generator, path = random.Random(seed), tmp_path / "progress.jsonl"
    progress = Progress(str(path))
    progress.report("load", 0.0)
    for _ in range(5_000):
        progress.report("segment", generator.random())
    for index in range(5_000):
        progress.report("write", index / 5_000)
    progress.report("write", 1.0)
    progress.report("write", 1.0)
    progress.report("load", 0.5)
    fractions = [line["fraction"] for line in lines_of(path)]
    assert fractions == sorted(set(fractions)) and fractions[0] == 0.0 and fractions[-1] == 1.0
    assert len(fractions) <= 102


def test_every_line_of_even_steps_is_written_whole(tmp_path):
    path = tmp_path / "progress.jsonl"
    progress = Progress(str(path))
    for index in range(10_001):
        progress.report("segment", index / 10_000)
        if index % 1_000 == 0:
            assert path.read_text().endswith("}\n")
    lines = lines_of(path)
    assert 90 <= len(lines) <= 102
    assert all(set(line) == {"fraction", "step"} and line["step"] == "segment" for line in lines)


def test_the_end_is_told_also_right_after_another_line(tmp_path):
    path = tmp_path / "progress.jsonl"
    progress = Progress(str(path))
    for fraction in (0.999, 1.0):
        progress.report("write", fraction)
    assert [line["fraction"] for line in lines_of(path)] == [0.999, 1.0]


def test_a_mask_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "input.npz"
    path.write_bytes(b"before")

    class Unwritable:
        def __array__(self, *_, **__):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError):
        write_mask(str(path), Unwritable())
    assert path.read_bytes() == b"before"
    mask = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    write_mask(str(path), mask)
    assert os.listdir(tmp_path) == ["input.npz"]
    with np.load(path) as arrays:
        assert arrays.files == ["segs"] and arrays["segs"].dtype == np.uint16
        np.testing.assert_array_equal(arrays["segs"], mask)


def test_json_is_renamed_into_its_place(tmp_path):
    path = tmp_path / "metrics.json"
    write_json(str(path), {"a": [1, None]})
    assert json.loads(path.read_text()) == {"a": [1, None]} and os.listdir(tmp_path) == ["metrics.json"]


def test_prompts_are_counted_along_the_slicing_axis():
    labels = np.zeros((3, 4, 5), np.uint8)
    labels[0, 1:3, 2], labels[2, 1, 2], labels[1, :, 4] = 9, 9, 255
    prompts = Prompts((2, 9, 255), ("a", "b", "c"), 0)
    expected_slices = {0: [0, 2, 1], 1: [0, 2, 4], 2: [0, 1, 1]}
    for axis, slices in expected_slices.items():
        described = describe_prompts(prompts, Segmentation(labels, None, (0.25, 0.9123456789, 1.0)), axis)
        assert [prompt["id"] for prompt in described] == [2, 9, 255]
        assert [prompt["existence_score"] for prompt in described] == [0.25, 0.912346, 1.0]
        assert [prompt["voxels"] for prompt in described] == [0, 3, 4]
        assert [prompt["slices"] for prompt in described] == slices, axis


def test_peak_memory_is_in_mebibytes():
    # Of a Python with NumPy and torch in it.
    assert 20 < host_peak_mib() < 100_000
