"""Host time of a call up to the driver's launch: a stand-in for the driver takes each launch and does nothing.

    python -m gpuconv.bench.host_cost

Arrays are small, so what is measured is validation, plans, memory of the results and the arguments of the launches. An
optimizer's table of arrays is looked up as on a GPU, and made at the first step alone. The driver's own launch comes on
top and needs a GPU to be measured (6 us on an H200's host, 2026-11).
"""

import contextlib
import sys
import time
import types
from collections import OrderedDict
from typing import NamedTuple
from unittest import mock

import numpy as np
from rich.console import Console
from rich.table import Table

CALLS, ROUNDS = 200, 7
ADDRESS = 1 << 20
"""Of every array, as the stand-in reads none: NumPy takes 0.8 us to find an address, a CuPy array stores it."""


class Cost(NamedTuple):
    """Cost of one call."""

    name: str
    launches: int
    microseconds: float
    """Mean of the fastest round, in processor time: other processes only add."""


def cases(dtype=np.float32):
    """(name, call) of the operations of a small network's training step."""
    import gpuconv

    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in ((2, 3, 8, 8), (4, 3, 3, 3), (4,)))
    y = rng.standard_normal((2, 4, 6, 6)).astype(dtype)
    logits, labels = rng.standard_normal((2, 10)).astype(dtype), np.array([1, 3])
    parameters = [gpuconv.nn.Parameter(w.copy()) for _ in range(10)]
    for parameter in parameters:
        parameter.grad = w
    adam = gpuconv.Adam(parameters)
    return [
        ("conv2d", lambda: gpuconv.conv2d(x, w, b)),
        ("conv2d_input_grad", lambda: gpuconv.conv2d_input_grad(y, w, x.shape)),
        ("conv2d_weight_grad", lambda: gpuconv.conv2d_weight_grad(x, y, w.shape)),
        ("max_pool2d", lambda: gpuconv.max_pool2d(x, 2)),
        ("relu", lambda: gpuconv.relu(x)),
        ("cross_entropy", lambda: gpuconv.cross_entropy(logits, labels)),
        ("Adam.step, 10 parameters", adam.step),
    ]


def measure(name, call, calls=CALLS, rounds=ROUNDS):
    """The Cost of a call whose launches are not executed."""
    with _no_gpu() as launched:
        call()
        launched.clear()
        call()
        launches, seconds = len(launched), []
        for _ in range(rounds):
            begin = time.thread_time()
            for _ in range(calls):
                call()
            seconds.append((time.thread_time() - begin) / calls)
    return Cost(name, launches, min(seconds) * 1e6)


@contextlib.contextmanager
def _no_gpu():
    """Send NumPy arrays to the CUDA kernels and launches to a driver that does nothing; yields a list of launches."""
    from gpuconv.bench.launches import every_kernel
    from gpuconv.core.device import numpy_arrays_on
    from gpuconv.kernels.cuda import driver_launch, launch, multi_tensor, vectorized

    every_kernel()  # imported before sys.modules is patched, which forgets what is imported meanwhile
    launched = []

    def launch_nothing(*arguments):
        launched.append(None)
        return (0,)

    driver = types.SimpleNamespace(CUfunction=int, CUstream=int, cuLaunchKernel=launch_nothing)
    stream = types.SimpleNamespace(ptr=0)
    cupy = types.SimpleNamespace(
        ndarray=types.SimpleNamespace, cuda=types.SimpleNamespace(get_current_stream=lambda: stream)
    )
    modules = {"cupy": cupy, "cuda.bindings": types.SimpleNamespace(driver=driver)}

    def entry(call, device, dtypes):
        code = types.SimpleNamespace(get_cufunc=lambda: types.SimpleNamespace(handle=1))
        kernel = types.SimpleNamespace(
            py_func=call.kernel.py_func, compile=lambda signature: types.SimpleNamespace(_codelibrary=code)
        )
        call.entries[device, dtypes] = made = driver_launch.Call(kernel, call.kinds, call.scalars).entry(
            device, dtypes, lambda: None
        )
        return made

    launch._call_of.cache_clear()
    driver_launch.stream_at.cache_clear()
    with (
        numpy_arrays_on("cuda"),
        mock.patch.dict(sys.modules, modules),
        mock.patch.object(launch, "run", launch.run_on_device),
        mock.patch.object(launch, "_new_entry", entry),
        mock.patch.object(driver_launch, "pointer_and_device", lambda a: (ADDRESS, 0)),
        mock.patch.object(multi_tensor, "address", lambda a: ADDRESS),
        mock.patch.object(vectorized, "address", lambda a: ADDRESS),
        mock.patch.object(multi_tensor, "_uploaded", OrderedDict()),
    ):
        yield launched
    launch._call_of.cache_clear()
    driver_launch.stream_at.cache_clear()


def main():
    """Print the table."""
    table = Table("call", "launches", "us a call", "us a launch")
    for name, call in cases():
        cost = measure(name, call)
        each = cost.microseconds / cost.launches
        table.add_row(cost.name, str(cost.launches), f"{cost.microseconds:.1f}", f"{each:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
