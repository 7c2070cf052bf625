"""conv1d, conv3d and the transposed convolutions against the oracle, their adjoints and finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.kernels.conv import volumes as by_frames
from gpuconv.kernels.conv.cpu import frames
from gpuconv.testing import assert_close, check_adjoint, check_gradients
from tests import reference
from tests.devices import EMULATED, on_every_device
from tests.strategies import volumes

EXAMPLES = 5 if EMULATED else 100
NAMES = [("conv1d", 1), ("conv3d", 3), ("conv_transpose1d", 1), ("conv_transpose2d", 2), ("conv_transpose3d", 3)]
on_every_function = pytest.mark.parametrize(("name", "rank"), NAMES)


def _passes(name):
    """The four functions of an operation."""
    return [getattr(gpuconv, name + suffix) for suffix in ("", "_input_grad", "_weight_grad", "_bias_grad")]


def _oracle(name):
    kind = "conv_transpose_nd" if "transpose" in name else "conv_nd"
    return [getattr(reference, kind + suffix) for suffix in ("", "_input_grad", "_weight_grad")]


def _arrays(name, case, dtype, seed=0):
    """Random x, w, b and dy."""
    x_shape, w_shape, _, spelt_out = case
    rng = np.random.default_rng(seed)
    x, w = (rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape))
    y = _oracle(name)[0](x, w, None, **spelt_out)
    b, dy = (rng.standard_normal(shape).astype(dtype) for shape in (y.shape[1], y.shape))
    return x, w, b, dy


def _compare(name, case, dtype, device, seed=0):
    """All passes of one geometry against the oracle."""
    x_shape, w_shape, options, spelt_out = case
    x, w, b, dy = _arrays(name, case, dtype, seed)
    conv, input_grad, weight_grad, bias_grad = _passes(name)
    with gpuconv.use_device(device):
        xd, wd, bd, dyd = map(gpuconv.to_device, (x, w, b, dy))
        results = [
            conv(xd, wd, bd, **options),
            input_grad(dyd, wd, x_shape, **options),
            weight_grad(xd, dyd, w_shape, **options),
            bias_grad(dyd),
        ]
    channels, filters = w[0].size, w[:, 0].size
    sums = (filters, channels, x[:, 0].size) if "transpose" in name else (channels, filters, dy[:, 0].size)
    arguments = [(x, w, b), (dy, w, x_shape), (x, dy, w_shape)]
    for result, oracle, given_, terms in zip(results[:3], _oracle(name), arguments, sums, strict=True):
        _agree(result, oracle, given_, spelt_out, terms)
    _agree(results[3], reference.conv_nd_bias_grad, (dy,), {}, dy[:, 0].size)


def _agree(actual, oracle, arguments, options, terms):
    """Compare with the oracle; the same sums over squares say how large their terms were."""
    squares = [a.astype(np.float64) ** 2 if isinstance(a, np.ndarray) else a for a in arguments]
    magnitude = np.sqrt(oracle(*squares, **options))
    assert_close(actual, oracle(*arguments, **options), terms=terms, magnitude=magnitude)


@on_every_device
@on_every_function
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**16), dtype=st.sampled_from((np.float32, np.float64)))
def test_random_geometries_agree_with_the_oracle(name, rank, data, seed, dtype, device):
    _compare(name, data.draw(volumes(rank, "transpose" in name)), dtype, device, seed)


@pytest.mark.parametrize("name", ["conv3d", "conv_transpose3d"])
@settings(max_examples=60, deadline=None)
@given(
    data=st.data(), seed=st.integers(0, 2**16), chunk=st.sampled_from((1, 1000, 5000)), copy=st.sampled_from((0, 1e9))
)
def test_chunks_of_a_few_images_and_runs_of_a_few_frames_agree_too(name, data, seed, chunk, copy):
    """Small problems are computed whole; here they are cut up, and with zeros in the padding's place or without."""
    _forget_runs()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "CHUNK_BYTES", chunk)
        patch.setattr(by_frames, "WEIGHT_COPY_PRODUCTS", copy)
        _compare(name, data.draw(volumes(3, "transpose" in name)), np.float32, "cpu", seed)
    _forget_runs()


