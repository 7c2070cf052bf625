"""Special registers: %tid, %ctaid, %laneid and others."""

from typing import TYPE_CHECKING

from ..runtime import state as s
from .values import constant

if TYPE_CHECKING:
    from .code import Code

_THREAD = {"%tid.x": s.TID_X, "%tid.y": s.TID_Y, "%tid.z": s.TID_Z}
_CORE = {
    **{f"%ntid.{axis}": s.BLOCK + k for k, axis in enumerate("xyz")},
    **{f"%nctaid.{axis}": s.GRID + k for k, axis in enumerate("xyz")},
    **{f"%ctaid.{axis}": s.CTAID + k for k, axis in enumerate("xyz")},
    "%nwarpid": s.WARPS,
    "%dynamic_smem_size": s.DYNAMIC_BYTES,
    "%total_smem_size": s.SHARED_BYTES,
}
_CONSTANTS = {"%smid": 0, "%nsmid": 1, "%gridid": 0, "%envreg0": 0, "%cluster_ctarank": 0, "WARP_SZ": s.LANES}
_MASKS = {
    "%laneid": lambda lane: lane,
    "%lanemask_eq": lambda lane: 1 << lane,
    "%lanemask_lt": lambda lane: (1 << lane) - 1,
    "%lanemask_le": lambda lane: (2 << lane) - 1,
    "%lanemask_gt": lambda lane: 2**32 - (2 << lane),
    "%lanemask_ge": lambda lane: 2**32 - (1 << lane),
}


def special_register(code: "Code", name: str) -> tuple[str, int] | None:
    """Value and width of a special register; None if the name is not one."""
    if name in _THREAD:
        return code.load_lanes(_THREAD[name], 32), 32
    if name in _CORE:
        slot = code.core_slot(_CORE[name])
        return code.splat(code.op(f"trunc i64 {slot} to i32"), "i32"), 32
    if name in _CONSTANTS:
        return constant(_CONSTANTS[name], 32), 32
    if name in _MASKS:
        values = ", ".join(f"i32 {_MASKS[name](lane)}" for lane in range(s.LANES))
        return f"<{values}>", 32
    if name == "%warpid":
        index = code.op(f"load i64, ptr {code.frame(8 * s.INDEX)}")
        return code.splat(code.op(f"trunc i64 {index} to i32"), "i32"), 32
    if name in ("%clock", "%clock_hi", "%clock64", "%globaltimer"):
        return _clock(code, name)
    return None


def _clock(code: "Code", name: str) -> tuple[str, int]:
    """Time is not modeled: a clock counts its reads."""
    pointer = code.op(f"getelementptr i8, ptr %c, i64 {8 * s.CLOCK}")
    value = code.op(f"load i64, ptr {pointer}")
    code.put(f"store i64 {code.op(f'add i64 {value}, 1')}, ptr {pointer}")
    if name in ("%clock64", "%globaltimer"):
        return code.splat(value, "i64"), 64
    shifted = code.op(f"lshr i64 {value}, {32 if name == '%clock_hi' else 0}")
    return code.splat(code.op(f"trunc i64 {shifted} to i32"), "i32"), 32
