"""Resampling on the CPU by gathers in registers (lane_gather.py): planes of few elements, and rows of any length.

A step is a load, a permutation and, where outputs are sums, a multiply-add for a vector of outputs.
"""

from numba import njit

from ...cpu.lane_gather import gather
from ...cpu.parallel import share, streaming, workspace, zeros
from ...cpu.simd import lanes_of, load, splat, store
from ...cpu.simd_compare import multiply_add
from ...cpu.simd_rows import copy_row


@njit(inline="always")
def _copies(x, source, runs, targets, bases, orders, fill, y, target):
    """y[target + j] = x[source + the input of output j], or fill without one."""
    vector = step = 0
    for run in range(runs.shape[0]):
        steps, last = runs[run, 0], vector + runs[run, 1]
        if steps == 1:  # a constant for the compiler
            for v in range(vector, last):
                store(y, target + targets[v], gather(x, source, bases, orders, step, splat(y, fill)))
                step += 1
        else:
            for v in range(vector, last):
                value = splat(y, fill)
                for s in range(step, step + steps):
                    value = gather(x, source, bases, orders, s, value)
                store(y, target + targets[v], value)
                step += steps
        vector = last


@njit(inline="always")
def _sums(x, source, runs, targets, bases, orders, weights, y, target):
    """y[target + j] = the sum of weight x[source + input] over the terms of output j."""
    vector = step = 0
    for run in range(runs.shape[0]):
        steps, last = runs[run, 0], vector + runs[run, 1]
        if steps == 4:  # constants for the compiler
            _sum_vectors(4, vector, last, step, x, source, targets, bases, orders, weights, y, target)
        elif steps == 2:
            _sum_vectors(2, vector, last, step, x, source, targets, bases, orders, weights, y, target)
        else:
            _sum_vectors(steps, vector, last, step, x, source, targets, bases, orders, weights, y, target)
        step += steps * (last - vector)
        vector = last


@njit(inline="always")
def _sum_vectors(steps, vector, last, step, x, source, targets, bases, orders, weights, y, target):
    """_sums of the vectors [vector, last), whose steps begin with `step`."""
    lanes, nothing = lanes_of(y), splat(y, 0)
    for v in range(vector, last):
        value, first = splat(y, -0.0), step + (v - vector) * steps
        for s in range(steps):
            term = gather(x, source, bases, orders, first + s, nothing)
            value = multiply_add(load(weights, (first + s) * lanes), term, value)
        store(y, target + targets[v], value)


