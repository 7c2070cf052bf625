"""Losses of class indices: the shared part of cross-entropy and negative log-likelihood."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import arrays
from ..core.arrays import require_array, same_device
from ..core.blocks import Operand, Result, in_blocks, rounded_sum
from ..core.call import Call
from ..core.device import Array, array_module
from ..core.graph import recording
from ..core.options import number, one_of
from ..core.plan import Plan, run_known
from ..core.shapes import integer
from .reduction import REDUCTIONS, block_gradient, loss_gradient

INT64 = np.dtype(np.int64)


def label_loss(
    op: str,
    kernel: str,
    x: Array,
    target: Array,
    weight: Array | None,
    reduction: str,
    ignore_index: int,
    smoothing: float = 0.0,
) -> Array:
    """The loss of each label, their sum or their weighted mean; `smoothing` is the label smoothing of cross-entropy.

    The options of a plan are flat: a tuple among them would be looked into at each call.
    """
    options = kernel, reduction, ignore_index, smoothing, *getattr(target, "shape", ())
    if _is_plain(target) and (known := run_known(_loss_plan, (x, weight), options, extra=(target,))) is not None:
        return known
    call = Call(op, ("weight",), convert=False, input=x, weight=weight)
    require_array(op, "target", target)
    plan = call.plan(_loss_plan, *options)
    if call.needs_blocks(plan.result_shape, temporary=_working_memory(call, target)):
        with call.device:
            return _loss_in_blocks(call, kernel, target, reduction, ignore_index, smoothing)
    call.convert()
    target = checked_labels(call, target, ignore_index)
    with call.device:
        loss = call.output(plan.result_shape)
        plan.launch(*call.arrays, target, loss)
    return call.finish(loss)


def label_loss_grad(
    op: str,
    kernel: str,
    x: Array,
    target: Array,
    weight: Array | None,
    dloss: Any,
    out: Array | None,
    reduction: str,
    ignore_index: int,
    smoothing: float = 0.0,
) -> Array:
    """The gradient of `label_loss` with respect to its input."""
    options = kernel, reduction, ignore_index, smoothing, *getattr(target, "shape", ())
    if out is None and reduction != "none" and type(dloss) is float and type(x) is np.ndarray and _is_plain(target):
        extra = target, np.full(1, dloss, x.dtype)
        if (known := run_known(_grad_plan, (x, weight), options, extra=extra)) is not None:
            return known
    call = Call(op, ("weight",), convert=False, input=x, weight=weight)
    require_array(op, "target", target)
    plan = call.plan(_grad_plan, *options)
    if call.needs_blocks(plan.result_shape, also=(dloss,), temporary=_working_memory(call, target) // 2):
        call.check_out(plan.result_shape, out)
        with call.device:
            return _grad_in_blocks(call, kernel, target, dloss, out, reduction, ignore_index, smoothing)
    call.convert()
    target = checked_labels(call, target, ignore_index)
    with call.device:
        dloss = loss_gradient(call, dloss, _loss_shape(call) if reduction == "none" else ())
        dx = call.output(plan.result_shape, out, coinciding=call.arrays[:1])
        plan.launch(*call.arrays, target, dloss, dx)
    return call.finish(dx)


def _loss_in_blocks(
    call: Call, kernel: str, target: Array, reduction: str, ignore_index: int, smoothing: float
) -> Array:
    """Some rows of classes at a time."""
    read, sizes, axes = _split(call, target)
    none, summed = reduction == "none", (None,) * len(sizes)

    def block(x: Array, weight: Array | None, target: Array) -> Array | tuple[Array, Array]:
        loss = label_loss(call.op, kernel, x, target, weight, "none" if none else "sum", ignore_index, smoothing)
        return loss if none else (loss, _total_weight(target, weight, ignore_index))

    if none:
        (losses,) = in_blocks(call, block, sizes, read, [Result(sizes, axes)])
        return losses
    total, weights = in_blocks(call, block, sizes, read, [Result((), summed), Result((), summed)])
    return rounded_sum(call, _quotient(total, weights) if reduction == "mean" else total)


def _grad_in_blocks(
    call: Call, kernel: str, target: Array, dloss: Any, out: Array | None, reduction: str, ignore_index: int,
    smoothing: float,
) -> Array:  # fmt: skip
    """Some rows of classes at a time, dloss divided by the total weight beforehand."""
    read, sizes, _ = _split(call, target)
    gradient = block_gradient(call, dloss, sizes, call.compute_dtype.type(1), reduction)
    if reduction == "mean":

        def weigh(target: Array, weight: Array | None) -> Any:
            if not recording():
                refuse_labels(call.op, target, call.like.shape[1], ignore_index)
            return _total_weight(target, weight, ignore_index)

        (total,) = in_blocks(call, weigh, sizes, [read[2], read[1]], [Result((), (None,) * len(sizes))])
        gradient = gradient._replace(array=_quotient(gradient.array, total.astype(call.compute_dtype)))

    def block(x: Array, weight: Array | None, target: Array, dloss: Array) -> Array:
        reduced = "none" if reduction == "none" else "sum"
        return label_loss_grad(call.op, kernel, x, target, weight, dloss, None, reduced, ignore_index, smoothing)

    written = Result(call.like.shape, read[0].axes)
    (dx,) = in_blocks(call, block, sizes, [*read, gradient], [written], out, in_place=True)
    return dx


def _split(call: Call, target: Array) -> tuple[list[Operand], tuple[int, ...], tuple[int, ...]]:
    """Operands input, weight and target of blocks along the axes of the labels; those axes' lengths and numbers."""
    x, weight = call.arrays
    axes = tuple(range(target.ndim))
    logits, weights = Operand(x, (0, *range(2, x.ndim))), Operand(weight, (None,) * len(axes))
    return [logits, weights, Operand(target, axes)], target.shape, axes


