"""Pooling and its gradients."""

import numpy as np

from .windows import output_extent, windows


def max_pool2d(x, kernel, stride, padding, dilation, ceil_mode):
    """(y, mask): a search in row-major order; a NaN wins at once, a tie goes to the first."""
    positions = windows(x.shape, kernel, stride, padding, dilation, ceil_mode)
    n, c, h, w = x.shape
    y = np.full((n, c, *output_extent(positions)), -np.inf)
    mask = np.full(y.shape, -1)
    (top, _), (left, _) = padding
    for i in range(n):
        for j in range(c):
            for p, q, rows, cols in positions:
                for position, (row, col) in enumerate((r, s) for r in rows for s in cols):
                    if not (0 <= row - top < h and 0 <= col - left < w) or np.isnan(y[i, j, p, q]):
                        continue
                    value = x[i, j, row - top, col - left]
                    if mask[i, j, p, q] < 0 or value > y[i, j, p, q] or np.isnan(value):
                        y[i, j, p, q], mask[i, j, p, q] = value, position
    return y, np.maximum(mask, 0)


def max_pool2d_input_grad(dy, mask, x_shape, kernel, stride, padding, dilation, ceil_mode):
    """Each output gives its gradient to the winner."""
    dx = np.zeros(x_shape)
    (top, _), (left, _) = padding
    for p, q, rows, cols in windows(x_shape, kernel, stride, padding, dilation, ceil_mode):
        for i in range(x_shape[0]):
            for j in range(x_shape[1]):
                row, col = rows[mask[i, j, p, q] // kernel[1]] - top, cols[mask[i, j, p, q] % kernel[1]] - left
                if 0 <= row < x_shape[2] and 0 <= col < x_shape[3]:
                    dx[i, j, row, col] += dy[i, j, p, q]
    return dx


def _average_windows(x_shape, kernel, stride, padding, ceil_mode, count_include_pad):
    """(p, q, rows inside, columns inside, divisor) by PyTorch's rule for the divisor."""
    (top, bottom), (left, right) = padding
    h, w = x_shape[2:]
    for p, q, rows, cols in windows(x_shape, kernel, stride, padding, (1, 1), ceil_mode):
        inside_rows, inside_cols = (
            [i - top for i in rows if 0 <= i - top < h],
            [i - left for i in cols if 0 <= i - left < w],
        )
        if count_include_pad:
            divisor = sum(i < h + top + bottom for i in rows) * sum(i < w + left + right for i in cols)
        else:
            divisor = len(inside_rows) * len(inside_cols)
        if inside_rows and inside_cols:  # PyTorch leaves 0 where a window sees padding alone
            yield p, q, inside_rows, inside_cols, divisor


def avg_pool2d(x, kernel, stride, padding, ceil_mode, count_include_pad):
    """The sum of what lies inside, over the divisor."""
    y = np.zeros((*x.shape[:2], *output_extent(windows(x.shape, kernel, stride, padding, (1, 1), ceil_mode))))
    for p, q, rows, cols, divisor in _average_windows(x.shape, kernel, stride, padding, ceil_mode, count_include_pad):
        y[:, :, p, q] = x.astype(np.float64)[:, :, rows][:, :, :, cols].sum((2, 3)) / divisor
    return y


def avg_pool2d_input_grad(dy, x_shape, kernel, stride, padding, ceil_mode, count_include_pad):
    """Each output spreads its gradient evenly."""
    dx = np.zeros(x_shape)
    n, c = x_shape[:2]
    for p, q, rows, cols, divisor in _average_windows(x_shape, kernel, stride, padding, ceil_mode, count_include_pad):
        dx[np.ix_(range(n), range(c), rows, cols)] += dy[:, :, p, q, None, None].astype(np.float64) / divisor
    return dx
