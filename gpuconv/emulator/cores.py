"""The CPU threads that run the blocks of a grid, and the blocks that wait for others."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from .buffers import Memory
from .exits import site_lines
from .faults import error_of
from .program import Compiled
from .runtime import helpers
from .runtime import state as s
from .runtime.core import HANG, PATIENCE, RACE_GLOBAL
from .runtime.stamps import SEVERAL_BLOCKS

MAX_BASIC_BLOCKS = 1 << 28
"""Basic blocks that a thread block may execute before it is reported as hanging."""

MAX_RESIDENT = 2048
"""Blocks that can be on a device at once."""

EXPLAINING_BLOCKS, EXPLAINING_BUDGET = 64, 1 << 16
"""Blocks that run after one that hangs, to see whether it waits for them, and basic blocks that each may execute."""


@dataclass
class Launch:
    """Launch configuration."""

    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    dynamic_bytes: int = 0
    check: bool = True
    meter: bool = False
    seed: int = 0
    """Seed of the order of blocks and warps; 0 runs them in ascending order."""
    budget: int = MAX_BASIC_BLOCKS
    opts_in: bool = False
    """Whether the host has asked for more than 48 KiB of shared memory, as CUDA C can."""
    cooperative: bool = False
    """Whether all blocks run together, so that they may wait for each other."""


@dataclass
class Counts:
    """Raw counters of the meter."""

    blocks: Any
    """(basic blocks, 2): executions by warps and by threads."""
    sites: Any
    """(sites, METER_SLOTS): memory requests by instruction."""


class _Core:
    """State of one CPU thread that executes thread blocks, one at a time."""

    def __init__(self, compiled: Compiled, config: Launch, shared: dict[int, int]) -> None:
        static = compiled.static
        threads = config.block[0] * config.block[1] * config.block[2]
        warps = -(-threads // s.LANES)
        shared_bytes = static.shared_bytes + config.dynamic_bytes
        # sizes, addresses of shared and local memory, warp frames, barriers
        self.slots = np.zeros(s.CORE_SLOTS, np.int64)
        self.keep: list[Any] = []
        frame = -(-compiled.program.frame_bytes // 64) * 64
        values = {
            s.THREADS: threads, s.WARPS: warps, s.SHARED_BYTES: shared_bytes, s.DYNAMIC_BYTES: config.dynamic_bytes,
            s.SHARED: self.bytes(shared_bytes + 16), s.SHARED_GRANULE: static.shared_granule,
            s.GLOBAL_GRANULE: static.global_granule, s.LOCAL_BYTES: static.local_bytes,
            s.LOCAL: self.bytes(static.local_bytes * warps * s.LANES + 16), s.CHECK: int(config.check),
            s.ADVANCE: compiled.advance, s.FRAMES: self.bytes(frame * warps), s.FRAME_BYTES: frame,
            s.BUDGET: config.budget, s.SEED: config.seed * 0x9E3779B97F4A7C15 % 2**63,
            s.BARRIERS: self.bytes(8 * s.BARRIER_SLOTS * s.BARRIER_COUNT), s.SEEN: self.bytes(8 * s.LANES * s.LANES),
            **shared,
        }  # fmt: skip
        for k in range(3):
            values[s.GRID + k], values[s.BLOCK + k] = config.grid[k], config.block[k]
        # shadow memory of the race detector
        if config.check:
            granules = 8 * ((shared_bytes >> static.shared_granule) + 2)
            kept = [s.WRITES, s.READS]
            kept += [s.STRONG] if compiled.program.has_strong else []
            kept += [s.SYNC] if compiled.program.has_fences else []
            for slot in kept:
                values[slot] = self.bytes(granules)
            values[s.LANE_CLOCKS] = self.bytes(8 * s.LANES * s.LANES * warps)
            if static.local_bytes:
                values[s.LOCAL_INIT] = self.bytes(static.local_bytes * warps * s.LANES + 16)
            if compiled.program.has_fences:
                values[s.FLUSHED] = self.bytes(16 * s.LANES * s.LANES)
                values[s.FENCES] = self.bytes(16 * s.LANES * s.LANES)
        # counters
        if config.meter:
            self.sites = np.zeros((max(1, len(compiled.program.sites)), s.METER_SLOTS), np.int64)
            self.blocks = np.zeros((len(compiled.kernel.blocks), 2), np.int64)
            values[s.SITE_METER], values[s.BLOCK_METER] = self.sites.ctypes.data, self.blocks.ctypes.data
        for slot, value in values.items():
            self.slots[slot] = value
        # queue of pending cp.async copies of each warp
        if compiled.program.has_copies:
            pending = self.bytes(warps * s.COPIES * s.COPY_STRIDE)
            for index in range(warps):
                slot_address = values[s.FRAMES] + index * frame + 8 * s.PENDING
                ctypes.c_int64.from_address(slot_address).value = pending + index * s.COPIES * s.COPY_STRIDE

    def run(self, order: Any, first: int) -> int:
        """Run blocks from order[first] on, until one waits; returns the number of the next one."""
        entry = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(helpers.run_blocks().address)
        return int(entry(self.slots.ctypes.data, order.ctypes.data, first, order.size))

    def resume(self) -> bool:
        """Go on with the block that has waited; returns whether it did more than poll. Polls alone cost no budget."""
        polls, left = int(self.slots[s.FRUITLESS]), int(self.slots[s.LEFT])
        self.run(np.array([self.slots[s.BLOCK_ID] - 1]), -1)
        moved = not self.slots[s.WAITS] or int(self.slots[s.FRUITLESS]) < polls + PATIENCE
        if not moved:
            self.slots[s.LEFT] = left
        return moved

    def bytes(self, count: int) -> int:
        """Allocate zeroed memory and return its address, aligned to 64 bytes."""
        memory = np.zeros(count + 64, np.uint8)
        self.keep.append(memory)
        return int(-(-memory.ctypes.data // 64) * 64)


def run_grid(
    compiled: Compiled, config: Launch, memory: Memory, parameters: Any, inspect: Callable[[Memory], None]
) -> Counts | None:
    """Run all blocks; `inspect` sees the memory of a grid that has ended, before its faults are reported.

    Raises
    ------
    EmulatorError
        The fault of the lowest-numbered block that had one.
    """
    shared, keep = _shared_state(compiled, config, memory, parameters)
    # order of blocks, dealt out to the workers
    count = config.grid[0] * config.grid[1] * config.grid[2]
    order = np.arange(count, dtype=np.int64)
    if config.seed:
        np.random.default_rng(config.seed).shuffle(order)
    workers = 1 if compiled.program.has_strong else min(_cpus(), max(1, count // 4))
    cores = [_Core(compiled, config, shared) for _ in range(workers)]
    # run
    if workers == 1:
        cores, unstarted = _run_in_order(cores[0], order, config, lambda: _Core(compiled, config, shared))
    else:
        block_lists = [np.ascontiguousarray(order[k::workers]) for k in range(workers)]
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda k: cores[k].run(block_lists[k], 0), range(workers)))
        unstarted = np.concatenate([_after(core, blocks) for core, blocks in zip(cores, block_lists, strict=True)])
    # report the first fault, or the counters
    inspect(memory)
    failed = [core.slots for core in cores if core.slots[s.ERROR]]
    if failed:
        first = min(failed, key=lambda slots: int(slots[s.BLOCK_ID]))
        if first[s.ERROR] == HANG and config.check:
            first = _race_behind(first, unstarted, lambda: _Core(compiled, config, shared))
        raise error_of(compiled, config.grid, config.block, memory, first)
    del keep
    if not config.meter:
        return None
    return Counts(sum(core.blocks for core in cores), sum(core.sites for core in cores))


def _shared_state(compiled: Compiled, config: Launch, memory: Memory, parameters: Any) -> tuple[dict[int, int], Any]:
    """State shared by all cores, and the arrays that hold it."""
    static, program = compiled.static, compiled.program
    checked = config.check and config.grid[0] * config.grid[1] * config.grid[2] < SEVERAL_BLOCKS
    table = memory.table(config.check, static.global_granule, checked, program.has_strong, program.has_fences)
    spans = np.array(static.shared, np.int64)
    if static.dynamic is not None:
        spans[static.dynamic, 1] += config.dynamic_bytes
    lock, first_error = np.zeros(1, np.int64), np.full(1, 2**62, np.int64)
    shared = {
        s.PARAMS: parameters.ctypes.data, s.REGIONS: table.ctypes.data, s.REGION_COUNT: len(table),
        s.SHARED_TABLE: spans.ctypes.data, s.SHARED_COUNT: len(spans), s.LOCK: lock.ctypes.data,
        s.FIRST_ERROR: first_error.ctypes.data,
    }  # fmt: skip
    keep = [parameters, table, spans, lock, first_error]
    lines = site_lines(compiled) if config.check else None
    if lines is not None:
        shared[s.SITE_LINES] = lines.ctypes.data
        keep.append(lines)
    if config.check and program.has_fences:  # the pool's memory is taken as it is written
        pool, stack = np.zeros(s.POOL_WORDS, np.int64), np.zeros(s.POOL_WORDS, np.int64)
        start = pool.ctypes.data
        pool[s.POOL_NEXT], pool[s.POOL_END] = start + 8 * s.POOL_HEAD, start + pool.nbytes
        pool[s.POOL_STACK] = stack.ctypes.data
        shared[s.POOL] = start
        keep += [pool, stack]
    return shared, keep


def _race_behind(hung: Any, unstarted: Any, new: Callable[[], _Core]) -> Any:
    """Slots of the race that explains a hang, if there is one: a block that polls what another stores, unordered.

    To the compiler a plain load in a loop is one load: the loop never sees the store of a block that runs later.
    """
    for block in unstarted[:EXPLAINING_BLOCKS]:
        core = new()
        core.slots[s.BUDGET] = min(int(core.slots[s.BUDGET]), EXPLAINING_BUDGET)
        ctypes.c_int64.from_address(int(core.slots[s.FIRST_ERROR])).value = 2**62
        core.run(np.array([block]), 0)
        if core.slots[s.ERROR] == RACE_GLOBAL and core.slots[s.ERROR_BLOCK] in (hung[s.BLOCK_ID], SEVERAL_BLOCKS):
            return core.slots
    return hung


def _after(core: _Core, blocks: Any) -> Any:
    """The blocks of a list that come after the one that had a fault; none without a fault."""
    place = np.flatnonzero(blocks == core.slots[s.BLOCK_ID] - 1)
    return blocks[place[0] + 1 :] if core.slots[s.ERROR] and place.size else blocks[:0]


def _run_in_order(core: _Core, order: Any, config: Launch, new: Any) -> tuple[list[_Core], Any]:
    """Run blocks one after the other on one CPU thread; one that waits for others gives way to them.

    Returns the cores, and after a fault the blocks that have not begun.
    """
    cores, waiting, spare = [core], list[_Core](), list[_Core]()
    while (order.size or waiting) and not any(core.slots[s.ERROR] for core in cores):
        # blocks that may be running while others wait: those of lower numbers, all of them in a cooperative launch
        startable = np.ones(order.size, bool)
        if waiting and not config.cooperative:
            startable = order < max(int(core.slots[s.BLOCK_ID]) - 1 for core in waiting)
        if startable.any() and len(waiting) < MAX_RESIDENT:
            core = spare.pop() if spare else new()
            cores += [] if core in cores else [core]
            chosen = np.ascontiguousarray(order[startable])
            done = core.run(chosen, 0)
            rest = _after(core, chosen) if core.slots[s.ERROR] else chosen[done:]
            order = np.concatenate([rest, order[~startable]])
            (waiting if core.slots[s.WAITS] else spare).append(core)
            _excuse_polls(waiting)
            if config.cooperative:  # all start before any goes on
                continue
        moved = [core.resume() for core in waiting]
        spare += [core for core in waiting if not core.slots[s.WAITS]]
        waiting = [core for core in waiting if core.slots[s.WAITS]]
        if any(moved):
            _excuse_polls(waiting)
    return cores, order


def _excuse_polls(waiting: list[_Core]) -> None:
    """Polls have not been in vain as long as other blocks go on."""
    for core in waiting:
        core.slots[s.FRUITLESS], core.slots[s.PAUSE] = 0, PATIENCE


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
