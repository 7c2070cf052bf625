"""The times of a problem's algorithms, taken in turns."""

import itertools
import time
from functools import partial
from typing import NamedTuple

import numpy as np

from ..conv import passes
from ..conv.shape import ConvShape
from ..conv.tuned import Problem
from ..core.call import Call
from ..core.device import Array, Target, is_cupy, to_device

ROUNDS = 5
"""Of all algorithms in turn; the quickest of an algorithm's rounds counts, as other work only slows it."""
ROUND_SECONDS = 2e-3
"""Of calls of one algorithm in a round, at least."""
HOPELESS = 4
"""An algorithm that takes that many times as long as the quickest when it is first timed is not timed again."""
GAIN = 0.95
"""An algorithm has to take that share of the automatic choice's time, at most; less is noise."""
SLOW, SLOW_FLOPS = ("direct", "col2im"), 1e8
"""Algorithms that are timed on problems of fewer operations alone: on larger ones they take seconds."""
UNASKED = ("tf32",)
"""Algorithms of another precision: they have to be asked for."""


class Choice(NamedTuple):
    """What was measured for one pass of one convolution."""

    problem: Problem
    algorithm: str
    """The quickest; "auto" where nothing is quicker than the automatic choice."""
    seconds: float
    """Of a call."""
    automatic_seconds: float
    """Of a call by the automatic choice."""

    def is_supported(self, kernels: Target, like: Array) -> bool:
        """Whether this version still has the algorithm for the problem."""
        target, operation, shape, dtype = self.problem
        image = shape if isinstance(shape, ConvShape) else shape.image
        reason = kernels.conv.unsupported(self.algorithm, image, operation, np.dtype(dtype), like=like)
        return target == kernels.name and reason is None


def measure(problem: Problem) -> Choice:
    """Time what computes a problem, on arrays of random numbers."""
    launches = _launches(problem)
    for launch in launches.values():
        launch()  # compiles, and fetches the arrays
    seconds = {name: _seconds(launch, 1) for name, launch in launches.items()}
    hopeful = [name for name in launches if name == "auto" or seconds[name] < HOPELESS * min(seconds.values())]
    for _, name in itertools.product(range(ROUNDS), hopeful):
        seconds[name] = min(seconds[name], _seconds(launches[name], 1 + int(ROUND_SECONDS / seconds[name])))
    best = min(hopeful, key=seconds.__getitem__)
    algorithm = best if seconds[best] <= GAIN * seconds["auto"] else "auto"
    return Choice(problem, algorithm, seconds[algorithm], seconds["auto"])


def _launches(problem: Problem) -> "dict[str, partial[None]]":
    """A call by each algorithm, "auto" first."""
    _, operation, shape, dtype = problem
    rng = np.random.default_rng(0)
    x, w, y = (
        to_device(rng.standard_normal(s, np.float32).astype(dtype))
        for s in (shape.x_shape, shape.w_shape, shape.y_shape)
    )
    call = Call("tune", native=True, x=x)
    options = None, call.compute_dtype.type(0)
    arguments = {"fprop": (x, w, *options, y), "dgrad": (y, w, *options, x), "wgrad": (x, y, w)}[operation]
    image = shape if isinstance(shape, ConvShape) else shape.image
    omitted = UNASKED if shape.flops < SLOW_FLOPS else (*UNASKED, *SLOW)
    names = [name for name in call.kernels.conv.algorithms(image, operation, x) if name not in omitted]
    launches = {}
    for name in ("auto", *names):
        launch = passes.launcher(call, shape, operation, name)
        if launch is not None:  # else 16-bit arrays are converted first, and the problem is float32's
            launches[name] = partial(launch, *arguments)
    return launches


def _seconds(launch: "partial[None]", calls: int) -> float:
    """Time of a call, the mean of some; a GPU has to be done with them."""
    begin = time.perf_counter()
    for _ in range(calls):
        launch()
    if is_cupy(launch.args[0]):
        import cupy

        cupy.cuda.get_current_stream().synchronize()
    return (time.perf_counter() - begin) / calls
