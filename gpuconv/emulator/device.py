"""The emulator in the place of a GPU: what `use_device("emulator")` switches on."""

from typing import Any

import numpy as np

from gpuconv.kernels.cuda import launch as kernel_launch

from .grid import Launch, flatten, launch
from .launcher import ARCHITECTURE, names_of, signature_of
from .program import compile_kernel
from .source import compile_ptx


def switch_on() -> None:
    """Send launches on NumPy arrays to the emulator; those on CuPy arrays still go to the GPU."""
    if kernel_launch.run is kernel_launch.run_on_device:
        kernel_launch.run = _run


def _run(kernel: Any, blocks: int, threads: int, arguments: list[Any]) -> None:
    """Stands for `kernel_launch.run_on_device`."""
    if any(not isinstance(a, (np.ndarray, np.generic)) for a in arguments):
        kernel_launch.run_on_device(kernel, blocks, threads, arguments)
        return
    ptx = compile_ptx(kernel, signature_of(arguments), ARCHITECTURE)
    named = [n for a, n in zip(arguments, names_of(kernel, arguments), strict=True) for _ in flatten([a])]
    launch(compile_kernel(ptx), Launch((blocks, 1, 1), (threads, 1, 1)), flatten(arguments), named)
