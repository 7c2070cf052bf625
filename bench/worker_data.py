"""What both libraries are given: the same numbers, networks of the same shape, and a clock."""

import time

import numpy as np

RATE = 0.01
"""Of training. At 0.05 PyTorch's 20 losses of a ResNet-8 in float32 are 8e-4 from its own in float64: rounding grows
from step to step, and the comparison would be one of chances. In float64 the two libraries agree to 4e-16 at either."""


def arrays(shapes, dtype="float32", seed=0):
    """The same standard normal arrays in every process, drawn in float32."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, dtype=np.float32).astype(numpy_type(dtype)) for shape in shapes]


def numpy_type(dtype):
    """NumPy's type of a name; ValueError where bfloat16, that of ml_dtypes, is not installed."""
    if dtype == "bfloat16":
        try:
            import ml_dtypes
        except ImportError as error:
            raise ValueError("bfloat16 needs ml_dtypes (pip install gpuconv[bfloat16])") from error
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(dtype)


def batch(x_shape, classes):
    """Images of noise and labels to be learned by heart."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(x_shape, dtype=np.float32), rng.integers(0, classes, x_shape[0])


def network(name, classes, seed=None):
    """The network of that name as gpuconv has it; its state has the keys of the peer's."""
    from gpuconv.training.networks import lenet, resnet8

    make, image_shape = {"LeNet-5": (lenet, (1, 28, 28)), "ResNet-8": (resnet8, (3, 32, 32))}[name]
    return make(image_shape, classes, seed=seed)


class HostClock:
    """For libraries that return when the work is done."""

    def time(self, run, calls):
        """(seconds, seconds) a call: of the work, and of the host."""
        start = time.perf_counter()
        for _ in range(calls):
            run()
        seconds = (time.perf_counter() - start) / calls
        return seconds, seconds


class EventClock:
    """For libraries that return when the work is queued: a GPU's events around it.

    Parameters
    ----------
    event : callable
        Makes an event that can be recorded.
    milliseconds : callable
        Between two events, once the second has happened.
    graph : callable, optional
        Makes what plays some calls of a function without the host, which is slower than most kernels here. None for a
        function that cannot be recorded: it is queued call by call.
    """

    def __init__(self, event, milliseconds, graph=lambda run, calls: None):
        self.event, self.milliseconds, self.graph, self.made = event, milliseconds, graph, {}

    def time(self, run, calls):
        """(seconds, seconds) a call: of the device from the first kernel to the last, and of the host queueing them."""
        device, host = self._between(run, calls)
        play = self._graph_of(run, calls)
        if play is not None:
            device = self._between(play, 1)[0] / calls
        return device, host

    def _between(self, run, calls):
        run()  # so that the device is busy when the first event is queued, and is not waited for
        first, last = self.event(), self.event()
        start = time.perf_counter()
        first.record()
        for _ in range(calls):
            run()
        last.record()
        host = (time.perf_counter() - start) / calls
        last.synchronize()
        return self.milliseconds(first, last) / 1e3 / calls, host

    def _graph_of(self, run, calls):
        """The last function's graph is kept, and no other's memory."""
        if (run, calls) not in self.made:
            self.made.clear()
            self.made[run, calls] = self.graph(run, calls)
        return self.made[run, calls]
