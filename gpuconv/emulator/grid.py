"""Kernel launch: pass arguments by Numba's ABI, run blocks on all CPU cores, raise faults as exceptions."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv.kernels.cuda.multi_tensor import TensorTable

from .arguments import Flat
from .buffers import Memory
from .errors import KINDS, EmulatorError
from .limits import check_launch
from .program import Compiled
from .runtime import helpers
from .runtime import state as s

MAX_BASIC_BLOCKS = 1 << 28
"""Basic blocks that a thread block may execute before it is reported as hanging."""


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


@dataclass
class Counts:
    """Raw counters of the meter."""

    blocks: Any
    """(basic blocks, 2): executions by warps and by threads."""
    sites: Any
    """(sites, METER_SLOTS): memory requests by instruction."""


def launch(
    compiled: Compiled, config: Launch, flat: Flat, inspect: Callable[[Memory], None] = lambda _: None
) -> Counts | None:
    """Run a grid; `inspect` sees the memory of a grid that has ended, before its faults are reported.

    Raises
    ------
    EmulatorError
        The fault of the lowest-numbered block that had one.
    """
    check_launch(compiled, config, len(flat))
    memory = Memory()
    memory.add_variables(compiled.static)
    values = _bind_addresses(memory, flat)
    parameters = np.zeros(compiled.parameter_bytes + 16, np.uint8)
    for value, variable, offset in zip(values, compiled.parameters, compiled.offsets, strict=True):
        data = np.asarray(value).tobytes().ljust(variable.size, b"\0")[: variable.size]
        parameters[offset : offset + variable.size] = np.frombuffer(data, np.uint8)
    return _run(compiled, config, memory, parameters, inspect)


def _bind_addresses(memory: Memory, flat: Flat) -> list[Any]:
    """Values of the parameters, with addresses for arrays; pointer tables hold the addresses of their arrays."""
    tables = {i: np.zeros(a.size, np.uint64) for i, (_, a) in enumerate(flat) if isinstance(a, TensorTable)}
    arrays = {i: tables.get(i, a) for i, (_, a) in enumerate(flat) if isinstance(a, (np.ndarray, TensorTable))}
    table_arrays = [
        (f"{flat[i][0]}[{r}, {k}]", a)
        for i in tables
        for r, row in enumerate(flat[i][1].rows)
        for k, a in enumerate(row)
    ]
    memory.add_arrays([(flat[i][0], a) for i, a in arrays.items()] + table_arrays)
    for i, table in tables.items():
        table[...] = flat[i][1].table(memory.address)
        memory.keep.append(table)
    return [np.int64(memory.address(arrays[i])) if i in arrays else value for i, (_, value) in enumerate(flat)]


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
            s.BUDGET: config.budget, s.SEED: config.seed,
            s.BARRIERS: self.bytes(8 * s.BARRIER_SLOTS * s.BARRIER_COUNT), s.SEEN: self.bytes(8 * s.LANES * s.LANES),
            **shared,
        }  # fmt: skip
        for k in range(3):
            values[s.GRID + k], values[s.BLOCK + k] = config.grid[k], config.block[k]
        # shadow memory of the race detector
        if config.check:
            granules = 8 * ((shared_bytes >> static.shared_granule) + 2)
            for slot in (s.WRITES, s.READS, s.OTHER_READS):
                values[slot] = self.bytes(granules)
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

    def bytes(self, count: int) -> int:
        """Allocate zeroed memory and return its address, aligned to 64 bytes."""
        memory = np.zeros(count + 64, np.uint8)
        self.keep.append(memory)
        return int(-(-memory.ctypes.data // 64) * 64)


def _run(
    compiled: Compiled, config: Launch, memory: Memory, parameters: Any, inspect: Callable[[Memory], None]
) -> Counts | None:
    # state shared by all cores
    static = compiled.static
    table = memory.table(config.check, static.global_granule)
    spans = np.array(static.shared, np.int64)
    if static.dynamic is not None:
        spans[static.dynamic, 1] += config.dynamic_bytes
    lock, first_error = np.zeros(1, np.int64), np.full(1, 2**62, np.int64)
    shared = {
        s.PARAMS: parameters.ctypes.data, s.REGIONS: table.ctypes.data, s.REGION_COUNT: len(table),
        s.SHARED_TABLE: spans.ctypes.data, s.SHARED_COUNT: len(spans), s.LOCK: lock.ctypes.data,
        s.FIRST_ERROR: first_error.ctypes.data,
    }  # fmt: skip
    # order of blocks, dealt out to the workers
    count = config.grid[0] * config.grid[1] * config.grid[2]
    order = np.arange(count, dtype=np.int64)
    if config.seed:
        np.random.default_rng(config.seed).shuffle(order)
    workers = 1 if compiled.program.has_atomics else min(_cpus(), max(1, count // 4))
    cores = [_Core(compiled, config, shared) for _ in range(workers)]
    block_lists = [np.ascontiguousarray(order[k::workers]) for k in range(workers)]
    # run
    entry = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(helpers.run_blocks().address)

    def work(k: int) -> None:
        entry(cores[k].slots.ctypes.data, block_lists[k].ctypes.data, block_lists[k].size)

    if workers == 1:
        work(0)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
    # report the first fault, or the counters
    inspect(memory)
    failed = [core.slots for core in cores if core.slots[s.ERROR]]
    if failed:
        raise _error(compiled, config, memory, min(failed, key=lambda slots: int(slots[s.BLOCK_ID])))
    if not config.meter:
        return None
    return Counts(sum(core.blocks for core in cores), sum(core.sites for core in cores))


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _triple(index: int, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    return index % shape[0], index // shape[0] % shape[1], index // (shape[0] * shape[1])


def _error(compiled: Compiled, config: Launch, memory: Memory, slots: Any) -> EmulatorError:
    kind = KINDS[int(slots[s.ERROR]) - 1]
    address, size, other = (int(slots[k]) for k in (s.ERROR_ADDRESS, s.ERROR_BYTES, s.ERROR_OTHER))
    location = replace(
        compiled.location(int(slots[s.ERROR_SITE])),
        block=_triple(int(slots[s.BLOCK_ID]) - 1, config.grid),
        thread=_triple(int(slots[s.ERROR_THREAD]), config.block),
    )
    target = memory.describe(address, size) if size else ""
    other_thread = f"thread {_triple(other, config.block)}" if other >= 0 else ""
    if kind == "race-global":
        other_thread = "several blocks" if other == 2**31 - 1 else f"block {_triple(other - 1, config.grid)}"
    return EmulatorError(kind, _sentence(kind, target, other_thread, config), location)


def _sentence(kind: str, target: str, other: str, config: Launch) -> str:
    return {
        "out-of-bounds": f"an access to {target}",
        "misaligned": f"an access to {target}, misaligned for its size",
        "read-only": f"a store to {target}, which is read-only",
        "uninitialized": f"a read of {target}, never written",
        "race-shared": f"an access to {target} that {other} of another warp accessed since their last common barrier",
        "race-warp": f"an access to {target} that {other} of the same warp accessed without bar.warp.sync in between",
        "race-global": f"an access to {target} that {other} also accessed in this launch",
        "race-async": f"an access to {target} before cp.async.wait_group of the copy by {other}",
        "barrier-divergence": "a barrier that some of its threads never reach",
        "warp-divergence": "a warp-level exchange that some lanes of its mask never reach",
        "trap": "the kernel executed trap",
        "hang": f"a block executed {config.budget} basic blocks without finishing",
        "limit": "more cp.async copies in flight than the emulator can hold",
    }[kind]
