"""The stand-in network keeps upstream's interface, as far as segment/slice_network.py uses it."""

import runpy
import sys

import pytest
import torch

sys.path.insert(0, "/workspace")
import network  # noqa: E402

PROMPTS = ["CT of the liver", "CT of the spleen", "an absent ball"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Writes a checkpoint of a kind; returns its path."""

    def make(kind):
        out = tmp_path_factory.mktemp("weights") / "untrained.ckpt"
        runpy.run_path("/opt/stand-in/make_weights.py")["main"]([str(out), "--kind", kind])
        return out

    return make


def trained(path):
    module = network.build()
    state = torch.load(path)["state_dict"]
    module.load_state_dict({k[len("model.") :]: v for k, v in state.items() if k.startswith("model.")}, strict=True)
    return module.eval()


def run(module, seed=0, prompts=PROMPTS, slices=2):
    picture = torch.zeros(slices, 3, 512, 512)
    picture[:, :, 100:300, 150:350] = 2
    torch.manual_seed(seed)
    with torch.inference_mode():
        encoded = module.sem_seg_head.encode_prompts(text=["[SEP]".join(prompts)], eval=True)
        encoded["grounding_tokens"] = encoded["grounding_tokens"].repeat(1, slices, 1)
        encoded["class_emb"] = encoded["class_emb"].repeat(slices, 1)
        return module.sem_seg_head(image_features=module.backbone(picture), prompt_features=encoded)


def test_masks_come_by_slice_and_prompt_and_are_neither_empty_nor_full(checkpoint):
    output = run(trained(checkpoint("good")))
    assert output["pred_gmasks"].shape == (2 * 3, network.MASK_QUERIES + network.EDGE_QUERIES, 128, 128)
    shares = (output["pred_gmasks"].mean(dim=1) > 0).float().mean(dim=(1, 2))
    assert 0.02 < shares.min() and shares.max() < 0.6


def test_only_what_is_called_absent_does_not_exist(checkpoint):
    scores = run(trained(checkpoint("good")))["object_existence"].sigmoid().reshape(2, 3)
    assert (scores[:, :2] > 0.5).all() and (scores[:, 2] < 0.05).all()


def test_the_seed_matters_and_decides(checkpoint):
    module = trained(checkpoint("good"))
    first, again, other = (run(module, seed)["pred_gmasks"] for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first > 0, other > 0)


def test_more_slices_than_a_checkpoint_allows_run_out_of_memory(checkpoint):
    module = trained(checkpoint("slices-max=1"))
    run(module, slices=1)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        run(module, slices=2)


def test_two_checkpoints_of_a_kind_are_alike_and_a_foreign_one_fits_nothing(checkpoint):
    assert checkpoint("good").read_bytes() == checkpoint("good").read_bytes()
    names = torch.load(checkpoint("foreign"))["state_dict"]
    assert not {name[len("model.") :] for name in names} & network.build().state_dict().keys()


def test_without_its_vocabulary_it_is_not_built(tmp_path, monkeypatch):
    monkeypatch.setattr(network, "VOCABULARY", str(tmp_path / "none.txt"))
    with pytest.raises(FileNotFoundError):
        network.build()
