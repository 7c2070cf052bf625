"""Arrays as buffers of the machine's global memory: each with an address range of its own, far from all others."""

import ctypes
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .program import Static
from .runtime import state as s

FILL = 0xCB
"""Bytes of memory that nothing has been written to."""

_UNWRITTEN: dict[int, tuple[Any, Any]] = {}
"""Address of an array's memory -> (weak reference to its owner, one byte for each of its bytes: 1 once written)."""


def empty(shape: Any, dtype: Any = np.float32) -> Any:
    """An array of device memory that nothing has been written to: kernels that read it are reported.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype

    Returns
    -------
    numpy.ndarray
        Filled with bytes 0xCB. What Python code writes into it counts as written from the next launch on, where it is
        anything else than such bytes.

    Examples
    --------
    >>> from gpuconv import emulator
    >>> emulator.empty((2, 3)).shape
    (2, 3)
    """
    array = np.empty(shape, dtype)
    array.reshape(-1).view(np.uint8)[...] = FILL
    address = array.ctypes.data
    _UNWRITTEN[address] = (
        weakref.ref(array, lambda _: _UNWRITTEN.pop(address, None)),
        np.zeros(array.nbytes, np.uint8),
    )
    return array


@dataclass
class Buffer:
    """One region of global memory."""

    name: str
    low: int
    memory: Any
    """The bytes themselves, a flat uint8 array."""
    host: int
    read_only: bool = False
    written: Any = None

    @property
    def bytes(self) -> int:
        """Its size."""
        return int(self.memory.nbytes)


@dataclass
class Memory:
    """The global memory of a launch: module variables first, then the arrays among the arguments."""

    buffers: list[Buffer] = field(default_factory=list)
    keep: list[Any] = field(default_factory=list)

    def add_variables(self, static: Static) -> None:
        """Variables of the module, with what they start from."""
        for variable in static.globals:
            memory = np.zeros(max(variable.size, 1), np.uint8)
            memory[: len(variable.data)] = np.frombuffer(variable.data, np.uint8)
            self._add(f"variable {readable_variable(variable.name)}", memory, variable.space == "const")

    def add_arrays(self, arrays: list[tuple[str, Any]]) -> list[int]:
        """Arrays by name; returns the address of each. Arrays that overlap share a buffer."""
        spans = sorted((a.ctypes.data, a.ctypes.data + a.nbytes, name, a) for name, a in arrays if a.nbytes)
        groups: list[list[Any]] = []
        end = -1
        for low, high, name, array in spans:
            if low >= end:
                groups.append([low, high, [name], [array]])
            else:
                groups[-1][1] = max(groups[-1][1], high)
                groups[-1][2].append(name)
                groups[-1][3].append(array)
            end = max(end, high)
        for low, high, names, members in groups:
            raw = np.ctypeslib.as_array((ctypes.c_uint8 * (high - low)).from_address(low))
            read_only, shadow = all(not a.flags.writeable for a in members), _shadow(low, high)
            if shadow is not None:
                shadow |= raw != FILL
            self._add(" = ".join(dict.fromkeys(names)), raw, read_only, shadow, _phase(members[0]))
        return [self.address(a) for _, a in arrays]

    def _add(self, name: str, memory: Any, read_only: bool, written: Any = None, phase: int = 0) -> None:
        low = ((s.FIRST_REGION + len(self.buffers)) << s.SPACE_SHIFT) | s.MIDDLE
        self.buffers.append(Buffer(name, low + phase, memory, memory.ctypes.data, read_only, written))

    def address(self, array: Any) -> int:
        """The address of an array's first element, as kernels see it."""
        host = array.ctypes.data
        for buffer in self.buffers:
            if buffer.host <= host < buffer.host + buffer.bytes and array.nbytes:
                return int(buffer.low + host - buffer.host)
        return 256  # an array without elements: no address is right

    def table(self, check: bool, granule: int) -> Any:
        """The table of regions that the runtime reads."""
        rows = np.zeros((s.FIRST_REGION + len(self.buffers), s.REGION_SLOTS), np.int64)
        for row, buffer in zip(rows[s.FIRST_REGION :], self.buffers, strict=True):
            row[s.REGION_LOW], row[s.REGION_HIGH] = buffer.low, buffer.low + buffer.bytes
            row[s.REGION_HOST] = buffer.host
            row[s.REGION_FLAGS] = s.READ_ONLY if buffer.read_only else 0
            if check:
                if buffer.written is not None:
                    row[s.REGION_INIT] = buffer.written.ctypes.data
                if not buffer.read_only:
                    shadows = np.zeros((2, (buffer.bytes >> granule) + 2), np.int32)
                    self.keep.append(shadows)
                    row[s.REGION_WRITES], row[s.REGION_READS] = shadows[0].ctypes.data, shadows[1].ctypes.data
        return rows

    def describe(self, address: int, size: int) -> str:
        """What an address is, in words: the buffer it lies in, or the one it misses and by how much."""
        window = address >> s.SPACE_SHIFT
        if window == s.SHARED_WINDOW or 0 < address < 1 << 32:
            return f"shared memory, byte {address & s.SHARED_MASK}"
        nearest = min(self.buffers, key=lambda b: _distance(b, address), default=None)
        if nearest is None or _distance(nearest, address) > s.MIDDLE:
            return f"address {address:#x}, which is in no buffer"
        offset = address - nearest.low
        if offset < 0:
            return f"{-offset} bytes in front of {nearest.name} ({nearest.bytes} bytes)"
        if offset + size > nearest.bytes:
            return f"{size} bytes at byte {offset} of {nearest.name}, which has {nearest.bytes}"
        return f"{size} bytes at byte {offset} of {nearest.name}"


def readable_variable(name: str) -> str:
    """The end of a mangled name, where people put theirs."""
    return name if len(name) < 40 else "..." + name[-32:]


def _distance(buffer: Buffer, address: int) -> int:
    return max(buffer.low - address, address - (buffer.low + buffer.bytes), 0)


def _phase(array: Any) -> int:
    """How far an array starts behind a multiple of 256 bytes, if its memory starts at one, as on a device."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return int(array.ctypes.data - owner.ctypes.data) % 256


def _shadow(low: int, high: int) -> Any:
    """The shadow of memory that came from `empty`; None for other memory, which counts as written."""
    for address, (owner, shadow) in _UNWRITTEN.items():
        if owner() is not None and address <= low and high <= address + shadow.nbytes:
            return shadow[low - address : high - address]
    return None
