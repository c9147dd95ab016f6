"""BiomedParse's network, one batch of slices at a time.

Upstream's `forward_eval` (src/model/biomedparse_3D.py at the commit in the Dockerfile) runs all slices and keeps what
came of every prompt and slice on the device. Here the caller gets each batch at once and keeps only labels.
"""

from dataclasses import dataclass

import torch

from .slicing import Slices


@dataclass(frozen=True)
class SliceOutput:
    """Logits of n slices and P prompts, on the network's device."""

    # (n, P, h, w), a quarter of the network's input size.
    masks: torch.Tensor
    # The same for the borders between objects, or None for a network without such queries.
    edges: object
    # (n, P)
    existence: torch.Tensor


class SliceNetwork:
    """`module`: upstream's BiomedParseModel in eval mode; `resize`: (n, s, s) uint8 to its input size, uint8."""

    def __init__(self, module, resize, device):
        self._module = module
        self._head = module.sem_seg_head
        self._resize = resize
        self.device = device
        self._mean, self._std = module.pixel_mean.mean(), module.pixel_std.mean()

    def encode(self, texts):
        """Returns the features of prompts that are run together; upstream takes them joined in one string."""
        return self._head.encode_prompts(text=["[SEP]".join(texts)], eval=True)

    def images(self, slices: Slices, start, stop):
        """Returns (n, 3, size, size) float32: a slice, the one before and the one after, in this order.

        Before the first comes the second, and after the last the one before it; a single slice is its own neighbour.
        """
        low, high = max(0, start - 1), min(slices.count, stop + 1)
        resized = self._resize(torch.from_numpy(slices.squares(low, high))).to(self.device).float()
        normal = (resized - self._mean) / self._std
        if slices.count == 1:
            return normal.expand(3, -1, -1).unsqueeze(0)
        last = slices.count - 1
        before = [index - 1 if index > 0 else 1 for index in range(start, stop)]
        after = [index + 1 if index < last else last - 1 for index in range(start, stop)]
        rows = [[index - low, prior - low, next - low] for index, prior, next in zip(range(start, stop), before, after)]
        return normal[torch.tensor(rows, device=self.device)]

    def features(self, images):
        return self._module.backbone(images)

    def run(self, features, prompts, slice_count):
        """Returns the SliceOutput of the `features` of `slice_count` slices and prompts from `encode`."""
        prompt_count = int(prompts["num_prompts"][0])
        # Upstream tiles image features by prompt, slice by slice, so prompts repeat as a whole.
        tiled = {
            **prompts,
            "grounding_tokens": prompts["grounding_tokens"].repeat(1, slice_count, 1),
            "class_emb": prompts["class_emb"].repeat(slice_count, 1),
        }
        outputs = self._head(image_features=features, prompt_features=tiled)
        queries = outputs["pred_gmasks"]
        edge_count = self._module.edge_queries
        by_slice = (slice_count, prompt_count)
        masks = queries[:, : queries.shape[1] - edge_count].mean(dim=1)
        edges = queries[:, -edge_count:].mean(dim=1) if edge_count > 0 else None
        return SliceOutput(
            masks=masks.unflatten(0, by_slice),
            edges=None if edges is None else edges.unflatten(0, by_slice),
            existence=outputs["object_existence"].reshape(by_slice),
        )
