"""Writes a checkpoint for the stand-in network, in the format of upstream's: random numbers, the same on every run.

    make_weights.py OUT [--kind good|foreign|slices-max=N]

`foreign` fits another network; with `slices-max=N` a batch of more than N slices runs out of memory.
"""

import argparse
import sys

import torch

sys.path.insert(0, "/workspace")
import network  # noqa: E402  (the image's own)

SEED = 20261121
# Logits: no word but one can take a prompt's existence score below a half.
EXISTENCE_BIAS, WORD_LOGIT, ABSENT_LOGIT = 2.0, 0.1, -12.0
# Of training; upstream's checkpoint has them beside the network, and nobody reads them.
LOSS = {"loss_function.loss_fn.dice_loss.class_weight": 2, "loss_function.cls_loss_fn.pos_weight": 1}


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--kind", default="good")
    chosen = parser.parse_args(arguments)
    state = random_state()
    if chosen.kind.startswith("slices-max="):
        state["backbone.slices_max"] = torch.tensor(int(chosen.kind.partition("=")[2]))
    elif chosen.kind == "foreign":
        state = {f"another.{name}": tensor for name, tensor in state.items()}
    elif chosen.kind != "good":
        parser.error("--kind is good, foreign or slices-max=N")
    torch.save({"epoch": 0, "state_dict": as_upstream(state)}, chosen.out)


def random_state():
    """The network's own tensors, by name."""
    torch.manual_seed(SEED)
    module = network.build()
    with torch.no_grad():
        # Larger than torch's own start, so that the picture matters and not only the place.
        for layer in (module.backbone.fine, module.backbone.coarse):
            layer.weight.mul_(3)
        module.sem_seg_head.queries.mul_(0.2)
        settle_existence(module.sem_seg_head, network.read_vocabulary(network.VOCABULARY))
    return module.state_dict()


def settle_existence(head, vocabulary):
    """Only the last channel says whether something exists; one word settles it, and the others hardly matter."""
    head.existence.weight.zero_()
    head.existence.weight[0, -1] = 1
    head.existence.bias.fill_(EXISTENCE_BIAS)
    head.words.weight[:, -1].mul_(WORD_LOGIT)
    head.words.weight[vocabulary[network.ABSENT], -1] = ABSENT_LOGIT


def as_upstream(state):
    return {
        **{f"model.{name}": tensor for name, tensor in state.items()},
        **{name: torch.ones(size) for name, size in LOSS.items()},
    }


if __name__ == "__main__":
    main(sys.argv[1:])
