"""A call with one result, from its known plan or from a new one."""

from collections.abc import Callable, Sequence
from typing import Any

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
    out: Array | None = None,
    limit: int = 0,
    blocks: Callable[..., Array] | None = None,
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
    out : array, optional
    limit : int
        Bytes of converted copies from which on `blocks` computes the call; by default blocks.LIMIT_BYTES.
    blocks : function, optional
        blocks(call, plan, out, *options) is the result, computed a block at a time; out was checked.

    Returns
    -------
    array
    """
    if out is None and (known := run_known(build, tuple(operands.values()), options)) is not None:
        return known
    call = Call(op, optional, convert=blocks is None, **operands)
    plan = call.plan(build, *options)
    if blocks is not None:
        if call.needs_blocks(plan.result_shape, limit=limit):
            call.check_out(plan.result_shape, out)
            with call.device:
                return blocks(call, plan, out, *options)
        call.convert()
    with call.device:
        coinciding = [a for name, a in zip(operands, call.arrays, strict=True) if name in in_place]
        result = call.output(plan.result_shape, out, coinciding=coinciding)
        plan.launch(*call.arrays, result)
    return call.finish(result)
