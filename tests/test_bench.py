"""The bench's own side: what it times is the real thing."""

import numpy as np

from gpuconv.bench import run, worker


def test_training_starts_from_the_weights_it_is_given(tmp_path):
    (case,) = (case for case in run.train_cases(tmp_path) if "LeNet" in case.name)
    losses = [worker.GpuconvOperations(1).train(**{**case.arguments, "steps": 3})() for _ in range(2)]
    assert losses[0] == losses[1]
    assert abs(losses[0][0] - np.log(10)) < 0.1
    assert losses[0][2] < losses[0][0]
    assert case.flops > 0
