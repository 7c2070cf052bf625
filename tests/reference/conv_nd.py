"""Convolutions over any number of axes, and transposed ones: forward from the definition, gradients from theirs.

Options are spelt out, one entry for each axis; padding is ((pad_before, pad_after), ...).
"""

import numpy as np


def conv_nd(x, w, b, stride, padding, dilation, groups):
    """y[n, k, p] = sum over c and taps r of w[k, c, r] x[n, c, p stride + r dilation - pad_before] + b[k]."""
    xp, w = _padded(x, padding), w.astype(np.float64)
    places = _places(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y = np.zeros((x.shape[0], w.shape[0], *places.shape))
    for kg, cg in _groups(w, groups):
        for p in np.ndindex(places.shape):
            y[:, kg, *p] = _contract(xp[:, cg, *places[p]], w[kg])
    return y if b is None else y + b.astype(np.float64).reshape(-1, *[1] * places.ndim)


def conv_nd_input_grad(dy, w, x_shape, stride, padding, dilation, groups):
    """Each output's gradient goes to the inputs in its window."""
    dxp, w = _padded(np.zeros(x_shape), padding), w.astype(np.float64)
    places = _places(x_shape[2:], w.shape[2:], stride, padding, dilation)
    for kg, cg in _groups(w, groups):
        for p in np.ndindex(places.shape):
            dxp[:, cg, *places[p]] += np.tensordot(dy[:, kg, *p].astype(np.float64), w[kg], 1)
    return _cropped(dxp, padding)


def conv_nd_weight_grad(x, dy, w_shape, stride, padding, dilation, groups):
    """Each output adds its gradient times its window."""
    xp, dw = _padded(x, padding), np.zeros(w_shape)
    places = _places(x.shape[2:], w_shape[2:], stride, padding, dilation)
    for kg, cg in _groups(dw, groups):
        for p in np.ndindex(places.shape):
            dw[kg] += np.tensordot(dy[:, kg, *p].astype(np.float64).T, xp[:, cg, *places[p]], 1)
    return dw


def conv_nd_bias_grad(dy):
    """The sum over everything but the filters."""
    return dy.astype(np.float64).sum((0, *range(2, dy.ndim)))


def conv_transpose_nd(x, w, b, stride, padding, output_padding, groups, dilation):
    """Each input x[n, k, p] adds w[k] x[n, k, p] to the results from p stride - pad_before on, dilation apart."""
    yp, places = _spread(x.shape, w.shape, stride, output_padding, groups, dilation)
    w = w.astype(np.float64)
    for kg, cg in _groups(w, groups):
        for p in np.ndindex(places.shape):
            yp[:, cg, *places[p]] += np.tensordot(x[:, kg, *p].astype(np.float64), w[kg], 1)
    y = _cropped(yp, padding)
    return y if b is None else y + b.astype(np.float64).reshape(-1, *[1] * places.ndim)


def conv_transpose_nd_input_grad(dy, w, x_shape, stride, padding, output_padding, groups, dilation):
    """dx[n, k, p] = sum over c and taps of w[k, c, r] dy[n, c, p stride + r dilation - pad_before]."""
    _, places = _spread(x_shape, w.shape, stride, output_padding, groups, dilation)
    dyp, dx, w = _padded(dy, padding), np.zeros(x_shape), w.astype(np.float64)
    for kg, cg in _groups(w, groups):
        for p in np.ndindex(places.shape):
            dx[:, kg, *p] = _contract(dyp[:, cg, *places[p]], w[kg])
    return dx


def conv_transpose_nd_weight_grad(x, dy, w_shape, stride, padding, output_padding, groups, dilation):
    """dw[k, c, r] = sum over n and p of x[n, k, p] dy[n, c, p stride + r dilation - pad_before]."""
    _, places = _spread(x.shape, w_shape, stride, output_padding, groups, dilation)
    dyp, dw = _padded(dy, padding), np.zeros(w_shape)
    for kg, cg in _groups(dw, groups):
        for p in np.ndindex(places.shape):
            dw[kg] += np.tensordot(x[:, kg, *p].astype(np.float64).T, dyp[:, cg, *places[p]], 1)
    return dw


def _contract(windows, w):
    """(N, C, ...) and (K, C, ...) to (N, K)."""
    return np.tensordot(windows, w, (range(1, w.ndim), range(1, w.ndim)))


def _padded(a, padding):
    return np.pad(a.astype(np.float64), ((0, 0), (0, 0), *padding))


def _cropped(a, padding):
    inside = (
        slice(pad_before, size - pad_after) for size, (pad_before, pad_after) in zip(a.shape[2:], padding, strict=True)
    )
    return a[:, :, *inside]


def _places(extents, kernel, stride, padding, dilation):
    """For each output position the slices of its window in the padded input."""
    axes = zip(extents, kernel, padding, stride, dilation, strict=True)
    counts = [(size + sum(sides) - d * (k - 1) - 1) // st + 1 for size, k, sides, st, d in axes]
    return _windows(counts, kernel, stride, dilation)


def _spread(x_shape, w_shape, stride, output_padding, groups, dilation):
    """Zeros for a transposed convolution's result before it is cropped, and the slices each input adds to."""
    kernel, counts = w_shape[2:], x_shape[2:]
    axes = zip(counts, kernel, stride, dilation, output_padding, strict=True)
    extents = [(p - 1) * st + d * (k - 1) + 1 + extra for p, k, st, d, extra in axes]
    return np.zeros((x_shape[0], w_shape[1] * groups, *extents)), _windows(counts, kernel, stride, dilation)


def _windows(counts, kernel, stride, dilation):
    places = np.empty(counts, object)
    for p in np.ndindex(*counts):
        places[p] = tuple(
            slice(i * st, i * st + d * (k - 1) + 1, d) for i, st, d, k in zip(p, stride, dilation, kernel, strict=True)
        )
    return places


def _groups(w, groups):
    kg, cg = w.shape[0] // groups, w.shape[1]
    return [(slice(i * kg, (i + 1) * kg), slice(i * cg, (i + 1) * cg)) for i in range(groups)]
