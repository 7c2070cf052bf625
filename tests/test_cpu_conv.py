"""What only the CPU convolution has: the micro-kernel's panels, the choice of algorithm, bits that do not change."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.geometry import conv_geometry
from gpuconv.kernels.cpu import conv, conv_scatter, emitter, microkernel, transposing
from gpuconv.testing import assert_close
from tests import reference
from tests.strategies import convolutions

DTYPES = [np.float32, np.float64]
PASSES = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


@numba.njit
def multiply(a, b, starts, tile, offsets, c, accumulate):
    multiply_tile = microkernel.multiply_tile
    multiply_tile(a, 0, b, 0, starts, tile, offsets, offsets.size, c, 0, c.shape[1], accumulate)


@numba.njit
def multiply_gathered(a, start, rows, row, moves, step0, steps, b, c, accumulate):
    multiply = microkernel.multiply_gathered
    multiply(a, start, rows, row, moves, step0, steps, b, 0, c, 0, c.shape[1], accumulate)


@numba.njit
def add_dots(a, stride, b, starts, offsets, c, accumulate):
    dots = microkernel.add_dots
    dots(a, 0, stride, b, 0, starts, offsets, 0, starts.size, c, 0, c.shape[1], accumulate)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def threads():
    before = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tile_multiplies_panels(rng, dtype):
    steps, columns, lanes = 37, emitter.tile_columns(dtype), emitter.lanes(dtype)
    a, b = rng.standard_normal((steps, emitter.MR)).astype(dtype), rng.standard_normal((steps, 2 * columns))
    b = b.astype(dtype)
    starts = np.arange(0, 2 * columns, lanes, dtype=np.int32)
    offsets = (np.arange(steps) * 2 * columns).astype(np.int32)
    c = np.full((emitter.MR, columns), np.nan, dtype)
    for tile in range(2):
        expected = a.T.astype(np.float64) @ b[:, tile * columns : (tile + 1) * columns]
        multiply(a.ravel(), b.ravel(), starts, tile, offsets, c, False)
        assert_close(c, expected, terms=steps)
        multiply(a.ravel(), b.ravel(), starts, tile, offsets, c, True)
        assert_close(c, 2 * expected, terms=steps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tile_multiplies_a_matrix_read_where_it_lies(rng, dtype):
    steps, rows, columns = 23, 2 * emitter.MR, emitter.tile_columns(dtype)
    a, b = rng.standard_normal(999).astype(dtype), rng.standard_normal((steps, columns)).astype(dtype)
    places, moves = rng.integers(0, 400, rows, np.int32), rng.integers(0, 500, steps + 3, np.int32)
    c = np.full((emitter.MR, columns), np.nan, dtype)
    for row in (0, emitter.MR):
        unrolled = a[90 + places[row : row + emitter.MR, None] + moves[3:]]
        expected = unrolled.astype(np.float64) @ b
        for accumulate in (False, True):
            multiply_gathered(a, 90, places, row, moves, 3, steps, b.ravel(), c, accumulate)
            assert_close(c, (1 + accumulate) * expected, terms=steps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 7, 16, 33])
@pytest.mark.parametrize("columns", [1, 3, 4, 9, 16])
def test_transposing_moves_every_element_and_no_other(rng, dtype, rows, columns):
    source, target = rng.standard_normal(rows * 20 + 5).astype(dtype), np.full(columns * 40 + 7, np.nan, dtype)
    transposing.transpose(source, 5, 20, rows, columns, target, 7, 40)
    moved = target[7:].reshape(columns, 40)
    np.testing.assert_array_equal(moved[:, :rows], source[5:].reshape(rows, 20)[:, :columns].T)
    assert np.isnan(moved[:, rows:]).all()
    assert np.isnan(target[:7]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_dots_add_inner_products(rng, dtype):
    rows, columns, lanes = emitter.DOT_ROWS, emitter.DOT_COLUMNS, emitter.lanes(dtype)
    length = 5 * lanes
    a, b = rng.standard_normal((rows, length)).astype(dtype), rng.standard_normal((columns, length)).astype(dtype)
    before = rng.standard_normal((columns, rows)).astype(dtype)
    products = b.astype(np.float64) @ a.T
    starts = np.arange(0, length, lanes, dtype=np.int32)
    for accumulate, expected in ((True, before + products), (False, products)):
        c = before.copy()
        offsets = (np.arange(columns) * length).astype(np.int32)
        add_dots(a.ravel(), length, b.ravel(), starts, offsets, c, accumulate)
        assert_close(c, expected, terms=length)


def all_passes(x, w, dy, **options):
    return (
        gpuconv.conv2d(x, w, **options),
        gpuconv.conv2d_input_grad(dy, w, x.shape, **options),
        gpuconv.conv2d_weight_grad(x, dy, w.shape, **options),
    )


@pytest.mark.parametrize("algorithm", ["direct", "winograd"])
@pytest.mark.parametrize("count", [1, 2])
def test_same_bits_on_every_run(rng, threads, algorithm, count):
    if count > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("fewer cores than threads asked for")
    x, w, dy = (rng.standard_normal(shape, np.float32) for shape in ((9, 16, 13, 17), (20, 16, 3, 3), (9, 20, 13, 17)))
    threads(count)
    first = all_passes(x, w, dy, padding=1, algorithm=algorithm)
    for _ in range(3):
        for before, now in zip(first, all_passes(x, w, dy, padding=1, algorithm=algorithm), strict=True):
            np.testing.assert_array_equal(now, before)


def test_thread_count_changes_no_forward_bit(rng, threads):
    x, w = rng.standard_normal((8, 8, 20, 20), np.float32), rng.standard_normal((16, 8, 3, 3), np.float32)
    results = []
    for count in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        threads(count)
        results.append(gpuconv.conv2d(x, w, padding=1))
    for result in results:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("shape", [(1, 3, 5, 6), (17, 20, 9, 7), (2, 40, 33, 30)])
def test_algorithms_agree(rng, shape):
    n, c, h, w_ = shape
    x, w = rng.standard_normal(shape, np.float32), rng.standard_normal((13, c, 3, 3), np.float32)
    dy = rng.standard_normal((n, 13, h, w_ + 1), np.float32)
    options = {"padding": ((2, 0), (1, 2))}
    direct = all_passes(x, w, dy, algorithm="direct", **options)
    winograd = all_passes(x, w, dy, algorithm="winograd", **options)
    for one, other, terms in zip(direct, winograd, (9 * c, 9 * 13, n * h * w_), strict=True):
        assert_close(other, one, terms=terms, algorithm="winograd")


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(1, 40), st.integers(1, 14), st.integers(1, 14)),
    padding=st.tuples(*[st.tuples(st.integers(1, 4), st.integers(1, 4))] * 2),
    seed=st.integers(0, 2**16),
)
def test_winograd_agrees_with_the_oracle(shape, padding, seed):
    n, c, k, h, w_ = shape
    rng = np.random.default_rng(seed)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((n, c, h, w_), (k, c, 3, 3), (k,)))
    spelt_out = {"stride": (1, 1), "padding": padding, "dilation": (1, 1), "groups": 1}
    y_ref = reference.conv2d(x, w, b, **spelt_out)
    dy = rng.standard_normal(y_ref.shape).astype(np.float32)
    magnitude = np.sqrt(reference.conv2d(x**2, w**2, b**2, **spelt_out))
    y = gpuconv.conv2d(x, w, b, padding=padding, algorithm="winograd")
    assert_close(y, y_ref, terms=9 * c, algorithm="winograd", magnitude=magnitude)
    dx = gpuconv.conv2d_input_grad(dy, w, x.shape, padding=padding, algorithm="winograd")
    magnitude = np.sqrt(reference.conv2d_input_grad(dy**2, w**2, x.shape, **spelt_out))
    dx_ref = reference.conv2d_input_grad(dy, w, x.shape, **spelt_out)
    assert_close(dx, dx_ref, terms=9 * k, algorithm="winograd", magnitude=magnitude)
    dw = gpuconv.conv2d_weight_grad(x, dy, w.shape, padding=padding, algorithm="winograd")
    magnitude = np.sqrt(reference.conv2d_weight_grad(x**2, dy**2, w.shape, **spelt_out))
    dw_ref = reference.conv2d_weight_grad(x, dy, w.shape, **spelt_out)
    assert_close(dw, dw_ref, terms=dy[:, 0].size, algorithm="winograd", magnitude=magnitude)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=100, deadline=None)
@given(case=convolutions(), seed=st.integers(0, 2**16))
def test_scattering_agrees_with_the_oracle(dtype, case, seed):
    """The input gradient by scattering, on every geometry, whether it pays or not."""
    x_shape, w_shape, options, spelt_out = case
    rng = np.random.default_rng(seed)
    y_shape = conv_geometry("test", x_shape, w_shape, **options).y_shape
    dy, w, x = (rng.standard_normal(shape).astype(dtype) for shape in (y_shape, w_shape, x_shape))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv, "pays", lambda g: True)
        dx = gpuconv.conv2d_input_grad(dy, w, x_shape, **options)
        delta = gpuconv.conv2d_input_grad(dy, w, x_shape, **options, activation="relu", pre_activation=x)
    expected = reference.conv2d_input_grad(dy, w, x_shape, **spelt_out)
    magnitude = np.sqrt(reference.conv2d_input_grad(dy**2, w**2, x_shape, **spelt_out))
    assert_close(dx, expected, terms=w[:, 0].size, magnitude=magnitude)
    assert_close(delta, reference.relu_grad(expected, x), terms=w[:, 0].size, magnitude=magnitude)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=100, deadline=None)
@given(case=convolutions(), seed=st.integers(0, 2**16))
def test_lanes_of_filters_agree_with_the_oracle(dtype, case, seed):
    """All passes with filters as lanes, on every geometry of one group, whether they fill them or not."""
    x_shape, w_shape, options, spelt_out = case
    rng = np.random.default_rng(seed)
    y_shape = conv_geometry("test", x_shape, w_shape, **options).y_shape
    dy, w, x, b = (rng.standard_normal(shape).astype(dtype) for shape in (y_shape, w_shape, x_shape, w_shape[:1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv, "fills_lanes", lambda g, filters, dtype: g.groups == 1)
        patch.setattr(conv, "FEWEST", 0)
        patch.setattr(conv, "SCATTERED", 1 << 30)
        y = gpuconv.conv2d(x, w, b, **options, algorithm="direct")
        dx = gpuconv.conv2d_input_grad(dy, w, x_shape, **options, algorithm="direct")
        delta = gpuconv.conv2d_input_grad(dy, w, x_shape, **options, activation="relu", pre_activation=x)
        dw = gpuconv.conv2d_weight_grad(x, dy, w_shape, **options, algorithm="direct")
    magnitude = np.sqrt(reference.conv2d(x**2, w**2, b**2, **spelt_out))
    assert_close(y, reference.conv2d(x, w, b, **spelt_out), terms=w[0].size, magnitude=magnitude)
    expected = reference.conv2d_input_grad(dy, w, x_shape, **spelt_out)
    magnitude = np.sqrt(reference.conv2d_input_grad(dy**2, w**2, x_shape, **spelt_out))
    assert_close(dx, expected, terms=w[:, 0].size, magnitude=magnitude)
    assert_close(delta, reference.relu_grad(expected, x), terms=w[:, 0].size, magnitude=magnitude)
    magnitude = np.sqrt(reference.conv2d_weight_grad(x**2, dy**2, w_shape, **spelt_out))
    expected = reference.conv2d_weight_grad(x, dy, w_shape, **spelt_out)
    assert_close(dw, expected, terms=dy[:, 0].size, magnitude=magnitude)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_lanes_of_filters_over_several_strips_and_blocks(rng, stride, activation):
    """What is too large for the examples above: several strips, blocks of filters, and parts of the reduction."""
    x, w = rng.standard_normal((3, 37, 29, 23), np.float32), rng.standard_normal((71, 37, 3, 3), np.float32)
    b, options = rng.standard_normal(71, np.float32), {"stride": stride, "padding": 1}
    spelt_out = {"stride": (stride, stride), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    y = gpuconv.conv2d(x, w, b, **options, activation=activation, algorithm="direct")
    expected = reference.conv2d(x, w, b, **spelt_out)
    assert_close(y, np.maximum(expected, 0) if activation else expected, terms=w[0].size)
    dy = rng.standard_normal(y.shape, np.float32)
    dx = gpuconv.conv2d_input_grad(dy, w, x.shape, **options, algorithm="direct")
    assert_close(dx, reference.conv2d_input_grad(dy, w, x.shape, **spelt_out), terms=w[:, 0].size)
    dw = gpuconv.conv2d_weight_grad(x, dy, w.shape, **options, algorithm="direct")
    assert_close(dw, reference.conv2d_weight_grad(x, dy, w.shape, **spelt_out), terms=dy[:, 0].size)


def test_filters_are_lanes_where_they_fill_them():
    def fills(shape, w_shape, **options):
        return conv.fills_lanes(conv_geometry("test", shape, w_shape, **options), w_shape[0], np.float32)

    assert fills((8, 64, 14, 14), (64, 64, 3, 3), padding=1)
    assert not fills((8, 64, 14, 14), (5, 64, 3, 3), padding=1)
    assert not fills((8, 64, 14, 14), (64, 32, 3, 3), padding=1, groups=2)
    # The padded copy would be far larger than x and y.
    assert not fills((64, 64, 14, 14), (64, 64, 3, 3), padding=99, stride=99)


def test_few_tasks_leave_numba_all_its_threads(rng, threads):
    """A pool that was asked for fewer threads remembers that as everyone's number."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one core")
    threads(2)
    x, w = rng.standard_normal((1, 4, 9, 9), np.float32), rng.standard_normal((4, 4, 3, 3), np.float32)
    gpuconv.conv2d(x, w, algorithm="winograd")
    assert numba.get_num_threads() == 2


