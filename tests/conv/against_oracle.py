"""All passes of a two-dimensional convolution against the float64 oracle."""

import numpy as np

import gpuconv
from gpuconv.testing import assert_close
from tests import reference


def arrays_of(x_shape, w_shape, y_shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape, w_shape[:1], y_shape)]


def compare(case, dtype, device, seed=0, **choice):
    """All passes of one geometry against the oracle; `choice` is an algorithm, where not the automatic one."""
    x_shape, w_shape, options, spelt_out = case
    y_shape = reference.conv2d(np.zeros(x_shape), np.zeros(w_shape), None, **spelt_out).shape
    x, w, b, dy = arrays_of(x_shape, w_shape, y_shape, dtype, seed)
    with gpuconv.use_device(device):
        xd, wd, bd, dyd = map(gpuconv.to_device, (x, w, b, dy))
        y = gpuconv.conv2d(xd, wd, bd, **options, **choice)
        dx = gpuconv.conv2d_input_grad(dyd, wd, x_shape, **options, **choice)
        dw = gpuconv.conv2d_weight_grad(xd, dyd, w_shape, **options, **choice)
        db = gpuconv.conv2d_bias_grad(dyd)
    outputs = y_shape[0] * y_shape[2] * y_shape[3]
    agree(y, reference.conv2d, (x, w, b), spelt_out, np.prod(w_shape[1:]))
    agree(dx, reference.conv2d_input_grad, (dy, w, x_shape), spelt_out, w_shape[0] * w_shape[2] * w_shape[3])
    agree(dw, reference.conv2d_weight_grad, (x, dy, w_shape), spelt_out, outputs)
    agree(db, reference.conv2d_bias_grad, (dy,), {}, outputs)


def fft_magnitude(read, kernel):
    """What the FFT's error is a share of, in outputs that see nothing but padding too."""
    squares = np.square(kernel.astype(np.float64)).sum() / min(kernel.shape[:2])
    return np.sqrt(np.square(read.astype(np.float64)).mean() * squares)


def agree(actual, oracle, arguments, options, terms):
    """Compare with the oracle; the same sums over squares say how large their terms were."""
    squares = [a.astype(np.float64) ** 2 if isinstance(a, np.ndarray) else a for a in arguments]
    magnitude = np.sqrt(oracle(*squares, **options))
    assert_close(actual, oracle(*arguments, **options), terms=terms, magnitude=magnitude)
