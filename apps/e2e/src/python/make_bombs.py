"""
Write what the check of an upload must survive into a folder: a volume of 256 MB, stored, and three archives of a megabyte
at most that hold or claim a gigabyte.
"""

import io
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
GIGABYTE = (512, 1024, 1024)  # of uint16: more voxels would be refused unread
NPY_HEADER_BYTES = 128

ramp = np.resize(np.arange(256, dtype=np.uint8), (512, 512))
np.savez(folder / "large.npz", imgs=np.broadcast_to(ramp, (1024, 512, 512)))

# What it says it is: a gigabyte of the same voxel.
np.savez_compressed(folder / "honest.npz", imgs=np.broadcast_to(np.uint16(0), GIGABYTE))

# The same, where the archive says that it is a thousandth.
honest = (folder / "honest.npz").read_bytes()
lying = honest.replace(struct.pack("<I", NPY_HEADER_BYTES + 1024**3), struct.pack("<I", NPY_HEADER_BYTES + 1024**2))
assert lying != honest
(folder / "lying.npz").write_bytes(lying)

# Half a kilobyte of voxels under a header that says a gigabyte.
npy = io.BytesIO()
np.lib.format.write_array_header_1_0(npy, {"descr": "<u2", "fortran_order": False, "shape": GIGABYTE})
with zipfile.ZipFile(folder / "claiming.npz", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("imgs.npy", npy.getvalue() + bytes(512))
