"""A whole volume through the network, batch by batch; what is kept of a batch is its labels."""

from dataclasses import dataclass

import numpy as np
import torch

from .postprocess import competing_labels, independent_labels, shrink_to
from .random_streams import RandomStreams
from .refusal import Refusal
from .slicing import Slices

# Upstream runs on slices of this size, and enlarges what comes out to it again.
NETWORK_SIDE = 512


@dataclass(frozen=True)
class Segmentation:
    # (D, H, W) uint8, 0 = background.
    labels: np.ndarray
    # The same for borders between objects, or None where nobody asked or the network has none.
    edges: object
    # By prompt: the highest existence score (0..1) of all slices.
    existence: tuple


def segment_volume(network, imgs, prompts, axis, params, slice_batch_size, progress):
    """Returns the Segmentation of `imgs` (uint8, (D, H, W)). `progress` gets the fraction that is done.

    The same for the same seed, slice_batch_size and class of device.
    """
    slices = Slices(imgs, axis)
    passes = _Passes(network, prompts, params)
    labels = slices.empty_labels()
    edges = slices.empty_labels() if prompts.instance_label == 1 else None
    existence = torch.full((len(prompts.ids),), -torch.inf)
    has_edges = False
    for start in range(0, slices.count, slice_batch_size):
        stop = min(start + slice_batch_size, slices.count)
        masks, edge_masks, scores = passes.run(network.images(slices, start, stop))
        existence = torch.maximum(existence, scores.amax(dim=0).cpu())
        labels.put(start, passes.labels(masks, scores, slices.side))
        if edges is not None and edge_masks is not None:
            has_edges = True
            edges.put(start, passes.labels(edge_masks, scores, slices.side))
        progress(stop / slices.count)
    return Segmentation(
        labels=labels.volume(),
        edges=edges.volume() if has_edges else None,
        existence=tuple(existence.sigmoid().tolist()),
    )


class _Passes:
    """One pass for all prompts, or with `independent` one for each."""

    def __init__(self, network, prompts, params):
        groups = [[text] for text in prompts.texts] if params.independent else [list(prompts.texts)]
        self._network = network
        self._prompts = [network.encode(texts) for texts in groups]
        self._streams = RandomStreams(params.seed, len(groups), network.device)
        self._merge = independent_labels if params.independent else competing_labels
        self._threshold = params.threshold
        self._table = torch.tensor([0, *prompts.ids], dtype=torch.uint8, device=network.device)

    def run(self, images):
        """Returns logits (n, P, h, w) of masks, of edges or None, and (n, P) of existence."""
        features = self._network.features(images)
        outputs = []
        for index, prompts in enumerate(self._prompts):
            with self._streams.stream(index):
                outputs.append(self._network.run(features, prompts, len(images)))
        masks, edges, existence = zip(*((output.masks, output.edges, output.existence) for output in outputs))
        masks, existence = torch.cat(masks, dim=1), torch.cat(existence, dim=1)
        edges = None if edges[0] is None else torch.cat(edges, dim=1)
        # No comparison holds for NaN, so it would end as "not found", or as no border.
        if not all(logits.isfinite().all() for logits in (masks, edges, existence) if logits is not None):
            raise Refusal("network_not_finite")
        return masks, edges, existence

    def labels(self, masks, existence, side):
        """Returns (n, side, side) uint8, NumPy."""
        labels = [
            self._merge(slice_masks, scores, self._table, NETWORK_SIDE, self._threshold)
            for slice_masks, scores in zip(masks, existence)
        ]
        return shrink_to(torch.stack(labels), side).cpu().numpy()