def _forget_runs():
    by_frames._forward_runs.cache_clear()
    by_frames._input_grad_runs.cache_clear()


AWKWARD = {
    "one frame under three taps": ((2, 2, 1, 4, 4), (3, 2, 3, 2, 2), {"padding": ((1, 1), (0, 0), (0, 0))}),
    "taps over the whole depth": ((2, 2, 4, 3, 3), (3, 2, 4, 2, 2), {}),
    "outputs that see padding alone": ((1, 2, 2, 3, 3), (2, 2, 2, 1, 2), {"padding": ((4, 5), (0, 0), (0, 1))}),
    "stride past the kernel": ((1, 2, 7, 5, 5), (2, 2, 2, 1, 1), {"stride": (4, 3, 2)}),
    "stride and dilation with a common divisor": (
        (1, 2, 9, 3, 3), (2, 2, 3, 2, 2), {"stride": (4, 1, 1), "dilation": (2, 1, 1)},
    ),
    "dilation past the volume": (
        (1, 1, 3, 3, 3), (2, 1, 2, 2, 2), {"dilation": (5, 1, 1), "padding": ((3, 3), (0, 0), (0, 0))},
    ),
    "one tap": ((2, 3, 4, 3, 5), (4, 3, 1, 1, 1), {}),
    "taps of the depth alone": ((2, 3, 4, 3, 5), (4, 3, 3, 1, 1), {"padding": ((1, 1), (0, 0), (0, 0))}),
    "taps of the image alone": ((2, 3, 3, 4, 5), (4, 3, 1, 3, 3), {"padding": ((0, 0), (1, 1), (1, 1))}),
    "depthwise": ((2, 4, 3, 4, 4), (4, 1, 3, 3, 3), {"groups": 4, "padding": ((1, 1),) * 3}),
    "depthwise with two filters a channel": ((1, 2, 3, 3, 3), (4, 1, 2, 2, 2), {"groups": 2}),
    "empty batch": ((0, 2, 3, 3, 3), (3, 2, 2, 2, 2), {}),
}  # fmt: skip


@on_every_device
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_volumes_agree_with_the_oracle(name, device):
    x_shape, w_shape, change = AWKWARD[name]
    options = {"stride": (1,) * 3, "padding": ((0, 0),) * 3, "dilation": (1,) * 3, "groups": 1, **change}
    _compare("conv3d", (x_shape, w_shape, options, options), np.float32, device)


@on_every_device
@pytest.mark.parametrize(
    "change",
    [
        {"output_padding": (1, 1), "dilation": (2, 3)},  # with stride 1: positions that no window reaches
        {"output_padding": (2, 0), "stride": (3, 2)},
        {"padding": ((4, 0), (1, 3)), "stride": (2, 2)},
        {"stride": (4, 5)},
        {"groups": 2, "padding": ((1, 1), (1, 1))},
    ],
)
def test_awkward_transposed_convolutions_agree_with_the_oracle(change, device):
    options = {"stride": (1, 1), "padding": ((0, 0),) * 2, "dilation": (1, 1), "groups": 1, "output_padding": (0, 0)}
    options |= change
    _compare("conv_transpose2d", ((2, 4, 4, 3), (4, 2, 3, 3), options, options), np.float32, device)


