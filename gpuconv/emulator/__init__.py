"""A CUDA device for machines that have none: executes, checks and measures the PTX that Numba generates.

`run` launches one kernel on NumPy arrays; `gpuconv.use_device("emulator")` redirects every launch of the library to
the emulator. docs/emulator.md says what is modeled and what is not.
"""

from .errors import KINDS, EmulatorError, Location
from .launcher import measure, run, run_ptx
from .order import check_order
from .report import Report
from .unwritten import empty

__all__ = ["KINDS", "EmulatorError", "Location", "Report", "check_order", "empty", "measure", "run", "run_ptx"]
