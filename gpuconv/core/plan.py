"""Plans: what follows from the shapes, dtypes and options of a call alone, made once and looked up by later calls.

A plan is right from any number of threads: it is never changed, and two threads that make it at once make equal ones.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numpy import ndarray

from . import device as devices
from .device import Array
from .dtypes import FLOAT32

MAX_PLANS = 1 << 12
"""Plans kept for a target; a program of more problems than that starts again."""
_PLAIN = {int, str, bool, float, type(None)}

_plans: dict[str, dict[Any, Any]] = {"cpu": {}, "cuda": {}}
"""By target."""


class Plan(NamedTuple):
    """What follows from the shapes, dtypes and options of a call, with the shape of its result or results."""

    result_shape: tuple[int, ...]
    launch: Any
    """launch(*arrays, *scalars, result); indices come before the result, two results as a pair.

    None where kernels take 16-bit arrays as they are, but not of this problem.
    """
    allocate: Callable[[], Any] | None = None
    """Memory for the result, or for both, of plain NumPy arrays; `Call.plan` sets it."""
    index_dtype: Any = None
    """Of indices that the launcher takes as an operand (`run` has them apart)."""
    second_dtype: Any = None
    """Of a second result of the same shape, such as indices; None for one result."""
    further_shapes: tuple[tuple[int, ...], ...] = ()
    """Of further results, such as the gradients of parameters: the launcher takes a tuple of all."""


def find_plan(target: str, build: Callable[..., Any], dtype: Any, shapes: Sequence[Any], options: Sequence[Any]) -> Any:
    """The plan that `build` made for these shapes and options on a target; None if it has made none.

    Options that cannot be compared safely (lists, arrays, True for 1 inside a tuple) have none: their call is checked
    each time.
    """
    kinds = tuple(map(type, options))
    try:
        plan = _plans[target].get((build, dtype, shapes, options, kinds))
    except TypeError:  # a list
        return None
    return plan if plan is not None and (tuple not in kinds or _are_plain(options)) else None


def keep_plan(
    target: str, build: Callable[..., Any], dtype: Any, shapes: Sequence[Any], options: Sequence[Any], plan: Any
) -> None:
    """Keep what `build` made, if its options can be compared safely."""
    if not _are_plain(options):
        return
    plans = _plans[target]
    if len(plans) >= MAX_PLANS:
        plans.clear()
    plans[build, dtype, shapes, options, tuple(map(type, options))] = plan


def forget_plans() -> None:
    """Make every plan anew, since what they follow from has changed."""
    for plans in _plans.values():
        plans.clear()


def run_known(
    build: Callable[..., Plan],
    operands: tuple[Array | None, ...],
    options: tuple[Any, ...],
    scalars: Sequence[Any] = (),
    extra: tuple[Array, ...] = (),
    kinds: tuple[type, ...] | None = None,
) -> Array | None:
    """Run a call of plain NumPy arrays whose plan is known: take memory and launch.

    Parameters
    ----------
    build : function
        As for `Call.plan`, with the same options.
    operands : tuple of array or None
        The arrays of the call in its order.
    options : tuple
    scalars : sequence of float
        Numbers that a plan does not depend on, in the order in which its launcher takes them.
    extra : tuple of array
        Further arrays, checked by the caller, such as labels.
    kinds : tuple of type, optional
        Types of the options, where they are the caller's and no user's.

    Returns
    -------
    array, or None where the call has to be looked at: no plan yet, arrays of another kind, a device other than the CPU.
        A pair or a tuple where the plan has several results.
    """
    dtype, shapes = None, []
    for a in operands:
        if type(a) is ndarray and a.flags.c_contiguous:
            if a.dtype is not dtype:
                if dtype is not None:
                    return None
                dtype = a.dtype
            shapes.append(a.shape)
        elif a is None:
            shapes.append(None)
        else:
            return None
    target = devices.numpy_target
    if kinds is None:
        kinds = tuple(map(type, options))
    try:  # as find_plan does; a call of microseconds notices a function's call
        plan = _plans["cpu"].get((build, dtype, tuple(shapes), options, kinds))
    except TypeError:
        return None
    if plan is None or target is None or target.name != "cpu" or (tuple in kinds and not _are_plain(options)):
        return None
    if plan.launch is None:
        return None
    if scalars:
        if dtype is None or any([type(scalar) is not float for scalar in scalars]):
            return None
        extra = *extra, *map((dtype if dtype.itemsize > 2 else FLOAT32).type, scalars)
    result: Array = plan.allocate()
    plan.launch(*operands, *extra, result)
    return result


def _are_plain(options: Sequence[Any]) -> bool:
    """Whether equal options are the same options: 1, True and 1.0 are equal, and yet only the first is a size."""
    for option in options:
        kind = type(option)
        if kind is tuple:
            if not all(type(one) is int or (type(one) is tuple and _are_plain((one,))) for one in option):
                return False
        elif kind not in _PLAIN:
            return False
    return True
