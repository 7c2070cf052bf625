"""Convolution on CUDA: names the algorithm for a shape and launches it.

Every thread gathers, and sums are added in an order that the shape fixes: results are the same bits every time.
"""

from functools import lru_cache

import numpy as np

from ...cuda.launch import capability, empty_like_on
from ...cuda.reduce import sum_columns
from ..automatic import AUTOMATIC, INEXACT
from . import (
    depthwise,
    direct,
    few_channels,
    few_channels_wgrad,
    fft,
    implicit_gemm,
    implicit_gemm_wgrad,
    tensor_core,
    tensor_core_wgrad,
    winograd,
)
from .cost_model import COSTS, cheapest
from .problem_size import DGRAD, FPROP, WGRAD

ALGORITHMS = ("direct", "implicit_gemm", "few_channels", "depthwise", "winograd", "fft", "tensor_core", "tf32")
"""Names of all algorithms of this target, besides "auto"."""

LAUNCHERS = {
    FPROP: {
        "direct": direct.fprop,
        "implicit_gemm": implicit_gemm.fprop,
        "few_channels": few_channels.fprop,
        "depthwise": depthwise.fprop,
        "winograd": winograd.fprop,
        "fft": fft.fprop,
        "tensor_core": tensor_core.fprop,
        "tf32": tensor_core.fprop,
    },
    DGRAD: {
        "direct": direct.dgrad,
        "implicit_gemm": implicit_gemm.dgrad,
        "depthwise": depthwise.dgrad,
        "winograd": winograd.dgrad,
        "fft": fft.dgrad,
        "tensor_core": tensor_core.dgrad,
        "tf32": tensor_core.dgrad,
    },
    WGRAD: {
        "direct": direct.wgrad,
        "implicit_gemm": implicit_gemm_wgrad.wgrad,
        "few_channels": few_channels_wgrad.wgrad,
        "depthwise": few_channels_wgrad.wgrad,
        "fft": fft.wgrad,
        "tensor_core": tensor_core_wgrad.wgrad,
        "tf32": tensor_core_wgrad.wgrad,
    },
}
"""fprop(shape, x, w, b, activation, slope, y), dgrad(shape, dy, w, pre_activation, activation, slope, dx) and
wgrad(shape, x, dy, dw) of each algorithm."""

REASONS = {
    "direct": lambda shape, operation, dtype: None,
    "implicit_gemm": implicit_gemm.unsupported,
    "few_channels": few_channels.unsupported,
    "depthwise": depthwise.unsupported,
    "winograd": winograd.unsupported,
    "fft": fft.unsupported,
    "tensor_core": tensor_core.unsupported,
    "tf32": tensor_core.unsupported,
}
"""Why an algorithm does not support a shape, an operation and a dtype; None where it does."""


def select(shape, operation, dtype, *, like=None):
    """The algorithm that "auto" takes: a pure function of shape, operation, dtype and compute capability.

    Parameters
    ----------
    shape : ConvShape
    operation : {"fprop", "dgrad", "wgrad"}
    dtype : numpy.dtype
        Of the arrays. 16-bit arrays take tensor cores, or else what float32 takes.
    like : array, optional
        An array on the device; a NumPy array stands for the emulated device.

    Returns
    -------
    str
        One of ALGORITHMS; never "tf32".
    """
    return _select(shape, operation, np.dtype(dtype), capability(like))


def unsupported(algorithm, shape, operation, dtype, *, like=None):
    """Why an algorithm does not support a problem: what came and what was expected; None where it does.

    The arguments are those of `select`, after an algorithm's name.
    """
    return _unsupported(algorithm, shape, operation, np.dtype(dtype), capability(like))


def skips_padding(shape, operation, dtype, algorithm):
    """Whether taps that meet padding alone cost nothing: by none of the algorithms."""
    return False


def algorithms(shape, operation, like):
    """Names of the algorithms that support an operation for arrays like one, "direct" first."""
    return tuple(name for name in ALGORITHMS if unsupported(name, shape, operation, like.dtype, like=like) is None)


def takes_half(shape, operation, algorithm):
    """Whether a pass of 16-bit arrays is computed without converting them."""
    return True


