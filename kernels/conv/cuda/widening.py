"""16-bit arrays in kernels of float32: every value is exact there, and results are rounded once."""

import functools

import numpy as np

from ...cuda.launch import beside


def widened_unless(native):
    """Let a launcher (g, *arguments, result, algorithm) take 16-bit arrays.

    They are passed as they are where native(g, result, algorithm) says so, else converted to float32.
    """

    def decorate(launcher):
        @functools.wraps(launcher)
        def launch(g, *arguments):
            *inputs, result, algorithm = arguments
            if result.dtype.itemsize != 2 or native(g, result, algorithm):
                launcher(g, *arguments)
                return
            wide = beside(result, result.shape, np.float32)
            launcher(g, *map(_widened, inputs), wide, algorithm)
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                result[...] = wide

        return launch

    return decorate


def _widened(argument):
    """An array in float32; what is none, or has its type already, as it is."""
    return argument.astype(np.float32) if getattr(argument, "itemsize", 0) == 2 else argument
