"""Exit 0 if the second file's mask is exactly what the test model makes of the first file's volume."""

import sys

import numpy as np

imgs = np.load(sys.argv[1])["imgs"]
segs = np.load(sys.argv[2], allow_pickle=False)["segs"]
sys.exit(0 if segs.shape == imgs.shape and np.array_equal(segs, (imgs > 127).astype(np.uint8)) else 1)
