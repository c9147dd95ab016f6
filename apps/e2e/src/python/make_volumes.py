"""Write the small inputs of the end-to-end tests into a folder, as a client with NumPy would."""

import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
volume = np.zeros((6, 20, 30), np.uint8)
volume[2:4, 5:15, 10:20] = 200
volume[0, 0, 0] = 7
prompts = np.array({"1": "the bright block", "instance_label": 0}, dtype=object)

np.savez_compressed(folder / "plain.npz", imgs=volume)
np.savez_compressed(folder / "prompted.npz", imgs=volume, text_prompts=prompts, spacing=np.array([1.0, 2.0, 3.0]))
np.savez_compressed(folder / "other.npz", imgs=np.ascontiguousarray(volume[::-1]), text_prompts=prompts)
np.savez(folder / "fortran.npz", imgs=np.asfortranarray(volume), text_prompts=prompts)
np.savez_compressed(folder / "normalized.npz", imgs=(volume / 255).astype(np.float32), text_prompts=prompts)
np.savez_compressed(folder / "hounsfield.npz", imgs=volume.astype(np.int16) - 1000, text_prompts=prompts)
