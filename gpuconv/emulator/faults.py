"""The EmulatorError of a fault that compiled code has recorded."""

import ctypes
from dataclasses import replace
from typing import Any

from .buffers import Memory
from .errors import KINDS, EmulatorError, Location
from .program import Compiled
from .runtime import state as s
from .runtime.stamps import SEVERAL_BLOCKS

Shape = tuple[int, int, int]


def error_of(compiled: Compiled, grid: Shape, block: Shape, memory: Memory, slots: Any) -> EmulatorError:
    """The error of the core with these slots."""
    kind = KINDS[int(slots[s.ERROR]) - 1]
    site, address, size = (int(slots[k]) for k in (s.ERROR_SITE, s.ERROR_ADDRESS, s.ERROR_BYTES))
    location = replace(
        compiled.location(site) if site >= 0 else Location(kernel=compiled.location(0).kernel),
        block=_triple(int(slots[s.BLOCK_ID]) - 1, grid),
        thread=_triple(int(slots[s.ERROR_THREAD]), block),
    )
    if kind == "hang":
        return _hang(compiled, block, slots, location)
    target = memory.describe(address, size) if size else ""
    return EmulatorError(kind, _sentence(kind, target, _other(kind, grid, block, slots)), location)


def _other(kind: str, grid: Shape, block: Shape, slots: Any) -> str:
    """The other thread of a race."""
    other, its_block = int(slots[s.ERROR_OTHER]), int(slots[s.ERROR_BLOCK])
    thread = f"thread {_triple(other, block)}" if other >= 0 else "several threads"
    if kind != "race-global" or its_block == int(slots[s.BLOCK_ID]):
        return thread
    if its_block == SEVERAL_BLOCKS:
        return "several blocks"
    return (
        f"{thread} of block {_triple(its_block - 1, grid)}" if other >= 0 else f"block {_triple(its_block - 1, grid)}"
    )


def _sentence(kind: str, target: str, other: str) -> str:
    return {
        "out-of-bounds": f"an access to {target}",
        "misaligned": f"an access to {target}, misaligned for its size",
        "read-only": f"a store to {target}, which is read-only",
        "uninitialized": f"a read of {target}, never written",
        "race-shared": f"an access to {target} that {other} accesses with no barrier in between",
        "race-warp": f"an access to {target} that {other} of the same warp accessed without bar.warp.sync in between",
        "race-global": f"an access to {target} that {other} also accessed in this launch, unordered",
        "race-async": f"an access to {target} before cp.async.wait_group of the copy by {other}",
        "barrier-divergence": "a barrier that some of its threads never reach",
        "warp-divergence": "a warp-level exchange that some of its lanes never reach, or the lanes that they read from",
        "trap": "the kernel executed trap",
        "limit": "more cp.async copies in flight than the emulator can hold",
    }[kind]


def _triple(index: int, shape: Shape) -> Shape:
    return index % shape[0], index // shape[0] % shape[1], index // (shape[0] * shape[1])


# ---- a hang: where each group of threads is


def _hang(compiled: Compiled, block: Shape, slots: Any, location: Location) -> EmulatorError:
    groups = _groups(compiled, slots)
    if groups:
        first, where = groups[0]
        location = replace(where, block=location.block, thread=_triple(first[0][0], block))
    places = "; ".join(f"{_threads(threads, block)} at {_place(where)}" for threads, where in groups)
    spent = int(slots[s.BUDGET]) - int(slots[s.LEFT])
    told = f"a block has not finished after {spent} basic blocks; {places}"
    hint = "waiting for a block of a higher number needs a cooperative launch; budget= allows for longer runs"
    return EmulatorError("hang", f"{told} ({hint})", location)


def _groups(compiled: Compiled, slots: Any) -> list[tuple[list[tuple[int, int]], Location]]:
    """Ranges of the unfinished threads that are at one line, and the line."""
    groups: dict[Any, tuple[list[tuple[int, int]], Location]] = {}
    for index in range(int(slots[s.WARPS])):
        frame = int(slots[s.FRAMES]) + index * int(slots[s.FRAME_BYTES])
        live = ctypes.c_int64.from_address(frame + 8 * s.LIVE).value
        waiting = ctypes.c_int64.from_address(frame + 8 * s.STATUS).value == s.WAITING
        site = ctypes.c_int64.from_address(frame + 8 * s.SITE).value
        for lane in range(s.LANES):
            if live >> lane & 1:
                number = ctypes.c_int32.from_address(frame + s.PC + 4 * lane).value
                where = compiled.location(site) if waiting else _of_block(compiled, number)
                ranges, _ = groups.setdefault((where.source_file, where.source_line or where.ptx_line), ([], where))
                thread = index * s.LANES + lane
                if ranges and ranges[-1][1] == thread - 1:
                    ranges[-1] = (ranges[-1][0], thread)
                else:
                    ranges.append((thread, thread))
    return list(groups.values())


def _of_block(compiled: Compiled, number: int) -> Location:
    """Location of the first instruction with a line, from a basic block on."""
    blocks = compiled.kernel.blocks
    items = [item for b in blocks[number:] for item in b.instructions if item.source or item.line]
    return compiled.located(items[0] if items else blocks[-1].instructions[-1])


def _threads(ranges: list[tuple[int, int]], block: Shape) -> str:
    shown = [f"{_triple(a, block)}" if a == b else f"{_triple(a, block)} to {_triple(b, block)}" for a, b in ranges[:4]]
    return "threads " + ", ".join(shown) + (" ..." if len(ranges) > 4 else "")


def _place(where: Location) -> str:
    file = (where.source_file or "").rpartition("/")[2]
    return f"{file}:{where.source_line}" if where.source_line else f"PTX line {where.ptx_line}"
