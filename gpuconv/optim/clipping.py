"""Gradient clipping, by the norm of all gradients or value by value, as torch.nn.utils does."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core import blocks
from ..core.arrays import check_arrays, empty, require_writeable
from ..core.device import kernels_for, on_device_of, to_device
from ..core.dtypes import is_half, store, wide, widened
from ..core.graph import refuse_recording
from ..core.options import number
from ..core.typing import Array
from ..nn.module import Module
from ..nn.parameter import Parameter


def clip_grad_norm(
    parameters: Iterable[Parameter] | Parameter,
    max_norm: float,
    norm_type: float = 2.0,
    *,
    error_if_nonfinite: bool = False,
) -> Array:
    """Scale all gradients by one factor, so that their norm, taken as one vector, is at most max_norm.

    Parameters
    ----------
    parameters : iterable of Parameter, or one
        Those without a gradient are left out.
    max_norm : float
    norm_type : float
        p > 0 of the norm (sum |g|^p)^(1/p); infinity for the largest |g|.
    error_if_nonfinite : bool
        Refuse a norm that is NaN or infinite. On CUDA this waits for the device.

    Returns
    -------
    array of no dimensions
        The norm before clipping, of 16-bit gradients in float32; 0 without gradients.

    Raises
    ------
    TypeError
        If parameters holds something else than parameters, or gradients differ in dtype or device.
    ValueError
        If max_norm is negative or NaN, norm_type not positive, or a gradient is not C-contiguous or is read-only.
    FloatingPointError
        If the norm is not finite and that is an error; the gradients are unchanged then.

    Notes
    -----
    g <- g min(1, max_norm / (norm + 1e-6)), in place (Pascanu, Mikolov and Bengio, 2013). Powers of very large or small
    gradients neither overflow nor vanish; a norm that is too large for its type is infinite, the factor right. The norm
    of several arrays is summed in one order: deterministic.

    Examples
    --------
    >>> weight = nn.Parameter(np.zeros(2))
    >>> weight.grad = np.array([3.0, 4.0])
    >>> float(gpuconv.clip_grad_norm([weight], 1.0))
    5.0
    >>> weight.grad.round(4)
    array([0.6, 0.8])
    """
    op = "clip_grad_norm"
    gradients = _gradients(op, parameters)
    max_norm, p = number(op, "max_norm", max_norm), number(op, "norm_type", norm_type)
    if not max_norm >= 0:
        raise ValueError(f"{op}: max_norm is {max_norm:g}, expected at least 0")
    if not p > 0:
        raise ValueError(f"{op}: norm_type is {p:g}, expected a number above 0, or infinity")
    if error_if_nonfinite:
        refuse_recording(op, "error_if_nonfinite reads the norm")
    total: Array
    if not gradients:
        total = to_device(np.zeros((), np.float32))
        return total
    first = gradients[0]
    kernels = kernels_for(first).optim
    with on_device_of(first):
        norm, coefficient = (empty((1,), wide(first.dtype), first) for _ in range(2))
        kernels.clip_coefficient(_Widened(gradients), p, max_norm, norm, coefficient)
        if error_if_nonfinite and not math.isfinite(float(norm[0])):
            raise FloatingPointError(f"{op}: the norm of the gradients is {float(norm[0])}, expected a finite number")
        for g in _chunks(gradients):
            scaled = widened(g)
            kernels.scale(scaled, coefficient)
            if scaled is not g:
                store(scaled, g)
    total = norm.reshape(())
    return total


def clip_grad_value(parameters: Iterable[Parameter] | Parameter, clip_value: float) -> None:
    """Clamp every element of the gradients to [-clip_value, clip_value], in place; NaN stays NaN.

    Parameters
    ----------
    parameters : iterable of Parameter, or one
        Those without a gradient are left out.
    clip_value : float

    Raises
    ------
    TypeError
        If parameters holds something else than parameters, or gradients differ in dtype or device.
    ValueError
        If clip_value is negative or NaN, or a gradient is not C-contiguous or is read-only.

    Examples
    --------
    >>> weight = nn.Parameter(np.zeros(2))
    >>> weight.grad = np.array([3.0, -0.5])
    >>> gpuconv.clip_grad_value([weight], 1.0)
    >>> weight.grad
    array([ 1. , -0.5])
    """
    op = "clip_grad_value"
    gradients = _gradients(op, parameters)
    bound = number(op, "clip_value", clip_value)
    if not bound >= 0:
        raise ValueError(f"{op}: clip_value is {bound:g}, expected at least 0")
    for g in _chunks(gradients):
        with on_device_of(g):
            clipped = widened(g)
            kernels_for(g).optim.clip(clipped, bound)
            if clipped is not g:
                store(clipped, g)


class _Widened(Sequence[Any]):
    """Gradients in float32, converted when they are looked at."""

    def __init__(self, gradients: list[Any]) -> None:
        self.chunks = list(_chunks(gradients))

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, i: Any) -> Any:
        return widened(self.chunks[i])


def _chunks(gradients: list[Any]) -> Iterator[Any]:
    """The gradients, 16-bit ones in stretches that may be converted at once."""
    for g in gradients:
        yield from blocks.stretches(g, blocks.LIMIT_BYTES // 4) if is_half(g.dtype) else [g]


def _gradients(op: str, parameters: Iterable[Parameter] | Parameter) -> list[Any]:
    """The gradients that exist, checked to be of one dtype and device and writeable in place."""
    if isinstance(parameters, Module):
        kind = type(parameters).__name__
        raise TypeError(f"{op}: parameters is a {kind}, expected its parameters: {op}(model.parameters(), ...)")
    listed = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    gradients: dict[str, Any] = {}
    for i, parameter in enumerate(listed):
        if not isinstance(parameter, Parameter):
            raise TypeError(f"{op}: parameters[{i}] is a {type(parameter).__name__}, expected a Parameter")
        if parameter.grad is not None:
            gradients[f"the gradient of parameters[{i}]"] = parameter.grad
    if gradients:
        check_arrays(op, gradients)
    for name, g in gradients.items():
        require_writeable(op, name, g)
    return list(gradients.values())
