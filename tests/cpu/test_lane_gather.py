"""Gathers in registers: every term of every output arrives, and nothing outside the inputs is read."""

import itertools

import numba
import numpy as np
import pytest

from gpuconv.kernels.cpu import registers, simd
from gpuconv.kernels.cpu.lane_gather import gather, gather_steps
from tests.cpu.between_guards import ROOM, between_guards


@numba.njit
def sums(x, runs, targets, bases, orders, y):
    vector = step = 0
    for run in range(runs.shape[0]):
        for _ in range(runs[run, 1]):
            total = simd.splat(y, 0)
            for _ in range(runs[run, 0]):
                total = total + gather(x, 0, bases, orders, step, simd.splat(y, 0))
                step += 1
            simd.store(y, targets[vector], total)
            vector += 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("most", "spread"), [(1, 3), (1, 90), (4, 9), (3, 90)])
def test_outputs_are_the_sums_of_their_terms(dtype, most, spread):
    rng, lanes = np.random.default_rng(most), registers.lanes(dtype)
    for length, count in ((lanes, lanes), (lanes + 1, 3 * lanes - 1), (90, 90)):
        counts = rng.integers(0, most + 1, count)
        starts = np.concatenate([[0], np.cumsum(counts)])
        nearby = [np.sort((j * length // count + rng.integers(0, spread, n)) % length) for j, n in enumerate(counts)]
        sources = np.concatenate(nearby).astype(np.intp)
        x, y = rng.integers(-9, 9, length).astype(dtype), np.full(count, np.nan, dtype)
        sums(between_guards(x)[ROOM:-ROOM], *gather_steps(starts, sources, length, dtype)[:4], y)
        assert np.array_equal(y, [x[sources[first:last]].sum() for first, last in itertools.pairwise(starts)])
