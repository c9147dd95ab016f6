import json

import large_job
import numpy as np
import program

# Upstream's way would take 13 GB for every copy of all probabilities.
ABOVE_INPUT_MIB_MAX = 2_000
# 20 seconds of one core; a guard against a job that hangs, not a measure of speed, which other work would spoil.
SECONDS_MAX = 300


def test_a_long_volume_with_many_prompts_stays_small(tmp_path):
    environment = large_job.prepare(str(tmp_path))
    code = "import runpy; runpy.run_module('large_job', run_name='__main__')"
    done = program.run_child(code, timeout_s=SECONDS_MAX, environment=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    metrics = json.loads((tmp_path / "outputs" / "metrics.json").read_text())
    above_mib = told["growth_mib"] - np.prod(large_job.SHAPE) / 2**20
    print(f"{above_mib:.0f} MiB above the input; {told['cpu_seconds']:.0f} s of a processor; {metrics['seconds']}")
    assert told["code"] == 0
    assert above_mib < ABOVE_INPUT_MIB_MAX
    slices = [prompt["slices"] for prompt in metrics["prompts"]]
    assert len(slices) == large_job.PROMPT_COUNT and min(slices) > 30 and max(slices) < 200
