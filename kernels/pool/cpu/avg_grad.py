"""The gradient of average pooling on the CPU: a thread takes whole planes (n, c).

Each row of windows is divided and spread along its columns once, a vector of positions at a time; then each row of dx
adds up the rows of windows that cover it. Bytes a call: dy and dx once.
"""

from numba import njit

from ...cpu.parallel import share, streaming
from ...cpu.simd import copies, lanes_of, load, store, store_in_turns
from ...cpu.simd_rows import AHEAD, prefetch_row, sum_rows
from ...cpu.workspaces import workspace, zeros
from .windows import axis_of, covering, divisors, inside_each, pairs_of, strip_covered, vectors_of, whole_vectors


@streaming
def spread_quotients(planes, axes, count_include_pad, divisor, dy, dx, thread, threads):
    """dx[i] = sum of dy / divisor over the windows that cover position i."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    row_counts, column_counts = divisors(depth, height, width, count_include_pad, divisor, dy)
    taps_w, margin = inside_each(width), whole_vectors(dy, width.taps)
    rows, layer, deep, pitch = strip_covered(depth, height, width, dy)
    reach = max(column_counts.size, (pitch + width.before) // width.stride + lanes_of(dy))
    line = whole_vectors(dy, 2 * margin + reach)
    quotients = zeros(deep * layer * line, dy)  # also at both ends: no position asks whether a window is there
    spread = workspace(deep * layer * pitch, dy)
    first, last = share(planes * depth.size, thread, threads)
    for slice_ in range(first, last):
        plane, d = slice_ // depth.size, slice_ % depth.size
        z0, z1 = covering(depth, d)
        for h0 in range(0, height.size, rows):
            h1 = min(h0 + rows, height.size)
            p0, p1 = covering(height, h0)[0], covering(height, h1 - 1)[1]
            for z in range(z0, z1):
                window = ((plane * depth.windows + z) * height.windows + p0) * width.windows
                counts, place = row_counts[z, p0:p1], (z - z0) * layer
                _divide(width, dy, window, counts, column_counts, quotients, place * line + margin, line)
                _spread(width, taps_w, p1 - p0, quotients, place * line + margin, line, spread, place * pitch, pitch)
            for h in range(h0, h1):
                first_p, last_p = covering(height, h)
                row, source = (slice_ * height.size + h) * width.size, (first_p - p0) * pitch
                covered_by = max(0, last_p - first_p)
                sum_rows(dx, row, spread, source, layer * pitch, z1 - z0, pitch, covered_by, width.size)
                prefetch_row(dx, row + AHEAD, width.size)


@njit(cache=True, nogil=True)
def _divide(width, dy, window, row_counts, column_counts, quotients, place, line):
    """quotients[place + i * line + q] = dy[window + i * windows + q] / divisor."""
    for i in range(row_counts.size):
        count, source, target = copies(dy, row_counts[i]), window + i * width.windows, place + i * line
        for part in range(vectors_of(dy, width.windows)):
            start = part * lanes_of(dy)
            q = min(start, width.windows - lanes_of(dy))
            if q >= 0:
                store(quotients, target + q, load(dy, source + q) / (count * load(column_counts, q)))
        for q in range(width.windows if width.windows < lanes_of(dy) else 0):
            quotients[target + q] = dy[source + q] / (row_counts[i] * column_counts[q])


@njit(cache=True, nogil=True)
def _spread(width, taps_w, rows, quotients, place, line, spread, target, pitch):
    """spread[target + i * pitch + w] = the sum of quotients[place + i * line + q] over the q that cover position w."""
    for i in range(rows):
        source, row = place + i * line, target + i * pitch
        if width.stride == 1:
            for part in range(vectors_of(quotients, width.size)):
                w = part * lanes_of(quotients)
                at = source + w + width.before
                total = load(quotients, at)
                for s in range(1, width.taps):
                    total = total + load(quotients, at - s)
                store(spread, row + w, total)
        elif width.stride == 2 and width.taps == 3:
            _spread_in_turns(3, width, quotients, source, spread, row)
        elif width.stride == 2:
            _spread_in_turns(width.taps, width, quotients, source, spread, row)
        else:
            _spread_each(width, taps_w, quotients, source, spread, row)


@njit(inline="always")
def _spread_in_turns(taps, width, quotients, source, spread, row):
    """The same of a row, where every other tap of a window falls on every other position."""
    odd_first = width.before % 2
    for part in range(pairs_of(quotients, width.size)):
        w = 2 * part * lanes_of(quotients)
        at = source + (w + width.before) // 2
        even, odd = load(quotients, at + odd_first), copies(quotients, 0)
        for s in range(2, taps, 2):
            even = even + load(quotients, at + odd_first - s // 2)
        for s in range(1, taps, 2):
            odd = odd + load(quotients, at - s // 2)
        if odd_first:
            store_in_turns(spread, row + w, odd, even)
        else:
            store_in_turns(spread, row + w, even, odd)


@njit(cache=True, nogil=True)
def _spread_each(width, taps_w, quotients, source, spread, row):
    """The same of a row, a window at a time."""
    for w in range(width.size):
        spread[row + w] = 0
    for q in range(width.windows):
        first, count = row + q * width.stride - width.before + taps_w[q, 0], taps_w[q, 1] - taps_w[q, 0]
        for s in range(count):
            spread[first + s] += quotients[source + q]
