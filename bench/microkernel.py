"""CPU micro-kernels against the FMA peak, on packed panels in the L1 cache.

    python -m gpuconv.bench.microkernel                # on all Numba threads
    python -m gpuconv.bench.microkernel --threads 1

The peak is measured with as many independent FMAs on registers, without memory accesses.
"""

import argparse

import numba
import numpy as np
from rich.console import Console
from rich.table import Table


def shares(threads, dtype, **options):
    """(peak in GFLOP/s, {micro-kernel: fraction of the peak}); `options` are passed to fma_peak.measure."""
    from gpuconv.kernels.cpu import fma_peak

    reached = {kernel: fma_peak.measure(threads, dtype, kernel, **options) for kernel in fma_peak.KERNELS}
    limit = reached.pop("registers")
    return limit / 1e9, {kernel: each / limit for kernel, each in reached.items()}


def main(arguments=None):
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=numba.get_num_threads())
    threads = parser.parse_args(arguments).threads
    table = Table("dtype", "peak, GFLOP/s", "multiply_tile", "multiply_packed", title=f"{threads} threads")
    for dtype in (np.float32, np.float64):
        limit, reached = shares(threads, dtype)
        table.add_row(np.dtype(dtype).name, f"{limit:.0f}", *(f"{share:.1%}" for share in reached.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
