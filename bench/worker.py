"""Worker process of one library: creates arrays, runs an operation, reports timings.

Two OpenMP pools in one process compete for cores and distort the timings, so gpuconv and its peer run in separate
processes. The file is run by path in the peer's environment and imports only `workers/` beside it, numpy and the
library named on the command line. It reads JSON requests, one per line, and answers each with one line.
"""

import json
import os
import sys
import time

import numpy as np

LONG_SECONDS = 0.5
"""A function that takes longer needs no warm-up: waking threads is no part of its time, and another run doubles it."""

WARMUP_SECONDS = 0.02
"""Warm-up before a sample: a woken thread shares a core with its waker for up to two scheduler ticks of 4 ms, so that
0.5 ms of work takes 5 ms (a single warm-up call was not enough, 2026-11)."""


def operations_of(library, threads, device, layout):
    """Operations of a library on a device, on arrays in a layout."""
    if library == "torch":
        from workers.torch_library import TorchOperations

        return TorchOperations(threads, device, layout)
    from workers.gpuconv_library import GpuconvOperations

    return GpuconvOperations(threads, device)


def warm_up(run, seconds=WARMUP_SECONDS):
    """Warm up: wake the threads and refill the caches after the peer's turn."""
    end = time.perf_counter() + seconds
    run()
    while time.perf_counter() < end:
        run()


def timed(run, calls, clock, seconds):
    """(device, host) seconds per call, after a warm-up unless a call is known to take long."""
    if seconds < LONG_SECONDS:
        warm_up(run)
    return clock.time(run, calls)


def serve(library, threads, device, layout="nchw"):
    """Answer requests until stdin is closed."""
    operations = operations_of(library, threads, device, layout)
    run = None
    print(json.dumps({"library": library, "version": operations.version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "operation" in request:
            run = None  # frees the arrays of the operation before
            run = getattr(operations, request["operation"])(**request["arguments"])
            summary = getattr(run, "summary", lambda y: y)
            np.save(request["result"], summary(operations.result(run())))
            seconds, _ = operations.clock.time(run, 1)
            if seconds < LONG_SECONDS:
                seconds, _ = timed(run, 1, operations.clock, seconds)
            answer = {"seconds": seconds}
        else:
            on_device, on_host = timed(run, request["calls"], operations.clock, seconds)
            answer = {"seconds": on_device, "host": on_host}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", sys.argv[2])
    os.environ.setdefault("NUMBA_NUM_THREADS", sys.argv[2])
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
