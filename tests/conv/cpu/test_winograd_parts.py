"""The parts of Winograd's algorithm on the CPU: taps, tiles, transforms, and the cost model that selects it."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu import cost_model
from gpuconv.kernels.conv.cpu.winograd import taps as winograd_taps
from gpuconv.kernels.conv.cpu.winograd import tiles as winograd_tiles
from gpuconv.kernels.conv.cpu.winograd import transforms as winograd_transforms
from gpuconv.kernels.conv.cpu.winograd.transforms import INPUT, TILE_SIDE, gather_sandwich, sandwich, scatter_sandwich
from gpuconv.kernels.cpu import registers
from gpuconv.testing import assert_close
from tests import reference
from tests.strategies import winograd_convolutions

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
PASSES = ("fprop", "dgrad", "wgrad")
FILTER_MATRICES, OUTPUT_MATRICES = (
    [matrix(taps) for taps in winograd_taps.PHASE_TAPS]
    for matrix in (winograd_transforms.filter_matrix, winograd_transforms.output_matrix)
)


def _geometry(x_shape, w_shape, **options):
    return conv_shape("test", x_shape, w_shape, **options)


def _supports(taps, across=None, **options):
    groups = options.get("groups", 1)
    return winograd_taps.supports(_geometry((1, 4, 30, 30), (4, 4 // groups, taps, across or taps), **options))


@pytest.mark.parametrize(("stride", "taps"), [(1, [3, 5]), (2, [5, 9]), (3, [])])
def test_odd_kernels_whose_phases_have_three_or_five_taps_are_supported(stride, taps):
    assert [r for r in range(1, 14) if _supports(r, stride=stride)] == taps


def test_dilation_and_groups_are_supported_but_no_dilation_of_a_stride():
    for taps in (3, 5):
        for dilation in (2, (1, 2), (7, 3)):
            assert _supports(taps, dilation=dilation)
            assert not _supports(taps, dilation=dilation, stride=2)
        assert _supports(taps, groups=2)
        assert not _supports(taps, 8 - taps)
    assert not _supports(5, stride=(1, 2))
    assert not _supports(5, stride=(2, 1))


def _correlated(x, w, correlation, table, size, swapped):
    """What the tables say: y[k] = sum_{c, phase, t} w[k, c, table[phase, t]] x[c, the phase's elements moved by t]."""
    taps, reads, writes, top, left, groups, *dilation = correlation
    if groups > 1:  # one group after the other
        parts = (np.split(x, groups, 1), np.split(w, groups))
        alone = correlation._replace(groups=1)
        return np.concatenate([_correlated(*pair, alone, table, size, swapped) for pair in zip(*parts, strict=True)], 1)
    y = np.zeros((len(x), w.shape[swapped], *size))
    for phase, t in np.ndindex(*table.shape):
        if table[phase, t] < 0:
            continue
        read, write = divmod(phase, writes * writes)
        (u, v), (a, b), (i, j) = divmod(read, reads), divmod(write, writes), divmod(t, taps)
        factors = w.reshape(*w.shape[:2], -1)[:, :, table[phase, t]]
        factors = factors.T if swapped else factors
        for p, q in itertools.product(range(a, size[0], writes), range(b, size[1], writes)):
            row = (p // writes + i * dilation[0]) * reads + u + top
            column = (q // writes + j * dilation[1]) * reads + v + left
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                y[:, :, p, q] += x[:, :, row, column] @ factors.T
    return y


@settings(max_examples=150, deadline=None)
@given(case=winograd_convolutions(largest=8), seed=st.integers(0, 2**16))
def test_the_correlations_of_phases_are_the_convolution(case, seed):
    """Both passes, without a transform: whole numbers, so that not a bit may differ."""
    x_shape, w_shape, options, spelt_out = case
    groups = options["groups"]
    x_shape, w_shape = (x_shape[0], 2 * groups, *x_shape[2:]), (3 * groups, 2, *w_shape[2:])
    g, rng = _geometry(x_shape, w_shape, **options), np.random.default_rng(seed)
    x, w, dy = (rng.integers(-9, 10, shape).astype(float) for shape in (x_shape, w_shape, g.y_shape))
    y = _correlated(x, w, *winograd_taps.fprop_taps(g), g.y_shape[2:], False)
    np.testing.assert_array_equal(y, reference.conv2d(x, w, None, **spelt_out))
    dx = _correlated(dy, w, *winograd_taps.dgrad_taps(g), x_shape[2:], True)
    np.testing.assert_array_equal(dx, reference.conv2d_input_grad(dy, w, x_shape, **spelt_out))


@settings(max_examples=200, deadline=None)
@given(
    n=st.integers(1, 30), size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    taps=st.sampled_from(winograd_taps.PHASE_TAPS), tiles=st.integers(1, 300), multiple=st.sampled_from((1, 8, 32)),
)  # fmt: skip
def test_tasks_cover_every_row_of_tiles_once_and_have_room_for_them(n, size, taps, tiles, multiple):
    correlation = winograd_taps.PhaseCorrelation(taps, 1, 1, 0, 0)
    g, offsets = winograd_tiles.cut((n, 3, 9, 9), size, correlation, tiles, multiple, 16)
    covered = []
    for task in range(winograd_tiles.task_count(g)):
        first, images, top, end = winograd_tiles.task_bounds(g, task)
        assert images * (end - top) * g.across <= g.count
        covered += itertools.product(range(first, first + images), range(top, end))
    assert covered == list(itertools.product(range(n), range(g.down)))
    assert (g.down - 1) * g.edge < size[0] <= g.down * g.edge
    assert (g.across - 1) * g.edge < size[1] <= g.across * g.edge
    assert g.count % multiple == 0
    assert g.images * g.rows * g.across <= max(tiles, g.across)
    assert len(offsets.inputs) == len(offsets.outputs) == g.count
    # Each tile's inputs and outputs lie inside the planes, fill-ups included.
    assert offsets.inputs.max() + (TILE_SIDE - 1) * (g.width + 1) < winograd_tiles.plane_size(g)
    assert offsets.outputs.max() + (g.edge - 1) * (g.edge * g.across + 1) < winograd_tiles.output_size(g)


@pytest.mark.parametrize("taps", winograd_taps.PHASE_TAPS)
def test_the_matrices_correlate_along_an_axis(taps):
    rng, outputs = np.random.default_rng(0), winograd_transforms.outputs_of(taps)
    w, d = rng.standard_normal(taps), rng.standard_normal(TILE_SIDE)
    products = (np.array(winograd_transforms.filter_matrix(taps)) @ w) * (np.array(INPUT) @ d)
    y = np.array(winograd_transforms.output_matrix(taps)) @ products
    assert_close(y, np.correlate(d, w), terms=taps, algorithm="winograd")
    assert y.size == outputs


def _transposes(matrices):
    return [*matrices, *map(winograd_transforms.transposed, matrices)]


def _vectors(rng, dtype, side):
    """side x side vectors, and the same as (i, j, lane) in float64."""
    x = rng.standard_normal((side, side, registers.lanes(dtype))).astype(dtype)
    return x.ravel(), x.astype(np.float64)


def _product(matrix, x):
    """M X M^T of each lane."""
    return np.einsum("ia,abl,jb->ijl", matrix, x, matrix)


@DTYPES
@pytest.mark.parametrize("matrix", _transposes(FILTER_MATRICES))
def test_vectors_are_transformed(matrix, dtype):
    transform, lanes = sandwich(matrix), registers.lanes(dtype)
    x, expected = _vectors(np.random.default_rng(0), dtype, len(matrix[0]))

    @numba.njit
    def run(x, y):
        transform(x, 0, lanes, y, 3, lanes + 2)

    y = np.full((len(matrix) ** 2, lanes + 2), np.nan, dtype)
    flat = np.append([np.nan] * 3, y).astype(dtype)
    run(x, flat)
    y = flat[3:].reshape(y.shape)
    found = y[:, :lanes].reshape(len(matrix), len(matrix), lanes)
    assert_close(found, _product(matrix, expected), terms=len(matrix[0]) ** 2, algorithm="winograd")
    assert np.isnan(y[:, lanes:]).all()


@DTYPES
@pytest.mark.parametrize("matrix", [INPUT, *map(winograd_transforms.transposed, OUTPUT_MATRICES)])
def test_tiles_are_gathered_and_transformed(matrix, dtype):
    transform, lanes, side = gather_sandwich(matrix), registers.lanes(dtype), len(matrix[0])
    rng, pitch = np.random.default_rng(0), 40
    image = rng.standard_normal((30, pitch)).astype(dtype)
    rows, columns = rng.integers(0, 30 - side, lanes), rng.integers(0, pitch - side - 2, lanes)
    offsets = np.append([0, 0], rows * pitch + columns - 5).astype(np.int32)

    @numba.njit
    def run(x, offsets, y):
        transform(x, 5, offsets, 2, pitch, y, 0, lanes)

    y = np.full(len(matrix) ** 2 * lanes, np.nan, dtype)
    run(image.ravel(), offsets, y)
    tiles = [image[i : i + side, j : j + side] for i, j in zip(rows, columns, strict=True)]
    expected = _product(matrix, np.stack(tiles, 2).astype(np.float64))
    assert_close(y.reshape(expected.shape), expected, terms=side**2, algorithm="winograd")


@DTYPES
@pytest.mark.parametrize("taps", winograd_taps.PHASE_TAPS)
def test_tiles_are_transformed_and_scattered(taps, dtype):
    matrix = winograd_transforms.output_matrix(taps)
    transform, lanes, edge = scatter_sandwich(matrix), registers.lanes(dtype), len(matrix)
    x, expected = _vectors(np.random.default_rng(0), dtype, TILE_SIDE)
    pitch, rows = 3 * edge + 1, -(-lanes // 3) * edge
    corners = [(tile // 3 * edge, tile % 3 * edge) for tile in range(lanes)][::-1]
    offsets = np.array([0, *(i * pitch + j for i, j in corners)], np.int32)

    @numba.njit
    def run(x, y, offsets):
        transform(x, 0, lanes, y, offsets, 1, pitch)

    y, wanted = np.full((rows, pitch), np.nan, dtype), np.full((rows, pitch), np.nan)
    run(x, y.reshape(-1), offsets)
    for lane, (i, j) in enumerate(corners):
        wanted[i : i + edge, j : j + edge] = _product(matrix, expected)[:, :, lane]
    assert_close(y, wanted, terms=TILE_SIDE**2, algorithm="winograd")


PASSED = {name: True for name in PASSES}


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "padding", "quicker"),
    [
        ((64, 16, 32, 32), (16, 16, 3, 3), 1, {"fprop": True, "dgrad": True, "wgrad": False}),
        ((8, 32, 56, 56), (32, 32, 3, 3), 1, PASSED),
        ((8, 16, 24, 240), (32, 16, 3, 3), 1, {"wgrad": True}),
        ((64, 3, 32, 32), (16, 3, 3, 3), 1, {"wgrad": False}),
        ((8, 512, 14, 14), (48, 512, 5, 5), 2, {"wgrad": True}),
    ],
)
def test_costs_choose_what_was_measured_to_be_quicker(x_shape, w_shape, padding, quicker):
    g = _geometry(x_shape, w_shape, padding=padding)
    assert {name: cost_model.is_profitable("winograd", g, name, np.float32) for name in quicker} == quicker


@settings(max_examples=200, deadline=None)
@given(
    n=st.integers(0, 64), channels=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    size=st.tuples(st.integers(9, 60), st.integers(9, 60)), taps=st.integers(1, 9), stride=st.integers(1, 3),
    dilation=st.integers(1, 2), padding=st.integers(0, 3),
)  # fmt: skip
def test_the_choice_depends_on_the_geometry_alone_and_is_supported(n, channels, size, taps, stride, dilation, padding):
    c, k = channels
    dilation = dilation if dilation * (taps - 1) < min(size) else 1
    options = {"stride": stride, "dilation": dilation, "padding": padding}
    g, again = (_geometry((n, c, *size), (k, c, taps, taps), **options) for _ in range(2))
    for name in PASSES:
        chosen = cost_model.is_profitable("winograd", g, name, np.float32)
        cost_model._winograd.cache_clear()
        assert cost_model.is_profitable("winograd", again, name, np.float32) == chosen
        large = g.n * g.p * g.q * g.c * g.k >= cost_model.WINOGRAD_MIN_PRODUCTS
        assert not chosen or (winograd_taps.supports(g) and large)


@pytest.mark.parametrize(("images", "chosen"), [(16, False), (17, True)])
def test_small_problems_are_direct(images, chosen):
    """Below WINOGRAD_MIN_PRODUCTS multiplications for each tap."""
    g = _geometry((images, 16, 32, 32), (16, 16, 3, 3), padding=1)
    assert (g.n * g.p * g.q * g.c * g.k >= cost_model.WINOGRAD_MIN_PRODUCTS) == chosen
    assert [cost_model.is_profitable("winograd", g, name, np.float32) for name in PASSES[:2]] == [chosen] * 2
    assert not any(cost_model.is_profitable("winograd", g, name, np.float64) for name in PASSES)
