"""Launches on the emulator instead of a GPU: the backend of `use_device("emulator")`."""

from typing import Any

import numpy as np

from gpuconv.kernels.cuda import launch as kernel_launch
from gpuconv.kernels.cuda.multi_tensor import TensorTable

from .launcher import ARCHITECTURE, architecture, run_blocks_of
from .unwritten import empty


def switch_on() -> None:
    """Redirect launches on NumPy arrays to the emulator; launches on CuPy arrays still go to the GPU.

    Outputs are allocated with `emulator.empty`, so reads of elements that no kernel has written are reported.
    """
    if kernel_launch.run is kernel_launch.run_on_device:
        kernel_launch.run = _run
        kernel_launch.empty = empty
        kernel_launch.architecture = architecture()


def switch_off() -> None:
    """Send every launch to the GPU again."""
    if kernel_launch.run is _run:
        kernel_launch.run = kernel_launch.run_on_device
        kernel_launch.empty = np.empty
        kernel_launch.architecture = ARCHITECTURE


def _run(kernel: Any, blocks: int, threads: int, arguments: list[Any]) -> None:
    """Replacement of `kernel_launch.run_on_device`."""
    arrays = [a.rows[0][0] if isinstance(a, TensorTable) else a for a in arguments]
    if any(not isinstance(a, (np.ndarray, np.generic)) for a in arrays):
        kernel_launch.run_on_device(kernel, blocks, threads, arguments)
        return
    run_blocks_of(kernel, blocks, threads, arguments)
