"""Every CUDA kernel compiled to PTX without a GPU, for four architectures, as the operations launch it."""

import os
import re

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")
if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
    pytest.skip("the simulator compiles nothing", allow_module_level=True)

from numba import cuda, types

from tests.cuda.recording import every_kernel, every_operation, record

ARCHITECTURES = [(7, 5), (8, 0), (9, 0), (10, 0)]


def _signature(arguments):
    return types.void(*(_type(a) for a in arguments))


def _type(a):
    if isinstance(a, np.ndarray):
        return types.Array(_scalar(a.dtype), 1, "C", aligned=True)
    return _scalar(np.dtype(type(a)))


def _scalar(dtype):
    return getattr(types, dtype.name)


def _instances(launches):
    """One launch of each kernel and signature."""
    return {(kernel.py_func.__qualname__, _signature(arguments)): kernel for kernel, _, _, arguments in launches}


@pytest.fixture(scope="module")
def instances():
    """{dtype: {(name, signature): kernel}} of all that the operations launch."""
    with pytest.MonkeyPatch.context() as patch:
        launched = {
            dtype: record(patch, lambda dtype=dtype: every_operation(dtype)) for dtype in (np.float32, np.float64)
        }
    seen = {id(kernel) for launches in launched.values() for kernel, *_ in launches}
    missed = {name for identity, name in every_kernel().items() if identity not in seen}
    assert missed == set(), "kernels that no operation here launches"
    return {dtype: _instances(launches) for dtype, launches in launched.items()}


def _compile(kernel, signature, architecture):
    ptx, _ = cuda.compile(kernel.py_func, signature, device=False, abi="numba", cc=architecture, output="ptx")
    return ptx


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda cc: f"sm_{cc[0]}{cc[1]}")
def test_float32_kernels_compile_without_float64_atomics_or_local_memory(architecture, instances):
    assert len(instances[np.float32]) >= 25
    for (name, signature), kernel in instances[np.float32].items():
        ptx = _compile(kernel, signature, architecture)
        assert f".target sm_{architecture[0]}{architecture[1]}" in ptx
        code = re.sub(r"//[^\n]*", "", ptx)
        for unwanted in (r"\.f64", r"\batom\.", r"\bred\.", r"\.local"):
            found = re.search(rf"[^\n]*{unwanted}[^\n]*", code)
            assert found is None, f"{name}: {found.group()}"


def test_float64_kernels_compile(instances):
    for (name, signature), kernel in instances[np.float64].items():
        assert "atom." not in _compile(kernel, signature, (8, 0)), name
