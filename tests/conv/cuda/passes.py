"""All passes of a convolution by a named algorithm against the oracle, on NumPy arrays sent to the emulator."""

import numpy as np

from gpuconv.conv.shape import conv_shape
from gpuconv.core.dtypes import wide
from gpuconv.kernels.conv.cuda import dgrad, fprop, wgrad
from gpuconv.kernels.conv.cuda.select import LAUNCHERS
from gpuconv.kernels.core.scalar import IDENTITY
from gpuconv.kernels.cuda import launch
from gpuconv.testing import TOLERANCE, assert_close
from tests import reference
from tests.conv.against_oracle import fft_magnitude

PASSES = "fprop", "dgrad", "wgrad"
BY_NAME = {"fprop": fprop, "dgrad": dgrad, "wgrad": wgrad}
PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


def geometries(count, seed, *, groups, channels, multiples, sizes, strides=(1, 1, 2)):
    """(x shape, w shape, options) of all kinds: strides, dilation, padding on one side, an image or a few.

    `channels` are those of a group, which has as many filters as one of `multiples`; `sizes` are those of the kernel.
    """
    rng = np.random.default_rng(seed)

    def one_of(choices):
        return int(rng.choice(choices))

    for _ in range(count):
        g, c, k, n = (one_of(choices) for choices in (groups, channels, multiples, [1, 2, 3]))
        r, s = one_of(sizes), one_of(sizes)
        options = {
            "stride": (one_of(strides), one_of(strides)),
            "padding": tuple(tuple(int(i) for i in rng.integers(0, 3, 2)) for _ in range(2)),
            "dilation": (one_of([1, 1, 2, 3]), one_of([1, 1, 2])),
            "groups": g,
        }
        sides = zip(options["dilation"], (r, s), options["padding"], strict=True)
        h, w = (max(int(rng.integers(1, 13)), d * (e - 1) + 1 - sum(p)) for d, e, p in sides)
        yield (n, g * c, h, w), (g * k, c, r, s), options


def compare(x_shape, w_shape, options, dtype=np.float32, *, algorithm, passes=PASSES, **configs):
    """Run the passes by one algorithm and compare each with the oracle.

    `configs` are arguments of a pass's own launcher, such as dgrad={"tile": tile}.
    """
    rng = np.random.default_rng(sum(x_shape + w_shape))
    x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape, w_shape[:1]))
    shape = conv_shape("compare", x_shape, w_shape, **options)
    dy, slope = rng.standard_normal(shape.y_shape).astype(dtype), wide(dtype).type(0)

    def run(operation, result_shape, *arguments):
        result = launch.empty(result_shape, x.dtype)
        if operation in configs:
            LAUNCHERS[operation][algorithm](shape, *arguments, result, **configs[operation])
        else:
            BY_NAME[operation](shape, *arguments, result, algorithm)
        return result

    if "fprop" in passes:
        y = run("fprop", shape.y_shape, x, w, b, IDENTITY, slope)
        _agree(y, reference.conv2d, (x, w, b), options, np.prod(w_shape[1:]), algorithm)
    if "dgrad" in passes:
        dx = run("dgrad", x_shape, dy, w, None, IDENTITY, slope)
        _agree(dx, reference.conv2d_input_grad, (dy, w, x_shape), options, w[:, 0].size, algorithm)
    if "wgrad" in passes:
        dw = run("wgrad", w_shape, x, dy)
        _agree(dw, reference.conv2d_weight_grad, (x, dy, w_shape), options, dy[:, 0].size, algorithm)


def _agree(actual, oracle, arguments, options, terms, algorithm):
    """Compare with the oracle; the same sums over squares say how large their terms were."""
    exact = [a.astype(np.float64) if isinstance(a, np.ndarray) else a for a in arguments]
    squares = [a**2 if isinstance(a, np.ndarray) else a for a in exact]
    magnitude = np.sqrt(oracle(*squares, **options))
    if algorithm == "fft":
        magnitude += fft_magnitude(*arguments[:2])
    row = algorithm if algorithm in TOLERANCE else "direct"
    expected, size = oracle(*exact, **options), sum(a[0, 0].size for a in exact if np.ndim(a) == 4)
    assert_close(actual, expected, terms=terms, magnitude=magnitude, algorithm=row, size=size)
