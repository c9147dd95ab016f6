"""Make an NPZ of a given shape by tiling a head MRI, as tools/bench sends and a model leaves it.

    python make_volume.py HEAD.nii.gz TARGET.npz stored|deflated imgs|segs DTYPE Z Y X
"""

import gzip
import sys

import numpy as np

HEAD_SHAPE = (181, 217, 181)
NIFTI_DATA_OFFSET = 352
BRIGHT = 60


def head_zyx(path):
    raw = gzip.open(path).read()
    return np.frombuffer(raw, np.uint8, count=int(np.prod(HEAD_SHAPE)), offset=NIFTI_DATA_OFFSET).reshape(HEAD_SHAPE)


def tiled(head, shape):
    """The head again and again in all three directions, from its middle on: a small part is no black corner."""
    planes, rows, columns = ((np.arange(side) + of // 2) % of for side, of in zip(shape, head.shape))
    volume = np.empty(shape, np.uint8)
    for z, plane in enumerate(planes):
        volume[z] = head[plane][np.ix_(rows, columns)]
    return volume


def main(head, target, how, key, dtype, *shape):
    volume = tiled(head_zyx(head), tuple(int(side) for side in shape))
    if key == "segs":
        volume = (volume > BRIGHT).astype(np.uint8)
    save = np.savez if how == "stored" else np.savez_compressed
    save(target, **{key: volume.astype(dtype, copy=False)})


if __name__ == "__main__":
    main(*sys.argv[1:])
