"""Global memory of the emulated device: one buffer per array, in widely separated address ranges."""

import ctypes
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .program import Static
from .runtime import state as s
from .unwritten import shadow_of


@dataclass
class Buffer:
    """One region of global memory."""

    name: str
    low: int
    memory: Any
    """Contents, a flat uint8 array."""
    host: int
    read_only: bool = False
    written: Any = None
    symbol: str = ""
    """Name of a module variable."""

    @property
    def bytes(self) -> int:
        """Size in bytes."""
        return int(self.memory.nbytes)


@dataclass
class Memory:
    """The global memory of a launch: module variables first, then the arrays among the arguments."""

    buffers: list[Buffer] = field(default_factory=list)
    keep: list[Any] = field(default_factory=list)

    def add_variables(self, static: Static) -> None:
        """Add the variables of a module with their initial values."""
        for variable in static.globals:
            memory = np.zeros(max(variable.size, 1), np.uint8)
            memory[: len(variable.data)] = np.frombuffer(variable.data, np.uint8)
            self._add(f"variable {readable_variable(variable.name)}", memory, variable.space == "const")
            self.buffers[-1].symbol = variable.name

    def add_arrays(self, arrays: list[tuple[str, Any]]) -> list[int]:
        """Add named arrays and return their addresses. Overlapping arrays share a buffer."""
        # merge overlapping arrays into groups
        spans = sorted(((*span(a), name, a) for name, a in arrays if a.size * a.itemsize), key=lambda s: s[:3])
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
        # one buffer per group
        for low, high, names, members in groups:
            raw = np.ctypeslib.as_array((ctypes.c_uint8 * (high - low)).from_address(low))
            read_only = all(not a.flags.writeable for a in members)
            self._add(" = ".join(dict.fromkeys(names)), raw, read_only, shadow_of(low, high), _phase(low, members[0]))
        return [self.address(a) for _, a in arrays]

    def _add(self, name: str, memory: Any, read_only: bool, written: Any = None, phase: int = 0) -> None:
        low = ((s.FIRST_REGION + len(self.buffers)) << s.SPACE_SHIFT) | s.MIDDLE
        self.buffers.append(Buffer(name, low + phase, memory, memory.ctypes.data, read_only, written))

    def address(self, array: Any) -> int:
        """Device address of an array's first element."""
        host = array.ctypes.data
        for buffer in self.buffers:
            if buffer.host <= host < buffer.host + buffer.bytes and array.size:
                return int(buffer.low + host - buffer.host)
        return 256  # an empty array: any access through this address is out of bounds

    def table(self, check: bool, granule: int, races: bool, strong: bool, fences: bool) -> Any:
        """Table of memory regions for the runtime, with shadow memory for the checks that are asked for."""
        slots = [s.REGION_WRITES, s.REGION_READS]
        slots += [s.REGION_STRONG] if strong else []
        slots += [s.REGION_SYNC] if fences else []
        rows = np.zeros((s.FIRST_REGION + len(self.buffers), s.REGION_SLOTS), np.int64)
        for row, buffer in zip(rows[s.FIRST_REGION :], self.buffers, strict=True):
            row[s.REGION_LOW], row[s.REGION_HIGH] = buffer.low, buffer.low + buffer.bytes
            row[s.REGION_HOST] = buffer.host
            row[s.REGION_FLAGS] = s.READ_ONLY if buffer.read_only else 0
            if check:
                if buffer.written is not None:
                    row[s.REGION_INIT] = buffer.written.ctypes.data
                if races and not buffer.read_only:
                    shadows = np.zeros((len(slots), (buffer.bytes >> granule) + 2), np.int64)
                    self.keep.append(shadows)
                    for slot, shadow in zip(slots, shadows, strict=True):
                        row[slot] = shadow.ctypes.data
        return rows

    def describe(self, address: int, size: int) -> str:
        """Describe an address: the buffer and byte, or the nearest buffer and the distance to it."""
        window = address >> s.SPACE_SHIFT
        if window == s.SHARED_WINDOW or 0 < address < 1 << 32:
            return f"shared memory, byte {address & s.SHARED_MASK}"
        if window == s.LOCAL_WINDOW:
            return f"local memory, byte {address & 0xFFFFFFFF}"
        nearest = min(self.buffers, key=lambda b: _distance(b, address), default=None)
        if nearest is None or _distance(nearest, address) > s.MIDDLE:
            return f"address {address:#x}, which belongs to no buffer"
        offset = address - nearest.low
        if offset < 0:
            return f"{-offset} bytes before {nearest.name} ({nearest.bytes} bytes)"
        if offset + size > nearest.bytes:
            return f"{size} bytes at byte {offset} of {nearest.name}, which has {nearest.bytes}"
        return f"{size} bytes at byte {offset} of {nearest.name}"


def readable_variable(name: str) -> str:
    """A name shortened to its end if it is a long mangled one."""
    return name if len(name) < 40 else "..." + name[-32:]


def _distance(buffer: Buffer, address: int) -> int:
    return max(buffer.low - address, address - (buffer.low + buffer.bytes), 0)


def span(array: Any) -> tuple[int, int]:
    """Addresses of an array's lowest byte and of the byte behind its highest one, whatever its strides."""
    reach = [stride * (size - 1) for size, stride in zip(array.shape, array.strides, strict=True)]
    low = array.ctypes.data + sum(r for r in reach if r < 0)
    return low, array.ctypes.data + sum(r for r in reach if r > 0) + array.itemsize


def _phase(low: int, array: Any) -> int:
    """Offset of an address from a boundary of 256 bytes, at which the array's allocation would begin on a device."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return (low - span(owner)[0]) % 256 if owner.size else 0
