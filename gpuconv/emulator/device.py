"""The emulator in the place of a GPU: what `use_device("emulator")` switches on."""

from typing import Any

import numpy as np

from gpuconv.kernels.cuda import launch as kernel_launch
from gpuconv.kernels.cuda.multi_tensor import TensorTable

from .buffers import empty
from .launcher import ARCHITECTURE, architecture, run_blocks_of


def switch_on() -> None:
    """Send launches on NumPy arrays to the emulator; those on CuPy arrays still go to the GPU.

    The library's results come from `emulator.empty`, so that a kernel that reads what none has written is reported.
    """
    if kernel_launch.run is kernel_launch.run_on_device:
        kernel_launch.run = _run
        kernel_launch.empty = empty
        kernel_launch.architecture = architecture()


def switch_off() -> None:
    """Send launches to the GPU again, whatever they are on."""
    if kernel_launch.run is _run:
        kernel_launch.run = kernel_launch.run_on_device
        kernel_launch.empty = np.empty
        kernel_launch.architecture = ARCHITECTURE


def _run(kernel: Any, blocks: int, threads: int, arguments: list[Any]) -> None:
    """Stands for `kernel_launch.run_on_device`."""
    arrays = [a.rows[0][0] if isinstance(a, TensorTable) else a for a in arguments]
    if any(not isinstance(a, (np.ndarray, np.generic)) for a in arrays):
        kernel_launch.run_on_device(kernel, blocks, threads, arguments)
        return
    run_blocks_of(kernel, blocks, threads, arguments)
