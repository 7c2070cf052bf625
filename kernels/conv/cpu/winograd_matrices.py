"""The matrices of Winograd's algorithms on six points: any kernel of up to five taps, on the same transformed inputs.

Along an axis a tile of m outputs reads 6 inputs d through r = 7 - m taps w, and its outputs are

    y = A^T [ (G w) . (B^T d) ],

where B^T evaluates d at the points 0, 1, -1, 2, -2 and infinity, whatever r is: it is the transpose of what finds a
polynomial of degree 5 through these points (Winograd 1980; Lavin and Gray 2016, F(4, 3)). G evaluates the taps at the
points, over the products of a point's differences to the others, and A^T adds up powers of the points.
"""

import math

POINTS = (0, 1, -1, 2, -2)
SIDE = 6
"""Points, and inputs of a tile, along an axis."""

POSITIONS = SIDE * SIDE

INPUT = (
    (4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1),
)  # fmt: skip
"""B^T."""


def outputs_of(taps):
    """Outputs of a tile along an axis."""
    return SIDE + 1 - taps


def filter_matrix(taps):
    """G, six rows: powers of a point over the product of its differences; the last tap at infinity."""
    rows = [tuple(p**i / math.prod(p - other for other in POINTS if other != p) for i in range(taps)) for p in POINTS]
    return (*rows, (*[0] * (taps - 1), 1))


def output_matrix(taps):
    """A^T, a row for each output: a power of each point; infinity counts in the last one."""
    outputs = outputs_of(taps)
    return tuple((*(p**i for p in POINTS), int(i == outputs - 1)) for i in range(outputs))


def transposed(matrix):
    """The transpose of a matrix."""
    return tuple(zip(*matrix, strict=True))
