"""Every function that adds many numbers: float32 against the same call in float64.

Numbers of one size and sign, which a float32 sum one by one is off by: each of the same rounding errors has one sign.
"""

import numpy as np
import pytest

import gpuconv
from gpuconv.core.device import use_device
from gpuconv.testing.operations.catalogue import OPERATIONS

RTOL = 1e-6
PRODUCTS_RTOL = 4e-6
"""Of matrix products and convolutions, whose tiles add as many terms in registers as the matrices have between them."""
MANY = {"cpu": 100_000, "emulator": 3_000}


def _full(*shape):
    """Numbers about 0.1, all different."""
    rng = np.random.default_rng(len(shape))
    return rng.uniform(0.09, 0.11, shape).astype(np.float32)


def _labels(rows):
    return np.arange(rows) % 3


def _pool_cases(rank, side):
    """Windows of about `side ** rank` elements, the gradients of as many windows over an element."""
    plane, name = (side,) * rank, f"{rank}d"
    x, small = _full(1, 2, *plane), (1, 2, *(1,) * rank)
    yield f"global_avg_pool{name}", (x,), {}
    yield f"adaptive_avg_pool{name}", (x, 1), {}
    yield f"adaptive_avg_pool{name}", (x, 3), {}
    yield f"adaptive_avg_pool{name}_input_grad", (_full(1, 2, *plane), small), {}
    yield f"avg_pool{name}", (x, side - 1), {"stride": 1}
    yield f"avg_pool{name}", (x, side), {"stride": side}
    half = side // 4
    dy = _full(1, 2, *((side - half + 1,) * rank))
    yield f"avg_pool{name}_input_grad", (dy, x.shape, half), {"stride": 1}


