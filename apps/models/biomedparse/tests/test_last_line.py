"""What is left on stderr of a whole process, whatever becomes of it."""

import json
import os

import numpy as np
import program
from job_case import SHAPE, Case

CANARY = "canary-7f3a"
CHILD = """
import os, sys, fakes, predict
sys.modules["network"] = fakes.FakeNetwork(lambda: {module})
{before}
sys.exit(predict.main(os.environ))
"""


def run_child(case, module="fakes.FakeModule()", before=""):
    return program.run_child(CHILD.format(module=module, before=before), environment=case.environment)


def test_a_canary_in_the_data_is_in_no_output_of_an_unexpected_error(tmp_path):
    """Errors that quote a prompt, a chain of them, warnings included: only their kind and their place are told."""
    before = """
import torch
class Quoting(fakes.FakeHead):
    def encode_prompts(self, text, eval):
        try:
            int(text[0])
        except ValueError as error:
            raise RuntimeError("cannot encode " + text[0]) from error
class Module(fakes.FakeModule):
    def __init__(self):
        super().__init__()
        self.sem_seg_head = Quoting(1, 0.0)
"""
    case = Case(tmp_path, prompts={"1": CANARY, "2": f"{CANARY} 2"})
    done = run_child(case, "Module()", before)
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert json.loads(lines[-1]) == {"code": 1, "reason": "unexpected_error"}
    assert "RuntimeError at" in done.stderr.decode() and "encode_prompts" in done.stderr.decode()
    assert CANARY.encode() not in done.stderr + done.stdout
    for name in os.listdir(case.output):
        assert CANARY.encode() not in (case.output / name).read_bytes()


def test_a_full_disk_ends_with_the_json_object_too(tmp_path):
    """Whatever the half written archive complains about when Python lets go of it comes before."""
    imgs = np.random.default_rng(6).integers(0, 256, (6, 96, 96), dtype=np.uint8)
    case = Case(tmp_path, imgs, params={"threshold": 0})
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))"
    done = run_child(case, "fakes.FakeModule(noise=9.0)", limit)
    assert done.returncode == 1
    assert json.loads(done.stderr.decode().splitlines()[-1]) == {"code": 1, "reason": "unexpected_error"}
    assert not (case.output / "input.npz").exists()


def test_a_bad_input_is_refused_before_torch_is_imported(tmp_path):
    case = Case(tmp_path, np.zeros(SHAPE, np.uint8))
    code = "import os, sys, predict; code = predict.main(os.environ); print('torch' in sys.modules); sys.exit(code)"
    done = program.run_child(code, environment=case.environment)
    assert done.returncode == 10 and done.stdout == b"False\n"
    assert json.loads(done.stderr) == {"code": 10, "reason": "imgs_constant"}


def test_the_program_exits_with_its_code(tmp_path):
    done = program.run_program({"INPUT_DIR": str(tmp_path), "OUTPUT_DIR": str(tmp_path)})
    assert done.returncode == 10 and done.stdout == b""
    assert json.loads(done.stderr) == {"code": 10, "reason": "input_unreadable"}
