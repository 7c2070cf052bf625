"""Weights packed for the implicit GEMM: filters vary fastest, so that a block loads them in 128-bit vectors."""

from ...cuda.launch import cuda, each, empty_like_on, uint32

DEPTH = 8
"""Channels that a block multiplies between two barriers; the packed weights are padded to it."""


def pack_filters(w, shape, groups, transposed, k_tile):
    """Weights (G K, C, R, S) as [g][tap][c][k], or [g][tap][k][c] if transposed, zero-padded to whole tiles."""
    k, c, taps = shape[0] // groups, shape[1], shape[2] * shape[3]
    rows, columns = (k, c) if transposed else (c, k)
    padded_rows, padded_columns = rounded_up(rows, DEPTH), rounded_up(columns, k_tile)
    packed = empty_like_on(w, groups * taps * padded_rows * padded_columns)
    strides = (c * taps, taps) if transposed else (taps, c * taps)
    each(
        pack_filters_kernel,
        packed.size,
        w,
        packed,
        rows,
        columns,
        padded_rows,
        padded_columns,
        taps,
        k * c * taps,
        *strides,
    )
    return packed


def rounded_up(size, multiple):
    """The next multiple of a number."""
    return -(-size // multiple) * multiple


@cuda.jit(cache=True)
def pack_filters_kernel(
    w, packed, rows, columns, padded_rows, padded_columns, taps, group_stride, row_stride, column_stride
):
    """packed [g][tap][row][column] = w[g group_stride + row row_stride + column column_stride + tap], 0 in the padding.

    Thread i stores packed[i]. FLOPs: 0. Bytes: w once, packed once.
    """
    i = uint32(cuda.grid(1))
    if i >= packed.size:
        return
    column, rest = uint32(i % uint32(padded_columns)), uint32(i // uint32(padded_columns))
    row, rest = uint32(rest % uint32(padded_rows)), uint32(rest // uint32(padded_rows))
    tap, g = uint32(rest % uint32(taps)), uint32(rest // uint32(taps))
    valid = (row < uint32(rows)) & (column < uint32(columns))
    group = uint32(g * uint32(group_stride))
    offset = uint32(group + uint32(row * uint32(row_stride)) + uint32(column * uint32(column_stride)) + tap)
    packed[i] = w[offset] if valid else packed.dtype.type(0)
