"""Arrays of the wrong kind, for every array argument of every function."""

import inspect

import numpy as np
import pytest

import gpuconv
from gpuconv.testing.operations import valid_calls
from tests.arrays import numbers

pytestmark = pytest.mark.quick

CALLS = valid_calls()


class Tensor:
    """What a PyTorch tensor looks like from outside."""

    __module__ = "torch"


def _floating(arguments):
    return [name for name, a in arguments.items() if isinstance(a, np.ndarray) and a.dtype.kind == "f"]


def _rows():
    """(function, argument, value passed for it, exception, texts of its message)."""
    for name, arguments in CALLS.items():
        arrays = _floating(arguments)
        for position, argument in enumerate(arrays):
            a = arguments[argument]
            yield name, argument, a.tolist(), TypeError, (argument, "list", "expected a NumPy or CuPy array")
            yield name, argument, a.astype(object), TypeError, (argument, "dtype object", "expected float32")
            yield name, argument, a.astype(np.int32), TypeError, (argument, "dtype int32", "expected float32")
            yield name, argument, a.astype(complex), TypeError, (argument, "dtype complex128", "expected float32")
            yield name, argument, Tensor(), TypeError, (argument, "torch.Tensor", "tensor.detach().numpy()")
            if inspect.signature(getattr(gpuconv, name)).parameters[argument].default is inspect.Parameter.empty:
                yield name, argument, None, TypeError, (argument, "None", "expected a NumPy or CuPy array")
            if position and not (name.startswith(("cross", "nll")) and argument == "target"):
                mixed = (argument, "dtype float64", "expected float32")
                yield name, argument, a.astype(np.float64), TypeError, mixed


ROWS = list(_rows())


def refused(name, arguments, exception, texts):
    """Assert that a call is refused with these texts in the message, and that no argument changed."""
    originals = {key: a.copy() for key, a in arguments.items() if isinstance(a, np.ndarray)}
    with pytest.raises(exception) as found:
        getattr(gpuconv, name)(**arguments)
    assert type(found.value) is exception
    message = str(found.value)
    assert message.startswith(f"{name}: ")
    for text in texts:
        assert str(text) in message, f"{text!r} is not in {message!r}"
    for key, a in originals.items():
        assert np.array_equal(arguments[key], a, equal_nan=a.dtype.kind == "f")


def test_the_table_is_long():
    assert len(ROWS) >= 500


@pytest.mark.parametrize("name", CALLS)
def test_the_calls_themselves_work(name):
    getattr(gpuconv, name)(**CALLS[name])


@pytest.mark.parametrize(
    ("name", "argument", "value", "exception", "texts"), ROWS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_wrong_array_is_named(name, argument, value, exception, texts):
    refused(name, {**CALLS[name], argument: value}, exception, texts)


WITH_OUT = [name for name in CALLS if "out" in inspect.signature(getattr(gpuconv, name)).parameters]


def _result(name):
    result = getattr(gpuconv, name)(**CALLS[name])
    return result[0] if isinstance(result, tuple) else result


@pytest.mark.parametrize("name", WITH_OUT)
def test_a_wrong_out_is_named(name):
    shape = _result(name).shape
    frozen = np.zeros(shape, np.float32)
    frozen.setflags(write=False)
    strided = np.zeros((*shape[:-1], 2 * shape[-1]), np.float32)[..., ::2]
    for value, exception, texts in (
        ([0.0], TypeError, ("out", "list", "expected a NumPy or CuPy array")),
        (np.zeros(shape), TypeError, ("out", "float64", "expected float32")),
        (np.zeros((*shape, 1), np.float32), ValueError, ("out", (*shape, 1), f"expected {shape}")),
        (frozen, ValueError, ("out", "read-only", "expected")),
        (strided, ValueError, ("out", "contiguous")),
    ):
        refused(name, {**CALLS[name], "out": value}, exception, texts)


@pytest.mark.parametrize("name", ["conv2d", "linear", "max_unpool2d", "upsample", "pad", "dropout2d_grad"])
def test_out_over_an_input_in_part_is_refused(name):
    arguments, shape = CALLS[name], _result(name).shape
    first = _floating(arguments)[0]
    size, value = int(np.prod(shape)), arguments[first]
    memory = numbers(size + value.size)
    arguments = {**arguments, first: memory[1 : 1 + value.size].reshape(value.shape)}
    refused(name, {**arguments, "out": memory[:size].reshape(shape)}, ValueError, ("out", "overlaps"))


def test_running_statistics_stay_where_out_is_refused():
    arguments = {**CALLS["batch_norm2d"], "training": True, "out": np.zeros(3, np.float32)}
    refused("batch_norm2d", arguments, ValueError, ("out", "(3,)", "expected"))
