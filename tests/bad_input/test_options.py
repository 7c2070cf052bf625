"""Options that mean nothing: every option of every function, refused by its name and with what was given."""

import inspect

import numpy as np
import pytest

import gpuconv
from tests.bad_input.test_arrays import refused
from tests.bad_input.valid import calls

CALLS = calls()
TOO_LONG = (1, 2, 3, 4, 5, 6, 7)
SIZE = [
    (0, ValueError),
    (-1, ValueError),
    (1.5, TypeError),
    ("2", TypeError),
    (True, TypeError),
    (TOO_LONG, ValueError),
]
SIZE += [(2**31, ValueError), (2**62, ValueError), (np.nan, TypeError)]
PLACES = [(-1, ValueError), (1.5, TypeError), (True, TypeError), (TOO_LONG, ValueError), (2**62, ValueError)]
NUMBER = [("0.1", TypeError), (None, TypeError), (True, TypeError), ((1,), TypeError), (1j, TypeError)]
CHANCE = [*NUMBER, (-0.1, ValueError), (1.1, ValueError), (np.nan, ValueError), (np.inf, ValueError)]
FINITE = [*NUMBER, (np.nan, ValueError), (np.inf, ValueError)]
FLAG = [("yes", TypeError), (1, TypeError), (None, TypeError), (np.ones(2), TypeError)]
WORD = [("meen", ValueError), (1, ValueError), (("mean",), ValueError)]
WORD64 = [
    (-1, ValueError),
    (2**64, ValueError),
    (1.5, TypeError),
    ("1", TypeError),
    (True, TypeError),
    (None, TypeError),
]
SHAPE = [((1,), ValueError), ("abc", TypeError), (5, TypeError), (None, TypeError), ((2, 4, -6, 6), ValueError)]
AXIS = [(5, ValueError), (-9, ValueError), (1.5, TypeError), ("1", TypeError), (None, TypeError), (2**40, ValueError)]

OPTIONS = {
    "stride": SIZE, "dilation": SIZE, "kernel_size": [*SIZE, (100, ValueError), (None, TypeError)],
    "padding": [*PLACES, (None, TypeError), ("samee", ValueError)], "output_padding": [*PLACES, (None, TypeError)],
    "groups": [(0, ValueError), (-1, ValueError), (3, ValueError), (1.0, TypeError), (None, TypeError)],
    "num_groups": [(0, ValueError), (-1, ValueError), (3, ValueError), (2.0, TypeError), (True, TypeError)],
    "output_size": SIZE[:5], "size": SIZE, "scale_factor": [(0, ValueError), (-1.0, ValueError), ("2", TypeError)],
    "label_smoothing": CHANCE, "p": CHANCE, "seed": WORD64, "offset": WORD64, "axis": AXIS,
    "ignore_index": [("1", TypeError), (1.5, TypeError), (None, TypeError), (2**40, ValueError)],
    "eps": [*FINITE, (-1e-5, ValueError)], "momentum": FINITE,
    "beta": NUMBER, "delta": [*NUMBER, (0.0, ValueError), (-1.0, ValueError), (np.nan, ValueError)],
    "alpha": NUMBER, "threshold": NUMBER, "negative_slope": NUMBER,
    "min_val": [*NUMBER, (2.0, ValueError)], "max_val": [*NUMBER, (-2.0, ValueError)],
    "training": FLAG, "ceil_mode": FLAG, "count_include_pad": FLAG,
    "divisor_override": [(0, ValueError), (1.5, TypeError), ("2", TypeError), (True, TypeError)],
    "reduction": WORD, "mode": WORD, "approximate": WORD, "algorithm": [*WORD, ("implicit_gemm", ValueError)],
    "activation": WORD, "value": [("x", TypeError), ((1,), TypeError)], "align_corners": [("x", ValueError)],
    "input_shape": SHAPE, "weight_shape": [row for row in SHAPE if row[0] != (1,)],
    "sizes": [((1,), ValueError), ((5, -1), ValueError), ((1.5, 2.5), TypeError), (4, TypeError), (None, TypeError)],
    "dloss": [("x", TypeError), (None, TypeError), (np.zeros(3, np.float32), ValueError)],
}  # fmt: skip
"""{option: [(what is given, exception)]}; whatever function has an option of that name refuses all of them."""

SAID = {"kernel_size": "kernel", "input_shape": "", "weight_shape": "", "dloss": "", "p": "p is"}
"""What stands in messages for an option, where that is not its name."""

LEGAL = {
    ("pad", "padding"): "amounts of its own",
    ("pad_input_grad", "padding"): "amounts of its own",
    ("max_unpool1d", "kernel_size"): (100,),
    ("max_unpool2d", "kernel_size"): (100,),
    ("max_unpool3d", "kernel_size"): (100,),
}
"""What some functions take that others do not."""


def _rows():
    for option, bad in OPTIONS.items():
        for name, arguments in CALLS.items():
            if option not in inspect.signature(getattr(gpuconv, name)).parameters:
                continue
            legal = LEGAL.get((name, option), ())
            if legal == "amounts of its own" or isinstance(arguments.get(option), np.ndarray):
                continue
            for value, exception in bad:
                if not (isinstance(legal, tuple) and value in legal if isinstance(value, int) else False):
                    yield name, option, value, exception


ROWS = list(_rows())


def test_the_table_is_long():
    assert len(ROWS) >= 1000


@pytest.mark.parametrize(("name", "option", "value", "exception"), ROWS)
def test_an_option_is_refused_by_name(name, option, value, exception):
    given = {**CALLS[name], option: value}
    if option == "activation" and "pre_activation" in inspect.signature(getattr(gpuconv, name)).parameters:
        given["pre_activation"] = np.zeros(given["input_shape"], np.float32)
    if option == "scale_factor":
        given["size"] = None
    refused(name, given, exception, (SAID.get(option, option), *_said(value)))


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
