import hashlib
import importlib.util
import json
import os
import threading
import zipfile

import pytest
import torch
from fakes import FakeModule
from segment.refusal import Refusal
from segment.weights import DigestCheck, WeightsFile, find_weights, load_weights, sha256_of

GAIN = "sem_seg_head.gain"
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * b"0" + b"\nsize 4460000000\n"


def state(**changes):
    """A whole state of FakeModule, with another gain than an untrained one has."""
    values = {**FakeModule().state_dict(), GAIN: torch.full((1024,), 3.0), **changes}
    return {key: value for key, value in values.items() if value is not None}


def prefixed(values):
    return {f"model.{key}": value for key, value in values.items()}


def save(path, checkpoint, **options):
    torch.save(checkpoint, str(path), **options)
    return str(path)


def reason_of(function, *arguments):
    with pytest.raises(Refusal) as caught:
        function(*arguments)
    assert caught.value.exit_code == 12
    return caught.value.reason


def loaded(path):
    module = FakeModule()
    load_weights(module, path)
    return module.sem_seg_head.gain[7].item()


def environment(folder, sha256="0" * 64, name="net.ckpt"):
    return {"WEIGHTS_FILE": name, "WEIGHTS_DIR": str(folder), "WEIGHTS_SHA256": sha256}


def test_pinned_weights_are_found(tmp_path):
    (tmp_path / "net.ckpt").write_bytes(bytes(2000))
    assert find_weights(environment(tmp_path, "ab" * 32)) == WeightsFile(str(tmp_path / "net.ckpt"), "ab" * 32)


def test_weights_that_nobody_pinned_are_refused_also_when_they_are_there(tmp_path):
    (tmp_path / "net.ckpt").write_bytes(bytes(2000))
    assert reason_of(find_weights, environment(tmp_path, "")) == "weights_not_pinned"
    del (unset := environment(tmp_path))["WEIGHTS_SHA256"]
    assert reason_of(find_weights, unset) == "weights_not_pinned"


def test_missing_weights_are_refused(tmp_path):
    assert reason_of(find_weights, environment(tmp_path)) == "weights_missing"
    assert reason_of(find_weights, environment(tmp_path / "none")) == "weights_missing"


@pytest.mark.parametrize("content", [b"", LFS_POINTER, 1023 * b"x"])
def test_a_pointer_to_weights_is_refused(tmp_path, content):
    (tmp_path / "net.ckpt").write_bytes(content)
    assert reason_of(find_weights, environment(tmp_path)) == "weights_unreadable"