def _total_weight(target: Any, weight: Any, ignore_index: int) -> Any:
    """Total weight of the labels that are not ignored, in float64."""
    library, counted = array_module(target), target != ignore_index
    if weight is None:
        return counted.sum(dtype=np.float64)
    return library.where(counted, weight[library.where(counted, target, 0)], 0).sum(dtype=np.float64)


def _quotient(total: Any, weights: Any) -> Any:
    """total / weights; 0 if nothing has weight."""
    nothing = weights == 0
    return array_module(total).where(nothing, total.dtype.type(0), total / (weights + nothing))


def _working_memory(call: Call, target: Array) -> int:
    """Elements that a loss takes besides its arrays: two for each label, and the labels as int64."""
    copied = target.dtype != INT64 or not target.flags.c_contiguous
    return 4 * target.size if copied else 2 * target.size


def checked_labels(call: Call, target: Array, ignore_index: int) -> Any:
    """Class indices as C-contiguous int64; their shape is the plan's to check.

    On the CPU the kernels check the range of the labels. On CUDA it is checked here, except while a step is recorded.
    """
    x: Any = call.like
    same_device(call.op, input=x, target=target)
    if target.dtype.kind not in "iu":
        raise TypeError(f"{call.op}: target has dtype {target.dtype}, expected integer class indices")
    if call.kernels.name == "cuda" and not recording() and not _all_within(target, x.shape[1]):
        refuse_labels(call.op, target, x.shape[1], ignore_index)
    return array_module(target).ascontiguousarray(target, dtype=np.int64)


def refuse_labels(op: str, target: Any, classes: int, ignore_index: int) -> None:
    """Raise ValueError if a label is neither a class nor ignored."""
    wrong = ((target < 0) | (target >= classes)) & (target != ignore_index)
    if bool(wrong.any()):
        raise ValueError(
            f"{op}: target has a label {int(target[wrong][0])}, expected 0 <= label < {classes} or "
            f"ignore_index={ignore_index}"
        )


def require_logits(call: Call, reduction: str) -> tuple[int, int, int]:
    """Check input, class weights and reduction; returns the kernels' shape (outer, classes, inner) of the input."""
    one_of(call.op, "reduction", reduction, REDUCTIONS)
    shape = call.like.shape
    if len(shape) < 2 or shape[1] == 0:
        raise ValueError(
            f"{call.op}: input has shape {shape}, expected (C,), (N, C) or (N, C, ...) with at least one class"
        )
    call.require_shape("weight", call.arrays[1], shape[1:2], "one weight for each class")
    return shape[0], shape[1], math.prod(shape[2:])


