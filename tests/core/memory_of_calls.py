"""What each function takes beside its arguments and results, one call after the other.

    python -m tests.core.memory_of_calls MEGABYTES ALLOWED DTYPE [LIMIT_BYTES [PATTERN]]

Arrays of so many megabytes; prints what takes more than the allowed ones beside them, and fails. Each function runs on
small arrays first: a compiler's memory is not the call's.
"""

import re
import sys

import numpy as np

import gpuconv
from gpuconv.core import blocks
from gpuconv.kernels.core import memory
from gpuconv.nn import Parameter


def calls(count, dtype):
    """(title, make) with make() = (function, arrays and options) for arrays of `count` elements."""

    def a(*shape, dtype=dtype):
        return np.full(shape, 0.5, dtype)

    rows = max(count // (64 * 16 * 16), 1)
    image, plane, wide = (rows, 64, 16, 16), (1, 4, max(count // 4 // 512, 1), 512), (max(count // 128, 1), 128)
    line, few = (max(count, 1),), (1, 2, max(count // 2 // 512, 1), 512)
    g = gpuconv
    for shape in (image, plane, line):
        for name in ("relu", "gelu", "softplus"):
            yield f"{name} {shape}", lambda s=shape, n=name: (getattr(g, n), a(*s))
        yield f"gelu_grad {shape}", lambda s=shape: (g.gelu_grad, a(*s), a(*s))
        yield f"add {shape}", lambda s=shape: (g.add, a(*s), a(*s))
        yield f"dropout {shape}", lambda s=shape: (lambda x: g.dropout(x, seed=0), a(*s))
        yield f"mse_loss {shape}", lambda s=shape: (g.mse_loss, a(*s), a(*s))
        yield f"mse_loss_grad {shape}", lambda s=shape: (g.mse_loss_grad, a(*s), a(*s))
        yield f"bce {shape}", lambda s=shape: (g.bce_with_logits, a(*s), a(*s))
        yield f"bce grad {shape}", lambda s=shape: (g.bce_with_logits_grad, a(*s), a(*s))
    for shape in (image, plane, few):
        c = shape[1]
        labels = lambda s=shape: np.zeros((s[0], *s[2:]), np.uint8)  # noqa: E731
        yield f"bce weighted {shape}", lambda s=shape: (
            lambda x, t, w: g.bce_with_logits(x, t, weight=w), a(*s), a(*s), a(s[1], 1, 1),
        )  # fmt: skip
        for axis in (1, -1):
            yield f"softmax {axis} {shape}", lambda s=shape, i=axis: (g.softmax, a(*s), i)
            yield f"log_softmax_grad {axis} {shape}", lambda s=shape, i=axis: (g.log_softmax_grad, a(*s), a(*s), i)
        yield f"cross_entropy {shape}", lambda s=shape, t=labels: (g.cross_entropy, a(*s), t())
        yield f"cross_entropy_grad {shape}", lambda s=shape, t=labels: (g.cross_entropy_grad, a(*s), t())
        yield f"cross_entropy of shares {shape}", lambda s=shape: (g.cross_entropy, a(*s), a(*s))
        yield f"nll_loss {shape}", lambda s=shape, t=labels: (g.nll_loss, a(*s), t())
        yield f"prelu {shape}", lambda s=shape, c=c: (g.prelu, a(*s), a(c))
        yield f"prelu_weight_grad {shape}", lambda s=shape, c=c: (g.prelu_weight_grad, a(*s), a(*s), (c,))
        yield f"batch_norm2d {shape}", lambda s=shape: (lambda x: g.batch_norm2d(x, training=True), a(*s))
        stats = lambda *s: (np.zeros(s, np.float32 if np.dtype(dtype).itemsize == 2 else dtype),) * 2  # noqa: E731
        yield f"batch_norm2d_grad {shape}", lambda s=shape, c=c, m=stats: (
            lambda *b: g.batch_norm2d_grad(*b, training=True), a(*s), a(*s), *m(c),
        )  # fmt: skip
        yield f"group_norm {shape}", lambda s=shape: (g.group_norm, a(*s), 2)
        yield f"group_norm_grad {shape}", lambda s=shape, m=stats: (g.group_norm_grad, a(*s), a(*s), 2, *m(s[0], 2))
        yield f"max_pool2d {shape}", lambda s=shape: (g.max_pool2d, a(*s), 2)
        yield f"avg_pool2d {shape}", lambda s=shape: (g.avg_pool2d, a(*s), 3, 2, 1)
        half = (*shape[:2], shape[2] // 2, shape[3] // 2)
        yield f"avg_pool2d_input_grad {shape}", lambda s=shape, h=half: (g.avg_pool2d_input_grad, a(*h), s, 2)
        yield f"max_pool2d_input_grad {shape}", lambda s=shape, h=half: (
            g.max_pool2d_input_grad, a(*h), np.zeros(h, np.uint8), s, 2,
        )  # fmt: skip
        yield f"global_avg_pool2d {shape}", lambda s=shape: (g.global_avg_pool2d, a(*s))
        yield f"upsample {shape}", lambda h=half: (lambda x: g.upsample(x, scale_factor=2, mode="bilinear"), a(*h))
        yield f"pad {shape}", lambda s=shape: (g.pad, a(*s), (1, 2, 1, 2))
        yield f"concatenate {shape}", lambda s=shape: (g.concatenate, [a(*s), a(*s)])
        yield f"concatenate_grad {shape}", lambda s=shape, c=c: (g.concatenate_grad, a(*s), (1, c - 1))
    halves = lambda: np.zeros((wide[0], 64), np.float32 if np.dtype(dtype).itemsize == 2 else dtype)  # noqa: E731
    yield f"group_norm of pairs {wide}", lambda: (g.group_norm, a(*wide), 64)
    yield f"group_norm_grad of pairs {wide}", lambda: (g.group_norm_grad, a(*wide), a(*wide), 64, halves(), halves())
    yield f"dropout in another order {image}", lambda: (lambda x: g.dropout(x, seed=0), np.asfortranarray(a(*image)))
    for k in (1, 2, 64):
        yield f"linear {wide} to {k}", lambda k=k: (g.linear, a(*wide), a(k, 128), a(k))
        yield f"linear_input_grad {wide} to {k}", lambda k=k: (g.linear_input_grad, a(wide[0], k), a(k, 128))
        yield f"linear_weight_grad {wide} to {k}", lambda k=k: (g.linear_weight_grad, a(*wide), a(wide[0], k))
    yield f"linear of one row, {wide}", lambda: (g.linear, a(1, 128), a(*wide))
    yield f"linear_input_grad of one row, {wide}", lambda: (g.linear_input_grad, a(1, wide[0]), a(*wide))
    yield f"linear_weight_grad of one row, {wide}", lambda: (g.linear_weight_grad, a(1, 128), a(1, wide[0]))
    side = 2000 if count > 1 << 22 else 16
    yield f"large linear_weight_grad {side}", lambda: (g.linear_weight_grad, a(2 * side, side), a(2 * side, side))
    yield "linear_bias_grad", lambda: (g.linear_bias_grad, a(*wide))
    convolutions = ((64, 3, 1, 1), (8, 1, 1, 1), (64, 5, 2, 1), (64, 3, 1, 64), (1, 3, 1, 1))
    for k, r, stride, groups in convolutions:
        o = {"stride": stride, "padding": r // 2, "groups": groups}
        y = (rows, k, (16 - 1) // stride + 1, (16 - 1) // stride + 1)
        w = (k, 64 // groups, r, r)
        yield f"conv2d {image} {w} {o}", lambda w=w, o=o: (lambda x, w: g.conv2d(x, w, **o), a(*image), a(*w))
        yield f"conv2d_input_grad {image} {w} {o}", lambda w=w, o=o, y=y: (
            lambda d, w: g.conv2d_input_grad(d, w, image, **o), a(*y), a(*w),
        )  # fmt: skip
        yield f"conv2d_weight_grad {image} {w} {o}", lambda w=w, o=o, y=y: (
            lambda x, d: g.conv2d_weight_grad(x, d, w, **o), a(*image), a(*y),
        )  # fmt: skip
    yield "conv2d_bias_grad", lambda: (g.conv2d_bias_grad, a(*image))
    for name in ("SGD", "Adam"):
        yield name, lambda n=name: (_step(n), *_trained(a(*line), n))
    yield "clip_grad_norm", lambda: (lambda p: g.clip_grad_norm([p], 1.0), _with_gradient(a(*line)))


def _with_gradient(data):
    parameter = Parameter(data)
    parameter.grad = data.copy()
    return parameter


def _trained(data, name):
    """A parameter and its optimizer after a step: what the first step keeps is a state, not working memory."""
    parameter = _with_gradient(data)
    optimizer = getattr(gpuconv, name)([parameter], lr=0.1)
    optimizer.step()
    return (optimizer,)


def _step(name):
    return lambda optimizer: optimizer.step()


def megabytes(field):
    """A line of /proc/self/status."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))


def run_on_device(make):
    """Megabytes that a call takes beside its arguments and results."""
    function, *arguments = make()
    memory.forget()
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # the peak starts anew
    baseline = megabytes("VmRSS")
    found = function(*arguments)
    taken = megabytes("VmHWM") - baseline
    results = found if isinstance(found, tuple) else (found,)
    return taken - sum(a.nbytes for a in results if isinstance(a, np.ndarray)) / 2**20


def main(size, allowed, dtype, limit=None, only=""):
    dtype = np.dtype(dtype) if dtype != "bfloat16" else np.dtype(__import__("ml_dtypes").bfloat16)
    if limit is not None:
        blocks.LIMIT_BYTES = int(limit)
    count = int(float(size) * 2**20) // dtype.itemsize
    small = dict(calls(1 << 15, dtype))
    failed = 0
    for (_, warm), (title, make) in zip(small.items(), calls(count, dtype), strict=True):
        if not re.search(only, title):
            continue
        run_on_device(warm)
        run_on_device(warm)
        taken = run_on_device(make)
        if taken > float(allowed):
            failed += 1
            print(f"{dtype} {title}: {taken:.0f} MB beside its arrays")
    print(f"{dtype}: {len(small)} calls, {failed} above {allowed} MB")
    return failed


if __name__ == "__main__":
    sys.exit(bool(main(*sys.argv[1:])))
