"""Kernels as templates: one loop for many formulas that differ in the mathematics of one element."""

from inspect import signature
from types import FunctionType


def instance(template, name, **names):
    """A copy of a function under another name, with other values for some of its globals."""
    copy = FunctionType(template.__code__, {**template.__globals__, **names}, name)
    copy.__module__, copy.__qualname__, copy.__doc__ = template.__module__, name, template.__doc__
    return copy


def parameters_of(formula, operands):
    """Number of scalars that a formula takes after its operands."""
    return len(signature(formula.py_func).parameters) - operands
