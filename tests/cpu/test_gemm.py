"""Matrix products: the same bits whatever part of a factor is packed at once, and no packing of few rows or columns."""

import numpy as np
import pytest

from gpuconv.kernels.cpu import gemm
from gpuconv.testing import assert_close

SHAPES = [(100, 700, 5), (37, 1000, 90), (9, 600, 40)]
BOXES = [(4000, 16, (16, 256)), (20000, 1024, (24, 512)), (50, 1024, (16, 256))]


@pytest.fixture
def boxes(monkeypatch):
    """Set how much is packed at once."""

    def set_boxes(elements, rows, own):
        for name, value in (("BOX_ELEMENTS", elements), ("BOX_ROWS", rows), ("THREAD_BOX", own)):
            monkeypatch.setattr(gemm, name, value)
        gemm._gemm_plan.cache_clear()

    yield set_boxes
    gemm._gemm_plan.cache_clear()


@pytest.mark.parametrize("transposed", ["neither", "a", "b"])
@pytest.mark.parametrize(("m", "length", "n"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_boxes_leave_the_bits(m, length, n, transposed, dtype, boxes):
    rng = np.random.default_rng(0)
    a, b, bias = (rng.standard_normal(shape).astype(dtype) for shape in ((m, length), (length, n), (n,)))
    operands = (
        np.ascontiguousarray(a.T) if transposed == "a" else a,
        np.ascontiguousarray(b.T) if transposed == "b" else b,
    )
    options = {"transposed_a": transposed == "a", "transposed_b": transposed == "b"}
    results = []
    for box in [(1 << 40, 1 << 20, (256, 1024)), *BOXES]:
        boxes(*box)
        c = np.full((m, n), np.nan, dtype)
        gemm.multiply(*operands, bias, c, **options)
        results.append(c.tobytes())
    assert_close(c, a.astype(np.float64) @ b.astype(np.float64) + bias, terms=length)
    assert len(set(results)) == 1


@pytest.mark.parametrize(("m", "length", "n"), [(1, 3000, 40), (3, 9000, 5), (500, 33, 1), (70, 1, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_rows_or_columns_against_float64(m, length, n, dtype):
    rng = np.random.default_rng(0)
    a, b, bias = (rng.standard_normal(shape).astype(dtype) for shape in ((m, length), (n, length), (n,)))
    for one in (bias, None):
        c = np.full((m, n), np.nan, dtype)
        gemm.multiply(a, b, one, c, transposed_b=True)
        exact = a.astype(np.float64) @ b.T.astype(np.float64) + (0 if one is None else one)
        assert_close(c, exact, terms=length)


@pytest.mark.parametrize("shape", [(4, 2), (9, 10)], ids=["tall", "wide"])
def test_a_sum_of_many_products_keeps_its_digits(shape, monkeypatch):
    """Numbers of one sign and size: every rounding error of a sum one by one has one sign too."""
    (m, n), length = shape, 300_000
    monkeypatch.setattr(gemm, "BOX_ELEMENTS", length)
    gemm._gemm_plan.cache_clear()
    a, b, c = np.full((length, m), 0.7, np.float32), np.full((length, n), 0.3, np.float32), np.empty(shape, np.float32)
    gemm.multiply(a, b, None, c, transposed_a=True)
    gemm._gemm_plan.cache_clear()
    exact = a[0, 0].astype(np.float64) * b[0, 0].astype(np.float64) * length
    np.testing.assert_allclose(c, exact, rtol=5e-6)
