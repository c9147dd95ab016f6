"""`imgs` of input.npz, as the numbers that BiomedParse was trained on: whole, 0 to 255.

Upstream truncates the volume to integers before it normalizes them, so a volume in 0..1 would become nearly black, and
its mask garbage with exit code 0. The challenge's files are uint8; everything else is brought to that, or refused.
"""

import zipfile

import numpy as np

from .prompts import MEMBER, MEMBER_BYTES_MAX, read_prompts
from .refusal import Refusal

INTENSITY_MAX = 255


def read_input(path):
    """Returns `imgs` (uint8, C order, (D, H, W)) and the Prompts. Other members, such as `boxes`, stay unread."""
    try:
        with zipfile.ZipFile(path) as archive:
            prompts = read_prompts(_small_member(archive, f"{MEMBER}.npy"))
            if "imgs.npy" not in archive.namelist():
                raise Refusal("imgs_missing")
        with np.load(path, allow_pickle=False) as arrays:
            imgs = arrays["imgs"]
    except (Refusal, MemoryError):
        raise
    except Exception as error:  # what a damaged archive raises depends on where it is damaged
        raise Refusal("input_unreadable") from error
    # NumPy hands out the bytes of a member that is no array.
    if not isinstance(imgs, np.ndarray):
        raise Refusal("input_unreadable")
    return to_uint8(imgs), prompts


def _small_member(archive, name):
    """Its bytes, at most one more than prompts may have; None if there is none."""
    if name not in archive.namelist():
        return None
    with archive.open(name) as file:
        return file.read(MEMBER_BYTES_MAX + 1)


def to_uint8(imgs):
    """Rounds half to even. Refuses what is not 0..255, and what has less than two different values then."""
    if imgs.ndim != 3 or imgs.size == 0:
        raise Refusal("imgs_shape")
    if imgs.dtype.kind not in "uif":
        raise Refusal("imgs_dtype")
    low, high = float(imgs.min()), float(imgs.max())
    # NumPy hands NaN on.
    if not (np.isfinite(low) and np.isfinite(high)):
        raise Refusal("imgs_not_finite")
    if low < 0 or high > INTENSITY_MAX:
        raise Refusal("imgs_range")
    if imgs.dtype.kind == "f" and high <= 1:
        raise Refusal("imgs_normalized")
    if imgs.dtype == np.uint8:
        whole = np.ascontiguousarray(imgs)
    else:
        whole = np.empty(imgs.shape, np.uint8)
        for z in range(imgs.shape[0]):  # a slice at a time: rounding all at once would double a large volume
            whole[z] = np.rint(imgs[z])
    if whole.min() == whole.max():
        raise Refusal("imgs_constant")
    return whole
