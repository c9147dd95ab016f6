"""From logits to labels, one slice at a time.

Upstream does it for all prompts and slices at once (`postprocess`, `merge_multiclass_masks` and `slice_nms` in its
inference.py and utils.py): at 512 x 512 float32, 23 prompts and 535 slices are 13 GB for every copy. No step looks at
two slices, so the result is the same.
"""

import torch
from torch.nn import functional as F

# A voxel belongs to a prompt, or to none: the background competes with this probability.
BACKGROUND_PROBABILITY = 0.5
# Of two prompts' masks that overlap more than this in a slice, the one with the higher existence score stays.
OVERLAP_MAX = 0.5


def probabilities(logits, size):
    """Returns the voxel probabilities of one slice, (P, h, w) to (P, size, size)."""
    enlarged = F.interpolate(
        logits.unsqueeze(0), size=(size, size), mode="bicubic", align_corners=False, antialias=True
    )
    return enlarged.squeeze(0).sigmoid()


def competing_labels(logits, existence, table, size, threshold):
    """Labels of one slice whose prompts were run together.

    logits (P, h, w), existence logits (P), table (P + 1): label id by prompt, after a 0 for the background.
    Returns (size, size) in the table's type.
    """
    scores = existence.sigmoid()
    shown = scores > threshold if len(scores) == 1 else scores >= threshold
    if not shown.any():
        return table.new_zeros(size, size)
    # Most organs are in few slices, and a prompt that a slice does not show need not be enlarged.
    voxels, scores, table = probabilities(logits[shown], size), scores[shown], _table_of(shown, table)
    kept = torch.zeros_like(scores, dtype=torch.bool)
    kept[suppress_overlaps(voxels > BACKGROUND_PROBABILITY, scores, threshold)] = True
    return _strongest(voxels * kept[:, None, None], table)


def independent_labels(logits, existence, table, size, threshold):
    """Labels of one slice whose prompts were run one by one: where two claim a voxel, the higher existence score wins.

    Arguments and result as in `competing_labels`. Equal scores: the lower label id.
    """
    scores = existence.sigmoid()
    shown = scores > threshold
    if not shown.any():
        return table.new_zeros(size, size)
    claims = probabilities(logits[shown], size) > BACKGROUND_PROBABILITY
    # A claim counts as much as its score, lifted above what the background has.
    strengths = claims * (BACKGROUND_PROBABILITY + 1 + scores[shown])[:, None, None]
    return _strongest(strengths, _table_of(shown, table))


def _table_of(shown, table):
    return torch.cat([table[:1], table[1:][shown]])


def _strongest(strengths, table):
    background = torch.full_like(strengths[:1], BACKGROUND_PROBABILITY)
    # Of equals the first, so that the background wins at exactly its probability. On a processor `max` finds the same
    # indices as `argmax` in a quarter of the time.
    return table[torch.cat([background, strengths]).max(dim=0).indices]


def suppress_overlaps(masks, scores, threshold):
    """Non-maximum suppression among the prompts of one slice: masks (P, H, W) bool, scores (P). Returns kept indices."""
    kept = []
    order = scores.argsort(descending=True)
    order = order[(scores[order] >= threshold) & masks[order].flatten(1).any(dim=1)]
    while len(order) > 0:
        first, others = order[0], order[1:]
        kept.append(int(first))
        shared = (masks[others] & masks[first]).flatten(1).sum(dim=1).float()
        united = (masks[others] | masks[first]).flatten(1).sum(dim=1).float()
        order = others[shared / united <= OVERLAP_MAX]
    return kept


def shrink_to(labels, side):
    """Nearest neighbour, (n, size, size) to (n, side, side)."""
    if labels.shape[-1] == side:
        return labels
    return F.interpolate(labels.unsqueeze(0).float(), size=(side, side), mode="nearest").squeeze(0).to(labels.dtype)
