import os
import random
import zipfile

import archives
import numpy as np
import pytest
from segment.refusal import Refusal
from segment.volume import read_input, to_uint8

MUTANTS = 4_000
PROMPTS = {"1": "liver"}
VALUES = np.arange(2 * 3 * 4).reshape(2, 3, 4)


def reason_of(imgs):
    with pytest.raises(Refusal) as caught:
        to_uint8(imgs)
    assert caught.value.exit_code == 10
    return caught.value.reason


def reason_of_file(path):
    with pytest.raises(Refusal) as caught:
        read_input(str(path))
    assert caught.value.exit_code == 10
    return caught.value.reason


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"])
def test_every_dtype_in_both_byte_and_memory_orders_becomes_uint8(tmp_path, code, order):
    imgs = (VALUES * 5).astype(np.dtype(code).newbyteorder(order))
    for name, array in (("c", imgs), ("fortran", np.asfortranarray(imgs))):
        path = tmp_path / f"{name}.npz"
        archives.write_case(path, array, PROMPTS)
        read, _ = read_input(str(path))
        assert read.dtype == np.uint8 and read.flags.c_contiguous and read.shape == VALUES.shape
        np.testing.assert_array_equal(read, VALUES * 5)


def test_strides_of_any_kind_are_read():
    imgs = np.arange(200, dtype=np.uint8).reshape(5, 4, 10)[::-1, :, ::3]
    whole = to_uint8(imgs)
    assert whole.flags.c_contiguous
    np.testing.assert_array_equal(whole, imgs.copy())


def test_halves_are_rounded_to_even():
    given = [0.0, 0.4, 0.5, 0.6, 1.5, 2.5, 3.49, 253.5, 254.5, 254.51, 255.0, -0.0]
    whole = to_uint8(np.array([[given]]))
    assert whole.tolist() == [[[0, 0, 0, 1, 2, 2, 3, 254, 254, 255, 255, 0]]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_and_infinity_are_refused(dtype):
    for value in (np.nan, np.inf, -np.inf):
        imgs = (VALUES * 5).astype(dtype)
        imgs[1, 2, 3] = value
        assert reason_of(imgs) == "imgs_not_finite"
    assert reason_of(np.full((2, 2, 2), np.nan, dtype)) == "imgs_not_finite"


@pytest.mark.parametrize(
    "low, high, dtype",
    [(-1024, 3071, "i2"), (-1, 255, "f4"), (-0.3, 200, "f4"), (0, 256, "i4"), (0, 255.4, "f8"), (0, 2**64 - 1, "u8")],
)
def test_what_is_outside_0_to_255_is_refused(low, high, dtype):
    imgs = np.full((2, 2, 2), 100, dtype)
    imgs[0, 0, 0], imgs[1, 1, 1] = low, high
    assert reason_of(imgs) == "imgs_range"


def test_floats_from_0_to_1_are_refused_and_whole_numbers_are_not():
    generator = np.random.default_rng(1)
    for dtype in (np.float16, np.float32, np.float64):
        assert reason_of(generator.random((2, 3, 4)).astype(dtype)) == "imgs_normalized"
    assert reason_of(np.zeros((2, 2, 2))) == "imgs_normalized"
    assert to_uint8(VALUES % 2).max() == 1


def test_a_constant_volume_is_refused_also_when_rounding_makes_it_one():
    for value in (0, 7, 255):
        assert reason_of(np.full((2, 3, 4), value, np.uint8)) == "imgs_constant"
        assert reason_of(np.full((2, 3, 4), value, np.int32)) == "imgs_constant"
    assert reason_of(np.array([[[99.6, 100.0, 100.4]]])) == "imgs_constant"
    assert to_uint8(np.array([[[99.4, 100.0]]])).tolist() == [[[99, 100]]]


@pytest.mark.parametrize("shape", [(), (5,), (4, 4), (0, 4, 4), (4, 0, 4), (4, 4, 0), (1, 2, 2, 2)])
def test_other_shapes_are_refused(shape):
    assert reason_of(np.ones(shape, np.uint8)) == "imgs_shape"


@pytest.mark.parametrize("dtype", [bool, complex, "S3", "U2", "M8[s]", [("a", "u1")], "V4"])
def test_other_dtypes_are_refused(dtype):
    assert reason_of(np.zeros((2, 2, 2), dtype)) == "imgs_dtype"


def test_objects_are_not_unpickled(tmp_path):
    marker = tmp_path / "it-ran"

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(marker),))

    path = tmp_path / "input.npz"
    archives.write_case(path, np.full((1, 1, 1), Trap(), dtype=object), PROMPTS, boxes=np.array([Trap()], dtype=object))
    assert reason_of_file(path) == "input_unreadable"
    assert not marker.exists()


