"""NOT BiomedParse: a small untrained network with the interface of upstream's, for tests. Its masks mean nothing.

In the test image this file is /workspace/network.py. What it keeps of upstream: the parts that segment/slice_network.py
calls, the shapes that go in and come out, random numbers from torch's global generator in every pass, a tokenizer
outside of the checkpoint, and checkpoints that must fit key by key. Written for torch 1.13, which Debian 12 has.

Two things can be made to happen:
- a prompt with the word `absent` has an existence score near 0, so its object is not found;
- a checkpoint whose `backbone.slices_max` is smaller than a batch asks the allocator for more than any machine has.
"""

import re

import torch
from torch import nn
from torch.nn import functional as F

VOCABULARY = "/opt/tokenizer/vocabulary.txt"
# The first word of every prompt, so that none is empty.
START = "[start]"
ABSENT = "absent"

# Upstream's: the side of a slice that goes in, and of a mask that comes out.
SIDE, MASK_SIDE = 512, 128
CHANNELS = 16
# Where an object lies in the slice, as sines and cosines of two frequencies along both axes.
PLACE_CHANNELS = 8
MASK_QUERIES, EDGE_QUERIES = 3, 1
TOKENS_MAX = 77

# A voxel belongs to a mask if it lies this many standard deviations above its slice's mean: a fifth of a slice does.
MASK_LEVEL, MASK_SHARPNESS = 0.8, 3.0
# Of a slice whose voxels are all alike: without it noise would become a mask.
EVEN_VARIANCE = 1e-6
WORD_WEIGHT = 0.6
# How far what was sampled moves a query, and what share of the places is drawn from.
SAMPLING_WEIGHT, SAMPLING_STRIDE = 1.5, 13
CONTRAST_WEIGHT = 5
# More than any machine can address, and less than overflows a size.
IMPOSSIBLE_BYTES = 2**52


def build():
    """Returns the network with weights that make_weights.py replaces. Raises FileNotFoundError without the vocabulary."""
    return UntrainedNetwork(read_vocabulary(VOCABULARY))


def fits(module, prompt):
    """Whether all of a prompt is read."""
    return len(module.sem_seg_head.tokens(prompt)) <= TOKENS_MAX


def resize(slices):
    """(n, s, s) uint8 to (n, 512, 512) uint8, bilinear."""
    if slices.shape[-1] == SIDE:
        return slices
    size = (SIDE, SIDE)
    enlarged = F.interpolate(slices.unsqueeze(1).float(), size=size, mode="bilinear", align_corners=False)
    return enlarged.squeeze(1).round().to(torch.uint8)


def describe():
    return {"untrained_stand_in": "1.0.0"}


def read_vocabulary(path):
    """Returns {word: index} of a file with a word a line."""
    with open(path, encoding="utf-8") as file:
        return {word: index for index, word in enumerate(file.read().split())}


class UntrainedNetwork(nn.Module):
    """The attributes of upstream's BiomedParseModel that are used."""

    def __init__(self, vocabulary):
        super().__init__()
        self.backbone = Backbone()
        self.sem_seg_head = Head(vocabulary)
        self.edge_queries = EDGE_QUERIES
        self.register_buffer("pixel_mean", torch.full((1, 3, 1, 1), 114.5))
        self.register_buffer("pixel_std", torch.full((1, 3, 1, 1), 57.6))