def checked_smoothing(call: Call, label_smoothing: float) -> Any:
    """Check the label smoothing; returns it in the compute dtype."""
    value = number(call.op, "label_smoothing", label_smoothing)
    if not 0 <= value <= 1:
        raise ValueError(f"{call.op}: label_smoothing is {value}, expected 0 <= label_smoothing <= 1")
    return call.compute_dtype.type(value)


def checked_ignore_index(call: Call, ignore_index: Any) -> int:
    """Check ignore_index: any integer; one that is not a class ignores nothing."""
    return integer(call.op, "ignore_index", ignore_index, at_least=-(2**31))


def _loss_plan(
    call: Call, kernel: str, reduction: str, ignore_index: int, smoothing: float, *target_shape: int
) -> Plan:
    refuse, view, ignored, factors = _problem(call, kernel, reduction, ignore_index, smoothing, target_shape)
    launchers = call.kernels.loss
    each, total, mean = getattr(launchers, kernel), getattr(launchers, f"{kernel}_total"), reduction == "mean"

    def launch_each(x: Any, weight: Any, target: Any, losses: Any) -> None:
        weights = arrays.empty(losses.shape, losses.dtype, losses)
        if not each(x.reshape(view), target, weight, ignored, *factors, losses, weights):
            refuse(target)

    def launch_total(x: Any, weight: Any, target: Any, loss: Any) -> None:
        if not total(x.reshape(view), target, weight, ignored, *factors, mean, loss.reshape(1)):
            refuse(target)

    return Plan(_loss_shape(call), launch_each) if reduction == "none" else Plan((), launch_total)


def _grad_plan(
    call: Call, kernel: str, reduction: str, ignore_index: int, smoothing: float, *target_shape: int
) -> Plan:
    refuse, view, ignored, factors = _problem(call, kernel, reduction, ignore_index, smoothing, target_shape)
    gradient, mean = getattr(call.kernels.loss, f"{kernel}_grad"), reduction == "mean"

    def launch(x: Any, weight: Any, target: Any, dloss: Any, dx: Any) -> None:
        inputs = (x.reshape(view), target) if factors else (target,)  # the gradient of nll does not depend on its input
        if not gradient(*inputs, weight, ignored, *factors, dloss, mean, dx.reshape(view)):
            refuse(target)

    return Plan(call.like.shape, launch)


def _problem(
    call: Call, kernel: str, reduction: str, ignore_index: int, smoothing: float, target_shape: tuple[int, ...]
) -> tuple[Callable[[Any], None], tuple[int, int, int], int, tuple[Any, ...]]:
    """All checks; returns (function that raises for a wrong label, shape of the logits, ignore_index, smoothing)."""
    op, view, ignored = call.op, require_logits(call, reduction), checked_ignore_index(call, ignore_index)
    factors = (checked_smoothing(call, smoothing),) if kernel == "cross_entropy" else ()
    if target_shape != _loss_shape(call):
        why = "one label for each row of classes in input"
        raise ValueError(f"{op}: target has shape {target_shape}, expected {_loss_shape(call)} ({why})")
    return lambda target: refuse_labels(op, target, view[1], ignored), view, ignored, factors


def _loss_shape(call: Call) -> tuple[int, ...]:
    """Shape of the unreduced losses: one per sample and position."""
    n, _, *positions = call.like.shape
    return n, *positions


def _is_plain(target: Any) -> bool:
    """Whether labels can be used without conversion."""
    return type(target) is np.ndarray and target.dtype is INT64 and bool(target.flags.c_contiguous)


def _all_within(target: Any, classes: int) -> bool:
    """Whether all labels are classes, in one pass instead of six: negative labels are huge as unsigned."""
    return target.size == 0 or int(target.view(f"u{target.dtype.itemsize}").max()) < classes
