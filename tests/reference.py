"""The oracle: every operation in float64, in plain NumPy loops over output positions.

It shares no code with the kernels or with gpuconv.geometry, and no idea either: where a kernel gathers, a gradient here
scatters, straight from the definition of the forward pass. Padding is ((top, bottom), (left, right)).
"""

import math

import numpy as np


def _pad(x, padding, value=0.0):
    return np.pad(x.astype(np.float64), ((0, 0), (0, 0), *padding), constant_values=value)


def _windows(x_shape, kernel, stride, padding, dilation, ceil_mode=False):
    """(p, q, rows, columns): for each output position the padded rows and columns its window covers."""
    starts = []
    for size, k, st, (before, after), d in zip(x_shape[2:], kernel, stride, padding, dilation, strict=True):
        span = size + before + after - d * (k - 1) - 1
        count = (math.ceil if ceil_mode else math.floor)(span / st) + 1
        if ceil_mode and (count - 1) * st >= size + before:
            count -= 1
        starts.append([range(i * st, i * st + d * (k - 1) + 1, d) for i in range(count)])
    return [(p, q, list(rows), list(cols)) for p, rows in enumerate(starts[0]) for q, cols in enumerate(starts[1])]


def _output_extent(windows):
    return max(p for p, *_ in windows) + 1, max(q for _, q, *_ in windows) + 1


def same_padding(kernel, dilation):
    """PyTorch's "same": the odd one goes to the end."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((t // 2, t - t // 2) for t in totals)


def conv2d(x, w, b, stride, padding, dilation, groups):
    """y[n, k, p, q] = sum_{c, r, s} w[k, c, r, s] x[n, c, p st + r d - pad, ...] + b[k]."""
    windows = _windows(x.shape, w.shape[2:], stride, padding, dilation)
    xp, w = _pad(x, padding), w.astype(np.float64)
    y = np.zeros((x.shape[0], w.shape[0], *_output_extent(windows)))
    for kg, cg in _groups(w, groups):
        for p, q, rows, cols in windows:
            patch = xp[:, cg][:, :, rows][:, :, :, cols]
            y[:, kg, p, q] = np.einsum("ncrs,kcrs->nk", patch, w[kg])
    return y if b is None else y + b.astype(np.float64)[:, None, None]


def conv2d_input_grad(dy, w, x_shape, stride, padding, dilation, groups):
    """Scatter dy[n, k, p, q] w[k] into the window it came from."""
    (top, bottom), (left, right) = padding
    n, c, h, wd = x_shape
    dxp = np.zeros((n, c, h + top + bottom, wd + left + right))
    dy, w = dy.astype(np.float64), w.astype(np.float64)
    for kg, cg in _groups(w, groups):
        for p, q, rows, cols in _windows(x_shape, w.shape[2:], stride, padding, dilation):
            spread = np.einsum("nk,kcrs->ncrs", dy[:, kg, p, q], w[kg])
            dxp[np.ix_(range(n), range(cg.start, cg.stop), rows, cols)] += spread
    return dxp[:, :, top : top + h, left : left + wd]


def conv2d_weight_grad(x, dy, w_shape, stride, padding, dilation, groups):
    """Each output adds its gradient times its window."""
    dw, xp, dy = np.zeros(w_shape), _pad(x, padding), dy.astype(np.float64)
    for kg, cg in _groups(dw, groups):
        for p, q, rows, cols in _windows(x.shape, w_shape[2:], stride, padding, dilation):
            dw[kg] += np.einsum("nk,ncrs->kcrs", dy[:, kg, p, q], xp[:, cg][:, :, rows][:, :, :, cols])
    return dw


def conv2d_bias_grad(dy):
    """The sum over everything but the filters."""
    return dy.astype(np.float64).sum((0, 2, 3))


def _groups(w, groups):
    kg, cg = w.shape[0] // groups, w.shape[1]
    return [(slice(i * kg, (i + 1) * kg), slice(i * cg, (i + 1) * cg)) for i in range(groups)]


def max_pool2d(x, kernel, stride, padding, dilation, ceil_mode):
    """(y, mask): a search in row-major order; a NaN wins at once, a tie goes to the first."""
    windows = _windows(x.shape, kernel, stride, padding, dilation, ceil_mode)
    n, c, h, w = x.shape
    y = np.full((n, c, *_output_extent(windows)), -np.inf)
    mask = np.full(y.shape, -1)
    (top, _), (left, _) = padding
    for i in range(n):
        for j in range(c):
            for p, q, rows, cols in windows:
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
    for p, q, rows, cols in _windows(x_shape, kernel, stride, padding, dilation, ceil_mode):
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
    for p, q, rows, cols in _windows(x_shape, kernel, stride, padding, (1, 1), ceil_mode):
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
    y = np.zeros((*x.shape[:2], *_output_extent(_windows(x.shape, kernel, stride, padding, (1, 1), ceil_mode))))
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


def relu(x):
    """The larger of x and 0."""
    return np.maximum(x.astype(np.float64), 0)


def relu_grad(dy, x):
    """Dy where x is not <= 0."""
    return np.where(x <= 0, 0.0, dy.astype(np.float64))


def leaky_relu(x, slope):
    """X, or slope x where it is not positive."""
    x = x.astype(np.float64)
    return np.where(x > 0, x, slope * x)


def leaky_relu_grad(dy, x, slope):
    """Dy, or slope dy where x is not positive."""
    dy = dy.astype(np.float64)
    return np.where(x > 0, dy, slope * dy)


def softmax(x, axis):
    """The definition, shifted by the maximum."""
    e = np.exp(x.astype(np.float64) - x.astype(np.float64).max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softmax_grad(dy, x, axis):
    """The Jacobian diag(y) - y y^T, row by row."""
    y, dx = np.moveaxis(softmax(x, axis), axis, -1), np.zeros(x.shape)
    out, dy = np.moveaxis(dx, axis, -1), np.moveaxis(dy.astype(np.float64), axis, -1)
    for i in np.ndindex(y.shape[:-1]):
        out[i] = (np.diag(y[i]) - np.outer(y[i], y[i])) @ dy[i]
    return dx


def _reduce(losses, divisor, reduction):
    if reduction == "none":
        return losses
    total = losses.sum()
    return total if reduction == "sum" else total / divisor


def mse_loss(x, target, reduction):
    """Squared differences."""
    return _reduce((x.astype(np.float64) - target) ** 2, x.size, reduction)


def mse_loss_grad(x, target, dloss, reduction):
    """Twice the difference."""
    return 2 * (x.astype(np.float64) - target) * dloss / (x.size if reduction == "mean" else 1)


def _label_distribution(x, target, weight, ignore_index, smoothing):
    """Weighted label distribution like x, and each label's weight: cross entropy is -sum distribution log softmax."""
    classes = x.shape[1]
    weight = np.ones(classes) if weight is None else weight.astype(np.float64)
    spread, weights = np.zeros(x.shape), np.zeros(target.shape)
    for i in np.ndindex(target.shape):
        label = target[i]
        if label == ignore_index:
            continue
        row = (i[0], slice(None), *i[1:])
        spread[row] = smoothing / classes * weight
        spread[(i[0], label, *i[1:])] += (1 - smoothing) * weight[label]
        weights[i] = weight[label]
    return spread, weights


