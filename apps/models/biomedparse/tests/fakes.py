"""Networks with the interface of upstream's and no more in them than a test needs."""

import torch
from segment.slice_network import SliceOutput
from torch import nn
from torch.nn import functional as F

SIDE, MASK_SIDE = 512, 128


class TableNetwork:
    """Stands for a SliceNetwork: what it says of slice s and prompt p lies in tables, (slices, prompts, …)."""

    device = torch.device("cpu")

    def __init__(self, texts, masks, existence, edges=None, noise=0.0):
        self._texts, self._masks, self._existence, self._edges, self._noise = texts, masks, existence, edges, noise
        self.batches = []

    def encode(self, texts):
        return [self._texts.index(text) for text in texts]

    def images(self, slices, start, stop):
        self.batches.append((start, stop))
        return torch.arange(start, stop)

    def features(self, images):
        return images

    def run(self, features, prompts, slice_count):
        assert len(features) == slice_count
        masks, existence = self._masks[features][:, prompts], self._existence[features][:, prompts]
        if self._noise > 0:
            # As upstream's attention does: from torch's global generator, and not always the same number of draws.
            masks = masks + self._noise * (torch.rand(masks.shape) - 0.5)
            torch.rand(3 * len(prompts))
        return SliceOutput(masks, None if self._edges is None else self._edges[features][:, prompts], existence)


class FakeModule(nn.Module):
    """Stands for upstream's BiomedParseModel. No sum over slices: batches of any size agree exactly.

    A prompt is four numbers made of its letters. `calls` holds what came in, batch by batch.
    """

    def __init__(self, edge_queries=1, noise=0.0):
        super().__init__()
        self.edge_queries = edge_queries
        # Upstream normalizes with the mean of these: 4 and 2.
        self.register_buffer("pixel_mean", torch.tensor([2.0, 4.0, 6.0]).reshape(1, 3, 1, 1))
        self.register_buffer("pixel_std", torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1))
        self.sem_seg_head = FakeHead(edge_queries, noise)
        self.images = []

    def backbone(self, images):
        self.images.append(images)
        return F.avg_pool2d(images, SIDE // MASK_SIDE)


class FakeHead(nn.Module):
    QUERIES = 2

    def __init__(self, edge_queries, noise):
        super().__init__()
        self._edge_queries, self._noise = edge_queries, noise
        # 4 KiB of it, so that a checkpoint is no pointer to one.
        self.gain = nn.Parameter(torch.ones(1024))
        self.calls = []

    def encode_prompts(self, text, eval):
        assert eval and len(text) == 1
        texts = text[0].split("[SEP]")
        return {
            "num_prompts": torch.tensor([len(texts)]),
            "grounding_tokens": torch.arange(3.0 * len(texts)).reshape(3, len(texts), 1),
            "class_emb": torch.tensor([numbers_of(one) for one in texts]),
        }

    def forward(self, image_features, prompt_features):
        prompt_count = int(prompt_features["num_prompts"][0])
        images = image_features.repeat_interleave(prompt_count, dim=0)
        self.calls.append((image_features, prompt_features))
        numbers = prompt_features["class_emb"]
        weights = numbers[:, :3, None, None]
        mask = self.gain[0] * (weights * images).sum(dim=1) / 20 - numbers[:, 3, None, None]
        if self._noise > 0:
            mask = mask + self._noise * torch.rand_like(mask)
        queries = [mask + 0.25 * index for index in range(self.QUERIES)]
        queries += [2.0 - mask.abs() + 0.5 * index for index in range(self._edge_queries)]
        return {
            "pred_gmasks": torch.stack(queries, dim=1),
            # Another one for every slice: what its middle voxel says.
            "object_existence": (mask[:, MASK_SIDE // 2, MASK_SIDE // 2] + 1.0).unsqueeze(1),
        }


def numbers_of(text):
    """Three weights from -1 to 1 and a bias from 0 to 1."""
    total = sum((index + 1) * ord(letter) for index, letter in enumerate(text))
    return [((total * factor) % 101) / 50 - 1 for factor in (3, 7, 11)] + [((total * 13) % 101) / 100]


def resize(slices):
    """(n, s, s) uint8 to (n, 512, 512) uint8, nearest neighbour."""
    rows = torch.arange(SIDE) * slices.shape[-1] // SIDE
    return slices[:, rows][:, :, rows]


class FakeNetwork:
    """Stands for the image's network.py."""

    PROMPT_CHARS_MAX = 100

    def __init__(self, make=FakeModule):
        self._make = make
        self.resize = resize

    def fits(self, module, prompt):
        return len(prompt) <= self.PROMPT_CHARS_MAX

    def build(self):
        return self._make()

    def describe(self):
        return {"fake": "1.0"}
