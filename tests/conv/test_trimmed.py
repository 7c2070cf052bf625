"""Taps that meet padding alone: dropped, whatever the dilation, with the results of the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.core.device import kernels_for
from gpuconv.kernels.conv.trimmed import axis_taps, trim
from tests import reference
from tests.conv.against_oracle import compare
from tests.devices import on_every_device


@st.composite
def axes(draw):
    """(size, taps, stride, padding, dilation) of an axis on which taps often meet padding alone."""
    size, taps, stride = draw(st.integers(1, 7)), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    dilation = draw(st.sampled_from((1, 1, 2, 3, 5, 9, 20)))
    reach = dilation * (taps - 1) + 1
    pad_before = draw(st.integers(0, min(reach + 3, 40)))
    least = max(0, reach - size - pad_before)
    return size, taps, stride, (pad_before, draw(st.integers(least, least + 9))), dilation


@st.composite
def padded_convolutions(draw):
    """A case as `compare` takes it."""
    rows, columns = draw(axes()), draw(axes())
    groups = draw(st.sampled_from((1, 1, 2)))
    c, k = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 5))
    (h, r, *down), (w, s, *across) = rows, columns
    options = dict(zip(("stride", "padding", "dilation"), zip(down, across, strict=True), strict=True))
    options["groups"] = groups
    return (draw(st.integers(1, 2)), c, h, w), (k, c // groups, r, s), options, options


@on_every_device
@settings(max_examples=150, deadline=None)
@given(case=padded_convolutions(), seed=st.integers(0, 2**16))
def test_results_are_those_of_all_taps(case, seed, device):
    compare(case, np.float32, device, seed)


@on_every_device
@settings(max_examples=40, deadline=None)
@given(case=padded_convolutions(), data=st.data())
def test_every_algorithm_gives_them(case, data, device):
    x_shape, w_shape, options, _ = case
    shape = conv_shape("conv2d", x_shape, w_shape, **options)
    with gpuconv.use_device(device):
        like = gpuconv.to_device(np.zeros(1, np.float32))
        kernels = kernels_for(like).conv
        able = [set(kernels.algorithms(shape, operation, like)) for operation in ("fprop", "dgrad", "wgrad")]
    compare(case, np.float32, device, algorithm=data.draw(st.sampled_from(sorted(set.intersection(*able)))))


@given(axis=axes())
def test_an_axis_keeps_what_reads_it_and_nothing_outside(axis):
    """Against the definition: tap t of window i reads i stride + t dilation - pad."""
    size, taps, stride, (pad_before, pad_after), dilation = axis
    windows = (size + pad_before + pad_after - dilation * (taps - 1) - 1) // stride + 1
    kept = axis_taps(size, windows, taps, stride, pad_before, pad_after, dilation)

    def reads(tap):
        found = [(i, i * stride + tap * dilation - pad_before) for i in range(windows)]
        return [(i, position) for i, position in found if 0 <= position < size]

    reading = [tap for tap in range(taps) if reads(tap)]
    if reading:
        assert (kept.first, kept.first + kept.count - 1) == (reading[0], reading[-1])
    else:
        assert kept.count == 1
    # the kept taps read the same positions
    for tap in range(kept.count):
        found = [(i, i * kept.stride + tap * kept.dilation - kept.pad_before) for i in range(windows)]
        inside = [(i, position) for i, position in found if 0 <= position < size]
        assert inside == (reads(kept.first + tap) if reading else [])
    # and there are as many windows
    assert (
        size + kept.pad_before + kept.pad_after - kept.dilation * (kept.count - 1) - 1
    ) // kept.stride + 1 == windows


@on_every_device
@pytest.mark.parametrize("dilation", [64, 2**14, 2**18])
def test_dilation_costs_nothing(dilation, device):
    """Only the middle tap reads the image: a pointwise convolution with its weights."""
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((1, 2, 6, 6), (3, 2, 3, 3)))
    options = {"padding": dilation, "dilation": dilation}
    assert trim(conv_shape("conv2d", x.shape, w.shape, **options)).shape.w_shape == (3, 2, 1, 1)
    with gpuconv.use_device(device):
        y = gpuconv.conv2d(x, w, **options)
        dx = gpuconv.conv2d_input_grad(y, w, x.shape, **options)
        dw = gpuconv.conv2d_weight_grad(x, y, w.shape, **options)
    middle = np.ascontiguousarray(w[:, :, 1:2, 1:2])
    expected = reference.conv2d(x, middle, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(dx, np.einsum("nkij,kc->ncij", expected, middle[:, :, 0, 0]))
    np.testing.assert_array_equal(dw[:, :, 1, 1], np.einsum("nkij,ncij->kc", expected, x))
    dw[:, :, 1, 1] = 0
    assert not dw.any()


@on_every_device
@pytest.mark.parametrize("rank", [1, 3])
def test_lines_and_volumes_drop_them_too(rank, device):
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((1, 2) + (4,) * rank, (3, 2) + (3,) * rank))
    conv = {1: gpuconv.conv1d, 3: gpuconv.conv3d}[rank]
    with gpuconv.use_device(device):
        y = conv(x, w, padding=2**14, dilation=2**14)
    middle = w[(..., *(1,) * rank)]
    np.testing.assert_array_equal(y, np.einsum("nc...,kc->nk...", x, middle))


@on_every_device
@pytest.mark.parametrize("padding", [4, 16])
def test_16_bit_weights_are_cut_too(padding, device):
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-2, 3, shape).astype(np.float16) for shape in ((1, 8, 5, 5), (8, 8, 3, 3)))
    options = {"padding": padding, "dilation": padding}
    with gpuconv.use_device(device):
        y = gpuconv.conv2d(*map(gpuconv.to_device, (x, w)), **options)
        dw = gpuconv.conv2d_weight_grad(*map(gpuconv.to_device, (x, x)), w.shape, **options)
    spelt_out = (1, 1), ((padding, padding),) * 2, (padding, padding), 1
    np.testing.assert_array_equal(gpuconv.to_host(y), reference.conv2d(x, w, None, *spelt_out))
    np.testing.assert_array_equal(gpuconv.to_host(dw), reference.conv2d_weight_grad(x, x, w.shape, *spelt_out))