class Backbone(nn.Module):
    """(n, 3, 512, 512) to (n, CHANNELS, 128, 128)."""

    def __init__(self):
        super().__init__()
        self.fine = nn.Conv2d(3, CHANNELS - PLACE_CHANNELS, kernel_size=3, padding=1)
        self.coarse = nn.Conv2d(CHANNELS - PLACE_CHANNELS, CHANNELS - PLACE_CHANNELS, kernel_size=5, padding=2)
        # No limit by itself.
        self.register_buffer("slices_max", torch.tensor(2**31 - 1))

    def forward(self, images):
        if len(images) > int(self.slices_max):
            torch.empty(IMPOSSIBLE_BYTES, dtype=torch.uint8, device=images.device)
        small = F.avg_pool2d(images, SIDE // MASK_SIDE)
        seen = torch.tanh(self.coarse(torch.tanh(self.fine(small))))
        return torch.cat([seen, self._places(images)], dim=1)

    def _places(self, images):
        along = torch.linspace(0, torch.pi, MASK_SIDE, device=images.device)
        waves = torch.stack([along.sin(), along.cos(), (2 * along).sin(), (2 * along).cos()])
        down = waves[:, :, None].expand(-1, -1, MASK_SIDE)
        across = waves[:, None, :].expand(-1, MASK_SIDE, -1)
        return torch.cat([down, across]).expand(len(images), -1, -1, -1)


class Head(nn.Module):
    """Sentences and features to masks and existence."""

    def __init__(self, vocabulary):
        super().__init__()
        self._vocabulary = vocabulary
        self.words = nn.Embedding(len(vocabulary), CHANNELS)
        self.queries = nn.Parameter(torch.randn(MASK_QUERIES + EDGE_QUERIES, CHANNELS))
        self.existence = nn.Linear(CHANNELS, 1)

    def encode_prompts(self, text, eval=True):
        """`text`: for each image its prompts, joined by "[SEP]". Upstream's keys; tokens (L, P, C), zeros at the end."""
        prompts = [prompt for joined in text for prompt in joined.split("[SEP]")]
        indices = [self.tokens(prompt)[:TOKENS_MAX] for prompt in prompts]
        embedded = [self.words(torch.tensor(tokens, device=self.words.weight.device)) for tokens in indices]
        return {
            "grounding_tokens": nn.utils.rnn.pad_sequence(embedded),
            "class_emb": torch.stack([tokens.sum(dim=0) for tokens in embedded]),
            "num_prompts": torch.tensor([len(joined.split("[SEP]")) for joined in text]),
            "text": prompts,
        }

    def tokens(self, prompt):
        """Indices of words; one that the vocabulary lacks is spelled."""
        words = re.findall(r"[a-z0-9]+", prompt.lower())
        known = [[word] if word in self._vocabulary else list(word) for word in words]
        return [self._vocabulary[token] for token in [START, *sum(known, [])]]

    def forward(self, image_features, prompt_features):
        """Features of n slices; tokens (L, n * P, C), slice-major. Masks (n * P, queries, 128, 128), existence (n * P, 1)."""
        slice_count, prompt_count = len(image_features), int(prompt_features["num_prompts"][0])
        features = image_features.flatten(2)
        asked = meaning(prompt_features["grounding_tokens"]).unflatten(0, (slice_count, prompt_count))
        sampled = sample(features[:, :, ::SAMPLING_STRIDE], asked)
        queries = (asked + SAMPLING_WEIGHT * sampled)[:, :, None] + self.queries
        scores = queries.flatten(1, 2) @ features
        variance, mean = torch.var_mean(scores, dim=-1, unbiased=False, keepdim=True)
        logits = (scores - mean) * (MASK_SHARPNESS / (variance + EVEN_VARIANCE).sqrt()) - MASK_SHARPNESS * MASK_LEVEL
        existence = self.existence(prompt_features["class_emb"])
        return {
            "pred_gmasks": logits.reshape(slice_count * prompt_count, -1, MASK_SIDE, MASK_SIDE),
            "object_existence": existence + contrast(features).repeat_interleave(prompt_count)[:, None],
        }


def meaning(tokens):
    """(L, B, C) to (B, C) of length 1. Not linear: prompts that share most words must not look for the same."""
    return F.normalize(torch.sin(WORD_WEIGHT * tokens.sum(dim=0)), dim=-1)


def sample(features, asked):
    """Mean features (n, P, C) of places drawn by chance, more often where they are alike what is asked for."""
    chance = (asked @ features).sigmoid()
    drawn = (torch.rand_like(chance) < chance).to(features.dtype)
    return drawn @ features.transpose(1, 2) / drawn.sum(dim=-1, keepdim=True).clamp(min=1)


def contrast(features):
    """(n), from -4 for an even slice, which shows nothing, to 1."""
    spread = features[:, : CHANNELS - PLACE_CHANNELS].std(dim=-1).mean(dim=-1)
    return 5 * torch.tanh(CONTRAST_WEIGHT * spread) - 4