def test_baked_weights_are_found_by_their_record(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(bytes(2000))
    record = {"file": "weights.safetensors", "sha256": "cd" * 32, "source_sha256": "ef" * 32}
    (tmp_path / "weights.json").write_text(json.dumps(record))
    expected = WeightsFile(str(tmp_path / "weights.safetensors"), "cd" * 32)
    assert find_weights({}, str(tmp_path)) == expected
    assert find_weights({"WEIGHTS_FILE": "", "WEIGHTS_SHA256": ""}, str(tmp_path)) == expected
    # What the platform names comes first.
    assert reason_of(find_weights, environment(tmp_path), str(tmp_path)) == "weights_missing"


@pytest.mark.parametrize(
    "record", [None, "", "{", "[]", "{}", '{"file": 1, "sha256": "x"}', '{"file": "none", "sha256": "x"}']
)
def test_an_image_without_weights_is_told(tmp_path, record):
    if record is not None:
        (tmp_path / "weights.json").write_text(record)
    assert reason_of(find_weights, {}, str(tmp_path)) == "weights_missing"


def test_the_digest_is_that_of_the_whole_file(tmp_path):
    content = os.urandom(9 * 1024 * 1024 + 5)
    (tmp_path / "net.ckpt").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    assert sha256_of(str(tmp_path / "net.ckpt")) == digest
    DigestCheck(WeightsFile(str(tmp_path / "net.ckpt"), digest)).require()


def test_another_digest_is_refused(tmp_path):
    path = tmp_path / "net.ckpt"
    path.write_bytes(bytes(2000))
    assert reason_of(DigestCheck(WeightsFile(str(path), "0" * 64)).require) == "weights_digest_mismatch"
    assert reason_of(DigestCheck(WeightsFile(str(tmp_path), "0" * 64)).require) == "weights_unreadable"
    path.unlink()
    assert reason_of(DigestCheck(WeightsFile(str(path), "0" * 64)).require) == "weights_unreadable"


def test_the_digest_is_made_beside_everything_else(tmp_path):
    """Out of a pipe that nobody has written to yet: whoever hashed here would wait for ever."""
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    weights, made = WeightsFile(path, hashlib.sha256(b"weights").hexdigest()), []
    maker = threading.Thread(target=lambda: made.append(DigestCheck(weights)), daemon=True)
    maker.start()
    maker.join(timeout=30)
    assert len(made) == 1
    with open(path, "wb") as pipe:
        pipe.write(b"weights")
    judged = threading.Thread(target=made[0].require, daemon=True)
    judged.start()
    judged.join(timeout=30)
    assert not judged.is_alive()


@pytest.mark.parametrize(
    "checkpoint",
    [
        state(),
        prefixed(state()),
        {"state_dict": state()},
        {"state_dict": prefixed(state()), "epoch": 3, "optimizer_states": [{"step": 9, "moments": torch.ones(5)}]},
    ],
    ids=["bare", "prefixed", "nested", "of training"],
)
def test_a_checkpoint_of_any_known_form_is_loaded(tmp_path, checkpoint):
    assert loaded(save(tmp_path / "net.ckpt", checkpoint)) == 3.0


def test_entries_of_the_loss_are_dropped(tmp_path):
    losses = {
        "model.loss_function.loss_fn.dice_loss.class_weight": torch.ones(2),
        "model.loss_function.cls_loss_fn.pos_weight": torch.ones(1),
    }
    assert loaded(save(tmp_path / "net.ckpt", {"state_dict": {**prefixed(state()), **losses}})) == 3.0


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"encoder.weight": torch.ones(300)},
        state(**{GAIN: None}),
        state(pixel_mean=None),
        state(extra=torch.ones(1)),
        state(**{GAIN: torch.ones(1023)}),
        state(**{GAIN: torch.ones(1, 1024)}),
        {f"network.{key}": value for key, value in state().items()},
    ],
    ids=["empty", "foreign", "no parameter", "no buffer", "extra", "short", "another rank", "another prefix"],
)
def test_a_checkpoint_of_another_network_is_refused_and_nothing_of_it_is_taken(tmp_path, values, capsys):
    path = save(tmp_path / "net.ckpt", {"state_dict": prefixed(values)})
    module = FakeModule()
    assert reason_of(load_weights, module, path) == "weights_keys_mismatch"
    assert torch.equal(module.sem_seg_head.gain, torch.ones(1024))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.startswith("weights: ") and len(line) < 1000 for line in lines)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = save(tmp_path / "net.ckpt", {"state_dict": state()})
    with open(path, "rb") as file:
        whole = file.read()
    for content in (whole[:1500], whole[: len(whole) // 2], whole[:-1], bytes(3000), b"x" * 3000, b"\x80\x02." * 1000):
        (tmp_path / "cut.ckpt").write_bytes(content)
        assert reason_of(load_weights, FakeModule(), str(tmp_path / "cut.ckpt")) == "weights_unreadable"
    with zipfile.ZipFile(tmp_path / "zip.ckpt", "w") as archive:
        archive.writestr("anything", bytes(3000))
    assert reason_of(load_weights, FakeModule(), str(tmp_path / "zip.ckpt")) == "weights_unreadable"
    assert reason_of(load_weights, FakeModule(), str(tmp_path / "none.ckpt")) == "weights_unreadable"


@pytest.mark.parametrize("checkpoint", [[1, 2], torch.ones(5), {"state_dict": 5}, {"a": 1}, {1: torch.ones(1)}, "text"])
def test_what_is_no_state_of_a_network_is_refused(tmp_path, checkpoint):
    assert reason_of(load_weights, FakeModule(), save(tmp_path / "net.ckpt", checkpoint)) == "weights_unreadable"


def test_code_in_a_checkpoint_does_not_run(tmp_path):
    marker = tmp_path / "it-ran"

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(marker),))

    for options in ({}, {"_use_new_zipfile_serialization": False}):
        path = save(tmp_path / "net.ckpt", {"state_dict": state(), "hook": Trap()}, **options)
        assert reason_of(load_weights, FakeModule(), path) == "weights_unreadable"
        assert not marker.exists()


def test_safetensors_are_loaded_or_refused_where_their_package_is_missing(tmp_path):
    path = str(tmp_path / "weights.safetensors")
    if importlib.util.find_spec("safetensors") is None:
        (tmp_path / "weights.safetensors").write_bytes(bytes(2000))
        assert reason_of(load_weights, FakeModule(), path) == "weights_unreadable"
        return
    from safetensors.torch import save_file

    save_file(state(), path)
    assert loaded(path) == 3.0
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "weights.safetensors").read_bytes()[:2000])
    assert reason_of(load_weights, FakeModule(), str(tmp_path / "cut.safetensors")) == "weights_unreadable"
