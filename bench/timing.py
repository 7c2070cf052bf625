"""Timing: worker processes, alternating samples of two libraries, the machine's peak rates."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

WORKER = Path(__file__).with_name("worker.py")
MIN_SAMPLE_SECONDS = 2e-3
"""Minimum length of a sample: shorter operations are called several times per sample."""

PAUSE_SECONDS = 0.03
"""Pause between samples: an idle OpenMP thread spins for some milliseconds (GCC's for 300,000 rounds) before it
sleeps, and would take a core from the other library."""


class Sample(NamedTuple):
    """Seconds per call: median and quartiles over the samples."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Sample":
        """Median and quartiles of a list."""
        if len(seconds) < 2:
            return cls(*(seconds * 3))
        low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
        return cls(median, low, high)


class Limits(NamedTuple):
    """Measured peak rates of the machine."""

    gflops: float
    """FMA peak in registers on all threads, in 1e9 FLOP/s."""
    gbytes: float
    """Copy bandwidth of arrays far larger than the cache, bytes read and written, in 1e9 B/s."""


TUNED_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
"""Environment in which glibc's malloc keeps freed memory, so that a large array costs no page faults each time."""


class Setup(NamedTuple):
    """How a process computes."""

    library: str
    """gpuconv or torch."""
    layout: str = "nchw"
    """nchw or channels_last: memory format of its arrays with four dimensions."""
    malloc: str = "as-is"
    """as-is, the environment's, or tuned, with TUNED_MALLOC."""


class Worker:
    """A library in a separate process.

    Parameters
    ----------
    setup : Setup
    threads : int
    folder : Path
        Folder for results to compare.
    python : str, optional
        Python interpreter of the library's environment.
    device : {"cpu", "cuda"}

    Raises
    ------
    RuntimeError
        If the process does not start.
    """

    def __init__(
        self, setup: Setup, threads: int, folder: Path, python: str | None = None, device: str = "cpu"
    ) -> None:
        malloc = TUNED_MALLOC if setup.malloc == "tuned" else {}
        environment = {**os.environ, **malloc, "OMP_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)}
        self.setup, self.seconds = setup, 0.0
        self.result = folder / f"{'-'.join(setup)}.npy"
        self.process = subprocess.Popen(
            [python or sys.executable, str(WORKER), setup.library, str(threads), device, setup.layout],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.version = str(self._answer()["version"])

    def prepare(self, operation: str, arguments: dict[str, Any]) -> np.ndarray[Any, Any]:
        """Create the arrays, run the operation once and return its result; `seconds` is then a call's time, roughly."""
        asked = {"operation": operation, "arguments": arguments, "result": str(self.result)}
        self.seconds = self._ask(asked)["seconds"]
        result: np.ndarray[Any, Any] = np.load(self.result)
        return result

    def time(self, calls: int) -> tuple[float, float]:
        """Device and host seconds per call, after a warm-up if a call is short."""
        answer = self._ask({"calls": calls})
        return answer["seconds"], answer["host"]

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker process ended with status {self.process.wait()}; see its output above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def workers(
    setups: list[Setup], threads: int, python: str | None = None, device: str = "cpu"
) -> Iterator[list[Worker]]:
    """Start a worker for each setup; `python` is torch's interpreter. The workers end with the block."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        started = []
        for setup in setups:
            worker = Worker(setup, threads, Path(folder), python if setup.library == "torch" else None, device)
            stack.callback(worker.close)
            started.append(worker)
        yield started


def alternate(workers: list[Worker], repeats: int) -> list[tuple[Sample, Sample]]:
    """Time the workers alternately, so that clock changes affect all; returns (device, host) samples of each."""
    calls = [max(1, int(MIN_SAMPLE_SECONDS / max(worker.seconds, 1e-7))) for worker in workers]
    taken: list[tuple[list[float], list[float]]] = [([], []) for _ in workers]
    for _ in range(repeats):
        for worker, count, (devices, hosts) in zip(workers, calls, taken, strict=True):
            time.sleep(PAUSE_SECONDS)
            seconds, host = worker.time(count)
            devices.append(seconds)
            hosts.append(host)
    return [(Sample.of(devices), Sample.of(hosts)) for devices, hosts in taken]


def measure_limits(threads: int, device: str = "cpu", kind: str = "float32") -> Limits:
    """FMA peak and copy bandwidth of the CPU with `threads` threads, or of the GPU for a dtype."""
    if device == "cuda":
        return _gpu_limits(kind)
    from gpuconv.kernels.cpu import fma_peak

    return Limits(fma_peak.measure(threads) / 1e9, _copy_bandwidth(threads) / 1e9)


def _copy_bandwidth(threads: int, size: int = 1 << 26) -> float:
    """Bytes per second, read and written, of a 64 MB copy on all threads; the best of 15 runs."""
    from concurrent.futures import ThreadPoolExecutor

    x = np.ones(size // 4, np.float32)
    y = np.zeros_like(x)
    slices = list(zip(np.array_split(y, threads), np.array_split(x, threads), strict=True))
    seconds = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(15):
            start = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(*pair), slices))
            seconds.append(time.perf_counter() - start)
    return 2 * x.nbytes / min(seconds)


FMAS_PER_CYCLE = {70: 64, 75: 64, 80: 64}
"""float32 FMAs per cycle and multiprocessor by compute capability; 128 on all others."""

TENSOR_FMAS_PER_CYCLE = {80: 1024, 90: 2048, 100: 4096}
"""Tensor-core FMAs per cycle in float16 and bfloat16 with float32 accumulation; 256 on all others, tf32 half of it."""


def _gpu_limits(kind: str, size: int = 1 << 28) -> Limits:
    """Data-sheet peak, multiprocessors * FMAs per cycle * clock, and the best of five copies of 256 MB."""
    import cupy

    from .workers.shared import EventClock

    device = cupy.cuda.Device()
    properties, capability = device.attributes, int(device.compute_capability)
    if kind == "float32":
        fmas = FMAS_PER_CYCLE.get(capability, 128)
    else:
        fmas = TENSOR_FMAS_PER_CYCLE.get(capability, 256) // (2 if kind == "tf32" else 1)
    gflops = 2 * fmas * properties["MultiProcessorCount"] * properties["ClockRate"] / 1e6  # the clock rate is in kHz
    x = cupy.ones(size // 4, cupy.float32)
    y = cupy.empty_like(x)
    clock = EventClock(cupy.cuda.Event, cupy.cuda.get_elapsed_time)
    seconds = min(clock.time(lambda: cupy.copyto(y, x), 10)[0] for _ in range(5))
    return Limits(gflops, 2 * x.nbytes / seconds / 1e9)
