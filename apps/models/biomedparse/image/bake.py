"""Fetches the gated checkpoint and keeps what the network needs of it (see Dockerfile.baked): `bake.py FOLDER`.

Writes weights.safetensors and weights.json (`{"file", "sha256", "source_sha256"}`) into FOLDER. A checkpoint of
training is three times its network: the optimizer's moments are in it, too.
"""

import json
import os
import sys
import tempfile

import network
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import GatedRepoError
from safetensors.torch import load_file, save_file
from segment.refusal import Refusal
from segment.weights import BAKED_RECORD, load_weights, sha256_of

TOKEN = "/run/secrets/hf_token"
BAKED = "weights.safetensors"


def main(environment, folder):
    expected = environment.get("WEIGHTS_SHA256", "")
    if expected == "":
        sys.exit("Set the build argument WEIGHTS_SHA256: the hub's page of the file shows its SHA-256.")
    # Not in FOLDER: the checkpoint must be gone when this layer ends.
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = fetch(environment, scratch)
        digest = sha256_of(checkpoint)
        if digest != expected:
            sys.exit(f"The checkpoint has the SHA-256 {digest}, WEIGHTS_SHA256 is {expected}: check which is right.")
        module = load(checkpoint)
    save(module, folder, digest)


def fetch(environment, scratch):
    """Returns the path of the checkpoint. HF_ENDPOINT is the hub library's own setting."""
    with open(TOKEN, encoding="utf-8") as file:
        token = file.read().strip()
    repository = environment["WEIGHTS_REPOSITORY"]
    try:
        return hf_hub_download(
            repo_id=repository,
            filename=environment["WEIGHTS_FILE"],
            revision=environment["WEIGHTS_REVISION"],
            token=token,
            local_dir=scratch,
        )
    except GatedRepoError:
        sys.exit(f"The hub refuses {repository}: accept its conditions with the account that the token belongs to.")


def load(checkpoint):
    """Returns the network with the checkpoint's tensors, which must fit it key by key."""
    module = network.build()
    try:
        load_weights(module, checkpoint)
    except Refusal as refusal:
        sys.exit(f"{refusal.reason}: this checkpoint is not of the network at the commit in the Dockerfile.")
    return module


def save(module, folder, source_sha256):
    os.makedirs(folder)
    path = os.path.join(folder, BAKED)
    # Copies: safetensors refuses tensors that share memory.
    state = {name: tensor.detach().clone().contiguous() for name, tensor in module.state_dict().items()}
    save_file(state, path)
    saved = load_file(path)
    if saved.keys() != state.keys() or not all(saved[name].equal(tensor) for name, tensor in state.items()):
        sys.exit("What was written is not what was read: check the disk, and build again.")
    record = {"file": BAKED, "sha256": sha256_of(path), "source_sha256": source_sha256}
    with open(os.path.join(folder, BAKED_RECORD), "w", encoding="utf-8") as file:
        json.dump(record, file)
    # For every user: jobs run as another one.
    os.chmod(path, 0o644)
    print(f"{len(state)} tensors, {os.path.getsize(path)} bytes: {record}")


if __name__ == "__main__":
    main(os.environ, *sys.argv[1:])
