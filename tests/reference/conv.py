"""Convolution and its gradients: forward from the definition, gradients scattered."""

import numpy as np

from .windows import output_extent, pad, windows


def same_padding(kernel, dilation):
    """PyTorch's "same": the odd one goes to the end."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((t // 2, t - t // 2) for t in totals)


def conv2d(x, w, b, stride, padding, dilation, groups):
    """y[n, k, p, q] = sum_{c, r, s} w[k, c, r, s] x[n, c, p st + r d - pad, ...] + b[k]."""
    positions = windows(x.shape, w.shape[2:], stride, padding, dilation)
    xp, w = pad(x, padding), w.astype(np.float64)
    y = np.zeros((x.shape[0], w.shape[0], *output_extent(positions)))
    for kg, cg in _groups(w, groups):
        for p, q, rows, cols in positions:
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
        for p, q, rows, cols in windows(x_shape, w.shape[2:], stride, padding, dilation):
            spread = np.einsum("nk,kcrs->ncrs", dy[:, kg, p, q], w[kg])
            dxp[np.ix_(range(n), range(cg.start, cg.stop), rows, cols)] += spread
    return dxp[:, :, top : top + h, left : left + wd]


def conv2d_weight_grad(x, dy, w_shape, stride, padding, dilation, groups):
    """Each output adds its gradient times its window."""
    dw, xp, dy = np.zeros(w_shape), pad(x, padding), dy.astype(np.float64)
    for kg, cg in _groups(dw, groups):
        for p, q, rows, cols in windows(x.shape, w_shape[2:], stride, padding, dilation):
            dw[kg] += np.einsum("nk,ncrs->kcrs", dy[:, kg, p, q], xp[:, cg][:, :, rows][:, :, :, cols])
    return dw


def conv2d_bias_grad(dy):
    """The sum over everything but the filters."""
    return dy.astype(np.float64).sum((0, 2, 3))


def _groups(w, groups):
    kg, cg = w.shape[0] // groups, w.shape[1]
    return [(slice(i * kg, (i + 1) * kg), slice(i * cg, (i + 1) * cg)) for i in range(groups)]
