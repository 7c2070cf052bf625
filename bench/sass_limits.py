"""Limits of the machine code of each kernel on every architecture, checked by `make sass` and the test suite."""

from .sass import MULTIPROCESSORS

REGISTERS = {
    "adam_kernel": (48, 72),
    "adaptive_avg_pool_grad_kernel": (64, 64),
    "adaptive_max_pool_grad_kernel": (48, 48),
    "adaptive_max_pool_kernel": (48, 48),
    "avg_pool_vectorized": (48, 56),
    "avg_pool_grad_vectorized": (64, 88),
    "avg_pool_grad_dilated_kernel": (48, 56),
    "avg_pool_grad_kernel": (48, 64),
    "bce_grad_kernel": (40, 72),
    "cross_entropy_grad_kernel": (40, 64),
    "cross_entropy_grad_rows_kernel": (40, 64),
    "max_pool_vectorized": (56, 56),
    "max_pool_grad_vectorized": (48, 56),
    "mse_sums_kernel": (40, 66),
    "softmax_grad_rows_kernel": (40, 64),
    "resample_kernel": (64, 56),
    "rmsprop_kernel": (48, 72),
}
"""Most registers a thread, (float32, float64), of kernels beyond DEFAULT_REGISTERS, by a prefix of the name:
what ptxas 13.0 gives them on sm_80 and sm_90, rounded up to the allocation unit of 8."""

DEFAULT_REGISTERS = (40, 56)
"""Of all other kernels: with 40 three quarters of a multiprocessor's threads are resident on sm_80, with 56 half."""

BLACKWELL_EXTRA_REGISTERS = 8
"""Further registers from sm_100 on: the unrolled loops of ptxas 13.0 are longer there."""

VECTORIZED, REDUCTIONS = {"vectors", "table"}, {"reachable"}
"""Arguments by which vectorized kernels and reductions are recognized: they must have 128-bit accesses."""

LOAD_ONLY = {"cross_entropy_rows_kernel"}
"""Vectorized kernels whose results are a number for each row."""

MMA_PER_LOOP = 64
TENSOR_LOOPS = {"conv2d_wgrad_": 190, "conv2d_fprop_": 166}
"""Most instructions for MMA_PER_LOOP HMMA in the main loop of a 128 x 128 tile, by a prefix of the kernel's name:
CUTLASS's forward pass has 196 (sm_80, see docs/cuda.md)."""

REGISTERS_PER_MULTIPROCESSOR = 65536


def faults(instance, code, architecture):
    """The broken limits, in words; nothing may spill, use local memory or compute in float64 by accident."""
    counts = {"bytes spilled": code.spilled, "local accesses and bytes": code.local}
    if instance.dtype != "float64":
        counts["float64 instructions"] = code.float64
        counts["atomics"] = sum(code.all[name] for name in ("ATOM", "ATOMG", "ATOMS", "RED"))
    found = [f"{count} {what}, expected 0" for what, count in counts.items() if count]
    found += [f"no {access}, expected 128-bit accesses" for access in _wide(instance) if not code.widths[access]]
    longest = _longest_loop(instance, code, architecture)
    if longest is not None and code.loop.total() * MMA_PER_LOOP > longest * code.loop["HMMA"]:
        counted = f"{code.loop.total()} instructions for {code.loop['HMMA']} HMMA"
        found.append(f"{counted}, expected at most {longest} for {MMA_PER_LOOP}")
    most = most_registers(instance, architecture)
    if code.registers > most:
        found.append(f"{code.registers} registers, expected at most {most}")
    return ["{}, {}, sm_{}{}: {}".format(instance.name, instance.dtype, *architecture, fault) for fault in found]


def _wide(instance):
    """The accesses that a kernel's machine code must have, by its arguments."""
    code = getattr(instance.kernel, "py_func", _wide).__code__
    taken = set(code.co_varnames[: code.co_argcount])
    if taken & VECTORIZED and instance.name not in LOAD_ONLY:
        return ["LDG.128", "STG.128"]
    return ["LDG.128"] if taken & (VECTORIZED | REDUCTIONS) else []


def _longest_loop(instance, code, architecture):
    """Most instructions for MMA_PER_LOOP HMMA of a large tile on tensor cores; None from Blackwell on."""
    if not (code.loop["HMMA"] and instance.name.endswith("_128x128")) or architecture >= (10, 0):
        return None
    return next(most for name, most in TENSOR_LOOPS.items() if instance.name.startswith(name))


def most_registers(instance, architecture):
    """Most registers a thread: by the launch bounds of a kernel that has them, else by the table.

    Never fewer than leave all threads of a multiprocessor resident: 64 on Turing, whose compiler takes more.
    """
    bounds = getattr(instance.kernel, "targetoptions", {}).get("launch_bounds")
    if isinstance(bounds, tuple) and len(bounds) > 1:
        return REGISTERS_PER_MULTIPROCESSOR // (bounds[0] * bounds[1])
    full = REGISTERS_PER_MULTIPROCESSOR // MULTIPROCESSORS[architecture].threads // 8 * 8
    more = BLACKWELL_EXTRA_REGISTERS if architecture >= (10, 0) else 0
    row = next((row for name, row in REGISTERS.items() if instance.name.startswith(name)), DEFAULT_REGISTERS)
    return max(row[instance.dtype == "float64"] + more, full)
