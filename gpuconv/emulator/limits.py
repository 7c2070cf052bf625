"""Limits of a launch, as ptxas and the driver check them: CUDA C++ Programming Guide, "Compute Capabilities"."""

from typing import TYPE_CHECKING, Any

import numpy as np

from gpuconv.kernels.cuda.launch import EMULATED_MULTIPROCESSORS

from .cores import MAX_RESIDENT
from .errors import EmulatorError, Location

if TYPE_CHECKING:
    from .cores import Launch
    from .program import Compiled

MAX_THREADS = 1024
MAX_BLOCK = (1024, 1024, 64)
MAX_GRID = (2**31 - 1, 65535, 65535)
KIB = 1024
MAX_STATIC_SHARED = 48 * KIB
MAX_LOCAL = 512 * KIB
MAX_PARAMETERS = 32764
MAX_BLOCKS_ON_ONE, MAX_WARPS_ON_ONE = 32, 64
"""Blocks and warps on one multiprocessor."""

_MAX_SHARED = {50: 48, 60: 48, 70: 96, 72: 96, 75: 64, 80: 163, 86: 99, 87: 163, 89: 99, 90: 227, 100: 227, 120: 99}
"""Compute capability -> most KiB of shared memory of a block whose launch opts in; others as the next lower one."""


def three(shape: Any, what: str) -> tuple[int, int, int]:
    """A grid or block as three integers.

    Raises
    ------
    EmulatorError
        Of kind bad-launch, if it is not one to three integers.
    """
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if not 1 <= len(sizes) <= 3 or not all(isinstance(size, (int, np.integer)) for size in sizes):
        raise EmulatorError("bad-launch", f"{what} is {shape!r}, expected one to three integers")
    x, y, z = (*(int(size) for size in sizes), 1, 1)[:3]
    return x, y, z


def check_launch(compiled: "Compiled", config: "Launch", parameters: int) -> None:
    """Check a launch.

    Raises
    ------
    EmulatorError
        Of kind bad-launch, with the kernel.
    """
    wrong = _parameters(compiled, parameters) or _shape(compiled, config) or _memory(compiled, config)
    if wrong:
        kernel = compiled.location(0).kernel if compiled.program.sites else compiled.name
        raise EmulatorError("bad-launch", wrong, Location(kernel=kernel))


def _parameters(compiled: "Compiled", found: int) -> str | None:
    if found != len(compiled.parameters):
        return f"{found} parameters, expected {len(compiled.parameters)}"
    if compiled.parameter_bytes > MAX_PARAMETERS:
        return f"{compiled.parameter_bytes} bytes of parameters, expected at most {MAX_PARAMETERS}"
    return None


def _shape(compiled: "Compiled", config: "Launch") -> str | None:
    grid, block = config.grid, config.block
    threads = block[0] * block[1] * block[2]
    if min(block) < 1 or threads > MAX_THREADS:
        return f"block is {block}, grid {grid}: expected 1 to {MAX_THREADS} threads"
    if any(size > most for size, most in zip(block, MAX_BLOCK, strict=True)):
        return f"block is {block}, expected at most {MAX_BLOCK}"
    if min(grid) < 1 or any(size > most for size, most in zip(grid, MAX_GRID, strict=True)):
        return f"grid is {grid}, expected at least 1 and at most {MAX_GRID} blocks"
    if compiled.max_threads is not None and threads > compiled.max_threads:
        return f"block is {block}, and the kernel's launch bounds allow {compiled.max_threads} threads"
    if config.cooperative and grid[0] * grid[1] * grid[2] > (most := _resident(compiled, config)):
        return f"a cooperative grid of {grid}: at most {most} such blocks are on the emulated device at once"
    return None


def _resident(compiled: "Compiled", config: "Launch") -> int:
    """Blocks that the emulated device, an A100, can hold at once."""
    warps = -(-(config.block[0] * config.block[1] * config.block[2]) // 32)
    shared = compiled.static.shared_bytes + config.dynamic_bytes + KIB  # the driver keeps one for itself
    each = min(MAX_BLOCKS_ON_ONE, MAX_WARPS_ON_ONE // warps, max_shared("sm_80") // shared)
    return min(int(EMULATED_MULTIPROCESSORS) * each, MAX_RESIDENT)


def _memory(compiled: "Compiled", config: "Launch") -> str | None:
    static, dynamic = compiled.static.shared_bytes, config.dynamic_bytes
    if static > MAX_STATIC_SHARED:
        return f"{static} bytes of static shared memory, expected at most {MAX_STATIC_SHARED}"
    most = max_shared(compiled.target) if config.opts_in else MAX_STATIC_SHARED
    if dynamic < 0 or static + dynamic > most:
        reason = "" if config.opts_in else " (more must be asked for by cuFuncSetAttribute, which Numba does not)"
        return f"{static + dynamic} bytes of shared memory, expected at most {most}{reason}"
    if compiled.static.local_bytes > MAX_LOCAL:
        return f"{compiled.static.local_bytes} bytes of local memory in a thread, expected at most {MAX_LOCAL}"
    return None


def max_shared(target: str) -> int:
    """Most bytes of shared memory of a block for a target such as sm_80."""
    digits = "".join(c for c in target.partition(",")[0] if c.isdigit())
    capability = int(digits) if digits else 80
    return KIB * _MAX_SHARED[max((known for known in _MAX_SHARED if known <= capability), default=50)]
