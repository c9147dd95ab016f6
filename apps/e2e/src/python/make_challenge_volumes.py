"""Write inputs of the shapes that the published challenge cases have, into a folder: blobs and noise, no anatomy."""

import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
random = np.random.default_rng(20261121)

ORGANS = (
    "spleen,right kidney,left kidney,gallbladder,esophagus,liver,stomach,aorta,inferior vena cava,pancreas,"
    "right adrenal gland,left adrenal gland,duodenum,bladder,prostate"
).split(",")
ABSENT = "absent uterus"
TUMOURS = ("whole tumor", "tumor core", "enhancing tumor", "edema")
CHAMBERS = ("left ventricular cavity", "myocardium", "left atrium cavity")


def blobs(shape, count, radius):
    """(D, H, W) uint8: bright balls (`radius` as a share of each side) on dark ground, with noise on the balls only."""
    volume = np.zeros(shape, np.float32)
    grids = [np.arange(side, dtype=np.float32) for side in shape]
    for _ in range(count):
        # Each ball is drawn within its own box only: a volume as large as a real one takes no longer.
        radii = [max(1.5, radius * side * random.uniform(0.6, 1.4)) for side in shape]
        center = [random.uniform(0.15, 0.85) * side for side in shape]
        boxes = [slice(max(0, int(c - r)), int(c + r) + 1) for c, r in zip(center, radii)]
        z, y, x = (((grid[box] - c) / r) ** 2 for grid, box, c, r in zip(grids, boxes, center, radii))
        inside = z[:, None, None] + y[:, None] + x < 1
        volume[tuple(boxes)][inside] = random.uniform(60, 220)
    noise = random.integers(-20, 20, shape, dtype=np.int8)
    return np.where(volume > 0, volume + noise, 0).clip(0, 255).astype(np.uint8)


def box_of(label):
    names = "z_min z_max z_mid z_mid_x_min z_mid_y_min z_mid_x_max z_mid_y_max"
    return {name: label + index for index, name in enumerate(names.split())}


def write(name, volume, prompts, spacing, instance_label=0, **more):
    texts = {str(label): text for label, text in prompts.items()}
    asked = np.array({**texts, "instance_label": instance_label}, dtype=object)
    np.savez_compressed(
        folder / f"{name}.npz", imgs=volume, text_prompts=asked, spacing=np.array(spacing, np.float64), **more
    )


abdomen = {label: f"CT imaging of the {organ} within the abdomen" for label, organ in enumerate(ORGANS, start=1)}
abdomen[15] = f"CT imaging of the {ABSENT} within the abdomen"
boxes = np.array([box_of(label) for label in abdomen], dtype=object)
write("abdomen", blobs((63, 512, 512), 40, 0.08), abdomen, [0.846, 0.846, 5.0], boxes=boxes)
# Label ids need not be in sequence.
head = {10 * label: f"Visualization of {tumour} in head MR" for label, tumour in enumerate(TUMOURS, start=1)}
write("head", blobs((70, 218, 182), 25, 0.1), head, [1.0, 1.0, 1.0])
heart = {label: f"{chamber} in cardiac ultrasound" for label, chamber in enumerate(CHAMBERS, start=1)}
write("heart", blobs((19, 551, 669), 12, 0.12), heart, [0.308, 0.308, 1.0])
cells = {1: "Cell nuclei in light sheet microscopy of the brain"}
write("cells", blobs((134, 200, 200), 400, 0.02), cells, [1.0, 1.0, 1.0], instance_label=1)
balls = {2: "the bright ball", 3: "a bright ball", 5: "the dark block", 7: "an absent ball"}
write("small", blobs((5, 60, 80), 6, 0.2), balls, [1.0, 2.0, 3.0])
