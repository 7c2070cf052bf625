"""A CUDA device for machines that have none: runs the PTX that Numba generates, checks it and counts.

`run` launches one kernel on NumPy arrays; `gpuconv.use_device("emulator")` sends the whole library here. What is
modeled, and what is not, stands in docs/emulator.md.
"""

from .buffers import empty
from .errors import KINDS, EmulatorError, Place
from .launcher import measure, run, run_ptx
from .order import check_order
from .report import Report

__all__ = ["KINDS", "EmulatorError", "Place", "Report", "check_order", "empty", "measure", "run", "run_ptx"]
