"""Every CPU kernel with forbidden pages around its arrays: what reads or writes outside kills the process.

    python -m tests.bad_input.guarded {end,start}

Arrays end right before a forbidden page, or start right after one; results too. Run in a process of its own, by
test_guards.py.
"""

import ctypes
import faulthandler
import math
import mmap
import sys

import numpy as np

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv import cpu
from gpuconv.kernels.core import memory
from gpuconv.testing.operations import operation_checks, valid_calls

PAGE = mmap.PAGESIZE
NOT_AT_ALL = 0  # PROT_NONE
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_alive = []


def room(shape, dtype, side):
    """Memory for an array that touches a forbidden page at its end or its start."""
    dtype, size = np.dtype(dtype), math.prod(shape) * np.dtype(dtype).itemsize
    pages = -(-max(size, 1) // PAGE)
    block = mmap.mmap(-1, (pages + 2) * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(block))
    for page in (0, pages + 1):
        if _libc.mprotect(address + page * PAGE, PAGE, NOT_AT_ALL):
            raise OSError(ctypes.get_errno(), "mprotect refused")
    _alive.append(block)
    first = PAGE if side == "start" else (pages + 1) * PAGE - size
    return np.frombuffer(block, dtype, math.prod(shape), first).reshape(shape)


def guarded(a, side):
    """A copy of an array in such memory."""
    b = room(a.shape, a.dtype, side)
    b[...] = a
    return b


def _run_calls(side):
    for name, arguments in valid_calls().items():
        for dtype in (np.float32, np.float64):
            print(name, np.dtype(dtype), flush=True)
            in_guard = {
                key: guarded(a.astype(dtype) if a.dtype.kind == "f" else a, side) if isinstance(a, np.ndarray) else a
                for key, a in arguments.items()
            }
            getattr(gpuconv, name)(**in_guard)


def _run_checks(side):
    for check in operation_checks():
        for dtype in (np.float32, np.float64):
            print(check.name, np.dtype(dtype), flush=True)
            inputs = [guarded(a, side) for a in check.inputs(dtype)]
            check.backward(guarded(check.forward(*inputs), side), *inputs)


def _run_convolutions(side, count=200):
    """Geometries of all sizes: strips, planes, tiles and vectors end where they end."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        groups, stride, dilation = (int(rng.choice(choice)) for choice in ((1, 1, 2), (1, 1, 1, 2, 3), (1, 1, 2)))
        c, k = groups * int(rng.integers(1, 20)), groups * int(rng.integers(1, 40))
        r, s = (int(rng.choice((1, 2, 3, 3, 3, 5))) for _ in range(2))
        pad, n = int(rng.integers(0, 3)), int(rng.integers(1, 9))
        h, w = (max(int(rng.integers(1, 40)), dilation * (size - 1) + 1) for size in (r, s))
        options = {"stride": stride, "padding": pad, "dilation": dilation, "groups": groups}
        _run_convolution((n, c, h, w), (k, c // groups, r, s), options, rng, side)


def _run_squares(side, count=60):
    """Kernels that have special algorithms: 1x1 on large maps, and 3x3 to 9x9 neither dilated nor in groups."""
    rng = np.random.default_rng(1)
    for _ in range(count):
        stride, r = (int(size) for size in rng.choice(((1, 1), (1, 1), (1, 3), (1, 5), (2, 5), (2, 9))))
        c, k, n, pad = (int(rng.integers(low, high)) for low, high in ((1, 150), (1, 150), (1, 4), (0, r)))
        h, w = (int(rng.integers(28 if r == 1 else r, 40)) for _ in range(2))
        _run_convolution((n, c, h, w), (k, c, r, r), {"stride": stride, "padding": pad}, rng, side)


def _run_convolution(x_shape, w_shape, options, rng, side):
    """All passes, by each algorithm that supports the shape; those that compile a kernel for taps run 3x3 alone."""
    print(x_shape, w_shape, options, flush=True)
    _alive.clear()
    x, w = (guarded(rng.standard_normal(shape, np.float32), side) for shape in (x_shape, w_shape))
    y, g = gpuconv.conv2d(x, w, **options), conv_shape("guarded", x_shape, w_shape, **options)
    served = {
        operation: [
            name
            for name in cpu.algorithms(g, operation, x)
            if w_shape[2:] == (3, 3) or name not in ("depthwise", "implicit_gemm")
        ]
        for operation in ("fprop", "dgrad", "wgrad")
    }
    for name in served["fprop"]:
        gpuconv.conv2d(x, w, **options, algorithm=name)
    for name in served["dgrad"]:
        gpuconv.conv2d_input_grad(y, w, x.shape, **options, algorithm=name)
    for name in served["wgrad"]:
        gpuconv.conv2d_weight_grad(x, y, w.shape, **options, algorithm=name)


def _run_poolings(side, count=200):
    """Windows of all sizes, with and without padding, and their gradients."""
    rng = np.random.default_rng(2)
    for _ in range(count):
        kernel, stride = (tuple(int(size) for size in rng.integers(1, most, 2)) for most in (6, 4))
        if rng.random() < 0.3:
            kernel = stride = (2, 2)
        options = {"stride": stride, "padding": tuple(int(rng.integers(0, size // 2 + 1)) for size in kernel)}
        options["ceil_mode"] = bool(rng.random() < 0.3)
        x_shape = (int(rng.integers(1, 4)), int(rng.integers(1, 6)), *(int(rng.integers(k, 70)) for k in kernel))
        for dtype in (np.float32, np.float64):
            print(x_shape, kernel, options, np.dtype(dtype), flush=True)
            _alive.clear()
            x = guarded(rng.standard_normal(x_shape).astype(dtype), side)
            y, mask = gpuconv.max_pool2d(x, kernel, **options)
            gpuconv.max_pool2d_input_grad(y, mask, x_shape, kernel, **options)
            gpuconv.avg_pool2d_input_grad(gpuconv.avg_pool2d(x, kernel, **options), x_shape, kernel, **options)


def main():
    """Run everything on one side."""
    faulthandler.enable()
    side = sys.argv[1]
    with memory.provided_by(lambda shape, dtype: room(shape, dtype, side)):  # results and workspaces
        for run in (_run_calls, _run_checks, _run_convolutions, _run_squares, _run_poolings):
            run(side)
            _alive.clear()
    print("nothing outside was touched")


if __name__ == "__main__":
    main()
