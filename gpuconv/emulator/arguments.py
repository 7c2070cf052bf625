"""Arguments of a launch by Numba's ABI: arrays are pointer, sizes and strides, tuples their items, records pointers."""

import ctypes
import enum
import inspect
from typing import Any

import numpy as np

from gpuconv.kernels.cuda.multi_tensor import TensorTable

from .errors import EmulatorError

Flat = list[tuple[str, Any]]
"""(name, value) of each parameter of the PTX: a NumPy scalar, or an array whose address is passed."""


def bound(kernel: Any, arguments: Any) -> dict[str, Any]:
    """Parameter name -> argument, with the defaults of the kernel.

    Raises
    ------
    EmulatorError
        Of kind bad-launch, if they are too many or too few.
    """
    function = getattr(kernel, "py_func", kernel)
    signature = inspect.signature(function)
    try:
        found = signature.bind(*arguments)
    except TypeError as error:
        names = ", ".join(signature.parameters)
        message = f"{len(arguments)} arguments, expected {len(signature.parameters)}: {names}"
        raise EmulatorError("bad-launch", message) from error
    found.apply_defaults()
    return dict(found.arguments)


def types_of(named: dict[str, Any], declared: list[Any]) -> list[Any]:
    """Numba types of arguments, or those of the declared signature that fits them best.

    Raises
    ------
    EmulatorError
        Of kind bad-launch, if Numba has no type for an argument, or none of the declared signatures takes them.
    """
    types = [_type_of(name, value) for name, value in named.items()]
    if not declared:
        return types
    ranked = [(sum(costs), k) for k, to in enumerate(declared) if (costs := _losses(types, to)) is not None]
    if ranked:
        return list(declared[min(ranked)[1]])
    offered = "; ".join(f"({', '.join(map(str, to))})" for to in declared)
    message = f"the kernel is declared for {offered}; its arguments are ({', '.join(map(str, types))})"
    raise EmulatorError("bad-launch", message)


def _type_of(name: str, value: Any) -> Any:
    import numba
    from numba.core.errors import NumbaError

    try:
        return numba.typeof(getattr(value, "value", value) if _is_hint(value) else value)
    except (ValueError, TypeError, NotImplementedError, NumbaError) as error:
        raise EmulatorError("bad-launch", f"{name} is of type {type(value).__name__}: {error}") from error


def _is_hint(value: Any) -> bool:
    """Whether an argument is wrapped in `cuda.In`, `cuda.Out` or `cuda.InOut`."""
    return type(value).__module__ == "numba.cuda.args"


def _losses(types: list[Any], declared: list[Any]) -> list[int] | None:
    """How much each argument changes to become what a signature declares; None if one cannot."""
    if len(types) != len(declared):
        return None
    found = [_loss(have, want) for have, want in zip(types, declared, strict=True)]
    return None if None in found else [loss for loss in found if loss is not None]


def _loss(have: Any, want: Any) -> int | None:
    from numba.cuda import types

    if have == want:
        return 0
    if isinstance(have, types.Number | types.Boolean) and isinstance(want, types.Number | types.Boolean):
        if isinstance(want, types.Integer) and isinstance(have, types.Float | types.Complex):
            return None
        return None if isinstance(have, types.Complex) and not isinstance(want, types.Complex) else 1
    if isinstance(have, types.Array) and isinstance(want, types.Array):
        fits = (have.dtype, have.ndim) == (want.dtype, want.ndim) and want.layout in (have.layout, "A")
        fits |= have.dtype == want.dtype and have.ndim == want.ndim <= 1 and {have.layout, want.layout} == set("CF")
        return 1 if fits and (have.mutable or not want.mutable) and (have.aligned or not want.aligned) else None
    if isinstance(have, types.BaseTuple) and isinstance(want, types.BaseTuple):
        costs = _losses(list(have), list(want))
        return None if costs is None else sum(costs)
    return None


def flatten(name: str, kind: Any, value: Any) -> Flat:
    """One argument as the parameters of the PTX.

    Raises
    ------
    EmulatorError
        Of kind bad-launch, if kernels cannot take arguments of this type.
    """
    from numba.cuda import types

    if _is_hint(value):
        value = value.value
    if isinstance(value, TensorTable):
        return _array(name, value, (value.size,), (8,), 8)
    if isinstance(kind, types.Array) and isinstance(value, np.ndarray):
        return _array(name, value, value.shape, value.strides, value.itemsize)
    if isinstance(kind, types.Record):
        return [(name, _memory_of(value))]
    if isinstance(kind, types.BaseTuple):
        keys = getattr(kind, "fields", None) or range(len(kind))
        elements = zip(keys, kind, value, strict=True)
        return [flat for key, of, item in elements for flat in flatten(_element(name, key), of, item)]
    if isinstance(kind, types.EnumMember):
        return flatten(name, kind.dtype, value.value if isinstance(value, enum.Enum) else value)
    if isinstance(kind, types.Complex):
        part = np.float32 if kind == types.complex64 else np.float64
        return [(name, part(value.real)), (name, part(value.imag))]
    if isinstance(kind, types.NPDatetime | types.NPTimedelta):
        return [(name, np.asarray(value).view(np.int64)[()])]
    if isinstance(kind, types.Boolean):
        return [(name, np.int8(bool(value)))]
    if isinstance(kind, types.Integer):
        return [(name, np.array(int(value) % 2**kind.bitwidth, np.uint64).astype(f"u{kind.bitwidth // 8}")[()])]
    if isinstance(kind, types.Float):
        return [(name, np.dtype(str(kind)).type(value))]
    raise EmulatorError("bad-launch", f"{name} is of type {kind}, which is no argument of a kernel")


def _element(name: str, key: Any) -> str:
    return f"{name}.{key}" if isinstance(key, str) else f"{name}[{key}]"


def _array(name: str, array: Any, shape: Any, strides: Any, itemsize: int) -> Flat:
    numbers = [0, 0, array.size, itemsize, array, *shape, *strides]
    return [(name, np.int64(n) if isinstance(n, int) else n) for n in numbers]


def _memory_of(record: Any) -> Any:
    """The memory of a record scalar as an array, shared with it and with the array that it is an element of."""
    if isinstance(record, np.ndarray):
        return record
    address = np.frombuffer(record, np.uint8).ctypes.data
    memory = np.ctypeslib.as_array((ctypes.c_uint8 * record.nbytes).from_address(address))
    memory.flags.writeable = record.flags.writeable
    return memory
