"""What both libraries are given: the same numbers, networks of the same shape, and a clock."""

import time

import numpy as np

RATE = 0.01
"""Of training. At 0.05 PyTorch's 20 losses of a ResNet-8 in float32 are 8e-4 from its own in float64: rounding grows
from step to step, and the comparison would be one of chances. In float64 the two libraries agree to 4e-16 at either."""


def arrays(shapes, seed=0):
    """The same standard normal float32 arrays in every process."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


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
    """

    def __init__(self, event, milliseconds):
        self.event, self.milliseconds = event, milliseconds

    def time(self, run, calls):
        """(seconds, seconds) a call: of the device from the first kernel to the last, and of the host queueing them."""
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
