"""Convolution and its gradients against the oracle, and against each other."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.kernels.cpu import parallel
from gpuconv.testing import assert_close, check_adjoint, check_gradients
from tests import reference
from tests.conv.against_oracle import arrays_of, compare
from tests.devices import on_every_device
from tests.strategies import convolutions

SYMMETRIC = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=300, deadline=None)
@given(case=convolutions(), seed=st.integers(0, 2**16))
def test_random_geometries_agree_with_the_oracle(case, seed, dtype, device):
    compare(case, dtype, device, seed)


@pytest.mark.parametrize("threads", [1, 2, 3])
@settings(max_examples=60, deadline=None)
@given(case=convolutions(), seed=st.integers(0, 2**16))
def test_threads_share_the_work_of_the_cpu_kernels(case, seed, threads):
    """Small problems run serial; here every one is cut into tasks for several threads."""
    previous = numba.get_num_threads()
    with parallel.share_everything():
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        try:
            compare(case, np.float32, "cpu", seed)
        finally:
            numba.set_num_threads(previous)


AWKWARD = {
    "one row": ((2, 3, 1, 9), (4, 3, 1, 3), {}),
    "one pixel": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "not square": ((2, 3, 4, 13), (5, 3, 3, 2), {}),
    "stride past the kernel": ((2, 3, 11, 12), (4, 3, 2, 2), {"stride": (4, 5)}),
    "one channel": ((3, 1, 8, 8), (5, 1, 3, 3), {}),
    "padding past the kernel": ((1, 2, 4, 4), (3, 2, 2, 2), {"padding": ((3, 4), (5, 2))}),
    "empty batch": ((0, 3, 5, 5), (4, 3, 3, 3), {}),
    "depthwise": ((2, 6, 7, 7), (6, 1, 3, 3), {"groups": 6, "padding": ((1, 1), (1, 1))}),
    "depthwise with two filters a channel": ((2, 4, 6, 6), (8, 1, 3, 3), {"groups": 4}),
    "pixels no window touches": ((1, 2, 10, 10), (3, 2, 2, 2), {"stride": (3, 3)}),
    "dilation past the image": ((1, 2, 3, 3), (3, 2, 2, 2), {"dilation": (5, 4), "padding": ((3, 3), (2, 2))}),
    "many filters": ((1, 17, 6, 6), (67, 17, 3, 3), {"padding": ((1, 1), (1, 1))}),
    "several channel blocks": ((1, 150, 7, 7), (20, 150, 3, 3), {"padding": ((1, 1), (1, 1))}),
    "enough for threads": ((9, 16, 24, 24), (24, 16, 3, 3), {"padding": ((1, 1), (1, 1))}),
    "1x1, small maps": ((3, 261, 4, 5), (38, 261, 1, 1), {}),
    "1x1, small maps, strided": ((2, 256, 5, 7), (300, 256, 1, 1), {"stride": (2, 3)}),
    "wide rows": ((1, 2, 3, 100), (3, 2, 3, 7), {"padding": ((1, 1), (3, 3))}),
}


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_geometries_agree_with_the_oracle(name, dtype, device):
    x_shape, w_shape, options = AWKWARD[name]
    spelt_out = {**SYMMETRIC, "padding": ((0, 0), (0, 0)), **options}
    compare((x_shape, w_shape, options, spelt_out), dtype, device)


@on_every_device
@settings(max_examples=100, deadline=None)
@given(case=convolutions())
def test_the_gradients_are_adjoints(case, device):
    """<conv(x, w), dy> = <x, dgrad(dy, w)> = <w, wgrad(x, dy)>."""
    x_shape, w_shape, options, _ = case
    with gpuconv.use_device(device):
        rng = np.random.default_rng(3)
        x, w = (gpuconv.to_device(rng.standard_normal(shape)) for shape in (x_shape, w_shape))
        y = gpuconv.conv2d(x, w, **options)
        dy = gpuconv.to_device(rng.standard_normal(y.shape))
        assert check_adjoint(dy, y, gpuconv.conv2d_input_grad(dy, w, x_shape, **options), x, terms=y.size) >= 0
        assert check_adjoint(dy, y, gpuconv.conv2d_weight_grad(x, dy, w_shape, **options), w, terms=y.size) >= 0


@on_every_device
@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("leaky_relu", 0.3), ("leaky_relu", -0.5)])
def test_bias_and_activation_are_fused(activation, slope, device, on):
    x, w, b, _ = (gpuconv.to_device(a) for a in arrays_of((2, 3, 6, 7), (5, 3, 3, 3), (1,), np.float32))
    y = gpuconv.conv2d(x, w, b, padding=1, activation=activation, negative_slope=slope)
    plain = reference.conv2d(*map(gpuconv.to_host, (x, w, b)), **SYMMETRIC)
    assert_close(y, reference.leaky_relu(plain, slope), terms=27)


@on_every_device
@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("leaky_relu", 0.3)])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_input_gradient_fuses_the_derivative(activation, slope, stride, device, on):
    """delta^l of equation (20)."""
    spelt_out = {**SYMMETRIC, "stride": (stride, stride)}
    x, w, _, _ = arrays_of((2, 3, 6, 7), (5, 3, 3, 3), (1,), np.float32)
    dy = np.random.default_rng(5).standard_normal(reference.conv2d(x, w, None, **spelt_out).shape).astype(np.float32)
    xd, wd, dyd = map(gpuconv.to_device, (x, w, dy))
    delta = gpuconv.conv2d_input_grad(
        dyd, wd, x.shape, stride=stride, padding=1, activation=activation, negative_slope=slope, pre_activation=xd
    )
    dx = reference.conv2d_input_grad(dy, w, x.shape, **spelt_out)
    assert_close(delta, reference.leaky_relu_grad(dx, x, slope), terms=45)


@on_every_device
def test_finite_differences(device, on):
    rng = np.random.default_rng(0)
    inputs = [gpuconv.to_device(rng.standard_normal(s)) for s in ((2, 4, 6, 5), (6, 2, 3, 2), (6,))]
    kw = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2), "groups": 2}
    report = check_gradients(
        lambda x, w, b: gpuconv.conv2d(x, w, b, **kw),
        lambda dy, x, w, b: (
            gpuconv.conv2d_input_grad(dy, w, x.shape, **kw),
            gpuconv.conv2d_weight_grad(x, dy, w.shape, **kw),
            gpuconv.conv2d_bias_grad(dy),
        ),
        *inputs,
    )
    assert report.directions == 12
    assert report.kinks == 0


@on_every_device
def test_views_are_read_where_they_are(device, on):
    """Fortran order, negative strides, broadcasting: legal, and right."""
    x, w, _, _ = arrays_of((2, 3, 6, 7), (5, 3, 3, 3), (1,), np.float32)
    xd, wd = gpuconv.to_device(x), gpuconv.to_device(w)
    flipped = gpuconv.conv2d(xd[:, :, ::-1, ::-1], wd[:, :, ::-1, ::-1], padding=1)
    assert_close(flipped, reference.conv2d(x[:, :, ::-1, ::-1], w[:, :, ::-1, ::-1], None, **SYMMETRIC), terms=27)
    transposed = gpuconv.conv2d(xd.transpose(0, 1, 3, 2), wd.transpose(0, 1, 3, 2), padding=1)
    expected = reference.conv2d(x.transpose(0, 1, 3, 2), w.transpose(0, 1, 3, 2), None, **SYMMETRIC)
    assert_close(transposed, expected, terms=27)


@on_every_device
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_windows(special, device, on):
    x, w, _, _ = arrays_of((1, 2, 9, 9), (3, 2, 3, 3), (1,), np.float32)
    x[0, 1, 4, 4] = special
    y = gpuconv.to_host(gpuconv.conv2d(gpuconv.to_device(x), gpuconv.to_device(w), algorithm="direct"))
    touched = np.zeros((7, 7), bool)
    touched[2:5, 2:5] = True
    assert not np.isfinite(y[:, :, touched]).any()
    assert np.isfinite(y[:, :, ~touched]).all()


@on_every_device
def test_out_is_filled_and_returned(device, on):
    x, w, _, _ = (gpuconv.to_device(a) for a in arrays_of((2, 3, 6, 7), (5, 3, 3, 3), (1,), np.float32))
    out = gpuconv.to_device(np.full((2, 5, 4, 5), np.nan, np.float32))
    assert gpuconv.conv2d(x, w, out=out) is out
    assert_close(out, gpuconv.conv2d(x, w), terms=27)


@on_every_device
def test_the_same_call_gives_the_same_bits(device, on):
    x, w, b, dy = (gpuconv.to_device(a) for a in arrays_of((5, 9, 11, 11), (13, 9, 3, 3), (5, 13, 9, 9), np.float32))
    for run in (
        lambda: gpuconv.conv2d(x, w, b),
        lambda: gpuconv.conv2d_input_grad(dy, w, x.shape),
        lambda: gpuconv.conv2d_weight_grad(x, dy, w.shape),
        lambda: gpuconv.conv2d_bias_grad(dy),
    ):
        first = gpuconv.to_host(run()).tobytes()
        assert all(gpuconv.to_host(run()).tobytes() == first for _ in range(3))
