"""Write volumes that differ in their bright block, each with one text in prompts and notes, as a client with NumPy would."""

import sys
from pathlib import Path

import numpy as np

folder, text, names = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
for number, name in enumerate(names):
    volume = np.zeros((6, 20, 30), np.uint8)
    volume[1:4, number : number + 9, 3:20] = 200
    volume[0, 0, : number + 2] = 128 + number
    prompts = np.array({"1": text, "instance_label": 0}, dtype=object)
    np.savez_compressed(folder / f"{name}.npz", imgs=volume, text_prompts=prompts, note=np.array([text]))
