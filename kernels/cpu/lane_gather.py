"""Gathers of nearby elements in registers: a vector is loaded, its elements are put in order by a table.

Where outputs that lie side by side read inputs that lie close together, as in padding, resizing and their gradients, a
few loads and permutations make a vector of outputs, whatever the shape: no row is too short, nothing is transposed.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from .emitter import Emitter
from .registers import features, lanes
from .simd import Vector


def order_type(dtype):
    """The integer type of an order, as wide as the elements."""
    return np.dtype(f"i{np.dtype(dtype).itemsize}")


class Gathers(NamedTuple):
    """Steps that gather the terms of vectors of outputs; the vectors are sorted by their number of steps."""

    runs: np.ndarray
    """(runs, 2): so many vectors of so many steps each."""
    targets: np.ndarray
    """(vectors,): a vector's first output."""
    bases: np.ndarray
    """(steps,): the first of the neighboring inputs that a step reads."""
    orders: np.ndarray
    """(steps * lanes,): the input of each lane, counted from the base; -1 where the lane has no term in this step."""
    terms: np.ndarray
    """(steps, lanes): the term of each lane, or -1."""


def gather_steps(starts, sources, length, dtype):
    """Gathers of the outputs j that have the terms starts[j] <= t < starts[j + 1] and read sources[t] < length.

    An output's terms are taken in their order, if they ascend. Of outputs and inputs there is at least a vector; the
    last vector of outputs ends with the last one.
    """
    width, count, vectors = lanes(dtype), len(starts) - 1, []
    starts, sources = np.asarray(starts), np.asarray(sources)
    for vector in range(-(-count // width)):
        target, steps = min(vector * width, count - width), []
        following, last = starts[target : target + width].copy(), starts[target + 1 : target + width + 1]
        while (left := np.flatnonzero(following < last)).size:
            inputs = sources[following[left]]
            base, taken = min(inputs.min(), length - width), left[inputs < inputs.min() + width]
            term = np.full(width, -1)
            term[taken] = following[taken]
            following[taken] += 1
            steps.append((base, term))
        vectors.append((len(steps), target, steps))
    vectors.sort(key=lambda vector: vector[0])
    bases = np.array([base for _, _, steps in vectors for base, _ in steps], np.intp)
    terms = np.array([term for _, _, steps in vectors for _, term in steps], np.intp).reshape(-1, width)
    orders = np.where(terms < 0, -1, sources[terms] - bases[:, None]) if terms.size else terms
    runs = np.unique([number for number, _, _ in vectors], return_counts=True)
    targets = np.array([target for _, target, _ in vectors], np.intp)
    return Gathers(np.stack(runs, 1), targets, bases, orders.astype(order_type(dtype)).reshape(-1), terms)


@intrinsic
def gather(typingctx, a, start, bases, orders, step, kept):
    """Lane i is a[start + bases[step] + orders[step * lanes + i]], or kept's where the order is negative.

    Reads the vector of a that begins at the base.
    """
    kind = Vector(a.dtype, lanes(a.dtype.name))

    def codegen(context, builder, sig, args):
        emit, numbers = Emitter(context, builder, a.dtype), Emitter(context, builder, orders.dtype)
        base = builder.load(builder.gep(context.make_array(bases)(context, builder, args[2]).data, [args[4]]))
        order = numbers.load(numbers.at(numbers.pointer(orders, args[3]), emit.constant(emit.width), args[4]))
        vector = _permuted(emit, emit.load(emit.at(emit.pointer(a, *args[:2]), base)), order)
        return builder.select(builder.icmp_signed(">=", order, numbers.zeros), vector, args[5])

    return kind(a, types.intp, bases, orders, types.intp, kind), codegen


def _permuted(emit, vector, order):
    """A vector's elements in an order; the highest bits of an order do not count."""
    builder, bits = emit.builder, 8 * emit.size
    if emit.size * emit.width == 64 and "avx512f" in features():
        kind = "sf" if bits == 32 else "df"
        return _call(emit, f"llvm.x86.avx512.permvar.{kind}.512", vector, order)
    if emit.size * emit.width == 32 and "avx2" in features():
        if bits == 64:  # as pairs of halves: 2 i and 2 i + 1
            low = builder.shl(order, _filled(order.type, 1))
            high = builder.shl(builder.or_(low, _filled(order.type, 1)), _filled(order.type, 32))
            order = builder.bitcast(builder.or_(builder.and_(low, _filled(order.type, 2**32 - 1)), high), _EIGHT_I32)
        return builder.bitcast(
            _call(emit, "llvm.x86.avx2.permps", builder.bitcast(vector, _EIGHT_F32), order), vector.type
        )
    order = builder.and_(order, _filled(order.type, emit.width - 1))
    elements = [builder.extract_element(vector, emit.element(order, lane)) for lane in range(emit.width)]
    return emit.vector_from(elements)


_EIGHT_I32, _EIGHT_F32 = ir.VectorType(ir.IntType(32), 8), ir.VectorType(ir.FloatType(), 8)


def _filled(vector, value):
    return ir.Constant(vector, [value] * vector.count)


def _call(emit, name, vector, order):
    kind = ir.FunctionType(vector.type, [vector.type, order.type])
    return emit.builder.call(get_or_insert_function(emit.builder.module, kind, name), [vector, order])
