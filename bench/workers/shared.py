"""Inputs and clocks that the workers of both libraries share."""

import time

import numpy as np


def arrays(shapes, dtype="float32", seed=0):
    """The same standard normal arrays in every process, drawn in float32."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, dtype=np.float32).astype(numpy_type(dtype), copy=False) for shape in shapes]


def numpy_type(dtype):
    """NumPy dtype of a name; ValueError for bfloat16 if ml_dtypes is not installed."""
    if dtype == "bfloat16":
        try:
            import ml_dtypes
        except ImportError as error:
            raise ValueError("bfloat16 needs ml_dtypes (pip install gpuconv[bfloat16])") from error
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(dtype)


class HostClock:
    """Wall clock, for calls that return when the work is done."""

    def time(self, run, calls):
        """(device, host) seconds per call; both are the wall-clock time."""
        start = time.perf_counter()
        for _ in range(calls):
            run()
        seconds = (time.perf_counter() - start) / calls
        return seconds, seconds


class EventClock:
    """GPU events around the work, for calls that return when it is queued.

    Parameters
    ----------
    event : callable
        Creates an event.
    milliseconds : callable
        Elapsed time between two events, after the second has completed.
    graph : callable, optional
        Captures some calls of a function in a CUDA graph, because queueing takes longer than most kernels here. Returns
        None for a function that cannot be captured; its calls are then queued one by one.
    """

    def __init__(self, event, milliseconds, graph=lambda run, calls: None):
        self.event, self.milliseconds, self.graph, self.made = event, milliseconds, graph, {}

    def time(self, run, calls):
        """(device, host) seconds per call: from the first kernel to the last, and of the host to queue them."""
        device, host = self._between(run, calls)
        replay = self._graph_of(run, calls)
        if replay is not None:
            device = self._between(replay, 1)[0] / calls
        return device, host

    def _between(self, run, calls):
        run()  # keeps the device busy until the first event is queued
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
        """Graph of a function; only the latest one is cached, to free the memory of the others."""
        if (run, calls) not in self.made:
            self.made.clear()
            self.made[run, calls] = self.graph(run, calls)
        return self.made[run, calls]
