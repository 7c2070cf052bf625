"""Kernels as others write them: every kind of argument and of function, right ones and wrong ones."""

from tests.emulator.foreign import arguments, exceptions, functions, launches, wrong_arguments
from tests.emulator.foreign.entries import RIGHT, WRONG

__all__ = ["RIGHT", "WRONG", "arguments", "exceptions", "functions", "launches", "wrong_arguments"]
