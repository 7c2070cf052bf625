"""Products of bfloat16 matrices by every tile this machine has, and the fully connected layer that takes them."""

import ml_dtypes
import numpy as np
import pytest

import gpuconv
from gpuconv.kernels.cpu import pair_gemm, pair_tiles
from gpuconv.testing import assert_close

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SIZES = [(1, 50, 80), (5, 7, 9), (64, 40, 33), (33, 257, 64), (200, 100, 1030)]

pytestmark = pytest.mark.skipif(not pair_tiles.names(), reason="needs AVX512_BF16 or AMX")


def _numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(BFLOAT16)


def _agree(actual, a, b, bias=0.0):
    """Compare with the product in float64; that of squares says how large its terms were."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    assert_close(actual, a @ b + bias, terms=a.shape[1], magnitude=np.sqrt(a**2 @ b**2))


@pytest.mark.parametrize("tile", pair_tiles.names())
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("transposed_a", [False, True])
@pytest.mark.parametrize("transposed_b", [False, True])
def test_products_agree_with_float64(size, transposed_a, transposed_b, tile):
    rows, columns, length = size
    a, b, bias = _numbers(rows, length), _numbers(length, columns, seed=1), _numbers(columns, seed=2)
    c = np.full((rows, columns), 0x7FC0, np.uint16).view(BFLOAT16)
    given = [np.ascontiguousarray(m.T if t else m) for m, t in ((a, transposed_a), (b, transposed_b))]
    pair_gemm.multiply(*given, bias, c, transposed_a=transposed_a, transposed_b=transposed_b, name=tile)
    _agree(c, a, b, bias.astype(np.float64))


@pytest.mark.skipif(not pair_tiles.quickest(), reason="float32 is quicker here")
def test_the_layer_takes_pairs():
    x, w, b, dy = _numbers(70, 130), _numbers(90, 130, seed=1), _numbers(90, seed=2), _numbers(70, 90, seed=3)
    expected = np.empty((70, 90), BFLOAT16)
    pair_gemm.multiply(x, w, b, expected, transposed_b=True)
    assert all(gpuconv.linear(x, w, b).tobytes() == expected.tobytes() for _ in range(2))
    strided = np.asfortranarray(x)
    assert gpuconv.linear(strided, w, b).tobytes() == expected.tobytes()
    for _ in range(2):
        _agree(gpuconv.linear_input_grad(dy, w), dy, w)
        _agree(gpuconv.linear_weight_grad(x, dy), dy.T, x)
    assert not gpuconv.linear_weight_grad(x[:0], dy[:0]).any()
