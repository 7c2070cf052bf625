"""One library in a process of its own: it makes arrays, runs one operation, and says how long each run took.

Two OpenMP pools in one process starve each other and falsify every figure, so the library measured and its peer never
share one. This file is run by its path, in whatever environment the peer lives in: it imports numpy and the library
named on its command line, nothing else. It reads one JSON request a line and answers each with one line.
"""

import json
import os
import sys
import time

import numpy as np

SETTLE = 0.02
"""Seconds until threads that slept have processors of their own again: a woken one shares its waker's for up to two of
the scheduler's ticks, of 4 ms, and what takes half a millisecond takes five (one call was not enough, 2026-11)."""


def operations_of(library, threads, device):
    """The library's operations, on a device."""
    if library == "torch":
        from worker_torch import TorchOperations

        return TorchOperations(threads, device)
    from worker_gpuconv import GpuconvOperations

    return GpuconvOperations(threads, device)


def settle(run, seconds=SETTLE):
    """Run for some time: wakes the threads, and brings back to the caches what the peer displaced."""
    end = time.perf_counter() + seconds
    run()
    while time.perf_counter() < end:
        run()


def serve(library, threads, device):
    """Answer requests until the input ends."""
    operations = operations_of(library, threads, device)
    run = None
    print(json.dumps({"library": library, "version": operations.version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "operation" in request:
            run = getattr(operations, request["operation"])(**request["arguments"])
            np.save(request["result"], operations.result(run()))
            run()
            answer = {"done": True}
        else:
            settle(run)
            taken = [operations.clock.time(run, request["calls"]) for _ in range(request["repeats"])]
            answer = {"seconds": [seconds for seconds, _ in taken], "host": [host for _, host in taken]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", sys.argv[2])
    os.environ.setdefault("NUMBA_NUM_THREADS", sys.argv[2])
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3])
