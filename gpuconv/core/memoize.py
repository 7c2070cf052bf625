"""Geometries are asked for again and again with the same numbers: working one out takes as long as a small kernel."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

SIMPLE = {int, str, bool, type(None)}
INTEGER = {int}


def remembered(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """A pure function that looks up what it was asked before.

    Only where every argument is plain: numbers of another kind may equal an int and yet be refused, as True is where a
    size is expected. An error is not remembered.

    Parameters
    ----------
    function : function
        Of numbers, strings and tuples; returns something immutable.

    Returns
    -------
    function
    """
    look_up: Any = lru_cache(maxsize=4096, typed=True)(function)

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if all(map(_plain, args)) and all(map(_plain, kwargs.values())):
            known: Result = look_up(*args, **kwargs)
            return known
        return function(*args, **kwargs)

    return call


def _plain(value: Any) -> bool:
    kind = type(value)
    if kind is tuple:
        return set(map(type, value)) <= INTEGER or all(
            type(v) is int or (type(v) is tuple and _plain(v)) for v in value
        )
    return kind in SIMPLE
