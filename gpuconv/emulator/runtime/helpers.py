"""Runtime functions by name, compiled on first use."""

import functools

import llvmlite.binding

from . import atomics, barriers, copies, memory, printing, schedule, tensor, warp
from .access import LINKED
from .lanes import lane_function
from .releases import LINKED as RELEASES
from .releases import fence

_FIXED = {
    "bar_sync": barriers.bar_sync,
    "wait_for": warp.wait_for,
    "synchronize warp": warp.synchronize_warp,
    "trap": warp.trap,
    "fence": fence,
    "shuffle": warp.shuffle,
    "report undefined": warp.report_undefined,
    "issue": copies.issue,
    "commit": copies.commit,
    "wait": copies.wait,
    "ldmatrix": tensor.ldmatrix,
    "mma": tensor.mma,
    "vprintf": printing.vprintf,
}


@functools.cache
def helper(name):
    """Compiled runtime function of a name; keep a reference as long as machine code calls it.

    Raises
    ------
    KeyError
        If the name is unknown.
    """
    _link()
    if name in _FIXED:
        return _FIXED[name]()
    kind, *rest = name.split(" ")
    match kind:
        case "load":
            return memory.load(rest[0], int(rest[1]), *rest[2:])
        case "store":
            return memory.store(rest[0], int(rest[1]), *rest[2:])
        case "atomic":
            return atomics.atomic(*rest)
        case "match":
            mode, type_ = rest[0].split("_")
            return warp.match(mode, int(type_[1:]))
        case "redux":
            return warp.redux(*rest[0].split("_"))
        case "lanes":
            return lane_function(rest[0], tuple(int(bits) for bits in rest[1:]))
    raise KeyError(name)


@functools.cache
def _link():
    for symbol, function in {**RELEASES, **LINKED}.items():
        llvmlite.binding.add_symbol(symbol, function().address)


run_blocks = schedule.run_blocks
