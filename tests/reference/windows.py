"""Windows, the definition: which padded rows and columns an output position sees."""

import math

import numpy as np


def pad(x, padding, value=0.0):
    return np.pad(x.astype(np.float64), ((0, 0), (0, 0), *padding), constant_values=value)


def windows(x_shape, kernel, stride, padding, dilation, ceil_mode=False):
    """(p, q, rows, columns): for each output position the padded rows and columns its window covers."""
    starts = []
    for size, k, st, (pad_before, pad_after), d in zip(x_shape[2:], kernel, stride, padding, dilation, strict=True):
        span = size + pad_before + pad_after - d * (k - 1) - 1
        count = (math.ceil if ceil_mode else math.floor)(span / st) + 1
        if ceil_mode and (count - 1) * st >= size + pad_before:
            count -= 1
        starts.append([range(i * st, i * st + d * (k - 1) + 1, d) for i in range(count)])
    return [(p, q, list(rows), list(cols)) for p, rows in enumerate(starts[0]) for q, cols in enumerate(starts[1])]


def output_extent(positions):
    return max(p for p, *_ in positions) + 1, max(q for _, q, *_ in positions) + 1
