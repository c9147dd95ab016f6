"""The whole program around a fake network: files, exit codes, and what it says at the end."""

import json
import os
import pickle

import numpy as np
import pytest
import torch
from fakes import FakeModule, FakeNetwork
from job_case import SHAPE, Case
from segment.refusal import REASONS, Refusal
from segment.weights import sha256_of


class Full(FakeModule):
    """Runs out of memory above `fits` slices, in the allocator itself."""

    def __init__(self, fits, exhaust=lambda: torch.empty(2**50, dtype=torch.uint8)):
        super().__init__()
        self._fits, self._exhaust = fits, exhaust

    def backbone(self, images):
        if len(images) > self._fits:
            self._exhaust()
        return super().backbone(images)


def last_line(capsys):
    return json.loads(capsys.readouterr().err.splitlines()[-1])


def test_a_job_leaves_a_mask_metrics_and_progress(tmp_path, monkeypatch, capsys):
    case = Case(tmp_path, spacing=np.array([0.8, 0.8, 5.0]), params={"seed": 3, "slice_batch_size": 4})
    assert case.run(monkeypatch) == 0
    assert capsys.readouterr() == ("", "")
    mask, metrics, progress = case.mask(), case.metrics(), case.progress()
    assert mask.shape == SHAPE and mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 2, 10}
    assert sorted(os.listdir(case.output)) == ["input.npz", "metrics.json", "progress.jsonl"]
    for prompt, id in zip(metrics["prompts"], (2, 10)):
        assert prompt["id"] == id and 0.5 < prompt["existence_score"] <= 1
        assert prompt["voxels"] == int((mask == id).sum())
        assert prompt["slices"] == int((mask == id).any(axis=(1, 2)).sum())
    assert (metrics["seed"], metrics["axis"]) == (3, 0)
    sizes = ("slice_batch_size", "slice_batch_size_asked", "out_of_memory_count")
    assert [metrics[name] for name in sizes] == [4, 4, 0]
    assert metrics["weights_sha256"] == case.environment["WEIGHTS_SHA256"] and "instances" not in metrics
    assert set(metrics["seconds"]) == {"read", "load", "segment", "write"} and min(metrics["seconds"].values()) >= 0
    assert metrics["peak_memory_mib"]["host"] > 50 and metrics["device"] in ("cpu", "cuda")
    assert metrics["versions"] == {"torch": torch.__version__, "fake": "1.0"}
    fractions = [line["fraction"] for line in progress]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    assert [line["step"] for line in progress] == ["load"] + 4 * ["segment"] + 2 * ["write"]


def test_instances_get_ids_of_their_own(tmp_path, monkeypatch):
    case = Case(tmp_path, prompts={"1": "nuclei", "instance_label": 1})
    assert case.run(monkeypatch) == 0
    mask, metrics = case.mask(), case.metrics()
    assert mask.dtype == np.uint16 and metrics["instances"] == mask.max() > 1
    assert metrics["prompts"][0]["voxels"] == np.count_nonzero(mask)


@pytest.mark.parametrize("params, axis", [({}, 2), ({"axis": "z"}, 0), ({"axis": "y"}, 1)])
def test_the_axis_is_chosen_and_told(tmp_path, monkeypatch, params, axis):
    imgs = np.random.default_rng(5).integers(0, 256, (20, 30, 7), dtype=np.uint8)
    case = Case(tmp_path, imgs, params=params)
    assert case.run(monkeypatch) == 0
    assert case.metrics()["axis"] == axis and case.mask().shape == imgs.shape


def test_the_same_seed_gives_the_same_mask_and_another_seed_another(tmp_path, monkeypatch):
    network = FakeNetwork(lambda: FakeModule(noise=3.0))
    masks = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        case = Case(tmp_path / name, params={"seed": seed, "threshold": 0})
        assert case.run(monkeypatch, network) == 0
        masks.append((case.output / "input.npz").read_bytes())
    assert masks[0] == masks[1] and masks[0] != masks[2]


@pytest.mark.parametrize("fits, fitted, count", [(3, 2, 2), (1, 1, 3)])
def test_running_out_of_memory_halves_the_batch(tmp_path, monkeypatch, fits, fitted, count):
    expected = Case(tmp_path / "a", params={"slice_batch_size": fitted})
    assert expected.run(monkeypatch) == 0
    case = Case(tmp_path / "b", params={"slice_batch_size": 8})
    assert case.run(monkeypatch, FakeNetwork(lambda: Full(fits))) == 0
    sizes = ("slice_batch_size", "slice_batch_size_asked", "out_of_memory_count")
    assert [case.metrics()[name] for name in sizes] == [fitted, 8, count]
    np.testing.assert_array_equal(case.mask(), expected.mask())
    fractions = [line["fraction"] for line in case.progress()]
    assert fractions == sorted(set(fractions))


def test_progress_does_not_go_back_when_an_attempt_fails_late(tmp_path, monkeypatch):
    """Memory ends at the last batch of each attempt."""

    class Late(Full):
        def backbone(self, images):
            if sum(len(batch) for batch in self.images) + len(images) >= SHAPE[0] and len(images) > 1:
                self.images.clear()
                torch.empty(2**50, dtype=torch.uint8)
            return FakeModule.backbone(self, images)

    case = Case(tmp_path, params={"slice_batch_size": 3})
    assert case.run(monkeypatch, FakeNetwork(lambda: Late(1))) == 0
    assert case.metrics()["out_of_memory_count"] == 1
    fractions = [line["fraction"] for line in case.progress()]
    assert fractions == sorted(set(fractions)) and len(fractions) > 5


