"""Timing: the machine's limits, and two libraries measured in turn."""

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
SHORTEST = 2e-3
"""Seconds one sample lasts at least: shorter operations are called several times in one."""

PAUSE = 0.03
"""Seconds between the turns: an OpenMP thread spins for some milliseconds after its last work (GCC's for 300,000
rounds) before it sleeps, and would take a core from the other library."""


class Sample(NamedTuple):
    """Seconds a call took, over the repeats."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Sample":
        """Median and the quartiles around it."""
        if len(seconds) < 2:
            return cls(*(seconds * 3))
        low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
        return cls(median, low, high)


class Limits(NamedTuple):
    """What the machine can do at best, measured."""

    gflops: float
    """Fused multiply-adds in registers on all threads, in 1e9 FLOP/s."""
    gbytes: float
    """Copying arrays far larger than the cache, bytes read and written, in 1e9 B/s."""


class Worker:
    """A library in a process of its own.

    Parameters
    ----------
    library : {"gpuconv", "torch"}
    threads : int
    folder : Path
        Where it leaves results for comparison.
    python : str, optional
        Interpreter of the environment the library lives in.
    device : {"cpu", "cuda"}

    Raises
    ------
    RuntimeError
        If the process does not start; the message holds what it printed.
    """

    def __init__(
        self, library: str, threads: int, folder: Path, python: str | None = None, device: str = "cpu"
    ) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)}
        self.result = folder / f"{library}.npy"
        self.process = subprocess.Popen(
            [python or sys.executable, str(WORKER), library, str(threads), device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.version = str(self._answer()["version"])

    def prepare(self, operation: str, arguments: dict[str, Any]) -> np.ndarray[Any, Any]:
        """Make the arrays, run once, and return the result."""
        self._ask({"operation": operation, "arguments": arguments, "result": str(self.result)})
        result: np.ndarray[Any, Any] = np.load(self.result)
        return result

    def time(self, repeats: int, calls: int = 1) -> tuple[list[float], list[float]]:
        """Seconds a call of the device and of the host, for each of the repeats, after a call that does not count."""
        answer = self._ask({"repeats": repeats, "calls": calls})
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
            raise RuntimeError(f"a library's process ended with status {self.process.wait()}; see its output above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def workers(
    libraries: list[str], threads: int, python: str | None = None, device: str = "cpu"
) -> Iterator[list[Worker]]:
    """A process for each library, the first with this interpreter, ended when the block ends."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        started = []
        for library in libraries:
            worker = Worker(library, threads, Path(folder), python if library == "torch" else None, device)
            stack.callback(worker.close)
            started.append(worker)
        yield started


def alternate(several: list[Worker], repeats: int) -> list[tuple[Sample, Sample]]:
    """Time the workers in turn, so that a change of the machine's speed meets them all; (device, host) of each."""
    calls = [max(1, int(SHORTEST / max(worker.time(1)[0][0], 1e-7))) for worker in several]
    taken: list[tuple[list[float], list[float]]] = [([], []) for _ in several]
    for _ in range(repeats):
        for worker, count, (devices, hosts) in zip(several, calls, taken, strict=True):
            time.sleep(PAUSE)
            seconds, host = worker.time(1, count)
            devices.extend(seconds)
            hosts.extend(host)
    return [(Sample.of(devices), Sample.of(hosts)) for devices, hosts in taken]


def measure_limits(threads: int, device: str = "cpu", kind: str = "float32") -> Limits:
    """The peak of multiply-adds and of copying, on this machine with so many threads, or on its GPU for a kind."""
    if device == "cuda":
        return _gpu_limits(kind)
    from gpuconv.kernels.cpu import fma_peak

    return Limits(fma_peak.measure(threads) / 1e9, _copy_bandwidth(threads) / 1e9)


def _copy_bandwidth(threads: int, size: int = 1 << 26) -> float:
    """Bytes a second, read and written, of copying 64 MB with the same number of threads; the best of several."""
    from concurrent.futures import ThreadPoolExecutor

    x = np.ones(size // 4, np.float32)
    y = np.zeros_like(x)
    parts = list(zip(np.array_split(y, threads), np.array_split(x, threads), strict=True))
    seconds = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(15):
            start = time.perf_counter()
            list(pool.map(lambda part: np.copyto(*part), parts))
            seconds.append(time.perf_counter() - start)
    return 2 * x.nbytes / min(seconds)


LANES = {70: 64, 75: 64, 80: 64}
"""Multiply-adds in float32 that a multiprocessor begins in a cycle, by compute capability; 128 on all others."""

TENSOR_LANES = {80: 1024, 90: 2048, 100: 4096}
"""The same in float16 and bfloat16 with float32 sums, on tensor cores; 256 on all others. tf32 has half of it."""


def _gpu_limits(kind: str, size: int = 1 << 28) -> Limits:
    """Multiprocessors times lanes times clock, as the data sheet has it; and copying 256 MB, the best of several."""
    import cupy

    from .worker_data import EventClock

    device = cupy.cuda.Device()
    properties, capability = device.attributes, int(device.compute_capability)
    if kind == "float32":
        lanes = LANES.get(capability, 128)
    else:
        lanes = TENSOR_LANES.get(capability, 256) // (2 if kind == "tf32" else 1)
    gflops = 2 * lanes * properties["MultiProcessorCount"] * properties["ClockRate"] / 1e6  # of kHz
    x = cupy.ones(size // 4, cupy.float32)
    y = cupy.empty_like(x)
    clock = EventClock(cupy.cuda.Event, cupy.cuda.get_elapsed_time)
    seconds = min(clock.time(lambda: cupy.copyto(y, x), 10)[0] for _ in range(5))
    return Limits(gflops, 2 * x.nbytes / seconds / 1e9)
