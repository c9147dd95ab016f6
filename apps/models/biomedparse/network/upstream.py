"""BiomedParse's network as upstream builds it; in the image this file is /workspace/network.py."""

import os
import sys

import torch
from torch.nn import functional as F

UPSTREAM = "/opt/biomedparse"
TOKENIZER = "/opt/tokenizer"
TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer_config.json")
SIDE = 512
# CLIP's, with one at the beginning and one at the end.
TOKENS_MAX = 77


def build():
    """Returns upstream's BiomedParseModel, untrained. Raises FileNotFoundError without the tokenizer."""
    for name in TOKENIZER_FILES:
        os.stat(os.path.join(TOKENIZER, name))
    sys.path.insert(0, UPSTREAM)
    import hydra

    tokenizer = "sem_seg_head.predictor.language_encoder.tokenizer.pretrained_model_name_or_path"
    with hydra.initialize_config_dir(version_base=None, config_dir=os.path.join(UPSTREAM, "configs/model")):
        config = hydra.compose(config_name="biomedparse_3D", overrides=[f"{tokenizer}={TOKENIZER}"])
    module = hydra.utils.instantiate(config, _convert_="object")
    # encode_prompts also embeds 17 class names in 80 sentences each, which only the 2D network's head reads.
    module.sem_seg_head.predictor.language_encoder.get_text_embeddings = lambda *_, **__: None
    return module


def fits(module, prompt):
    """Whether the network reads all of a prompt: upstream cuts it off without a word."""
    language_encoder = module.sem_seg_head.predictor.language_encoder
    return len(language_encoder.tokenizer(prompt)["input_ids"]) <= TOKENS_MAX


def resize(slices):
    """(n, s, s) uint8 to (n, 512, 512) uint8, bicubic: as upstream enlarges a challenge's volume.

    In uint8: torch's kernel for whole numbers gives other values than the one for floats.
    """
    if slices.shape[-1] == SIDE:
        return slices
    return F.interpolate(slices.unsqueeze(0), size=(SIDE, SIDE), mode="bicubic", align_corners=False).squeeze(0)


def describe():
    return {
        "biomedparse": os.environ.get("BIOMEDPARSE_COMMIT", "unknown"),
        "cuda": torch.version.cuda or "none",
        "cudnn": str(torch.backends.cudnn.version() or "none"),
    }