def exhaust_python():
    raise MemoryError


@pytest.mark.parametrize("exhaust", [exhaust_python, lambda: np.empty(2**50, np.uint8), lambda: torch.empty(2**50)])
def test_memory_that_is_not_enough_for_one_slice_exits_11(tmp_path, monkeypatch, capsys, exhaust):
    case = Case(tmp_path)
    assert case.run(monkeypatch, FakeNetwork(lambda: Full(0, exhaust))) == 11
    assert last_line(capsys) == {"code": 11, "reason": "out_of_memory"}
    assert os.listdir(case.output) == ["progress.jsonl"]


def test_memory_that_ends_outside_of_the_batches_exits_11(tmp_path, monkeypatch, capsys):
    case = Case(tmp_path)
    assert case.run(monkeypatch, FakeNetwork(exhaust_python)) == 11
    assert last_line(capsys) == {"code": 11, "reason": "out_of_memory"}


@pytest.mark.parametrize("reason", REASONS)
def test_every_refusal_ends_with_one_json_object(tmp_path, monkeypatch, capsys, reason):
    def refuse():
        raise Refusal(reason)

    case = Case(tmp_path)
    assert case.run(monkeypatch, FakeNetwork(refuse)) == REASONS[reason]
    out, err = capsys.readouterr()
    assert out == "" and json.loads(err) == {"code": REASONS[reason], "reason": reason} and err.count("\n") == 1


def test_exit_codes_are_those_of_the_platform():
    assert set(REASONS.values()) == {1, 10, 11, 12, 13}
    with pytest.raises(KeyError):
        Refusal("anything else")


def damage(case, what):
    if what == "weights":
        case.weights.write_bytes(case.weights.read_bytes() + b"x")
    elif what == "pointer":
        case.weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    elif what == "none":
        case.weights.unlink()
    elif what == "pin":
        case.environment["WEIGHTS_SHA256"] = ""
    elif what == "state":
        torch.save({"other": torch.ones(1000)}, str(case.weights))
        case.environment["WEIGHTS_SHA256"] = sha256_of(str(case.weights))
    elif what == "code":
        case.weights.write_bytes(pickle.dumps({"state_dict": print, "more": "x" * 2000}))
        case.environment["WEIGHTS_SHA256"] = sha256_of(str(case.weights))
    elif what == "archive":
        (case.input / "input.npz").write_bytes(b"PK")
    elif what == "params":
        (case.input / "params.json").write_text('{"seed": "x"}')
    elif what == "device" and not torch.cuda.is_available():
        case.environment["CUDA_VISIBLE_DEVICES"] = "0"


@pytest.mark.parametrize(
    "what, reason",
    [
        ("weights", "weights_digest_mismatch"),
        ("pointer", "weights_unreadable"),
        ("none", "weights_missing"),
        ("pin", "weights_not_pinned"),
        ("state", "weights_keys_mismatch"),
        ("code", "weights_unreadable"),
        ("archive", "input_unreadable"),
        ("params", "params_invalid"),
        ("device", None if torch.cuda.is_available() else "device_unavailable"),
    ],
)
def test_what_is_wrong_with_a_job_is_told(tmp_path, monkeypatch, capsys, what, reason):
    case = Case(tmp_path)
    damage(case, what)
    code = case.run(monkeypatch)
    assert code == REASONS.get(reason, 0)
    assert reason is None or last_line(capsys) == {"code": code, "reason": reason}
    assert (case.output / "input.npz").exists() == (code == 0)


def test_what_keeps_a_checkpoint_from_loading_is_told(tmp_path, monkeypatch, capsys):
    case = Case(tmp_path)
    damage(case, "code")
    assert case.run(monkeypatch) == 12
    assert "weights: UnpicklingError: " in capsys.readouterr().err


def test_a_prompt_that_the_network_would_cut_is_refused(tmp_path, monkeypatch, capsys):
    case = Case(tmp_path, prompts={"1": "liver", "2": "a lesion " * 12 + "of the liver", "instance_label": 0})
    assert case.run(monkeypatch) == 10
    assert last_line(capsys) == {"code": 10, "reason": "prompts_too_long"}


def test_a_missing_tokenizer_is_told_and_a_missing_file_of_another_kind_is_unexpected(tmp_path, monkeypatch, capsys):
    def build():
        raise FileNotFoundError(2, "No such file", "vocab.json")

    case = Case(tmp_path)
    assert case.run(monkeypatch, FakeNetwork(build)) == 12
    assert last_line(capsys) == {"code": 12, "reason": "tokenizer_missing"}
    os.rename(case.output, tmp_path / "elsewhere")
    assert case.run(monkeypatch) == 1
    assert last_line(capsys) == {"code": 1, "reason": "unexpected_error"}


def test_a_mask_is_named_when_it_is_whole_and_before_the_metrics(tmp_path, monkeypatch, capsys):
    case = Case(tmp_path)
    (case.output / "metrics.json.part").mkdir()
    assert case.run(monkeypatch) == 1
    assert case.mask().shape == SHAPE and not (case.output / "metrics.json").exists()
    (case.output / "input.npz").unlink()
    (case.output / "input.npz.part").mkdir()
    assert case.run(monkeypatch) == 1
    assert not (case.output / "input.npz").exists()
