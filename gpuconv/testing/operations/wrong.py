"""Wrong values for the options of every operation, and the exception that refuses each.

A function refuses every value listed under an option's name, whatever its other arguments are.
"""

from typing import Any

import numpy as np

WrongValues = list[tuple[Any, type[Exception]]]

TOO_LONG = (1, 2, 3, 4, 5, 6, 7)
SIZES: WrongValues = [
    (0, ValueError),
    (-1, ValueError),
    (1.5, TypeError),
    ("2", TypeError),
    (True, TypeError),
    (TOO_LONG, ValueError),
    (2**31, ValueError),
    (2**62, ValueError),
    (np.nan, TypeError),
]
OUTPUT_SIZES = SIZES[:5]  # a large output is legal
AMOUNTS: WrongValues = [
    (-1, ValueError), (1.5, TypeError), (True, TypeError), (TOO_LONG, ValueError), (2**62, ValueError),
    (None, TypeError),
]  # fmt: skip
NUMBERS: WrongValues = [("0.1", TypeError), (None, TypeError), (True, TypeError), ((1,), TypeError), (1j, TypeError)]
FINITE: WrongValues = [*NUMBERS, (np.nan, ValueError), (np.inf, ValueError)]
PROBABILITIES: WrongValues = [*FINITE, (-0.1, ValueError), (1.1, ValueError)]
FLAGS: WrongValues = [("yes", TypeError), (1, TypeError), (None, TypeError), (np.ones(2), TypeError)]
WORDS: WrongValues = [("meen", ValueError), (1, ValueError), (("mean",), ValueError)]
COUNTERS: WrongValues = [
    (-1, ValueError), (2**64, ValueError), (1.5, TypeError), ("1", TypeError), (True, TypeError), (None, TypeError),
]  # fmt: skip
SHAPES: WrongValues = [("abc", TypeError), (5, TypeError), (None, TypeError), ((2, 4, -6, 6), ValueError)]
AXES: WrongValues = [
    (5, ValueError), (-9, ValueError), (1.5, TypeError), ("1", TypeError), (None, TypeError), (2**40, ValueError),
]  # fmt: skip
GROUPS: WrongValues = [(0, ValueError), (-1, ValueError), (3, ValueError), (None, TypeError)]

WRONG_OPTIONS: dict[str, WrongValues] = {
    "stride": SIZES, "dilation": SIZES, "kernel_size": [*SIZES, (100, ValueError), (None, TypeError)],
    "padding": [*AMOUNTS, ("samee", ValueError)], "output_padding": AMOUNTS,
    "groups": [*GROUPS, (1.0, TypeError)], "num_groups": [*GROUPS, (2.0, TypeError), (True, TypeError)],
    "output_size": OUTPUT_SIZES, "size": SIZES,
    "scale_factor": [(0, ValueError), (-1.0, ValueError), ("2", TypeError)],
    "label_smoothing": PROBABILITIES, "p": PROBABILITIES, "seed": COUNTERS, "offset": COUNTERS, "axis": AXES,
    "ignore_index": [("1", TypeError), (1.5, TypeError), (None, TypeError), (2**40, ValueError)],
    "eps": [*FINITE, (-1e-5, ValueError)], "momentum": FINITE,
    "beta": NUMBERS, "delta": [*NUMBERS, (0.0, ValueError), (-1.0, ValueError), (np.nan, ValueError)],
    "alpha": NUMBERS, "threshold": NUMBERS, "negative_slope": NUMBERS,
    "min_val": [*NUMBERS, (2.0, ValueError)], "max_val": [*NUMBERS, (-2.0, ValueError)],
    "training": FLAGS, "ceil_mode": FLAGS, "count_include_pad": FLAGS,
    "divisor_override": [(0, ValueError), (1.5, TypeError), ("2", TypeError), (True, TypeError)],
    "reduction": WORDS, "mode": WORDS, "approximate": WORDS, "algorithm": [*WORDS, ("tensor_core", ValueError)],
    "activation": WORDS, "value": [("x", TypeError), ((1,), TypeError)], "align_corners": [("x", ValueError)],
    "input_shape": [((1,), ValueError), *SHAPES], "weight_shape": SHAPES,
    "sizes": [((1,), ValueError), ((5, -1), ValueError), ((1.5, 2.5), TypeError), (4, TypeError), (None, TypeError)],
    "dloss": [("x", TypeError), (None, TypeError), (np.zeros(3, np.float32), ValueError)],
}  # fmt: skip
"""{option: [(value, exception)]}."""

LEGAL: dict[tuple[str, str], tuple[Any, ...]] = {
    **{(f"max_unpool{rank}d", "kernel_size"): (100,) for rank in (1, 2, 3)},
    **{(name, "padding"): tuple(value for value, _ in WRONG_OPTIONS["padding"]) for name in ("pad", "pad_input_grad")},
}
"""{(function, option): values of that list which the function accepts}."""


def wrong_options(name: str, option: str) -> WrongValues:
    """Values that a function refuses for an option, with the exceptions.

    Parameters
    ----------
    name, option : str
        A public function and one of its parameters.

    Returns
    -------
    list of (value, type)
        Empty for arrays.
    """
    legal = LEGAL.get((name, option), ())
    return [row for row in WRONG_OPTIONS.get(option, []) if not any(row[0] is value for value in legal)]
