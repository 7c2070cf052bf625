"""A launch: arguments by Numba's calling convention, blocks over the CPU's cores, faults as exceptions."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv.kernels.cuda.multi_tensor import TensorTable

from .buffers import Memory
from .errors import KINDS, EmulatorError, Place
from .program import Compiled
from .runtime import helpers
from .runtime import state as s

BUDGET = 1 << 28
"""Basic blocks that a block of threads may run before it counts as hanging."""

MOST_THREADS, MOST_SHARED = 1024, 227 * 1024


@dataclass
class Launch:
    """How a kernel is run."""

    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    dynamic_bytes: int = 0
    check: bool = True
    meter: bool = False
    seed: int = 0
    """0 runs blocks and warps in their order, any other number in an order that it determines."""
    budget: int = BUDGET


@dataclass
class Counts:
    """What the meter counted."""

    blocks: Any
    """(basic blocks, 2): how many warps and how many threads ran each."""
    sites: Any
    """(sites, METER_SLOTS)."""


def flatten(arguments: list[Any]) -> list[Any]:
    """Arguments as Numba passes them: of an array its data, sizes and strides, of a number its bits."""
    flat: list[Any] = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            flat += [0, 0, argument.size, argument.itemsize, argument, *argument.shape, *argument.strides]
        elif isinstance(argument, TensorTable):
            flat += [0, 0, argument.size, 8, argument, argument.size, 8]
        elif isinstance(argument, tuple):
            flat += flatten(list(argument))
        elif isinstance(argument, (complex, np.complexfloating)):
            part = np.float32 if getattr(argument, "itemsize", 16) == 8 else np.float64
            flat += [part(argument.real), part(argument.imag)]
        elif isinstance(argument, bool):
            flat.append(np.int8(argument))
        elif isinstance(argument, int):
            flat.append(np.int64(argument))
        elif isinstance(argument, float):
            flat.append(np.float64(argument))
        else:
            flat.append(argument)
    return flat


def launch(compiled: Compiled, how: Launch, flat: list[Any], names: list[str]) -> Counts | None:
    """Run a grid.

    Raises
    ------
    EmulatorError
        What the kernel did wrong, in the first block that did something wrong.
    """
    _check_launch(compiled, how, flat)
    memory = Memory()
    memory.add_variables(compiled.static)
    flat = _placed(memory, flat, names)
    parameters = np.zeros(compiled.parameter_bytes + 16, np.uint8)
    for value, variable, offset in zip(flat, compiled.parameters, compiled.offsets, strict=True):
        data = np.asarray(value).tobytes().ljust(variable.size, b"\0")[: variable.size]
        parameters[offset : offset + variable.size] = np.frombuffer(data, np.uint8)
    return _run(compiled, how, memory, parameters)


def _placed(memory: Memory, flat: list[Any], names: list[str]) -> list[Any]:
    """The arguments with each array's address in its place; tables hold the addresses of the arrays behind them."""
    tables = {i: np.zeros(a.size, np.uint64) for i, a in enumerate(flat) if isinstance(a, TensorTable)}
    arrays = {i: tables.get(i, a) for i, a in enumerate(flat) if isinstance(a, (np.ndarray, TensorTable))}
    behind = [
        (f"{names[i]}[{r}, {k}]", a) for i in tables for r, row in enumerate(flat[i].rows) for k, a in enumerate(row)
    ]
    memory.add_arrays([(names[i], a) for i, a in arrays.items()] + behind)
    for i, table in tables.items():
        table[...] = flat[i].table(memory.address)
        memory.keep.append(table)
    return [np.int64(memory.address(arrays[i])) if i in arrays else value for i, value in enumerate(flat)]


def _check_launch(compiled: Compiled, how: Launch, flat: list[Any]) -> None:
    threads = how.block[0] * how.block[1] * how.block[2]
    place = Place(kernel=compiled.place(0).kernel if compiled.program.sites else compiled.name)
    if len(flat) != len(compiled.parameters):
        raise EmulatorError("bad-launch", f"{len(flat)} parameters, expected {len(compiled.parameters)}", place)
    if not 1 <= threads <= MOST_THREADS or min(how.block) < 1 or min(how.grid) < 0:
        raise EmulatorError("bad-launch", f"block is {how.block}, grid {how.grid}: expected 1 to 1024 threads", place)
    shared = compiled.static.shared_bytes + how.dynamic_bytes
    if shared > MOST_SHARED:
        raise EmulatorError("bad-launch", f"{shared} bytes of shared memory, expected at most {MOST_SHARED}", place)


