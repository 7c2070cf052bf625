"""Blocks of rows on the CPU, for classes that are few or not the last axis: the rows of a block are lanes of vectors.

x is (outer, classes, inner), C-contiguous and flat; row i holds the classes of one sample and position. Class c of a
block of rows lies in source[start + c * stride :]: in x itself where its rows are neighbors, or in scratch memory.
Every loop over the rows of a block is a loop over vectors, whatever the number of classes. Lanes past the last row hold
what earlier blocks have left, finite numbers.
"""

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from ...core.scalar_math import MINUS_LOG_TWO_HIGH, MINUS_LOG_TWO_LOW, ONE, ZERO, exp_nonpositive, fma, inlined, log1p
from ...cpu.simd_rows import copy_row
from ...cpu.transpose import transpose

LANES = 16
"""Rows of a block in scratch memory are a multiple of it."""
BLOCK_BYTES = 1 << 19
"""Bytes of a block at most, if that leaves it LANES rows: some blocks fit the second-level cache."""
MAX_ROWS = 128
FEW_CLASSES = 32
"""Of the last axis, up to which blocks are quicker than rows."""
MAX_CLASSES = 4096
"""Of blocks, whose sums are in the arrays' type: rows add more of them in float64."""
LANE_ARRAYS = 8
"""Numbers of each row that a block keeps."""
TERMS = 32
"""Classes added one by one; the sums of so many are added to each other."""

lanewise = njit(cache=True, nogil=True, error_model="numpy")


@njit(cache=True, nogil=True)
def takes_blocks(classes, inner):
    """Whether blocks are quicker than rows."""
    return (0 < classes <= MAX_CLASSES) & ((inner > 1) | (classes <= FEW_CLASSES))


@njit(cache=True, nogil=True)
def block_width(rows, classes, like):
    """Rows of a block."""
    fitting = BLOCK_BYTES // like.itemsize // max(classes, 1) // LANES * LANES
    return max(LANES, min(MAX_ROWS, fitting, (rows + LANES - 1) // LANES * LANES))


@njit(inline="always")
def are_neighbors(row, count, inner):
    """Whether rows lie side by side, a few vectors of them, so that a block need not be copied."""
    return (count % LANES == 0) & (row % inner + count <= inner)


@njit(inline="always")
def first_element(row, classes, inner):
    """Offset of a row's first class."""
    return row // inner * classes * inner + row % inner


@njit(cache=True, nogil=True)
def load_block(x, row, count, classes, inner, block, width):
    """block[c, i] = class c of row + i of x, for i < count."""
    if inner == 1:
        transpose(x, row * classes, classes, count, classes, block, 0, width)
        return
    lane = 0
    while lane < count:
        length, start = min(inner - (row + lane) % inner, count - lane), first_element(row + lane, classes, inner)
        for c in range(classes):
            copy_row(block, c * width + lane, x, start + c * inner, length)
        lane += length


@njit(cache=True, nogil=True)
def store_block(block, width, y, row, count, classes, inner):
    """Class c of row + i of y = block[c, i], for i < count."""
    if inner == 1:
        transpose(block, 0, width, classes, count, y, row * classes, classes)
        return
    lane = 0
    while lane < count:
        length, start = min(inner - (row + lane) % inner, count - lane), first_element(row + lane, classes, inner)
        for c in range(classes):
            copy_row(y, start + c * inner, block, c * width + lane, length)
        lane += length


@njit(inline="always")
def lane_arrays(lanes):
    """The arrays of a number for each row, laid end to end."""
    w = lanes.size // LANE_ARRAYS
    a, b, c, d = lanes[:w], lanes[w : 2 * w], lanes[2 * w : 3 * w], lanes[3 * w : 4 * w]
    e, f, g, h = lanes[4 * w : 5 * w], lanes[5 * w : 6 * w], lanes[6 * w : 7 * w], lanes[7 * w :]
    return a, b, c, d, e, f, g, h


@lanewise
def row_maxima(source, start, stride, classes, best):
    """best[i] = max_c source[c, i]; where one is NaN not always NaN, but then the sum of exponentials is."""
    best[:] = source[start : start + best.size]
    for c in range(1, classes):
        row = source[start + c * stride : start + c * stride + best.size]
        for i in range(best.size):
            best[i] = row[i] if row[i] > best[i] else best[i]


@lanewise
def block_exponentials(source, start, stride, classes, best, powers, partial, rest):
    """powers[c, i] = exp(source[c, i] - best[i]); rest[i] = their sum but one of the maximum's.

    Where that one has all but nothing of the sum, the others keep their digits.
    """
    width = best.size
    for i in range(width):
        rest[i] = -1
    for first in range(0, classes, TERMS):
        for i in range(width):
            partial[i] = 0
        for c in range(first, min(first + TERMS, classes)):
            row, target = source[start + c * stride : start + c * stride + width], powers[c * width : (c + 1) * width]
            for i in range(width):
                power = exp_nonpositive(row[i] - best[i])
                target[i] = power
                partial[i] += ZERO if power == ONE else power
            for i in range(width):
                rest[i] += ONE if target[i] == ONE else ZERO
        for i in range(width):
            rest[i] += partial[i]


@lanewise
def sums_of_exponentials(source, start, stride, classes, best, partial, rest):
    """block_exponentials without the powers."""
    width = best.size
    for i in range(width):
        rest[i] = -1
    for first in range(0, classes, TERMS):
        for i in range(width):
            partial[i] = 0
        for c in range(first, min(first + TERMS, classes)):
            row = source[start + c * stride : start + c * stride + width]
            for i in range(width):
                power = exp_nonpositive(row[i] - best[i])
                partial[i] += ZERO if power == ONE else power
                rest[i] += ONE if power == ONE else ZERO
        for i in range(width):
            rest[i] += partial[i]


@lanewise
def logs_of_totals(rest, logs):
    """logs[i] = log(1 + rest[i])."""
    for i in range(rest.size):
        logs[i] = _log_of_total(rest[i], logs.dtype.type(1))


@inlined
def _log_of_total(rest, one):
    """log(1 + rest) for rest >= 0, one being 1 in its type: free of branches, with all digits near 0."""
    exponent, fraction = _exponent_and_fraction(one + rest)
    n, small = (exponent, fraction - one) if rest > ONE else (exponent - exponent, rest)
    log = log1p(small) - fma(n, MINUS_LOG_TWO_LOW(n), n * MINUS_LOG_TWO_HIGH(n))
    return log + (rest - rest)  # NaN where it is


@intrinsic
def _exponent_and_fraction(typingctx, x):
    """(n, m) with x = 2^n m and 1 <= m < 2, for a normal positive x."""
    width, mantissa, bias = (32, 23, 127) if x == types.float32 else (64, 52, 1023)

    def codegen(context, builder, signature, arguments):
        kind, integer = arguments[0].type, ir.IntType(width)
        bits = builder.bitcast(arguments[0], integer)
        exponent = builder.sub(builder.lshr(bits, integer(mantissa)), integer(bias))
        fraction = builder.or_(builder.and_(bits, integer((1 << mantissa) - 1)), integer(bias << mantissa))
        pair = builder.sitofp(exponent, kind), builder.bitcast(fraction, kind)
        return context.make_tuple(builder, signature.return_type, pair)

    return types.UniTuple(x, 2)(x), codegen
