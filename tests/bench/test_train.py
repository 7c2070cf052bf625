"""The networks of the training suite: their weights, shapes and gradients."""

import numpy as np
import pytest

from gpuconv.bench import cases_train
from gpuconv.bench.workers import networks
from gpuconv.bench.workers.gpuconv_library import GpuconvOperations
from gpuconv.bench.workers.layers import gpuconv_layers
from gpuconv.core.device import use_device
from gpuconv.training.networks import lenet, resnet8

NAMES = [problem.network for problem in cases_train.PROBLEMS]


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """The case of each network, two images a step."""
    made = cases_train.train_cases(tmp_path_factory.mktemp("weights"), batch=2)
    return {case.name.removeprefix("train "): case for case in made}


def test_every_network_is_trained():
    assert sorted(NAMES) == sorted(networks.NETWORKS)


@pytest.mark.usefixtures("threads")  # the operations set the number of threads
@pytest.mark.parametrize("name", NAMES)
def test_training_starts_from_the_weights_of_its_case(name, cases):
    case = cases[name]
    with use_device("cpu"):  # a worker selects the device of its process
        losses = [GpuconvOperations(1).train(**{**case.arguments, "steps": 3})() for _ in range(2)]
    assert losses[0] == losses[1]
    assert abs(losses[0][0] - np.log(10)) < 0.9
    assert losses[0][2] < losses[0][0]
    assert case.flops > 0


@pytest.mark.parametrize(
    ("name", "make", "shape"), [("LeNet-5", lenet, (1, 28, 28)), ("ResNet-8", resnet8, (3, 32, 32))]
)
def test_what_gpuconv_offers_is_what_is_trained(name, make, shape):
    ours, timed = make(shape, 10, seed=0).state_dict(), networks.gpuconv_network(name, 10, seed=0).state_dict()
    assert ours.keys() == timed.keys()
    assert all(np.array_equal(ours[key], timed[key]) for key in ours)


def test_a_layers_gradient_is_that_of_both_branches():
    nn, rng = gpuconv_layers(seed=0, dtype="float64"), np.random.default_rng(0)
    with use_device("cpu"):
        block = nn.Beside(nn.Conv2d(2, 3, 3, padding=1))
        x, dy = rng.standard_normal((1, 2, 4, 4)), rng.standard_normal((1, 5, 4, 4))
        block(x)
        dx, step = block.backward(dy), rng.standard_normal(x.shape)
        change = (block(x + step) - block(x - step)) / 2  # linear in x
    assert np.isclose((change * dy).sum(), (dx * step).sum())
    assert block.backward(dy, input_grad=False) is None


def test_a_dtype_that_is_not_trained_is_refused(tmp_path):
    with pytest.raises(ValueError, match="dtype is 'float16', expected float32 or bfloat16"):
        list(cases_train.train_cases(tmp_path, "float16"))
