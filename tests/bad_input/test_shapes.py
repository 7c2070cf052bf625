"""Arrays of the wrong shape, for every array argument of every function."""

import re

import numpy as np
import pytest

import gpuconv
from gpuconv.testing.operations import valid_calls
from tests.bad_input.test_arrays import refused

CALLS = valid_calls()
SHAPES = {
    "longer": lambda a: np.zeros((*a.shape[:-1], a.shape[-1] + 1), a.dtype),
    "one axis more": lambda a: a[None],
    "one axis less": lambda a: a[:1].reshape(()) if a.ndim == 1 else a[0],
}
ANY_SIZE = re.compile(
    r"(conv|conv_transpose)\dd\.[xw]|batch_norm\dd\.x|group_norm\.x|linear_input_grad\.w|linear_weight_grad\."
)
"""What may be longer beside other arrays: nothing else tells its last size."""


def _arrays(name):
    return [key for key, a in CALLS[name].items() if isinstance(a, np.ndarray)]


def _rows():
    for name in CALLS:
        several = len(_arrays(name)) > 1
        for argument in _arrays(name) if several else []:
            for variant in SHAPES:
                legal = variant == "longer" and (ANY_SIZE.match(f"{name}.{argument}") or "unpool" in name)
                one_slope = variant == "one axis less" and name.startswith("prelu") and argument == "weight"
                if not (legal or one_slope):
                    yield name, argument, variant


@pytest.mark.parametrize(("name", "argument", "variant"), list(_rows()))
def test_a_shape_that_does_not_fit_is_named(name, argument, variant):
    value = SHAPES[variant](CALLS[name][argument])
    follows = name.startswith(("cross", "nll", "group")) or name.endswith(
        "d_weight_grad"
    )  # what follows from it is named
    expected = ("expected",) if follows else (str(value.shape[-1] if value.ndim else "()"),)
    refused(name, {**CALLS[name], argument: value}, ValueError, expected)


RANKS = [n for n in CALLS if re.search(r"\dd", n) and len(_arrays(n)) == 1]


@pytest.mark.parametrize("name", RANKS)
@pytest.mark.parametrize("variant", ["one axis more", "one axis less"])
def test_a_rank_that_does_not_fit_is_named(name, variant):
    (argument,) = _arrays(name)
    value = SHAPES[variant](CALLS[name][argument])
    refused(name, {**CALLS[name], argument: value}, ValueError, (argument, value.shape, "expected"))


def test_the_table_is_long():
    assert len(list(_rows())) + 2 * len(RANKS) >= 350
    assert all(hasattr(gpuconv, name) for name in CALLS)
