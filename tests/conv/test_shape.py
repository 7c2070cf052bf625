"""Shapes and errors of convolutions over one and three axes and of transposed ones, and how volumes become images."""

import tracemalloc

import numpy as np
import pytest

import gpuconv
from gpuconv.conv.shape import transposed_shape, volume_shape
from gpuconv.kernels.conv import volumes
from gpuconv.kernels.conv.cpu import frames

pytestmark = pytest.mark.quick

X, W = (2, 6, 5, 9, 8), (4, 6, 2, 3, 2)


def test_a_geometry_holds_the_shapes_the_depth_and_the_image():
    options = {"stride": (1, 2, 1), "padding": (1, (1, 0), (2, 3)), "dilation": (3, 1, 2), "groups": 2}
    g = volume_shape("conv3d", 3, X, (4, 3, 2, 3, 2), **options)
    assert (g.x_shape, g.w_shape, g.y_shape) == (X, (4, 3, 2, 3, 2), (2, 4, 4, 4, 11))
    assert g.depth == (5, 4, 2, 1, 1, 1, 3)
    assert (g.image.c, g.image.k, g.image.p, g.image.q, g.image.pad_bottom) == (12, 4, 4, 11, 0)
    assert g.flops == 2 * 2 * 4 * 4 * 4 * 11 * 3 * 2 * 3 * 2


@pytest.mark.parametrize(
    ("kernel", "options", "depth", "image"),
    [
        ((1, 1, 1), {}, 1, (45, 8)),
        ((2, 1, 1), {}, 1, (5, 72)),
        ((1, 1, 2), {}, 1, (45, 8)),
        ((1, 1, 1), {"stride": (1, 2, 1)}, 5, (9, 8)),
        ((1, 1, 1), {"padding": ((0, 1), (0, 0), (0, 0))}, 1, (5, 72)),
        ((1, 3, 1), {}, 5, (9, 8)),
    ],
)
def test_neighboring_axes_of_one_tap_are_one_axis(kernel, options, depth, image):
    g = volume_shape("conv3d", 3, X, (4, 6, *kernel), **options)
    assert (g.depth.size, (g.image.h, g.image.w)) == (depth, image)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_transposed_shape_is_that_of_a_convolution_of_the_result(rank):
    options = {"stride": 3, "padding": 1, "dilation": 2}
    g = transposed_shape("conv_transpose", rank, (2, 4, *(5, 4, 6)[:rank]), (4, 3, *[3] * rank), **options)
    again = volume_shape("conv", rank, g.x_shape, g.w_shape, **options)
    assert (again.y_shape, again.depth.windows) == (g.y_shape, g.depth.windows)


def test_frames_that_meet_the_same_taps_are_one_run():
    g = volume_shape("conv3d", 3, (1, 1, 9, 50, 50), (1, 1, 3, 3, 3), padding="same")
    first, middle, last = volumes._forward_runs(g.depth, 2500)
    assert [run.written.count for run in (first, middle, last)] == [1, 7, 1]
    assert [run.taps[1:4:2] for run in (first, middle, last)] == [(1, 2), (0, 3), (0, 2)]
    assert len(volumes._forward_runs(g.depth, 4)) == 1


