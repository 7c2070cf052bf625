"""The bench's own side: what it times is the real thing."""

import numpy as np
import pytest

from gpuconv.bench import run, worker


@pytest.mark.parametrize("network", ["LeNet-5", "ResNet-8"])
def test_training_starts_from_the_weights_it_is_given(network, tmp_path):
    (case,) = (case for case in run.train_cases(tmp_path) if network in case.name)
    losses = [worker.GpuconvOperations(1).train(**{**case.arguments, "steps": 3})() for _ in range(2)]
    assert losses[0] == losses[1]
    assert abs(losses[0][0] - np.log(10)) < 0.5
    assert losses[0][2] < losses[0][0]
    assert case.flops > 0