def cross_entropy(x, target, weight, ignore_index, reduction, smoothing):
    """-sum_c distribution_c log softmax(x)_c, divided by the total weight for the mean; 0 if there is none."""
    spread, weights = _label_distribution(x, target, weight, ignore_index, smoothing)
    losses = -(spread * np.log(softmax(x, 1))).sum(1)
    if reduction == "mean" and weights.sum() == 0:
        return np.float64(0)
    return _reduce(losses, weights.sum(), reduction)


def cross_entropy_grad(x, target, weight, ignore_index, dloss, reduction, smoothing):
    """Softmax times the distribution's total, less the distribution."""
    spread, weights = _label_distribution(x, target, weight, ignore_index, smoothing)
    dx = softmax(x, 1) * spread.sum(1, keepdims=True) - spread
    if reduction == "none":
        return dx * np.expand_dims(dloss, 1)
    if reduction == "mean":
        return dx * dloss / weights.sum() if weights.sum() else np.zeros(x.shape)
    return dx * dloss


def linear(x, w, b):
    """A row of dot products for each row of x."""
    y = np.array([[float(np.dot(row.astype(np.float64), k.astype(np.float64))) for k in w] for row in x])
    y = y.reshape(len(x), len(w))
    return y if b is None else y + b.astype(np.float64)


def linear_grads(dy, x, w):
    """(dx, dw, db), one sample at a time."""
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
    for m in range(len(x)):
        for k in range(len(w)):
            g = float(dy[m, k])
            dx[m] += g * w[k].astype(np.float64)
            dw[k] += g * x[m].astype(np.float64)
            db[k] += g
    return dx, dw, db


def sgd(w, dw, v, lr, momentum, dampening, weight_decay, nesterov, first):
    """torch.optim.SGD, line by line: (w, v)."""
    w, g = w.astype(np.float64), dw.astype(np.float64) + weight_decay * w.astype(np.float64)
    if momentum:
        v = g if first else momentum * v.astype(np.float64) + (1 - dampening) * g
        g = g + momentum * v if nesterov else v
    return w - lr * g, v
