"""Compile kernels ahead of their first call; compiled kernels are cached on disk."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from .core.device import use_device
from .core.options import one_of
from .core.progress import shown

_log = logging.getLogger("gpuconv")


def warmup(device: str = "auto", *, dtypes: Sequence[str] = ("float32",), progress: bool = True) -> float:
    """Compile kernels ahead of use, or load them from the disk cache.

    Those that are made for the taps of a convolution (depthwise, implicit_gemm) are compiled for 3x3 at stride 1;
    others take half a second each when they are first used.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", ...}
        Device whose kernels are compiled.
    dtypes : sequence of {"float32", "float64"}
        Array types to compile for.
    progress : bool
        Show a progress bar if rich is installed (`gpuconv[train]`) and the output is a terminal.

    Returns
    -------
    float
        Seconds it took. Minutes the first time on a machine; a few seconds from the cache.

    Raises
    ------
    DeviceError
        If the device is not available.
    ValueError
        If a dtype is not one of the two.

    Examples
    --------
    >>> seconds = gpuconv.warmup("cpu")  # doctest: +SKIP
    """
    for name in dtypes:
        one_of("warmup", "dtypes", name, ("float32", "float64"))
    from .core.compile_notice import compile_notice

    start = time.perf_counter()
    with use_device(device), compile_notice.silenced():
        work = [(name, call, dtype) for dtype in dtypes for name, call in _calls()]
        for name, call, dtype in shown(work, "compiling kernels") if progress else work:
            _log.debug("warmup: %s, %s", name, dtype)
            call(np.dtype(dtype))
    return time.perf_counter() - start


def _calls() -> Iterator[tuple[str, Callable[[Any], None]]]:
    """(name, function of a dtype) for calls that together run every kernel."""
    from .testing.operations import operation_checks

    for check in operation_checks():
        yield check.name, check.run
    yield "the other algorithms of conv2d", _algorithms
    yield "larger planes and more classes", _other_sizes
    yield "parameter updates", _updates


def _algorithms(dtype: Any) -> None:
    """Every convolution pass with every algorithm by name, for 3x3 and 1x1 filters; products of 2x2 patches."""
    from .conv import functional
    from .conv.shape import conv_shape
    from .core.device import kernels_for, to_device

    for x_shape, w_shape in (((1, 2, 8, 8), (3, 2, 3, 3)), ((1, 2, 8, 8), (3, 2, 1, 1))):
        x, w = (to_device(np.zeros(shape, dtype)) for shape in (x_shape, w_shape))
        shape, y = conv_shape("warmup", x_shape, w_shape), functional.conv2d(x, w)
        names = partial(kernels_for(x).conv.algorithms, shape, like=x)
        for name in names("fprop"):
            functional.conv2d(x, w, algorithm=name)
        for name in names("dgrad"):
            functional.conv2d_input_grad(y, w, x_shape, algorithm=name)
        for name in names("wgrad"):
            functional.conv2d_weight_grad(x, y, w_shape, algorithm=name)
    if "pointwise" in names("fprop"):
        patches = to_device(np.zeros((3, 2, 2, 2), dtype))
        y = functional.conv2d(x, patches, stride=2, algorithm="pointwise")
        functional.conv2d_input_grad(y, patches, x.shape, stride=2, algorithm="pointwise")


def _other_sizes(dtype: Any) -> None:
    """Pooling of larger planes, losses of more classes, longer rows than the catalog's: other kernels."""
    from . import loss, pool
    from .core.device import to_device
    from .linear import functional as linear
    from .loss import softmax
    from .norm import group

    x = to_device(np.zeros((1, 3, 20, 24), dtype))
    for taps in (2, 3):
        y, mask = pool.max_pool2d(x, taps, 2)
        pool.max_pool2d_input_grad(y, mask, x.shape, taps, 2)
        pool.avg_pool2d_input_grad(pool.avg_pool2d(x, taps, 2), x.shape, taps, 2)
    y, indices = pool.adaptive_max_pool2d(x, 3)
    pool.adaptive_max_pool2d_input_grad(y, indices, x.shape)
    pool.adaptive_avg_pool2d_input_grad(pool.adaptive_avg_pool2d(x, 3), x.shape)
    _resampling(dtype)
    logits, labels = to_device(np.zeros((2, 40), dtype)), to_device(np.zeros(2, np.int64))
    for function, grad in ((softmax.softmax, softmax.softmax_grad), (softmax.log_softmax, softmax.log_softmax_grad)):
        grad(function(logits), logits)
    loss.cross_entropy(logits, labels)
    loss.cross_entropy_grad(logits, labels)
    # rows of a few numbers and long ones
    rows, units = to_device(np.zeros((20, 128), dtype)), to_device(np.zeros((5, 128), dtype))
    y = linear.linear(rows, units)
    linear.linear_input_grad(y, units)
    linear.linear_weight_grad(rows, y)
    group.group_norm_grad(rows, rows, 1, *group.group_norm_statistics(rows, 1))


def _resampling(dtype: Any) -> None:
    """Resampling of small and larger planes, and of rows of few and of many columns."""
    from .core.device import to_device
    from .resample import pad, upsample

    for planes, size, result in (
        (3, (20, 24), (25, 30)),
        (1, (40, 40), (45, 70)),
        (8, (4, 4), (20, 20)),
        (1, (1, 1), (80, 80)),
    ):
        x = to_device(np.zeros((1, planes, *size), dtype))
        for mode in ("nearest", "bilinear"):
            upsample.upsample_input_grad(upsample.upsample(x, result, mode=mode), x.shape, result, mode=mode)
    for size in ((20, 24), (100, 100), (10, 1100)):
        x = to_device(np.zeros((1, 1, *size), dtype))
        pad.pad_input_grad(pad.pad(x, (1, 1, 1, 1)), x.shape, (1, 1, 1, 1))


def _updates(dtype: Any) -> None:
    """A step of each optimizer with every option that selects another kernel, and both kinds of gradient clipping."""
    from . import optim as o
    from .core.device import to_device
    from .nn import Parameter

    parameter = Parameter(to_device(np.zeros(3, dtype)))
    parameter.grad = to_device(np.zeros(3, dtype))
    o.clip_grad_norm(parameter, 1)
    o.clip_grad_value(parameter, 1)
    for optimizer in (
        *(o.SGD([parameter], momentum=momentum) for momentum in (0.0, 0.9)),
        *(o.Adam([parameter], amsgrad=amsgrad) for amsgrad in (False, True)),
        *(o.RMSprop([parameter], momentum=m, centered=c) for m in (0.0, 0.9) for c in (False, True)),
        o.Adagrad([parameter]),
    ):
        optimizer.step()
