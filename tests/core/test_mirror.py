"""Both targets of an operation have the same launchers with the same arguments."""

import importlib
import inspect
import pkgutil

import pytest

import gpuconv.kernels

RUNTIME = {"core", "cpu", "cuda"}
OPERATIONS = sorted({info.name for info in pkgutil.iter_modules(gpuconv.kernels.__path__)} - RUNTIME)


def _launchers(operation, target):
    module = importlib.import_module(f"gpuconv.kernels.{operation}.{target}")
    functions = inspect.getmembers(module, inspect.isfunction)
    return {
        name: list(inspect.signature(function).parameters)
        for name, function in functions
        if function.__module__.startswith(module.__name__) and not name.startswith("_") and not name.endswith("_kernel")
    }


def test_the_operations_are_found():
    assert {"activation", "conv", "loss", "norm", "optim", "pool"} <= set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_both_targets_have_the_same_launchers(operation):
    on_cpu, on_cuda = (_launchers(operation, target) for target in ("cpu", "cuda"))
    assert on_cpu == on_cuda
    assert on_cpu
