"""kernels/cpu and kernels/cuda mirror each other: the same launchers with the same arguments."""

import inspect

import pytest

from gpuconv.kernels import cpu, cuda

FAMILIES = (
    "activations",
    "adaptive_pooling",
    "avg_pooling",
    "clipping",
    "conv",
    "cross_entropy",
    "dropout",
    "frames",
    "joining",
    "linear",
    "losses",
    "max_pooling",
    "normalization",
    "optimizers",
    "resampling",
    "softmax",
    "unpooling",
)


def _launchers(module):
    functions = inspect.getmembers(module, inspect.isfunction)
    return {
        name: list(inspect.signature(function).parameters)
        for name, function in functions
        if function.__module__ == module.__name__ and not name.startswith("_") and not name.endswith("_kernel")
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_both_targets_have_the_same_launchers(family):
    on_cpu, on_cuda = (_launchers(getattr(target, family)) for target in (cpu, cuda))
    assert on_cpu == on_cuda
    assert on_cpu


def test_every_family_stands_on_both_targets():
    for target in (cpu, cuda):
        assert {name for name, _ in inspect.getmembers(target, inspect.ismodule)} >= set(FAMILIES)