class _Core:
    """The memory of one CPU thread that runs blocks."""

    def __init__(self, compiled: Compiled, how: Launch, shared: dict[int, int]) -> None:
        static = compiled.static
        threads = how.block[0] * how.block[1] * how.block[2]
        warps = -(-threads // s.LANES)
        shared_bytes = static.shared_bytes + how.dynamic_bytes
        self.slots = np.zeros(s.CORE_SLOTS, np.int64)
        self.keep: list[Any] = []
        frame = -(-compiled.program.frame_bytes // 64) * 64
        values = {
            s.THREADS: threads, s.WARPS: warps, s.SHARED_BYTES: shared_bytes, s.DYNAMIC_BYTES: how.dynamic_bytes,
            s.SHARED: self.bytes(shared_bytes + 16), s.SHARED_GRANULE: static.shared_granule,
            s.GLOBAL_GRANULE: static.global_granule, s.LOCAL_BYTES: static.local_bytes,
            s.LOCAL: self.bytes(static.local_bytes * warps * s.LANES + 16), s.CHECK: int(how.check),
            s.ADVANCE: compiled.advance, s.FRAMES: self.bytes(frame * warps), s.FRAME_BYTES: frame,
            s.BARRIERS: self.bytes(8 * s.BARRIER_SLOTS * s.BARRIER_COUNT), s.SEEN: self.bytes(8 * s.LANES * s.LANES),
            s.SEED: how.seed, s.BUDGET: how.budget, **shared,
        }  # fmt: skip
        for k in range(3):
            values[s.GRID + k], values[s.BLOCK + k] = how.grid[k], how.block[k]
        if how.check:
            granules = 8 * ((shared_bytes >> static.shared_granule) + 2)
            for slot in (s.WRITES, s.READS, s.READS_TOO):
                values[slot] = self.bytes(granules)
        if how.meter:
            self.sites = np.zeros((max(1, len(compiled.program.sites)), s.METER_SLOTS), np.int64)
            self.blocks = np.zeros((len(compiled.kernel.blocks), 2), np.int64)
            values[s.SITE_METER], values[s.BLOCK_METER] = self.sites.ctypes.data, self.blocks.ctypes.data
        for slot, value in values.items():
            self.slots[slot] = value
        if compiled.program.has_copies:
            pending = self.bytes(warps * s.COPIES * s.COPY_STRIDE)
            for index in range(warps):
                slot_address = values[s.FRAMES] + index * frame + 8 * s.PENDING
                ctypes.c_int64.from_address(slot_address).value = pending + index * s.COPIES * s.COPY_STRIDE

    def bytes(self, count: int) -> int:
        """The address of new memory, at a multiple of 64."""
        memory = np.zeros(count + 64, np.uint8)
        self.keep.append(memory)
        return int(-(-memory.ctypes.data // 64) * 64)


def _run(compiled: Compiled, how: Launch, memory: Memory, parameters: Any) -> Counts | None:
    static = compiled.static
    table = memory.table(how.check, static.global_granule)
    spans = np.array(static.shared, np.int64)
    if static.dynamic is not None:
        spans[static.dynamic, 1] += how.dynamic_bytes
    lock, first_error = np.zeros(1, np.int64), np.full(1, 2**62, np.int64)
    shared = {
        s.PARAMS: parameters.ctypes.data, s.REGIONS: table.ctypes.data, s.REGION_COUNT: len(table),
        s.SHARED_TABLE: spans.ctypes.data, s.SHARED_COUNT: len(spans), s.LOCK: lock.ctypes.data,
        s.FIRST_ERROR: first_error.ctypes.data,
    }  # fmt: skip
    count = how.grid[0] * how.grid[1] * how.grid[2]
    order = np.arange(count, dtype=np.int64)
    if how.seed:
        np.random.default_rng(how.seed).shuffle(order)
    workers = 1 if compiled.program.has_atomics else min(_cpus(), max(1, count // 4))
    cores = [_Core(compiled, how, shared) for _ in range(workers)]
    parts = [np.ascontiguousarray(order[k::workers]) for k in range(workers)]
    entry = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(helpers.run_blocks().address)

    def work(k: int) -> None:
        entry(cores[k].slots.ctypes.data, parts[k].ctypes.data, parts[k].size)

    if workers == 1:
        work(0)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
    failed = [core.slots for core in cores if core.slots[s.ERROR]]
    if failed:
        raise _error(compiled, how, memory, min(failed, key=lambda slots: int(slots[s.BLOCK_ID])))
    if not how.meter:
        return None
    return Counts(sum(core.blocks for core in cores), sum(core.sites for core in cores))


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _triple(index: int, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    return index % shape[0], index // shape[0] % shape[1], index // (shape[0] * shape[1])


def _error(compiled: Compiled, how: Launch, memory: Memory, slots: Any) -> EmulatorError:
    kind = KINDS[int(slots[s.ERROR]) - 1]
    address, size, other = (int(slots[k]) for k in (s.ERROR_ADDRESS, s.ERROR_BYTES, s.ERROR_OTHER))
    place = replace(
        compiled.place(int(slots[s.ERROR_SITE])),
        block=_triple(int(slots[s.BLOCK_ID]) - 1, how.grid),
        thread=_triple(int(slots[s.ERROR_THREAD]), how.block),
    )
    where = memory.describe(address, size) if size else ""
    whom = f"thread {_triple(other, how.block)}" if other >= 0 else ""
    if kind == "race-global":
        whom = "several blocks" if other == 2**31 - 1 else f"block {_triple(other - 1, how.grid)}"
    return EmulatorError(kind, _sentence(kind, where, whom, how.budget), place)


def _sentence(kind: str, where: str, whom: str, budget: int) -> str:
    return {
        "out-of-bounds": f"an access to {where}",
        "misaligned": f"an access to {where} that is not at a multiple of its size",
        "read-only": f"a store to {where}, which is read-only",
        "uninitialized": f"a read of {where}, never written",
        "race-shared": f"an access to {where} that {whom} of another warp touched since the last barrier of both",
        "race-warp": f"an access to {where} that {whom} of the same warp touched without bar.warp.sync in between",
        "race-global": f"an access to {where} that {whom} touched in the same launch",
        "race-async": f"an access to {where} before cp.async of {whom} was waited for",
        "barrier-divergence": "a barrier that part of its threads never reach",
        "warp-divergence": "an exchange in a warp that part of its named lanes never reach",
        "trap": "the kernel executed trap",
        "hang": f"a block ran {budget} basic blocks and did not end",
        "limit": "more copies of cp.async under way than the emulator holds",
    }[kind]