def _max_pool_cases(rank, side):
    """One position that wins about `side ** rank` windows, as far as the gradient is told."""
    name, windows = f"max_pool{rank}d_input_grad", (1, 2, *(side,) * rank)
    taps, first = np.zeros(windows, np.int64), np.zeros(windows, np.uint32)
    for axis in range(rank):
        window = np.arange(side).reshape(-1, *(1,) * (rank - 1 - axis))
        taps = taps * side + (side - 1 - window)  # the tap that reads the middle of 2 side - 1
        first = first * 2 + (window * 2 // side).astype(np.uint32)  # position of 2 that the window begins with
    dy = np.full(windows, 0.1, np.float32)  # every rounding error has one sign
    mask = taps.astype(np.min_scalar_type(side**rank - 1))
    yield name, (dy, mask, (1, 2, *(2 * side - 1,) * rank), side, 1), {}
    yield f"adaptive_{name}", (dy, first, (1, 2, *(2,) * rank)), {}


def _calls(many):
    """(name, positional, named arguments) of calls that add about so many numbers."""
    row, matrix, labels = _full(2, many), _full(many, 3), _labels(many)
    yield "linear", (row, _full(3, many)), {}
    yield "linear_input_grad", (row, _full(many, 3)), {}
    yield "linear_weight_grad", (_full(many, 2), matrix), {}
    yield "linear_bias_grad", (matrix,), {}
    for name in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "bce_with_logits"):
        for reduction in ("mean", "sum"):
            yield name, (matrix, 3 * matrix), {"reduction": reduction}
    for name in ("cross_entropy", "nll_loss"):
        weight = _full(3)
        for options in ({}, {"weight": weight}, {"reduction": "sum"}):
            yield name, (-matrix, labels), options
            yield f"{name}_grad", (-matrix, labels), {k: v for k, v in options.items() if k == "weight"}
        yield name, (_full(1, 3, many), labels[None]), {}
    yield "cross_entropy", (matrix, 3 * matrix), {}
    for name in ("softmax", "log_softmax"):
        yield name, (row,), {}
        for x in (row, _full(1, many, 2)):
            dy = x.copy()
            dy[:, : many // 2] = 0  # no gradient cancels
            yield f"{name}_grad", (dy, x), {"axis": 1}
    yield "prelu_weight_grad", (matrix, -matrix, (3,)), {}
    yield "prelu_weight_grad", (row, -row, (1,)), {}
    yield "batch_norm_statistics", (matrix,), {}
    yield "batch_norm_statistics", (_full(2, 2, many // 4),), {}
    yield "group_norm_statistics", (row, 1), {}
    plane = round(many**0.5)
    half = plane // 2
    image = _full(1, 2, plane, plane)
    yield from _pool_cases(2, plane)
    for rank in (1, 2, 3):
        yield from _max_pool_cases(rank, round(many ** (1 / rank)))
    yield "pad_input_grad", (_full(1, 2, 2 * half + 2, 2 * half + 2), (1, 2, 2, 2), (half,) * 4, "replicate"), {}
    yield "upsample_input_grad", (image, (1, 2, 1, 1)), {"size": (plane, plane)}
    yield "upsample_input_grad", (image, (1, 2, 2, 2)), {"size": (plane, plane), "mode": "bilinear"}
    yield "conv2d_bias_grad", (image,), {}
    yield "conv2d_bias_grad", (matrix.reshape(many, 3, 1, 1),), {}
    yield "conv2d_weight_grad", (image, _full(1, 2, plane - 2, plane - 2), (2, 2, 3, 3)), {}
    yield "conv2d", (_full(1, many // 9, 3, 3), _full(2, many // 9, 3, 3)), {}
    yield "conv2d_input_grad", (_full(1, many // 9, 1, 1), _full(many // 9, 2, 3, 3), (1, 2, 3, 3)), {}


def _in_double(value):
    return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype == np.float32 else value


CASES = [(device, i) for device, many in MANY.items() for i in range(len(list(_calls(400))))]
NAMES = [name for name, _, _ in _calls(400)]


@pytest.mark.parametrize(("device", "i"), CASES, ids=[f"{device}-{i}-{NAMES[i]}" for device, i in CASES])
def test_a_sum_of_many_numbers_keeps_its_digits(device, i):
    name, arguments, options = list(_calls(MANY[device]))[i]
    function = getattr(gpuconv, name)
    with use_device(device):
        found = function(*arguments, **options)
    expected = function(*map(_in_double, arguments), **{key: _in_double(value) for key, value in options.items()})
    for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in (found, expected)), strict=True):
        assert a.dtype == np.float32
        error = np.abs(a - b).max() / np.abs(b).max()
        assert error <= (PRODUCTS_RTOL if name.startswith(("linear", "conv")) else RTOL)


def test_a_kernel_of_very_many_taps_keeps_the_digits_of_its_sums():
    """A quarter of a million taps of a single channel; PyTorch is off by 2.5e-5."""
    size = 500 - 2
    x, w = _full(1, 1, 500, 500), _full(2, 1, size, size)
    found = gpuconv.conv2d(x, w, algorithm="direct")
    windows = np.lib.stride_tricks.sliding_window_view(x[0, 0].astype(np.float64), (size, size))
    expected = np.einsum("pqrs,krs->kpq", windows, w[:, 0].astype(np.float64))[None]
    np.testing.assert_allclose(found, expected, rtol=PRODUCTS_RTOL)


ELEMENTWISE = set(
    """relu leaky_relu relu6 hardtanh hardsigmoid hardswish sigmoid tanh elu selu softplus silu mish gelu
    add concatenate dropout dropout2d pool_indices""".split()
)
"""Operations without a sum."""
WITHOUT_LONG_SUMS = {"global_max_pool2d", "max_unpool2d"}
"""Whose gradients move values."""


def test_every_operation_with_a_sum_is_tried():
    """Or one of the same kernel: one and three axes are the case of two."""
    tried = {name.split("_input_grad")[0].split("_weight_grad")[0].split("_grad")[0] for name in NAMES}
    tried |= {"batch_norm1d", "batch_norm2d", "group_norm"}  # tests/norm/test_extremes.py
    two = {name.replace("1d", "2d").replace("3d", "2d") for name in OPERATIONS} - ELEMENTWISE
    two = {name for name in two if "transpose" not in name and name not in WITHOUT_LONG_SUMS}
    assert two - {name.replace("1d", "2d") for name in tried} == set()
