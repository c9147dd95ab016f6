"""Read a job's artifacts the way other people's code does, and print what they hold as JSON.

    read_artifacts.py FOLDER [REFERENCE.nii.gz]   (the reference's voxels above 0 are the truth for Dice)
"""

import json
import sys
from pathlib import Path

import nibabel
import numpy as np

folder = Path(sys.argv[1])
with np.load(folder / "pred_mask.npz", allow_pickle=False) as archive:
    keys = sorted(archive.files)
    mask = archive[keys[0]]
image = nibabel.load(folder / "pred_mask.nii.gz")
voxels = np.asanyarray(image.dataobj)
facts = {
    "keys": keys,
    "shape": mask.shape,
    "dtype": str(mask.dtype),
    "labels": np.unique(mask).tolist(),
    "nifti_equals_npz": bool(np.array_equal(voxels, mask.transpose(2, 1, 0))),
    "affine": image.affine.tolist(),
    "codes": [int(image.header["qform_code"]), int(image.header["sform_code"])],
    "zooms": [float(zoom) for zoom in image.header.get_zooms()],
}
if len(sys.argv) > 2:
    reference = nibabel.load(sys.argv[2])
    truth = np.asanyarray(reference.dataobj) > 0
    found = voxels > 0
    facts["dice"] = float(2 * np.logical_and(truth, found).sum() / (truth.sum() + found.sum()))
    facts["reference_affine"] = reference.affine.tolist()
print(json.dumps(facts))
