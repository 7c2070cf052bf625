"""Any argument anywhere: an answer or a documented exception, never a crash, and inputs as they were.

`make fuzz` tries 10,000 calls, the suite a few hundred.
"""

import inspect
import os

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.testing.operations import valid_calls
from tests.arrays import numbers

CALLS = valid_calls()
EXAMPLES = int(os.environ.get("GPUCONV_FUZZ", "300"))
CANARY, MARGIN = 12345.0, 64
ODD = [None, True, False, -1, 0, 1, 2, 3, 7, 2**31, -(2**31), 2**40, 0.5, -0.5, np.nan, np.inf]
WORDS = ["mean", "sum", "none", "same", "valid", "tanh", "reflect", "bilinear", "direct", "winograd", "x", ""]
SEQUENCES = [(), (1,), (0, 0), (1, 2), (2, 2, 2), (-1, 1), (2**31, 1), (1.5, 2), [3, 3], ((1, 2), (0, 1)), (2, 4, 6, 6)]
SHAPES = [(), (0,), (4,), (2, 4), (0, 4), (2, 4, 6)]
SHAPES += [(2, 4, 6, 6), (1, 4, 6, 6), (2, 0, 6, 6), (2, 4, 3, 3), (2, 4, 6, 6, 6)]
DTYPES = ["float32", "float64", "float16", "int64", "uint8", "bool", "complex64", "O", "U3"]


@st.composite
def arrays(draw):
    """An array of any shape and type, perhaps a view of another."""
    a = np.asarray(3 * numbers(*draw(st.sampled_from(SHAPES)))).astype(draw(st.sampled_from(DTYPES)))
    view = draw(st.sampled_from(["", "", "reversed", "fortran", "broadcast", "frozen"]))
    if view == "reversed":
        return a[::-1] if a.ndim else a
    if view == "fortran":
        return np.asfortranarray(a)
    if view == "broadcast":
        return np.broadcast_to(a[:1], a.shape) if a.ndim and a.shape[0] else a
    if view == "frozen":
        a.setflags(write=False)
    return a


VALUES = st.one_of(st.sampled_from([*ODD, *WORDS, *SEQUENCES]), arrays())


@st.composite
def mutations(draw):
    """A function and its valid arguments, one to three of which are replaced."""
    name = draw(st.sampled_from(sorted(CALLS)))
    options = list(inspect.signature(getattr(gpuconv, name)).parameters)
    changed = draw(st.lists(st.sampled_from(options), min_size=1, max_size=3, unique=True))
    return name, {**CALLS[name], **{option: draw(VALUES) for option in changed}}


def _guarded(a):
    """A copy of a float array in the middle of memory that holds canaries."""
    memory = np.full(a.size + 2 * MARGIN, CANARY, a.dtype)
    inside = memory[MARGIN : MARGIN + a.size].reshape(a.shape)
    inside[...] = a
    return memory, inside


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES < 1000)
@given(mutations())
def test_anything_is_answered_or_refused(mutation):
    name, arguments = mutation
    guards = []
    for key, a in arguments.items():
        if isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.flags.c_contiguous and a.flags.writeable:
            memory, arguments[key] = _guarded(a)
            guards.append((key, memory, memory.copy()))
    written = {"out", "running_mean", "running_var"}
    with np.errstate(all="ignore"):
        try:
            getattr(gpuconv, name)(**arguments)
        except (ValueError, TypeError, MemoryError, gpuconv.DeviceError) as error:
            assert str(error), f"{name} says nothing"
            assert "numba" not in str(error).lower(), f"{name} compiled what it should have refused: {error}"
    for key, memory, original in guards:
        assert (memory[:MARGIN] == CANARY).all(), f"{name} wrote before {key}"
        assert (memory[-MARGIN:] == CANARY).all(), f"{name} wrote past {key}"
        assert key in written or np.array_equal(memory, original, equal_nan=True), f"{name} changed {key}"
