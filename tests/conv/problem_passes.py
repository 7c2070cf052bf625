"""The passes of a convolution of the lists, in float64."""

import numpy as np

from tests.problem_lists import windows_of


def forward(x, w, problem):
    """y[n, k, p] = sum over c and taps r of w[k, c, r] x[n, c, p stride + r dilation - pad_before], in float64."""
    windows, rank = windows_of(x, problem), len(problem.size)
    taps = range(2 + rank, 2 + 2 * rank)
    slices = [
        np.tensordot(windows[:, cg], w[kg].astype(np.float64), ([1, *taps], [1, *range(2, 2 + rank)]))
        for kg, cg in _groups(problem)
    ]
    return np.moveaxis(np.concatenate(slices, axis=-1), -1, 1)


def input_grad(dy, w, problem):
    """Each tap adds its share to the inputs that it read, in float64."""
    padded = [size + sum(pads) for size, pads in zip(problem.size, problem.padding, strict=True)]
    dx, dy, w = np.zeros((problem.n, problem.c, *padded)), dy.astype(np.float64), w.astype(np.float64)
    axes = list(zip(problem.stride, problem.dilation, problem.result, strict=True))
    for tap in np.ndindex(problem.kernel):
        read = [slice(r * d, r * d + (p - 1) * st + 1, st) for r, (st, d, p) in zip(tap, axes, strict=True)]
        for kg, cg in _groups(problem):
            share = np.tensordot(dy[:, kg], w[(kg, slice(None), *tap)], (1, 0))
            dx[(slice(None), cg, *read)] += np.moveaxis(share, -1, 1)
    inside = (
        slice(pad_before, pad_before + size)
        for size, (pad_before, _) in zip(problem.size, problem.padding, strict=True)
    )
    return dx[(..., *inside)]


def weight_grad(x, dy, problem):
    """The sum over images and outputs of dy times what the tap read, in float64."""
    windows, rank = windows_of(x, problem), len(problem.size)
    summed = [0, *range(2, 2 + rank)]
    slices = [
        np.tensordot(dy[:, kg].astype(np.float64), windows[:, cg], (summed, summed)) for kg, cg in _groups(problem)
    ]
    return np.concatenate(slices)


def _groups(problem):
    """Slices of the filters and channels of each group."""
    k, c = problem.k // problem.groups, problem.c // problem.groups
    return [(slice(i * k, (i + 1) * k), slice(i * c, (i + 1) * c)) for i in range(problem.groups)]
