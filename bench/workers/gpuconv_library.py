"""gpuconv as a worker runs it, on the CPU or on a GPU."""

import numpy as np

from .conv import GpuconvConv
from .elementwise import GpuconvElementwise
from .linear import GpuconvLinear
from .loss import GpuconvLoss
from .norm import GpuconvNorm
from .pool import GpuconvPool
from .resample import GpuconvResample
from .shared import EventClock, HostClock, arrays
from .train import GpuconvTrain


class GpuconvOperations(
    GpuconvConv, GpuconvPool, GpuconvElementwise, GpuconvLoss, GpuconvNorm, GpuconvResample, GpuconvLinear, GpuconvTrain
):
    """Benchmark operations in gpuconv; each method returns a function to time. Arrays are NCHW."""

    def __init__(self, threads, device="cpu"):
        import numba

        import gpuconv

        numba.set_num_threads(threads)
        gpuconv.use_device(device)
        self.g = gpuconv
        self.version = gpuconv.__version__
        self.clock = HostClock()
        if device == "cuda":
            import cupy

            self.clock = EventClock(cupy.cuda.Event, cupy.cuda.get_elapsed_time, self._graph)

    def _graph(self, run, calls):
        """Capture calls in a CUDA graph; None for training, which reads its losses back."""
        if not getattr(run, "recorded", True):
            return None

        def step():
            for _ in range(calls):
                result = run()
            return result

        replay = self.g.cuda_graph(step)
        replay()  # runs the step; the next call records it
        return replay

    def _unrecorded(self, run):
        """Time a function call by call: it reads values back or keeps state on the host."""
        run.recorded = False
        return run

    def result(self, y):
        """Copy a result to the host, as a dtype that .npy files support."""
        y = self.g.to_host(y) if hasattr(y, "dtype") else np.asarray(y)
        return y.astype(np.float32) if y.dtype.itemsize == 2 else y

    def _arrays(self, *shapes, dtype="float32"):
        return [self.g.to_device(a) for a in arrays(shapes, dtype)]