def test_scattering_pays_where_outputs_are_few_or_strided():
    for shape, w_shape, options, pays in (
        ((64, 32, 12, 12), (64, 32, 5, 5), {}, True),
        ((8, 128, 56, 56), (128, 128, 3, 3), {"stride": 2, "padding": 1}, True),
        ((8, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}, False),
        ((8, 64, 56, 56), (256, 64, 1, 1), {}, False),
    ):
        assert conv_scatter.pays(conv_geometry("test", shape, w_shape, **options)) == pays


def test_small_problems_before_the_pool_has_started_do_no_harm():
    """Code loaded from the cache refers to the thread pool even where it runs on one thread."""
    x, w = np.ones((1, 1, 4, 4), np.float32), np.ones((1, 1, 3, 3), np.float32)
    assert gpuconv.conv2d(x, w).tolist() == [[[[9, 9], [9, 9]]]]
    x, w = np.ones((64, 8, 16, 16), np.float32), np.ones((16, 8, 5, 5), np.float32)
    assert (gpuconv.conv2d(x, w) == 200).all()


def test_empty_batch():
    x, w = np.ones((0, 2, 8, 8), np.float32), np.ones((4, 2, 3, 3), np.float32)
    y, dx, dw = all_passes(x, w, np.ones((0, 4, 6, 6), np.float32))
    assert y.shape == (0, 4, 6, 6)
    assert dx.shape == x.shape
    assert not dw.any()


