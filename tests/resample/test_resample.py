"""Padding and upsampling and their gradients against the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.testing import assert_close, check_adjoint
from tests import reference
from tests.devices import on_every_device

sizes = st.integers(1, 6)


@st.composite
def paddings(draw):
    """(shape, padding, mode) that fit together."""
    mode = draw(st.sampled_from(("constant", "reflect", "replicate", "circular")))
    axes = draw(st.integers(1, 3))
    rank = axes + draw(st.integers(1, 2)) if mode != "constant" else draw(st.integers(axes, 5))
    shape = tuple(draw(sizes) for _ in range(rank))
    padding = []
    for size in reversed(shape[rank - axes :]):
        most = {"reflect": size - 1, "circular": size}.get(mode, 4)
        pad_before = draw(st.integers(-(size // 2), most))
        if mode == "circular":
            most = size + min(pad_before, 0)
            pad_before = min(pad_before, most)
        pad_after = draw(st.integers(-((size - 1) // 3), most)) if size + pad_before > 1 else 1 if most else 0
        if mode == "circular" and pad_after < 0:
            pad_before = min(pad_before, size + pad_after)
        padding += [pad_before, pad_after]
    return shape, tuple(padding), mode


def _legal(shape, padding):
    pairs = zip(reversed(shape), padding[::2], padding[1::2], strict=False)
    return all(size + pad_before + pad_after > 0 for size, pad_before, pad_after in pairs)


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=100, deadline=None)
@given(case=paddings().filter(lambda case: _legal(*case[:2])), seed=st.integers(0, 2**16))
def test_padding_agrees_with_the_oracle(case, seed, dtype, device):
    shape, padding, mode = case
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape).astype(dtype)
    value = 1.5 if mode == "constant" else None
    with gpuconv.use_device(device):
        y = gpuconv.to_host(gpuconv.pad(gpuconv.to_device(x), padding, mode, value))
        assert np.array_equal(y, reference.pad(x, padding, mode, 1.5))
        dy = rng.standard_normal(y.shape).astype(dtype)
        dx = gpuconv.to_host(gpuconv.pad_input_grad(gpuconv.to_device(dy), shape, padding, mode))
    assert_close(dx, reference.pad_input_grad(dy, shape, padding, mode), terms=27)
    if mode != "constant":
        check_adjoint(dy, y, dx, x, terms=27)


@st.composite
def resizes(draw):
    """(shape, sizes, scales, mode, align_corners)."""
    axes = draw(st.integers(1, 3))
    mode = draw(st.sampled_from(("nearest", ("linear", "bilinear", "trilinear")[axes - 1])))
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *(draw(sizes) for _ in range(axes)))
    aligned = None if mode == "nearest" else draw(st.booleans())
    if draw(st.booleans()):
        return shape, tuple(draw(sizes) for _ in range(axes)), None, mode, aligned
    scales = tuple(draw(st.sampled_from((0.5, 0.7, 1.0, 1.3, 2.0, 2.5))) for _ in range(axes))
    scales = tuple(max(scale, 1 / size) for scale, size in zip(scales, shape[2:], strict=True))
    return shape, None, scales, mode, aligned


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=100, deadline=None)
@given(case=resizes(), seed=st.integers(0, 2**16))
def test_upsampling_agrees_with_the_oracle(case, seed, dtype, device):
    shape, given_sizes, scales, mode, aligned = case
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape).astype(dtype)
    options = {"size": given_sizes, "scale_factor": scales, "mode": mode, "align_corners": aligned}
    result = given_sizes or [int(size * scale) for size, scale in zip(shape[2:], scales, strict=True)]
    used = scales or [None] * len(result)
    with gpuconv.use_device(device):
        y = gpuconv.to_host(gpuconv.upsample(gpuconv.to_device(x), **options))
        assert_close(y, reference.upsample(x, result, used, mode, aligned), terms=8)
        dy = rng.standard_normal(y.shape).astype(dtype)
        dx = gpuconv.to_host(gpuconv.upsample_input_grad(gpuconv.to_device(dy), shape, **options))
    assert_close(dx, reference.upsample_input_grad(dy, shape, used, mode, aligned), terms=216)
    if x.size:
        check_adjoint(dy, y, dx, x, terms=216)


@on_every_device
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    ("shape", "padding"), [((2, 9, 7, 7), (1, 2, 0, 3)), ((1, 19, 4, 5), (2, 2, 3, 1)), ((1, 2, 3, 40), (3, 1, 2, 1))]
)
def test_many_planes_and_long_rows_are_padded(shape, padding, mode, device, on):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    y = gpuconv.to_host(gpuconv.pad(gpuconv.to_device(x), padding, mode))
    assert np.array_equal(y, reference.pad(x, padding, mode))
    dx = gpuconv.pad_input_grad(gpuconv.to_device(y), shape, padding, mode)
    assert_close(dx, reference.pad_input_grad(y, shape, padding, mode), terms=27)


@on_every_device
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize(
    ("shape", "size"),
    [((2, 9, 3, 4), (6, 8)), ((1, 17, 5, 5), (15, 7)), ((1, 2, 9, 40), (18, 80)), ((1, 1, 20, 35), (7, 52))],
)
def test_many_planes_and_long_rows_are_resized(shape, size, mode, device, on):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    y = gpuconv.to_host(gpuconv.upsample(gpuconv.to_device(x), size, mode=mode))
    aligned, scales = (None if mode == "nearest" else False), [None, None]
    assert_close(y, reference.upsample(x, size, scales, mode, aligned), terms=8)
    dx = gpuconv.upsample_input_grad(gpuconv.to_device(y), shape, size, mode=mode)
    assert_close(dx, reference.upsample_input_grad(y, shape, scales, mode, aligned), terms=216)


@on_every_device
def test_many_axes_are_padded_in_passes(device, on):
    x = np.random.default_rng(0).standard_normal((2, 3, 2, 2, 3))
    padding = (1, 0, 0, 2, -1, 1, 1, 1, 0, 1)
    y = gpuconv.pad(gpuconv.to_device(x), padding, value=7)
    assert np.array_equal(gpuconv.to_host(y), reference.pad(x, padding, "constant", 7))
    dx = gpuconv.pad_input_grad(y, x.shape, padding)
    assert np.array_equal(
        gpuconv.to_host(dx), reference.pad_input_grad(gpuconv.to_host(y), x.shape, padding, "constant")
    )


@on_every_device
def test_special_values_are_copied(device, on):
    x = np.array([[-0.0, np.inf, np.nan, -np.inf]], np.float32)
    y = gpuconv.to_host(gpuconv.pad(gpuconv.to_device(x), (2, 2), "reflect"))
    assert np.array_equal(y, np.pad(x, ((0, 0), (2, 2)), "reflect"), equal_nan=True)
    assert np.signbit(y[0, 2])


@on_every_device
def test_nothing_to_pad_and_nothing_left(device, on):
    assert gpuconv.pad(gpuconv.to_device(np.ones(())), ()).shape == ()
    assert gpuconv.pad(gpuconv.to_device(np.ones((2, 3))), (-1, -2)).shape == (2, 0)
    full = gpuconv.pad(gpuconv.to_device(np.ones((2, 0))), (1, 2), value=3)
    assert gpuconv.to_host(full).tolist() == [[3, 3, 3]] * 2
    assert not gpuconv.to_host(gpuconv.pad_input_grad(gpuconv.to_device(np.ones((2, 0))), (2, 3), (-1, -2))).any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: gpuconv.pad(x, (1,)), ValueError, "padding has 1 amounts, expected pairs for at most 4 axes"),
        (lambda x: gpuconv.pad(x, (1, 1) * 5), ValueError, "padding has 10 amounts"),
        (lambda x: gpuconv.pad(x, 1), TypeError, "padding is 1, expected a sequence"),
        (lambda x: gpuconv.pad(x, (1, 0.5)), TypeError, r"padding\[1\] is 0.5, expected an integer"),
        (lambda x: gpuconv.pad(x, (1, 1), "edge"), ValueError, "mode is 'edge', expected one of 'constant'"),
        (lambda x: gpuconv.pad(x, (1, 1), "reflect"), ValueError, "padding has 2 amounts for 4 dimensions"),
        (lambda x: gpuconv.pad(x[0], (4, 1), "reflect"), ValueError, r"axis 2 is \(4, 1\), expected at most 3"),
        (lambda x: gpuconv.pad(x[0], (5, 1), "circular"), ValueError, r"axis 2 is \(5, 1\), expected at most 4"),
        (lambda x: gpuconv.pad(x, (-3, -2)), ValueError, r"axis 3 is \(-3, -2\), which leaves -1 of 4"),
        (lambda x: gpuconv.pad(x[0], (-4, 0), "replicate"), ValueError, "leaves 0 of 4, expected at least 1"),
        (lambda x: gpuconv.pad(x[0], (1, 1), "replicate", 0), ValueError, "value is 0, expected None"),
        (lambda x: gpuconv.pad_input_grad(x, (1, 2, 3, 3), (1, 1)), ValueError, r"dy has shape .* \(1, 2, 3, 5\)"),
        (lambda x: gpuconv.upsample(x), ValueError, "size is None and scale_factor is None, expected one"),
        (lambda x: gpuconv.upsample(x, 2, 2.0), ValueError, "size is 2 and scale_factor is 2.0"),
        (lambda x: gpuconv.upsample(x, (2, 2, 2)), ValueError, r"size is \(2, 2, 2\), expected a number or 2 of them"),
        (lambda x: gpuconv.upsample(x, 0), ValueError, r"size\[0\] is 0, expected at least 1"),
        (lambda x: gpuconv.upsample(x, None, 0.1), ValueError, "scale_factor is 0.1, expected 1 <= 3 * "),
        (lambda x: gpuconv.upsample(x, None, float("inf")), ValueError, "scale_factor is inf"),
        (lambda x: gpuconv.upsample(x, 2, None, "linear"), ValueError, "x has 4 dimensions, mode 'linear' expects 3"),
        (lambda x: gpuconv.upsample(x, 2, None, "cubic"), ValueError, "mode is 'cubic', expected one of"),
        (lambda x: gpuconv.upsample(x, 2, None, "nearest", False), ValueError, "align_corners is False"),
        (lambda x: gpuconv.upsample(x, 2, None, "bilinear", 1), TypeError, "align_corners is 1, expected True"),
        (lambda x: gpuconv.upsample(x[:, :, :0], 2), ValueError, r"x.shape\[2\] is 0, expected at least 1"),
        (lambda x: gpuconv.upsample_input_grad(x, (1, 2, 3, 3), 5), ValueError, r"dy has shape .* \(1, 2, 5, 5\)"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((1, 2, 3, 4)))


@pytest.mark.parametrize("planes", [1, 3, 16, 21])
@pytest.mark.parametrize("size", [(2, 3), (4, 4), (7, 5), (9, 20), (33, 17)])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_planes_of_any_number_and_size_are_resized_alike(planes, size, mode):
    x = np.random.default_rng(planes).standard_normal((1, planes, *size)).astype(np.float32)
    result = size[0] * 2 + 1, max(size[1] * 5 // 3, 1)
    y = gpuconv.upsample(x, result, mode=mode)
    assert_close(y, reference.upsample(x, result, [None, None], mode, False), terms=4)
    dx = gpuconv.upsample_input_grad(y, x.shape, result, mode=mode)
    check_adjoint(y, y, dx, x, terms=4)
    # infinity stays where it has a share
    indicator = np.zeros_like(x)
    indicator[0, planes // 2, 1, 1], x[0, planes // 2, 1, 1] = 1, np.inf
    share = reference.upsample(indicator, result, [None, None], mode, False)
    assert np.array_equal(np.isposinf(gpuconv.upsample(x, result, mode=mode)), share > 0)
