"""One job's folders, filled, and the program run on them around a fake network."""

import json
import sys

import archives
import numpy as np
import predict
import torch
from fakes import FakeModule, FakeNetwork
from segment.weights import sha256_of

SHAPE = (9, 30, 26)
PROMPTS = {"2": "liver", "10": "spleen", "instance_label": 0}


class Case:
    """The folders of one job, and its environment."""

    def __init__(self, folder, imgs=None, prompts=PROMPTS, params=None, **others):
        self.input, self.output = folder / "inputs", folder / "outputs"
        self.input.mkdir(parents=True)
        self.output.mkdir()
        if imgs is None:
            imgs = np.random.default_rng(4).integers(0, 256, SHAPE, dtype=np.uint8)
        archives.write_case(self.input / "input.npz", imgs, prompts, **others)
        if params is not None:
            (self.input / "params.json").write_text(json.dumps(params))
        self.weights = folder / "fake.ckpt"
        torch.save({"state_dict": FakeModule().state_dict()}, str(self.weights))
        self.environment = {
            "INPUT_DIR": str(self.input),
            "OUTPUT_DIR": str(self.output),
            "WEIGHTS_DIR": str(folder),
            "WEIGHTS_FILE": self.weights.name,
            "WEIGHTS_SHA256": sha256_of(str(self.weights)),
        }

    def run(self, monkeypatch, network=None):
        monkeypatch.setitem(sys.modules, "network", network or FakeNetwork())
        return predict.main(self.environment)

    def mask(self):
        with np.load(self.output / "input.npz") as arrays:
            assert arrays.files == ["segs"]
            return arrays["segs"]

    def metrics(self):
        return json.loads((self.output / "metrics.json").read_text())

    def progress(self):
        return [json.loads(line) for line in (self.output / "progress.jsonl").read_text().splitlines()]
