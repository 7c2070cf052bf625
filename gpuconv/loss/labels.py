"""Class labels as arguments of losses."""

import math
from typing import Any

import numpy as np

from ..core.arrays import require_array, same_device
from ..core.call import Call
from ..core.device import Array, array_module
from ..core.graph import recording

INT64 = np.dtype(np.int64)


def checked_labels(call: Call, target: Array, ignore_index: int) -> Any:
    """Class indices as C-contiguous int64 (outer, inner), one for each row of classes in the call's input.

    On the CPU the kernels look at the range of the labels themselves (`refuse_labels` then says which one is wrong). On
    CUDA they are looked at here, except while a step is recorded.
    """
    x: Any = call.like
    require_array(call.op, "target", target)
    same_device(call.op, input=x, target=target)
    if target.dtype.kind not in "iu":
        raise TypeError(f"{call.op}: target has dtype {target.dtype}, expected integer class indices")
    n, classes, *positions = x.shape
    call.require_shape("target", target, (n, *positions), "one label for each row of classes in input")
    if call.kernels.name == "cuda" and not recording() and not _all_within(target, classes):
        refuse_labels(call, target, ignore_index)
    if target.dtype is not INT64 or not target.flags.c_contiguous:
        target = array_module(target).ascontiguousarray(target, dtype=np.int64)
    return target.reshape(n, math.prod(positions))


def refuse_labels(call: Call, target: Any, ignore_index: int) -> None:
    """Raise ValueError with the first label that is neither a class nor ignored, if there is one."""
    classes = call.like.shape[1]
    wrong = ((target < 0) | (target >= classes)) & (target != ignore_index)
    if bool(wrong.any()):
        raise ValueError(
            f"{call.op}: target has a label {int(target[wrong][0])}, expected 0 <= label < {classes} or "
            f"ignore_index={ignore_index}"
        )


def _all_within(target: Any, classes: int) -> bool:
    """Whether all labels are in range, none of them ignored: one pass, in which negative ones are huge, for six."""
    return target.size == 0 or int(target.view(f"u{target.dtype.itemsize}").max()) < classes
