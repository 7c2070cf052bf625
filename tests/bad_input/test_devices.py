"""Arrays of two devices in one call, for every array argument of every function: CuPy's are stood in for."""

import sys
import types

import numpy as np
import pytest

import gpuconv
from gpuconv.testing.operations import valid_calls

CALLS = valid_calls()
ROWS = [
    (name, argument)
    for name, arguments in CALLS.items()
    for argument in arguments
    if isinstance(arguments[argument], np.ndarray) and sum(isinstance(a, np.ndarray) for a in arguments.values()) > 1
]


class OnAnotherDevice:
    """What a CuPy array looks like from outside."""

    device = types.SimpleNamespace(id=0)
    flags = types.SimpleNamespace(c_contiguous=True, writeable=True)

    def __init__(self, a):
        self.dtype, self.shape, self.ndim, self.size = a.dtype, a.shape, a.ndim, a.size


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    """A cupy module with an array type."""
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(ndarray=OnAnotherDevice))


@pytest.mark.parametrize(("name", "argument"), ROWS)
def test_both_devices_are_named(name, argument):
    arguments = {**CALLS[name], argument: OnAnotherDevice(CALLS[name][argument])}
    with pytest.raises(TypeError) as found:
        getattr(gpuconv, name)(**arguments)
    message = str(found.value)
    assert message.startswith(f"{name}: ")
    assert argument in message or "the input" in message
    assert "a CuPy array on GPU 0" in message
    assert "a NumPy array" in message
    assert "all arrays of a call live on one device" in message
