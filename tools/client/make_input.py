"""Make `input.npz` from a NIfTI head, as a Django backend would before it calls the platform.

    python3 make_input.py HEAD.nii.gz FOLDER

Writes FOLDER/input.npz (imgs, text_prompts, spacing) and FOLDER/geometry.json (the `geometry` field of POST /infer).
Needs NumPy only: a NIfTI-1 header is 348 bytes (https://nifti.nimh.nih.gov/nifti-1), read here by hand so that
every step can be seen. A backend that has nibabel would use it.
"""

import gzip
import json
import struct
import sys
from pathlib import Path

import numpy as np

NIFTI_UINT8 = 2
PROMPT = "Visualization of the brain in T1-weighted head MR"


def read_nifti_uint8(path):
    """Return (volume as (x, y, z) uint8, affine 4x4 RAS mm) of a NIfTI-1 file with an sform."""
    raw = gzip.open(path).read()
    shape = struct.unpack_from("<8h", raw, 40)[1:4]
    (datatype,) = struct.unpack_from("<h", raw, 70)
    (sform_code,) = struct.unpack_from("<h", raw, 254)
    if datatype != NIFTI_UINT8 or sform_code == 0:
        raise SystemExit("make_input.py: this example reads uint8 volumes with an sform only")
    offset = int(struct.unpack_from("<f", raw, 108)[0])
    volume = np.frombuffer(raw, np.uint8, count=int(np.prod(shape)), offset=offset)
    affine = np.eye(4)
    affine[:3] = np.frombuffer(raw, "<f4", count=12, offset=280).reshape(3, 4)
    return volume.reshape(shape, order="F"), affine


def main(head, folder):
    volume, affine = read_nifti_uint8(head)
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    np.savez_compressed(
        Path(folder) / "input.npz",
        imgs=volume.transpose(2, 1, 0),  # (z, y, x)
        text_prompts=np.array({"1": PROMPT, "instance_label": 0}, dtype=object),
        spacing=spacing,  # (x, y, z), mm
    )
    geometry = {"affine": affine.tolist(), "spacing_order": "xyz"}
    (Path(folder) / "geometry.json").write_text(json.dumps(geometry))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2])