@streaming
def copy_planes(x, planes, group, runs, targets, bases, orders, fill, y, thread, threads):
    """x and y planes, each output a copy of an input, or fill; the steps are of so many planes, a group.

    A thread takes groups; those past the last whole one are taken in working memory.
    """
    x, y, size, result_size = x.reshape(-1), y.reshape(-1), x.size // planes * group, y.size // planes * group
    first, last = share((planes + group - 1) // group, thread, threads)
    block, result = zeros(size, y), workspace(result_size, y)
    for number in range(first, last):
        source, target = number * size, number * result_size
        if source + size <= x.size:
            _copies(x, source, runs, targets, bases, orders, fill, y, target)
        else:
            copy_row(block, 0, x, source, x.size - source)
            _copies(block, 0, runs, targets, bases, orders, fill, result, 0)
            copy_row(y, target, result, 0, y.size - target)


@streaming
def sum_planes(
    x, planes, group, between, row_runs, row_targets, row_bases, row_orders, row_weights, runs, targets, bases, orders,
    weights, fill, y, thread, threads,
):  # fmt: skip
    """x and y planes, each output a sum: first along the outer axes, to `between` elements of a group, then columns.

    A thread takes groups; those past the last whole one are taken in working memory.
    """
    x, y, size, result_size = x.reshape(-1), y.reshape(-1), x.size // planes * group, y.size // planes * group
    first, last = share((planes + group - 1) // group, thread, threads)
    block, middle, result = zeros(size, y), workspace(between, y), workspace(result_size, y)
    for number in range(first, last):
        source, target = number * size, number * result_size
        if source + size <= x.size:
            _sums(x, source, row_runs, row_targets, row_bases, row_orders, row_weights, middle, 0)
            _sums(middle, 0, runs, targets, bases, orders, weights, y, target)
        else:
            copy_row(block, 0, x, source, x.size - source)
            _sums(block, 0, row_runs, row_targets, row_bases, row_orders, row_weights, middle, 0)
            _sums(middle, 0, runs, targets, bases, orders, weights, result, 0)
            copy_row(y, target, result, 0, y.size - target)


@streaming
def copy_rows(
    x, a_starts, a_sources, b_starts, b_sources, runs, targets, bases, orders, fill, y, thread, threads
):  # fmt: skip
    """x (outer, I0, I1, I2), y (outer, O0, O1, O2), each output a copy of an input, or fill; tables a, b, steps.

    The tables are of the outer axes, the steps of a row's columns; a thread takes rows of y.
    """
    P, Q, columns = y.shape[1], y.shape[2], y.shape[3]
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)
    first, last = share(y.shape[0] * P * Q, thread, threads)
    for row in range(first, last):
        o, p, q, target = row // (P * Q), row // Q % P, row % Q, row * columns
        a, b = a_starts[p], b_starts[q]
        if a == a_starts[p + 1] or b == b_starts[q + 1]:
            flat_y[target : target + columns] = fill
        else:
            source = ((o * x.shape[1] + a_sources[a]) * x.shape[2] + b_sources[b]) * x.shape[3]
            _copies(flat_x, source, runs, targets, bases, orders, fill, flat_y, target)


@streaming
def sum_rows(
    x, a_starts, a_sources, a_weights, b_starts, b_sources, b_weights, runs, targets, bases, orders, weights, repeats,
    fill, y, thread, threads,
):  # fmt: skip
    """copy_rows where outputs are sums; rows with the terms of the row before them are copies of it."""
    P, Q, size, columns = y.shape[1], y.shape[2], x.shape[3], y.shape[3]
    flat_x, flat_y, line = x.reshape(-1), y.reshape(-1), workspace(size, y)
    first, last = share(y.shape[0] * P * Q, thread, threads)
    for row in range(first, last):
        o, p, q, target = row // (P * Q), row // Q % P, row % Q, row * columns
        a0, a1, b0, b1 = a_starts[p], a_starts[p + 1], b_starts[q], b_starts[q + 1]
        if a0 == a1 or b0 == b1:
            flat_y[target : target + columns] = fill
            continue
        if repeats[q] and row > first:
            copy_row(flat_y, target, flat_y, target - columns, columns)
            continue
        # weighted sum of the source rows: of two, as most are, in one pass
        source = ((o * x.shape[1] + a_sources[a0]) * x.shape[2] + b_sources[b0]) * size
        weight = a_weights[a0] * b_weights[b0]
        if a1 - a0 == 1 and b1 - b0 == 2:
            other = source + (b_sources[b0 + 1] - b_sources[b0]) * size
            _add_rows(flat_x, source, weight, flat_x, other, a_weights[a0] * b_weights[b0 + 1], size, line)
        else:
            copy_row(line, 0, flat_x, source, size)
            for s in range(a0, a1):
                for t in range(b0, b1):
                    if s > a0 or t > b0:
                        source = ((o * x.shape[1] + a_sources[s]) * x.shape[2] + b_sources[t]) * size
                        factor = a_weights[s] * b_weights[t]
                        _add_rows(line, 0, weight, flat_x, source, factor, size, line)
                        weight = y.dtype.type(1)
            if weight != 1:
                _scale_row(line, weight)
        _sums(line, 0, runs, targets, bases, orders, weights, flat_y, target)


@njit(inline="always")
def _add_rows(a, start, weight, b, first, factor, count, line):
    """line = weight a + factor b, of at least a vector; the last vector, computed first, ends with the row."""
    lanes, w, f = lanes_of(line), splat(line, weight), splat(line, factor)
    last = multiply_add(w, load(a, start + count - lanes), f * load(b, first + count - lanes))
    for vector in range((count - 1) // lanes):
        j = vector * lanes
        store(line, j, multiply_add(w, load(a, start + j), f * load(b, first + j)))
    store(line, count - lanes, last)


@njit(inline="always")
def _scale_row(line, weight):
    """line *= weight."""
    for j in range(line.size):
        line[j] *= weight