def test_winograd_serves_only_what_it_computes():
    x, w = np.zeros((1, 4, 9, 9), np.float32), np.zeros((4, 4, 3, 3), np.float32)
    for options in ({"stride": 2}, {"dilation": 2}, {"groups": 2}):
        assert "winograd" not in conv.algorithms(
            conv_geometry("test", (1, 4, 9, 9), (4, 4 // options.get("groups", 1), 3, 3), **options), "conv2d", x
        )
    g = conv_geometry("test", (1, 4, 9, 9), (4, 4, 3, 3))
    assert [name for name in PASSES if "winograd" in conv.algorithms(g, name, x)] == list(PASSES)
    with pytest.raises(ValueError, match="algorithm 'winograd' does not serve this geometry here"):
        gpuconv.conv2d(x, w, stride=2, algorithm="winograd")


def test_winograd_fills_its_chunks_and_tasks_up(rng):
    """Weight gradients of many chunks of tasks, the last of which lacks rows and images."""
    x, w = rng.standard_normal((21, 5, 30, 6), np.float32), rng.standard_normal((7, 5, 3, 3), np.float32)
    dy = rng.standard_normal((21, 7, 29, 5), np.float32)
    options = {"padding": ((1, 0), (0, 1))}
    for one, other, terms in zip(
        all_passes(x, w, dy, algorithm="direct", **options),
        all_passes(x, w, dy, algorithm="winograd", **options),
        (9 * 5, 9 * 7, 21 * 29 * 5),
        strict=True,
    ):
        assert_close(other, one, terms=terms, algorithm="winograd")
