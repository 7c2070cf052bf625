"""What every test stands on: poisoned memory, and the devices an operation is tested on."""

import numba
import numpy as np
import pytest

import gpuconv.core.arrays
from gpuconv.core import device as devices
from gpuconv.core.device import array_module, device, use_device
from gpuconv.core.graph import recording


@pytest.fixture(autouse=True)
def poisoned_results(monkeypatch):
    """Fill every result with NaN or the largest integer first: a kernel that leaves an element out is found."""

    plain = gpuconv.core.arrays.empty

    def poisoned(shape, dtype, like):
        if device() == "emulator":  # which reports what is read before a kernel has written it
            return plain(shape, dtype, like)
        fill = np.nan if np.dtype(dtype).kind in "fcV" else np.iinfo(dtype).max
        return array_module(like).full(shape, fill, dtype)

    monkeypatch.setattr(gpuconv.core.arrays, "empty", poisoned)
    like = np.empty(0)
    monkeypatch.setattr(gpuconv.core.arrays, "allocator", lambda shape, dtype: lambda: poisoned(shape, dtype, like))


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """What a test leaves changed would be every later test's: the device chosen, the threads, a recorded graph."""
    previous = devices._chosen, numba.get_num_threads(), recording()
    yield
    assert (devices._chosen, numba.get_num_threads(), recording()) == previous


@pytest.fixture
def threads():
    """numba.set_num_threads, for the rest of the test alone."""
    previous = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(previous)


@pytest.fixture
def on(device):
    """Run the test on the device of its parameter."""
    with use_device(device):
        yield device


@pytest.fixture
def emulated():
    """Send NumPy arrays to the CUDA kernels, and those to the emulator."""
    with use_device("emulator"):
        yield


LONGEST = (
    "tests/cuda/test_ptx.py",
    "tests/bad_input/test_guards.py",
    "tests/packaging/",
    "tests/core/test_warmup.py",
    "tests/core/test_concurrency.py",
    "tests/docs/test_worked_example.py",
)
"""Tests of a minute and more: begun first, or one process ends long after the other."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Keep the random order but for the longest tests."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
