"""Kernel launch: pass arguments by Numba's ABI, run blocks on all CPU cores, raise faults as exceptions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpuconv.kernels.cuda.multi_tensor import TensorTable

from .arguments import Flat
from .buffers import Memory
from .cores import Counts, Launch, run_grid
from .limits import check_launch
from .program import Compiled


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
    return run_grid(compiled, config, memory, parameters, inspect)


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