def test_boxes_and_spacing_stay_unread(tmp_path):
    path = tmp_path / "input.npz"
    imgs = VALUES.astype(np.uint8)
    boxes = np.array([{"z_min": 0, "z_max": 1, "z_mid": 0, "z_mid_x_min": 1}] * 3, dtype=object)
    archives.write_case(path, imgs, PROMPTS, boxes=boxes, spacing=np.array([0.8, 0.8, 5.0]), clicks=np.zeros(0))
    read, prompts = read_input(str(path))
    np.testing.assert_array_equal(read, imgs)
    assert prompts.texts == ("liver",)
    # Whatever they hold.
    members = {"imgs.npy": archives.array_member(imgs), "text_prompts.npy": archives.prompts_member(PROMPTS)}
    archives.write_npz(path, {**members, "boxes.npy": b"damaged", "spacing.npy": b"", "gts": b"no array"})
    assert read_input(str(path))[1] == prompts


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_may_be_stored_or_deflated(tmp_path, compression):
    path = tmp_path / "input.npz"
    members = {"imgs.npy": archives.array_member(VALUES), "text_prompts.npy": archives.MEMBER_OF_NUMPY_2}
    archives.write_npz(path, members, compression)
    assert read_input(str(path))[0].max() == VALUES.max()


def test_missing_members_are_named(tmp_path):
    path = tmp_path / "input.npz"
    imgs, prompts = archives.array_member(VALUES), archives.MEMBER_OF_NUMPY_2
    for reason, members in (
        ("imgs_missing", {"text_prompts.npy": prompts}),
        ("prompts_missing", {"imgs.npy": imgs}),
        ("prompts_missing", {"imgs.npy": imgs, "text_prompts": prompts}),
        ("imgs_missing", {"imgs": imgs, "text_prompts.npy": prompts}),
        ("prompts_invalid", {"imgs.npy": imgs, "text_prompts.npy": prompts + 300_000 * b"."}),
    ):
        archives.write_npz(path, members)
        assert reason_of_file(path) == reason
    assert reason_of_file(tmp_path / "none.npz") == "input_unreadable"
    assert reason_of_file(tmp_path) == "input_unreadable"


def test_an_imgs_member_that_is_no_array_is_refused(tmp_path):
    path = tmp_path / "input.npz"
    whole = archives.array_member(VALUES)
    for content in (
        b"",
        b"no array",
        whole[:40],
        whole[:-1],
        b"\x93NUMPY\x01\x00\x04\x00{((\n" + whole,
        b"\x92" + whole[1:],
    ):
        archives.write_npz(path, {"imgs.npy": content, "text_prompts.npy": archives.MEMBER_OF_NUMPY_2})
        assert reason_of_file(path) == "input_unreadable", content[:20]
    # NumPy prefers a member of the bare name.
    archives.write_npz(path, {"imgs.npy": whole, "imgs": b"no array", "text_prompts.npy": archives.MEMBER_OF_NUMPY_2})
    assert reason_of_file(path) == "input_unreadable"


def test_a_damaged_archive_is_refused(tmp_path):
    path = tmp_path / "input.npz"
    # Larger than the 4 KiB that zipfile reads ahead, and hard to compress: damage meets the deflate stream.
    imgs = np.random.default_rng(3).integers(0, 255, (8, 64, 64)).astype(np.uint8)
    archives.write_case(path, imgs, PROMPTS)
    whole = path.read_bytes()
    for length in (0, 3, 30, 1_000, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert reason_of_file(path) == "input_unreadable"
    for at in (200, 5_000, 20_000):
        path.write_bytes(whole[:at] + bytes(byte ^ 0xFF for byte in whole[at : at + 8]) + whole[at + 8 :])
        assert reason_of_file(path) == "input_unreadable"


def test_any_damage_is_refused_or_harmless(tmp_path, seed):
    generator = random.Random(seed)
    path = tmp_path / "input.npz"
    bases = []
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        members = {"imgs.npy": archives.array_member(VALUES), "text_prompts.npy": archives.MEMBER_OF_NUMPY_1}
        archives.write_npz(path, members, compression)
        bases.append(path.read_bytes())
    for _ in range(MUTANTS):
        content = bytearray(generator.choice(bases))
        for _ in range(generator.randrange(1, 4)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        path.write_bytes(content)
        try:
            read, _ = read_input(str(path))
        except Refusal as refusal:
            assert refusal.exit_code == 10
            continue
        assert read.ndim == 3 and read.dtype == np.uint8
