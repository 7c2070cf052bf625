"""A call from its known plan or from a new one: with one result, or with a second one of indices."""

from collections.abc import Callable, Sequence
from typing import Any

from .arrays import contiguous
from .call import Call
from .device import Array
from .plan import Plan, run_known


def run(
    op: str,
    build: Callable[..., Plan],
    operands: dict[str, Any],
    options: tuple[Any, ...] = (),
    *,
    optional: Sequence[str] = (),
    in_place: Sequence[str] = (),
    native: bool = False,
    out: Array | None = None,
    limit: int = 0,
    blocks: Callable[..., Array] | None = None,
    indices: tuple[Array, Callable[[Call, Plan], None]] | None = None,
) -> Array:
    """A call with one result: by its known plan, or checked, planned and launched.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    build : function
        build(call, *options) is the plan; its launcher takes the arrays, then the result.
    operands : dict of array or None
        By the name of the argument.
    options : tuple
    optional : sequence of str
        Names of the arrays that may be None.
    in_place : sequence of str
        Names of the arrays that `out` may be.
    native : bool
        Whether 16-bit arrays stay as they are where kernels take them, as in `Call`.
    out : array, optional
    limit : int
        Bytes of converted copies from which on `blocks` computes the call; by default blocks.LIMIT_BYTES.
    blocks : function, optional
        blocks(call, plan, out, *options) is the result, computed a block at a time; out was checked.
    indices : pair, optional
        Integers that the kernel takes after the operands, and check(call, plan), which refuses wrong ones.

    Returns
    -------
    array
    """
    if out is None and indices is None and (known := run_known(build, tuple(operands.values()), options)) is not None:
        return known
    call = Call(op, optional, native=native, convert=False, **operands)
    plan = call.plan(build, *options)
    extra: tuple[Array, ...] = ()
    copied = 0
    if indices is not None:
        extra, check = indices[:1], indices[1]
        check(call, plan)
        copied = _copied_elements(extra[0], plan.index_dtype)
    if blocks is not None and call.needs_blocks(plan.result_shape, limit=limit, temporary=copied):
        call.check_out(plan.result_shape, out)
        with call.device:
            return blocks(call, plan, out, *options)
    call.convert()
    with call.device:
        if indices is not None:
            extra = (contiguous(extra[0], plan.index_dtype),)
        coinciding = [a for name, a in zip(operands, call.arrays, strict=True) if name in in_place] if in_place else ()
        result = call.output(plan.result_shape, out, inputs=extra, coinciding=coinciding)
        plan.launch(*call.arrays, *extra, result)
    return call.finish(result)


def run_with_indices(
    op: str,
    build: Callable[..., Plan],
    operands: dict[str, Any],
    options: tuple[Any, ...],
    blocks: Callable[..., tuple[Array, Array]],
) -> tuple[Array, Array]:
    """A call with two results of one shape, numbers and their indices: max pooling.

    Parameters
    ----------
    op, build, operands, options
        As for `run`.
    blocks : function
        blocks(call, plan, *options) is both results, computed a block at a time.

    Returns
    -------
    result, indices : array
    """
    known: Any = run_known(build, tuple(operands.values()), options)
    if known is not None:
        result, indices = known
        return result, indices
    call = Call(op, convert=False, **operands)
    plan = call.plan(build, *options)
    with call.device:
        if call.needs_blocks(plan.result_shape):
            return blocks(call, plan, *options)
        call.convert()
        result, indices = call.output(plan.result_shape), call.output(plan.result_shape, dtype=plan.second_dtype)
        plan.launch(*call.arrays, (result, indices))
    return call.finish(result), indices


def _copied_elements(indices: Array, dtype: Any) -> int:
    """Elements, in units of float32, of a copy of indices; 0 where kernels take them as they are."""
    if indices.dtype == dtype and indices.flags.c_contiguous:
        return 0
    return -(-indices.size * int(dtype.itemsize) // 4)
