"""What looks odd and is right: views of any strides, read-only arrays, and batches of nothing."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing.operations import valid_calls

CALLS = valid_calls()
CHANGED = ("running_mean", "running_var")
"""Written to in place, so that these have to be writeable and C-contiguous."""


def _reversed(a):
    """The same values behind negative strides."""
    return a[tuple(slice(None, None, -1) for _ in a.shape)].copy()[tuple(slice(None, None, -1) for _ in a.shape)]


def _spread_out(a):
    """The same values, every other element of an array."""
    b = np.full((*a.shape[:-1], 2 * a.shape[-1]), 99, a.dtype)
    b[..., ::2] = a
    return b[..., ::2]


def _read_only(a):
    b = a.copy()
    b.setflags(write=False)
    return b


VIEWS = {"reversed": _reversed, "fortran": np.asfortranarray, "spread": _spread_out, "frozen": _read_only}


def _several(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", CALLS)
def test_a_view_gives_what_its_copy_gives(name, view):
    odd = {
        key: VIEWS[view](a) if isinstance(a, np.ndarray) and key not in CHANGED else a for key, a in CALLS[name].items()
    }
    originals = {key: a.copy() for key, a in odd.items() if isinstance(a, np.ndarray) and key not in CHANGED}
    for found, expected in zip(
        _several(getattr(gpuconv, name)(**odd)), _several(getattr(gpuconv, name)(**CALLS[name])), strict=True
    ):
        assert found.flags.c_contiguous
        assert found.tobytes() == expected.tobytes()
    assert all(np.array_equal(odd[key], a) for key, a in originals.items())


FIRST = {name: next(iter(arguments)) for name, arguments in CALLS.items()}
BROADCAST = {name: first for name, first in FIRST.items() if isinstance(CALLS[name][first], np.ndarray)}


@pytest.mark.parametrize("name", BROADCAST)
def test_an_array_that_repeats_its_first_row(name):
    first = BROADCAST[name]
    a = CALLS[name][first]
    repeated = np.broadcast_to(a[:1], a.shape)
    for found, expected in zip(
        _several(getattr(gpuconv, name)(**{**CALLS[name], first: repeated})),
        _several(getattr(gpuconv, name)(**{**CALLS[name], first: repeated.copy()})),
        strict=True,
    ):
        assert found.tobytes() == expected.tobytes()


def _emptied(name):
    """A function's valid arguments with a batch of none, where its arrays have one."""
    found = {}
    for key, a in CALLS[name].items():
        batched = isinstance(a, np.ndarray) and key in ("x", "dy", "input", "target", "indices", "mask", "a", "b")
        of_samples = name.startswith("group") and key in ("mean", "var")
        if of_samples or (batched and not (key == "b" and name.startswith(("conv", "linear")))):
            found[key] = a[:0]
        elif key == "arrays":
            found[key] = [one[:0] for one in a]
        elif key == "input_shape":
            found[key] = (0, *a[1:])
        else:
            found[key] = a
    return found


@pytest.mark.parametrize("name", CALLS)
def test_a_batch_of_none_gives_an_empty_result_or_zeros(name):
    whole = _several(getattr(gpuconv, name)(**CALLS[name]))
    with np.errstate(all="ignore"):
        results = _several(getattr(gpuconv, name)(**_emptied(name)))
    for found, full in zip(results, whole, strict=True):
        assert found.dtype == full.dtype
        if found.size:
            assert found.shape == full.shape  # a sum over the batch, or a mean of nothing
            assert not found.any() or np.isnan(found).all()
        else:
            assert found.shape == (0, *full.shape[1:])
