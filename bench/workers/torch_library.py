"""PyTorch as a worker runs it: in eager mode without autograd, on the CPU or with cuDNN, in one memory format."""

import numpy as np

from .conv import TorchConv
from .elementwise import TorchElementwise
from .linear import TorchLinear
from .loss import TorchLoss
from .norm import TorchNorm
from .pool import TorchPool
from .resample import TorchResample
from .shared import EventClock, HostClock, arrays
from .train import TorchTrain


class TorchOperations(
    TorchConv, TorchPool, TorchElementwise, TorchLoss, TorchNorm, TorchResample, TorchLinear, TorchTrain
):
    """Benchmark operations in PyTorch; each method returns a function to time.

    Parameters
    ----------
    threads : int
    device : {"cpu", "cuda"}
    layout : {"nchw", "channels_last"}
        Memory format of the arrays with four dimensions, which are converted before the timed call.
    """

    def __init__(self, threads, device="cpu", layout="nchw"):
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.t, self.f = torch, torch.nn.functional
        self.version, self.device = torch.__version__, device
        self.format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        self.clock = HostClock()
        if device == "cuda":
            torch.backends.cudnn.benchmark = True  # let cuDNN search its algorithms, as users do
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # float32 against float32
            event = lambda: torch.cuda.Event(enable_timing=True)  # noqa: E731
            self.clock = EventClock(event, lambda a, b: a.elapsed_time(b), self._graph)

    def _graph(self, run, calls):
        """Capture calls in a CUDA graph; None for operations that read values back or keep state on the host."""
        if not getattr(run, "recorded", True):
            return None
        graph = self.t.cuda.CUDAGraph()
        with self.t.cuda.graph(graph):
            for _ in range(calls):
                run()
        return graph.replay

    def _unrecorded(self, run):
        """Time a function call by call: it reads values back or keeps state on the host."""
        run.recorded = False
        return run

    def result(self, y):
        """Copy a result to the host."""
        return y.float().cpu().numpy() if hasattr(y, "cpu") else np.asarray(y)

    def _tensors(self, *shapes, dtype="float32"):
        return [self._laid_out(self.t.from_numpy(a).to(self.device, getattr(self.t, dtype))) for a in arrays(shapes)]

    def _empty(self, shape, dtype):
        return self._laid_out(self.t.empty(shape, device=self.device, dtype=dtype))

    def _laid_out(self, tensor):
        """The tensor in the worker's memory format, which is for four dimensions."""
        return tensor.contiguous(memory_format=self.format) if tensor.ndim == 4 else tensor
