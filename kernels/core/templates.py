"""One loop, many formulas: kernels that differ in the mathematics of one element alone are written once."""

from inspect import signature
from types import FunctionType


def instance(template, name, **names):
    """A copy of a function under a name of its own, in which some global names mean something else.

    What a kernel calls must be a global name: a function held in a closure is pickled into the key of Numba's cache,
    with an identifier that every process draws anew, and the kernel would never be found there again.
    """
    copy = FunctionType(template.__code__, {**template.__globals__, **names}, name)
    copy.__module__, copy.__qualname__, copy.__doc__ = template.__module__, name, template.__doc__
    return copy


def parameters_of(formula, operands):
    """The scalars that a formula takes after its operands."""
    return len(signature(formula.py_func).parameters) - operands