def fprop(shape, x, w, b, activation, slope, y, algorithm):
    """y[n,k,p,q] = f(sum_{c,r,s} w[k,c,r,s] x[n,c,p st + r d - pad,...] + b[k]): the forward pass."""
    _launch(FPROP, algorithm, shape, x, w, b, activation, slope, y)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx, algorithm):
    """dx[n,c,i,j] = sum_{k,r,s} w[k,c,r,s] dy[n,k,p,q] f'(x[n,c,i,j]), p st + r d - pad = i: equation (20)."""
    _launch(DGRAD, algorithm, shape, dy, w, pre_activation, activation, slope, dx)


def wgrad(shape, x, dy, dw, algorithm):
    """dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] x[n,c,p st + r d - pad,...]: equation (13)."""
    _launch(WGRAD, algorithm, shape, x, dy, dw)


def bias_grad(dy, db):
    """db[k] = sum_{n,p,q} dy[n,k,p,q]."""
    n, k, p, q = dy.shape
    sum_columns(dy.reshape(n, k, p * q), db)


def _launch(operation, algorithm, shape, *arguments):
    """Launch an algorithm, by name or the one that "auto" or "exact" takes; the last argument is the result."""
    result = arguments[-1]
    dtype = result.dtype
    if algorithm in AUTOMATIC:
        compute_capability = capability(result) if dtype.itemsize == 2 else None
        algorithm = _select(shape, operation, dtype, compute_capability, algorithm == "exact")
    elif shape.n == 0:
        algorithm = "direct"
    launcher = LAUNCHERS[operation][algorithm]
    if dtype.itemsize > 2 or algorithm == "tensor_core":
        launcher(shape, *arguments)
    else:
        _launch_in_float32(launcher, shape, arguments)


def _launch_in_float32(launcher, shape, arguments):
    """Launch on 16-bit arrays converted to float32, which is exact, and round the result once."""
    *inputs, result = arguments
    wide = empty_like_on(result, result.shape, np.float32)
    launcher(shape, *(a.astype(np.float32) if getattr(a, "itemsize", 0) == 2 else a for a in inputs), wide)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        result[...] = wide


@lru_cache(maxsize=4096)
def _select(shape, operation, dtype, compute_capability, exact=False):
    """What "auto" takes, or "exact"; an empty batch has nothing to multiply."""
    if shape.n == 0:
        return "direct"
    if dtype.itemsize == 2:
        if _unsupported("tensor_core", shape, operation, dtype, compute_capability) is None:
            return "tensor_core"
        dtype = np.dtype(np.float32)
    offered = [name for name in COSTS if not (exact and name in INEXACT)]
    supported = [name for name in offered if _unsupported(name, shape, operation, dtype, None) is None]
    return cheapest(supported, shape, operation, dtype.itemsize)


@lru_cache(maxsize=4096)
def _unsupported(algorithm, shape, operation, dtype, compute_capability):
    if algorithm in AUTOMATIC:
        return None
    if algorithm not in ALGORITHMS:
        return f"{algorithm}: no such algorithm on CUDA, expected one of {', '.join(map(repr, ALGORITHMS))}"
    offered = [name for name, launchers in LAUNCHERS.items() if algorithm in launchers]
    if operation not in offered:
        return f"{algorithm}: {operation}, expected {' or '.join(offered)}"
    reason = _wrong_dtype(algorithm, dtype) or _too_old(algorithm, compute_capability)
    if reason is None:
        reason = REASONS[algorithm](shape, operation, dtype)
    return None if reason is None else f"{algorithm}: {reason}"


def _wrong_dtype(algorithm, dtype):
    """What is wrong with a dtype: tensor cores multiply 16-bit arrays as they are, and float32 rounded to tf32."""
    if algorithm == "tensor_core" and dtype.itemsize != 2:
        return f"{dtype.name} arrays, expected float16 or bfloat16"
    if algorithm == "tf32" and dtype != np.float32:
        return f"{dtype.name} arrays, expected float32"
    return None


def _too_old(algorithm, compute_capability):
    """What is wrong with a device."""
    first = tensor_core.FIRST_CAPABILITY
    if algorithm not in ("tensor_core", "tf32") or compute_capability >= first:
        return None
    return "compute capability {}.{}, expected {}.{} or later".format(*compute_capability, *first)
