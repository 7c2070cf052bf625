"""Options that mean nothing: every option of every function, refused by its name and with what was given."""

import inspect

import numpy as np
import pytest

import gpuconv
from gpuconv.testing.operations import valid_calls, wrong_options
from tests.bad_input.test_arrays import refused

pytestmark = pytest.mark.quick

CALLS = valid_calls()
SAID = {"kernel_size": "kernel", "input_shape": "", "weight_shape": "", "dloss": "", "p": "p is"}
"""What stands in messages for an option, where that is not its name."""


def _rows():
    """(function, option, wrong value, exception) of every option that is not an array."""
    for name, arguments in CALLS.items():
        for option in inspect.signature(getattr(gpuconv, name)).parameters:
            if not isinstance(arguments.get(option), np.ndarray):
                for value, exception in wrong_options(name, option):
                    yield name, option, value, exception


ROWS = list(_rows())


def test_the_table_is_long():
    assert len(ROWS) >= 1000


@pytest.mark.parametrize(("name", "option", "value", "exception"), ROWS)
def test_an_option_is_refused_by_name(name, option, value, exception):
    arguments = {**CALLS[name], option: value}
    if option == "activation" and "pre_activation" in inspect.signature(getattr(gpuconv, name)).parameters:
        arguments["pre_activation"] = np.zeros(arguments["input_shape"], np.float32)
    if option == "scale_factor":
        arguments["size"] = None
    refused(name, arguments, exception, (SAID.get(option, option), *_said(value)))


def _said(value):
    """What a message repeats of a value: itself, if it is one number or word, else its first entries."""
    return [str(value)] if isinstance(value, (int, float, str)) else []


SHAPES = [
    (name, option)
    for name in CALLS
    for option in ("input_shape", "weight_shape", "output_shape", "sizes")
    if option in CALLS[name]
]


@pytest.mark.parametrize(
    ("size", "exception"), [(4.5, TypeError), (-6, ValueError), (2**40, ValueError), ("6", TypeError)]
)
@pytest.mark.parametrize(("name", "option"), SHAPES)
def test_one_size_of_a_shape_is_named(name, option, size, exception):
    refused(name, {**CALLS[name], option: (*CALLS[name][option][:-1], size)}, exception, (size,))
