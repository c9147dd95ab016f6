"""What the program does, written down plainly: whole volumes, every prompt and slice at once, loops where clear.

From the description of upstream's inference: logits are enlarged to 512 x 512 (bicubic, antialiased) and squashed; in
each slice masks whose existence score is too low and masks that overlap a better one disappear; each voxel goes to its
most probable mask, or to the background at 0.5; labels go back by nearest neighbour, without the padding, to their axis.
"""

import numpy as np
import torch
from torch.nn import functional as F

SIDE = 512


def probabilities(logits):
    """(P, N, h, w) to (P, N, 512, 512)."""
    return torch.sigmoid(F.interpolate(logits, size=(SIDE, SIDE), mode="bicubic", align_corners=False, antialias=True))


def labels_of_volume(logits, existence, ids, threshold, shape, axis):
    """logits (P, N, h, w), existence (P, N): label map of `shape`, from one pass with all prompts."""
    probability, scores = probabilities(logits), torch.sigmoid(existence)
    if len(ids) == 1:
        probability = probability * (scores > threshold)[:, :, None, None]
    else:
        for index in range(probability.shape[1]):
            kept = kept_prompts(probability[:, index] > 0.5, scores[:, index].tolist(), threshold)
            for prompt in set(range(len(ids))) - kept:
                probability[prompt, index] = 0
    background = torch.full_like(probability[:1], 0.5)
    strongest = torch.cat([background, probability]).argmax(dim=0).numpy()
    return to_volume(np.array([0, *ids], np.uint8)[strongest], shape, axis)


def kept_prompts(masks, scores, threshold):
    """Of one slice: masks (P, H, W) bool, scores P numbers."""
    kept = set()
    for prompt in sorted(range(len(scores)), key=lambda prompt: -scores[prompt]):
        if scores[prompt] < threshold or not masks[prompt].any():
            continue
        if all(overlap(masks[prompt], masks[better]) <= 0.5 for better in kept):
            kept.add(prompt)
    return kept


def overlap(a, b):
    return np.float32(int((a & b).sum())) / np.float32(int((a | b).sum()))


def independent_labels_of_volume(logits, existence, ids, threshold, shape, axis):
    """The same for prompts that were run one by one: the claim of the highest score, of equals the lower id."""
    claims, scores = (probabilities(logits) > 0.5).numpy(), torch.sigmoid(existence).numpy()
    labels = np.zeros(claims.shape[1:], np.uint8)
    for index in range(claims.shape[1]):
        # The best comes last and paints over the others.
        for prompt in sorted(range(len(ids)), key=lambda prompt: (scores[prompt, index], -prompt)):
            if scores[prompt, index] > threshold:
                labels[index][claims[prompt, index]] = ids[prompt]
    return to_volume(labels, shape, axis)


def to_volume(squares, shape, axis):
    """(N, 512, 512) labels to a label map of `shape` whose axis `axis` has N slices."""
    height, width = (side for index, side in enumerate(shape) if index != axis)
    side = max(height, width)
    if side != SIDE:
        small = F.interpolate(torch.from_numpy(squares).float().unsqueeze(0), size=(side, side), mode="nearest")
        squares = small.squeeze(0).numpy().astype(np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    return np.moveaxis(squares[:, top : top + height, left : left + width], 0, axis)


def rgb_images(volume, axis, resize, mean, std):
    """(N, 3, 512, 512): every slice with the one before and the one after, mirrored at both ends."""
    planes = np.moveaxis(volume, axis, 0)
    count, height, width = planes.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    margins = ((0, 0), (top, side - height - top), (left, side - width - left))
    normal = (resize(torch.from_numpy(np.pad(planes, margins))).float() - mean) / std
    channels = []
    for index in range(count):
        before = index - 1 if index > 0 else min(1, count - 1)
        after = index + 1 if index < count - 1 else max(count - 2, 0)
        channels.append(torch.stack([normal[index], normal[before], normal[after]]))
    return torch.stack(channels)
