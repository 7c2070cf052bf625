"""Every launch of every operation, recorded: which kernel, with how many threads, with arguments of which types."""

import importlib
import pkgutil

import numpy as np
from numba.cuda.dispatcher import CUDADispatcher

import gpuconv
import gpuconv.kernels.cuda
from gpuconv.kernels.cuda import launch
from gpuconv.operation_checks import OperationCheck, operation_checks
from tests.optimizer_cases import OPTIMIZERS


def record(monkeypatch, work):
    """The launches (kernel, blocks, threads, arguments) that some work on NumPy arrays makes; none is executed."""
    launches = []
    monkeypatch.setattr("gpuconv.backend.device", lambda: "simulator")  # NumPy arrays to the CUDA kernels
    monkeypatch.setattr(launch, "run", lambda *arguments: launches.append(arguments))
    # Indices that no kernel wrote are still indices.
    monkeypatch.setattr("gpuconv.arguments.empty", lambda shape, dtype, like: np.zeros(shape, dtype))
    work()
    return launches


def every_operation(dtype):
    """Call every operation and every gradient, with the options that launch kernels of their own."""
    for check in operation_checks():
        _both_passes(check, dtype)
    x, target = np.zeros((3, 4), dtype), np.zeros(3, int)
    for weight in (None, np.ones(4, dtype)):
        gpuconv.cross_entropy(x, target, weight=weight)
        gpuconv.cross_entropy_grad(x, target, weight=weight)
    for name, options in OPTIMIZERS:
        parameter = gpuconv.nn.Parameter(x.copy())
        parameter.grad = x
        getattr(gpuconv, name)([parameter], **options).step()
    for norm_type in (2, np.inf):
        gpuconv.clip_grad_norm(parameter, 1, norm_type)
    gpuconv.clip_grad_value(parameter, 1)


def _both_passes(check: OperationCheck, dtype):
    inputs = [np.zeros(shape, dtype) for shape in check.shapes]
    check.backward(np.zeros(check.forward(*inputs).shape, dtype), *inputs)


def every_kernel():
    """{identity: name} of every kernel in kernels.cuda."""
    kernels = {}
    for info in pkgutil.iter_modules(gpuconv.kernels.cuda.__path__):
        module = importlib.import_module(f"gpuconv.kernels.cuda.{info.name}")
        values = [v for v in vars(module).values() if not isinstance(v, dict)]
        values += [w for v in vars(module).values() if isinstance(v, dict) for w in v.values()]
        for value in values:
            if isinstance(value, CUDADispatcher) and not value.targetoptions.get("device"):
                kernels[id(value)] = f"{info.name}.{value.py_func.__qualname__}"
    return kernels