@on_every_device
@on_every_function
@settings(max_examples=max(5, EXAMPLES // 3), deadline=None)
@given(data=st.data())
def test_the_gradients_are_adjoints(name, rank, data, device):
    """<conv(x, w), dy> = <x, dgrad(dy, w)> = <w, wgrad(x, dy)>."""
    case = data.draw(volumes(rank, "transpose" in name))
    x_shape, w_shape, options, _ = case
    conv, input_grad, weight_grad, _ = _passes(name)
    with gpuconv.use_device(device):
        x, w, _, dy = map(gpuconv.to_device, _arrays(name, case, np.float64))
        y = conv(x, w, **options)
        assert check_adjoint(dy, y, input_grad(dy, w, x_shape, **options), x, terms=y.size) >= 0
        assert check_adjoint(dy, y, weight_grad(x, dy, w_shape, **options), w, terms=y.size) >= 0


@on_every_device
@on_every_function
def test_finite_differences(name, rank, device, on):
    transposed = "transpose" in name
    kw = {"stride": (2, 1, 2)[-rank:], "padding": ((1, 0), (2, 1), (0, 2))[-rank:], "groups": 2}
    kw["dilation"] = (1, 2, 1)[-rank:]
    if transposed:
        kw["output_padding"] = (1, 1, 0)[-rank:]
    rng = np.random.default_rng(0)
    shapes = (2, 4, *(4, 4, 5)[-rank:]), (4, 1 if transposed else 2, *(3, 2, 3)[-rank:]), (2 if transposed else 4,)
    conv, input_grad, weight_grad, bias_grad = _passes(name)
    report = check_gradients(
        lambda x, w, b: conv(x, w, b, **kw),
        lambda dy, x, w, b: (input_grad(dy, w, x.shape, **kw), weight_grad(x, dy, w.shape, **kw), bias_grad(dy)),
        *(gpuconv.to_device(rng.standard_normal(shape)) for shape in shapes),
    )
    assert (report.directions, report.kinks) == (12, 0)


@on_every_device
@pytest.mark.parametrize(("name", "rank"), NAMES[:2])
@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("leaky_relu", -0.5)])
def test_bias_activation_and_its_derivative_are_fused(name, rank, activation, slope, device, on):
    conv, input_grad, _, _ = _passes(name)
    kw = {"stride": 2, "padding": 1}
    spelt_out = {"stride": (2,) * rank, "padding": ((1, 1),) * rank, "dilation": (1,) * rank, "groups": 1}
    x, w, b, dy = _arrays(name, ((2, 3, *(4, 3, 5)[-rank:]), (4, 3, *(3, 2, 3)[-rank:]), kw, spelt_out), np.float32)
    fused = {**kw, "activation": activation, "negative_slope": slope}
    y = reference.leaky_relu(reference.conv_nd(x, w, b, **spelt_out), slope)
    delta = reference.leaky_relu_grad(reference.conv_nd_input_grad(dy, w, x.shape, **spelt_out), x, slope)
    x, w, b, dy = map(gpuconv.to_device, (x, w, b, dy))
    assert_close(conv(x, w, b, **fused), y, terms=w[0].size)
    assert_close(input_grad(dy, w, x.shape, **fused, pre_activation=x), delta, terms=w[0].size)


@on_every_device
def test_views_are_read_where_they_are(device, on):
    """Fortran order, negative strides, broadcasting: legal, and right."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((4, 3, 3, 2, 1)).T, rng.standard_normal((2, 2, 2, 2, 2))[:, :, ::-1]
    x = np.broadcast_to(x, (2, *x.shape[1:]))
    expected = reference.conv_nd(x, w, None, (1,) * 3, ((0, 0),) * 3, (1,) * 3, 1)
    assert_close(gpuconv.conv3d(gpuconv.to_device(x), gpuconv.to_device(w)), expected, terms=16)


@on_every_device
@on_every_function
def test_out_is_filled_and_the_same_call_gives_the_same_bits(name, rank, device, on):
    case = (2, 4, *(3, 4, 5)[-rank:]), (4, 2, *(2, 3, 2)[-rank:]), {}, _spelt_out(name, rank)
    if "transpose" not in name:
        case = case[0], (4, 4, *case[1][2:]), *case[2:]
    x, w, b, dy = map(gpuconv.to_device, _arrays(name, case, np.float32))
    conv, input_grad, weight_grad, bias_grad = _passes(name)
    for run in (
        lambda **kw: conv(x, w, b, **kw),
        lambda **kw: input_grad(dy, w, x.shape, **kw),
        lambda **kw: weight_grad(x, dy, w.shape, **kw),
        lambda **kw: bias_grad(dy, **kw),
    ):
        first = run()
        out = gpuconv.to_device(np.full(first.shape, np.nan, np.float32))
        assert run(out=out) is out
        assert gpuconv.to_host(out).tobytes() == gpuconv.to_host(first).tobytes()


def _spelt_out(name, rank):
    options = {"stride": (1,) * rank, "padding": ((0, 0),) * rank, "dilation": (1,) * rank, "groups": 1}
    return {**options, "output_padding": (0,) * rank} if "transpose" in name else options
