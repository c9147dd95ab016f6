"""Runs without network, weights and onnxruntime: python3 -m unittest discover -s tests (needs NumPy only)."""

import contextlib
import io
import json
import os
import random
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np

import predict


def bright_is_brain(cube):
    """A network whose probability is the normalized intensity."""
    return cube


def segment(volume, resolution):
    seen = []
    mask, counts = predict.segment(
        volume, float(volume.min()), float(volume.max()), resolution, bright_is_brain, seen.append,
    )
    return mask, counts, seen


class Segmenting(unittest.TestCase):
    def test_every_shape_gives_a_mask_of_its_own_shape(self):
        seed = random.randrange(2**32)
        generator = np.random.default_rng(seed)
        for shape in [(1, 1, 2), (1, 5, 7), (3, 64, 64), (50, 47, 97), (48, 48, 48)]:
            for resolution in predict.RESOLUTIONS:
                with self.subTest(seed=seed, shape=shape, resolution=resolution):
                    volume = generator.integers(0, 255, shape, dtype=np.uint8)
                    volume.flat[0], volume.flat[-1] = 0, 255
                    mask, _, _ = segment(volume, resolution)
                    self.assertEqual((mask.shape, mask.dtype), (shape, np.uint8))
                    self.assertLessEqual(set(np.unique(mask)), {0, 1})

    def test_full_resolution_puts_every_patch_where_it_came_from(self):
        seed = random.randrange(2**32)
        volume = np.random.default_rng(seed).random((50, 97, 60))
        mask, (_, patches), seen = segment(volume, "full")
        low, high = volume.min(), volume.max()
        expected = predict.normalize(volume, low, high) >= predict.BRAIN_PROBABILITY_MIN
        self.assertTrue(np.array_equal(mask, expected), f"seed {seed}")
        self.assertEqual(patches, 2 * 3 * 2)
        self.assertEqual(seen[-1], 1.0)
        self.assertEqual(seen, sorted(seen))

    def test_half_resolution_keeps_a_block_in_place(self):
        volume = np.zeros((41, 40, 39), np.float32)
        volume[8:20, 12:30, 4:16] = 255
        mask, _, _ = segment(volume, "half")
        found = np.argwhere(mask)
        self.assertEqual(found.min(axis=0).tolist(), [8, 12, 4])
        self.assertEqual(found.max(axis=0).tolist(), [19, 29, 15])
        # Linear interpolation rounds the block's edges off, and nothing else.
        self.assertGreater(int(mask.sum()), 0.95 * 12 * 18 * 12)

    def test_byte_order_memory_order_and_dtype_do_not_matter(self):
        volume = np.random.default_rng(7).integers(0, 255, (9, 10, 11))
        expected, _, _ = segment(volume.astype(np.uint8), "half")
        for dtype in (">f4", "<f8", ">i2", "u4"):
            mask, _, _ = segment(np.asfortranarray(volume.astype(dtype)), "half")
            self.assertTrue(np.array_equal(mask, expected), dtype)

    def test_background_patches_are_not_run(self):
        volume = np.zeros((48, 48, 96), np.uint8)
        volume[:, :, :48] = 200
        mask, (ran, patches), _ = segment(volume, "full")
        self.assertEqual((ran, patches), (1, 2))
        self.assertEqual(int(mask.sum()), 48**3)

    def test_the_last_patch_of_an_axis_is_a_full_one(self):
        boxes = predict.patch_slices((91, 48, 5))
        self.assertEqual([(z.start, z.stop) for z, _, _ in boxes], [(0, 48), (43, 91)])
        self.assertEqual({(x.start, x.stop) for _, _, x in boxes}, {(0, 5)})


class Container(unittest.TestCase):
    """The contract of exit codes, files and stderr, without the weights."""

    def run_main(self, params=None, archive=None, raw=None):
        with tempfile.TemporaryDirectory() as folder:
            if params is not None:
                with open(os.path.join(folder, "params.json"), "w", encoding="utf-8") as file:
                    file.write(params)
            if archive is not None:
                np.savez(os.path.join(folder, "input.npz"), **archive)
            if raw is not None:
                with open(os.path.join(folder, "input.npz"), "wb") as file:
                    file.write(raw)
            stderr = io.StringIO()
            with contextlib.redirect_stderr(stderr):
                code = predict.main({"INPUT_DIR": folder, "OUTPUT_DIR": folder})
            return code, json.loads(stderr.getvalue().splitlines()[-1])["reason"]

    def test_bad_input_exits_10_with_a_fixed_reason(self):
        cases = [
            ("input_unreadable", {"raw": b"not a zip"}),
            ("input_unreadable", {}),
            ("imgs_missing", {"archive": {"other": np.ones(3)}}),
            ("input_unreadable", {"archive": {"imgs": np.array([[[{}]]], dtype=object)}}),
            ("imgs_shape", {"archive": {"imgs": np.ones((4, 4))}}),
            ("imgs_shape", {"archive": {"imgs": np.ones((0, 4, 4))}}),
            ("imgs_dtype", {"archive": {"imgs": np.ones((2, 2, 2), complex)}}),
            ("imgs_not_finite", {"archive": {"imgs": np.array([[[1.0, np.nan]]])}}),
            ("imgs_not_finite", {"archive": {"imgs": np.array([[[1.0, np.inf]]])}}),
            ("imgs_constant", {"archive": {"imgs": np.zeros((2, 2, 2))}}),
            ("params_unreadable", {"params": "{"}),
            ("params_invalid", {"params": '{"resolution": "quarter"}'}),
            ("params_invalid", {"params": "[]"}),
        ]
        for reason, given in cases:
            with self.subTest(reason=reason):
                self.assertEqual(self.run_main(**given), (10, reason))

    def test_prompts_are_never_unpickled(self):
        class Trap:
            def __reduce__(self):
                return (sys.exit, (99,))

        archive = {"imgs": np.arange(8.0).reshape(2, 2, 2), "text_prompts": np.array({"1": Trap()}, dtype=object)}
        self.assertEqual(self.run_main(archive=archive), (12, "weights_missing"))

    def test_an_allocation_failure_is_recognised(self):
        self.assertTrue(predict.is_allocation_failure(RuntimeError("std::bad_alloc")))
        self.assertFalse(predict.is_allocation_failure(RuntimeError("shape mismatch")))

    def test_a_thread_count_that_is_none_becomes_the_default(self):
        self.assertEqual([predict.thread_count(text) for text in (None, "", "0", "-1", "x", "3", "9999")],
                         [2, 2, 2, 2, 2, 3, 64])


if __name__ == "__main__":
    unittest.main()