@pytest.mark.parametrize(
    ("run", "shares"),
    [
        (lambda x, w, y: gpuconv.conv3d(x, w, padding=1), 1),
        (lambda x, w, y: gpuconv.conv3d_input_grad(y, w, x.shape, padding=1), 1),
        (lambda x, w, y: gpuconv.conv3d_weight_grad(x, y, w.shape, padding=1), 0),
    ],
)
def test_memory_beside_the_result_is_bounded(run, shares, monkeypatch):
    """A chunk of images and one of results, not a volume of either."""
    x, w = (np.ones(shape, np.float32) for shape in ((2, 8, 24, 48, 48), (8, 8, 3, 3, 3)))
    monkeypatch.setattr(frames, "CHUNK_BYTES", 1 << 18)
    run(x, w, x)
    tracemalloc.start()
    run(x, w, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - shares * x.nbytes < x.nbytes // 2


ERRORS = [
    ("conv1d", ((6, 9), (4, 6, 3)), {}, r"x has shape \(6, 9\), expected three dimensions \(N, C, W\); one sample is"),
    ("conv3d", (X[1:], W), {}, r"x has shape .*, expected five dimensions \(N, C, D, H, W\); one sample is"),
    ("conv3d", (X, W[1:]), {}, r"w has shape .*, expected five dimensions \(K, C/groups, T, R, S\)"),
    ("conv3d", (X, (4, 5, 2, 3, 2)), {}, r"x has 6 channels, w expects 5 \(w.shape\[1\]=5 x groups=1\)"),
    ("conv3d", (X, (4, 2, 2, 3, 2)), {"groups": 3}, r"w has 4 filters .*, expected a multiple of groups=3"),
    ("conv3d", (X, (4, 6, 6, 3, 2)), {}, "the dilated kernel is larger than the padded input: depth 6 > 5"),
    ("conv1d", ((1, 2, 4), (1, 2, 3)), {"dilation": 2}, "the dilated kernel is larger than .*: width 5 > 4"),
    ("conv3d", (X, W), {"stride": (1, 2)}, r"stride is \(1, 2\), expected an int or a triple of int"),
    ("conv3d", (X, W), {"stride": (1, 2, 0)}, r"stride\[2\] is 0, expected at least 1"),
    ("conv1d", ((1, 2, 4), (1, 2, 3)), {"stride": (1, 2)}, r"stride is \(1, 2\), expected an int or a sequence of one"),
    ("conv1d", ((1, 2, 4), (1, 2, 3)), {"padding": (1, 2)}, r"padding is \(1, 2\), expected an int or \(\(left,"),
    ("conv3d", (X, W), {"padding": ((1, 2), 0)}, r"padding is .* an int, a triple or \(\(front, back\), "),
    ("conv3d", (X, W), {"padding": (0, (1, -1), 0)}, r"padding\[1\]\[1\] is -1, expected at least 0"),
    ("conv3d", (X, W), {"padding": "same", "stride": 2}, r"padding 'same' needs stride 1, got stride \(2, 2, 2\)"),
    ("conv3d", ((2, 6, 0, 9, 8), W), {}, r"x.shape\[2\] is 0, expected at least 1"),
    ("conv3d", (X, W), {"algorithm": "winograd"}, "algorithm 'winograd' does not support"),
    ("conv_transpose2d", ((6, 9, 8), (6, 4, 3, 2)), {}, r"x has shape .*, expected four dimensions \(N, K, P, Q\);"),
    ("conv_transpose2d", ((2, 6, 9, 8), (4, 6, 3, 2)), {}, r"x has 6 channels, w expects 4 \(w.shape\[0\]\)"),
    ("conv_transpose1d", ((2, 6, 9), (6, 4, 3)), {"groups": 4}, "x has 6 channels, expected a multiple of groups=4"),
    (
        "conv_transpose2d", ((2, 6, 9, 8), (6, 4, 3, 2)), {"output_padding": (1, 0)},
        "output_padding 1 of the height, expected less than stride 1 or dilation 1",
    ),
    (
        "conv_transpose3d", ((2, 6, 2, 2, 2), (6, 4, 1, 1, 1)), {"output_padding": (1, 2)},
        r"output_padding is \(1, 2\), expected an int or one for each of 3 axes",
    ),
    ("conv_transpose1d", ((2, 6, 9), (6, 4, 3)), {"output_padding": -1}, "output_padding is -1, expected at least 0"),
    (
        "conv_transpose2d", ((2, 6, 2, 8), (6, 4, 3, 2)), {"padding": (2, 0)},
        r"padding \(2, 2\) of the height leaves nothing of 4 positions",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shapes", "options", "message"), ERRORS)
def test_a_wrong_shape_or_option_is_named(name, shapes, options, message):
    x, w = (np.zeros(shape, np.float32) for shape in shapes)
    with pytest.raises(ValueError, match=f"{name}: {message}"):
        getattr(gpuconv, name)(x, w, **options)


KINDS = [
    (lambda x, w: gpuconv.conv3d(x.tolist(), w), TypeError, "conv3d: x is a list, expected a NumPy or CuPy array"),
    (lambda x, w: gpuconv.conv3d(x, w.astype(int)), TypeError, "conv3d: w has dtype int64, expected float32, float64"),
    (lambda x, w: gpuconv.conv3d(x, w.astype(float)), TypeError, "conv3d: w has dtype float64, expected float32"),
    (lambda x, w: gpuconv.conv3d(x, w, w[0]), ValueError, r"conv3d: b has shape .*, expected \(4,\)"),
    (lambda x, w: gpuconv.conv3d(x, w, stride=1.5), TypeError, "conv3d: stride is 1.5, expected an integer"),
    (lambda x, w: gpuconv.conv3d(x, w, padding="fulle"), ValueError, "conv3d: padding is 'fulle', expected 'same'"),
    (lambda x, w: gpuconv.conv3d(x, w, activation="tan"), ValueError, "conv3d: activation is 'tan', expected one of"),
    (lambda x, w: gpuconv.conv3d(x, w, out=x), ValueError, "conv3d: out has shape"),
    (lambda x, w: gpuconv.conv3d_input_grad(x, w, 5), TypeError, "_input_grad: input_shape is 5, expected a shape"),
    (lambda x, w: gpuconv.conv3d_input_grad(x, w, X), ValueError, r"_grad: dy has shape .*expected \(2, 4, 4, 7, 7\)"),
    (
        lambda x, w: gpuconv.conv3d_input_grad(x[:, :4, :4, :7, :7], w, X, activation="relu"),
        ValueError,
        "conv3d_input_grad: activation and pre_activation go together",
    ),
    (lambda x, w: gpuconv.conv3d_weight_grad(x, x, W), ValueError, r"dy has shape .*, expected \(2, 4, 4, 7, 7\)"),
    (lambda x, w: gpuconv.conv3d_weight_grad(x, x, W[1:]), ValueError, "weight_shape has shape .* five dimensions"),
    (lambda x, w: gpuconv.conv3d_bias_grad(x[0]), ValueError, "conv3d_bias_grad: dy has shape .* five dimensions"),
    (lambda x, w: gpuconv.conv_transpose3d(x[:, :4], w, w[0, 0, 0, 0]), ValueError, r"b has shape .*, expected \(6,\)"),
    (
        lambda x, w: gpuconv.conv_transpose3d_input_grad(x, w, (2, 4, 3, 3, 3)),
        ValueError,
        r"conv_transpose3d_input_grad: dy has shape .*, expected \(2, 6, 4, 5, 4\)",
    ),
    (
        lambda x, w: gpuconv.conv_transpose3d_weight_grad(x[:, :4], x, W),
        ValueError,
        r"conv_transpose3d_weight_grad: dy has shape .*, expected \(2, 6, 6, 11, 9\)",
    ),
    (lambda x, w: gpuconv.conv_transpose1d_bias_grad(x), ValueError, r"dy has shape .* three dimensions \(N, C, W\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), KINDS)
def test_every_function_names_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros(X, np.float32), np.zeros(W, np.float32))
