"""The intrinsics that tiles are made of: their PTX, executed in the emulator."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

from numba import cuda, float32, float64, types, uint32

from gpuconv import emulator
from gpuconv.kernels.cuda import gemm_tile, ptx
from gpuconv.kernels.cuda.thread_mapping import fragments_of, staged_row, staging_of

DIVISORS = [1, 2, 3, 5, 7, 8, 9, 49, 121, 255, 641, 65535, 65536, 65537, 2**30, 2**31 - 2, 2**31 - 1]


def test_division_by_a_reciprocal_is_exact():
    numbers = np.unique(
        [(d * k + e) % 2**31 for d in DIVISORS for k in (0, 1, 2, 3, 1000, 2**31 // d) for e in (-1, 0, 1)]
    ).astype(np.uint32)

    def kernel(n, multiplier, shift, quotient):
        i = cuda.grid(1)
        if i < n.size:
            quotient[i] = ptx.divide(n[i], multiplier, shift)

    for divisor in DIVISORS:
        quotient = np.zeros_like(numbers)
        multiplier, shift = map(np.uint32, ptx.reciprocal(divisor))
        emulator.run(kernel, -(-numbers.size // 128), 128, numbers, multiplier, shift, quotient)
        assert (quotient == numbers // divisor).all(), divisor


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_are_one_instruction(dtype):
    vector = 16 // np.dtype(dtype).itemsize

    def kernel(x, y):
        i = uint32(cuda.threadIdx.x) * uint32(vector)
        ptx.store_vector(y, i, ptx.load_vector(x, i))

    x = np.arange(32 * vector, dtype=dtype)
    y = np.zeros_like(x)
    report = emulator.measure(kernel, 1, 32, x, y)
    assert (y == x).all()
    assert report.memory.requests == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_load_under_a_false_predicate_touches_nothing(dtype):
    def kernel(x, y):
        i = uint32(cuda.threadIdx.x)
        y[i] = ptx.load_if(x, i, i < x.size)

    y = np.full(32, np.nan, dtype)
    emulator.run(kernel, 1, 32, np.arange(1, 18, dtype=dtype), y)
    assert y.tolist() == [*range(1, 18), *[0] * 15]


def test_windows_are_read_inside_of_their_image_only():
    """Places one row or column off each side of a 3 x 4 image, and offsets that would reach outside."""

    def kernel(x, places, y):
        tables = cuda.shared.array(8, types.int32, alignment=16)
        registers = cuda.local.array(4, float32)
        i = uint32(cuda.threadIdx.x)
        if i < uint32(4):
            tables[i] = 0
            tables[i + uint32(4)] = places[i]
        cuda.syncthreads()
        row, column = types.int32(i // uint32(4)), types.int32(i % uint32(4))
        at = uint32(row * types.int32(4) + column)
        place = types.int32(row * types.int32(65536) + column)
        inside = i < uint32(12)
        gemm_tile.load_windows(
            registers, x, at, tables, uint32(0), place, types.int32(3 * 65536), types.int32(4), inside, 4
        )
        gemm_tile.store_rows(registers, y, uint32(i * uint32(4)), 32, 4)

    moves = [(0, 0), (-1, 0), (0, -1), (2, 3)]
    places = np.array([r * 65536 + c for r, c in moves], np.int32)
    x, y = np.arange(1, 13, dtype=np.float32), np.zeros(128, np.float32)
    emulator.run(kernel, 1, 32, x, places, y)
    for move, found in zip(moves, y.reshape(4, 32), strict=True):
        expected = np.zeros(32)
        for i in range(12):
            r, c = i // 4 + move[0], i % 4 + move[1]
            expected[i] = x[i] if 0 <= r < 3 and 0 <= c < 4 else 0
        assert (found == expected).all(), move


@pytest.mark.parametrize(("dtype", "numba_type"), [(np.float32, float32), (np.float64, float64)])
def test_a_tile_is_a_product_of_matrices(dtype, numba_type):
    """A warp's 32 x 64 results of a depth of 4, loaded, multiplied, staged row by row and stored."""
    n_results, n_fragments, n_bytes = gemm_tile.ACCUMULATORS, gemm_tile.FRAGMENTS, np.dtype(dtype).itemsize
    vector = 16 // n_bytes

    def kernel(a, b, c):
        a_shared = cuda.shared.array(128, numba_type, alignment=16)
        b_shared = cuda.shared.array(256, numba_type, alignment=16)
        results, fragments = cuda.local.array(n_results, numba_type), cuda.local.array(n_fragments, numba_type)
        thread = uint32(cuda.threadIdx.x)
        for i in range(4):
            a_shared[thread + 32 * i] = a[thread + 32 * i]
        for i in range(8):
            b_shared[thread + 32 * i] = b[thread + 32 * i]
        cuda.syncthreads()
        a_from, b_from = fragments_of(thread, 1, n_bytes)
        gemm_tile.zero(results, n_results)
        gemm_tile.load_fragments(fragments, a_shared, a_from, b_shared, b_from)
        gemm_tile.multiply_steps(fragments, a_shared, a_from, b_shared, b_from, results, 32, 64, 0, 3)
        gemm_tile.multiply_last(fragments, results)
        i = uint32(0)
        while i < uint32(8):
            cuda.syncthreads()
            gemm_tile.store_row(results, i, b_shared, staging_of(thread, 1, n_bytes))
            cuda.syncthreads()
            for line in range(4):
                row = staged_row(uint32(line), i, vector)
                for half in range(2):
                    column = uint32(thread + uint32(32 * half))
                    c[uint32(row * uint32(64)) + column] = b_shared[uint32(64 * line) + column]
            i = uint32(i + uint32(1))

    rng = np.random.default_rng(0)
    a, b = (rng.integers(-9, 9, shape).astype(dtype) for shape in ((4, 32), (4, 64)))
    c = np.full((32, 64), np.nan, dtype)
    emulator.run(kernel, 1, 32, a.ravel(), b.ravel(), c.reshape(-1))
    assert (c == a.T @ b).all()
