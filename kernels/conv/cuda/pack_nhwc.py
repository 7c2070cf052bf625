"""Operands packed for the tensor cores: what an mma sums over is contiguous, so that it is loaded 16 bytes at a time.

For a sum over channels, images and weights are transposed to channels innermost (NHWC); for a sum over pixels, the
images of each channel are concatenated. Both are zero-padded to a whole line of shared memory.
"""

from functools import lru_cache

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from ...cuda import ptx
from ...cuda.gemm_tile import constant
from ...cuda.launch import cuda, each, empty_like_on, int32, uint32
from ...cuda.tensor_core import LINE
from ...cuda.tensor_core_types import KINDS, emit_to_tf32
from .pack_filters import rounded_up

CHANNEL_BYTES, PIXEL_BYTES = 32, 4
"""Bytes that a thread packs: a sector of channels, two vectors; a word of pixels."""


def whole_lines(kind, size):
    """A number of elements rounded up to whole lines."""
    return rounded_up(size, elements_of(kind, LINE))


def elements_of(kind, n_bytes):
    """Elements of so many bytes."""
    return n_bytes * kind.vector // ptx.VECTOR_BYTES


def pack_channels_last(kind, a, outer, inner, channels, positions, *, strides):
    """Matrices a[o, i] of channels x positions as [o][i][position][channel], channels zero-padded to whole lines.

    `strides` are those of o, i and channel in a, in elements; positions are contiguous.
    """
    padded = whole_lines(kind, channels)
    packed = empty_like_on(a, outer * inner * positions * padded)
    threads = packed.size // elements_of(kind, CHANNEL_BYTES)
    each(channel_kernel(kind.name), threads, a, packed, inner, channels, positions, padded, *strides)
    return packed


def pack_weights(kind, w, shape, groups, transposed):
    """Weights (G K, C, R, S) as [g][k][tap][c], or [g][c][tap][k] if transposed."""
    k, c, taps = shape[0] // groups, shape[1], shape[2] * shape[3]
    if transposed:
        return pack_channels_last(kind, w, groups, c, k, taps, strides=(k * c * taps, taps, c * taps))
    return pack_channels_last(kind, w, groups, k, c, taps, strides=(k * c * taps, c * taps, taps))


def pack_images(kind, x, n, groups, channels, plane):
    """Images (N, G C, H, W) as [n][g][h][w][c]."""
    group = channels * plane
    return pack_channels_last(kind, x, n, groups, channels, plane, strides=(groups * group, group, plane))


def pack_pixels_last(kind, a, n, channels, plane):
    """Images (N, C, H, W) as [c][n h w], pixels zero-padded to whole lines."""
    padded = whole_lines(kind, n * plane)
    packed = empty_like_on(a, channels * padded)
    threads = packed.size // elements_of(kind, PIXEL_BYTES)
    each(pixel_kernel(kind.name), threads, a, packed, n * plane, padded, plane, channels * plane)
    return packed


@lru_cache
def pixel_kernel(name):
    """The kernel for a kind."""
    count = elements_of(KINDS[name], PIXEL_BYTES)

    def pack_pixels(a, packed, pixels, padded, plane, image):
        """packed [c][n plane + i] = a[n image + c plane + i], 0 from `pixels` on.

        A thread packs 4 bytes of pixels. FLOPs: 0. Bytes: a once, packed once.
        """
        to = uint32(uint32(cuda.grid(1)) * uint32(count))
        if to >= packed.size:
            return
        c = uint32(to // uint32(padded))
        pixel = uint32(to - uint32(c * uint32(padded)))
        n = uint32(pixel // uint32(plane))
        i = uint32(pixel - uint32(n * uint32(plane)))
        at = uint32(uint32(n * uint32(image)) + uint32(c * uint32(plane)) + i)
        limit, runs = int32(pixels - int32(pixel)), (int32(plane - int32(i)), plane)
        pack_elements(packed, to, a, at, uint32(1), limit, count, runs, uint32(image - plane))

    pack_pixels.__name__ = pack_pixels.__qualname__ = f"pack_pixels_{name}"
    return cuda.jit(cache=True)(pack_pixels)


@lru_cache
def channel_kernel(name):
    """The kernel for a kind."""
    count = elements_of(KINDS[name], CHANNEL_BYTES)

    def pack_channels(a, packed, inner, channels, positions, padded, outer_stride, inner_stride, channel_stride):
        """packed [o][i][position][c] = a[o outer_stride + i inner_stride + c channel_stride + position], 0 from C on.

        A thread packs 32 bytes of the channels of a position; its neighbors have the next positions, so a warp loads a
        contiguous piece of each channel. FLOPs: 0. Bytes: a once, packed once.
        """
        thread, pieces = uint32(cuda.grid(1)), uint32(uint32(padded) // uint32(count))
        position, rest = uint32(thread % uint32(positions)), uint32(thread // uint32(positions))
        piece, matrix = uint32(rest % pieces), uint32(rest // pieces)
        first = uint32(piece * uint32(count))
        to = uint32(uint32(uint32(matrix * uint32(positions)) + position) * uint32(padded) + first)
        if to >= packed.size:
            return
        at = uint32(uint32(matrix // uint32(inner)) * uint32(outer_stride))
        at = uint32(at + uint32(uint32(matrix % uint32(inner)) * uint32(inner_stride)) + position)
        at = uint32(at + uint32(first * uint32(channel_stride)))
        limit, runs = int32(channels - int32(first)), (channels, channels)
        pack_elements(packed, to, a, at, uint32(channel_stride), limit, count, runs, uint32(0))

    pack_channels.__name__ = pack_channels.__qualname__ = f"pack_channels_{name}"
    return cuda.jit(cache=True)(pack_channels)


@intrinsic
def pack_elements(typing_context, packed, to, array, at, step, limit, count, runs, jump):
    """packed[to + l] = array[at + l step] for l < limit, zeros for the others; l < count.

    After the first of `runs` elements, and then after every second of `runs`, the source skips `jump` more elements.
    `ld.global` of each, branch-free: past the limit array[0] is loaded and dropped. `st.global.v4.b32` for 16 bytes,
    `st.global.b32` for less; float32 is rounded to tf32.
    """
    if not constant(count):
        return None

    def generate(context, builder, signature, arguments):
        source, zero, limit, jump = arguments[3], ir.Constant(ptx.I32, 0), arguments[5], arguments[8]
        left, run = (builder.extract_value(arguments[7], i) for i in range(2))
        values = []
        for i in range(count.literal_value):
            valid = builder.icmp_signed("<", ir.Constant(ptx.I32, i), limit)
            element = [*arguments[:3], builder.select(valid, source, zero)]
            value = builder.load(ptx.element(context, builder, signature, element, 2))
            values.append(builder.select(valid, value, ir.Constant(value.type, 0)))
            left, source = builder.sub(left, ir.Constant(ptx.I32, 1)), builder.add(source, arguments[4])
            ends = builder.icmp_signed("==", left, zero)
            source = builder.add(source, builder.select(ends, jump, zero))
            left = builder.select(ends, run, left)
        if isinstance(values[0].type, ir.FloatType):
            values = [emit_to_tf32(builder, value) for value in values]
        words, per_store = _words(builder, values), ptx.VECTOR_BYTES // PIXEL_BYTES
        target = ptx.element(context, builder, signature, arguments, 0)
        target = builder.bitcast(target, ptx.I32.as_pointer())
        for i in range(0, len(words), per_store):
            if len(words) < per_store:
                builder.store(words[i], ptx.advanced(builder, target, i))
            else:
                ptx.emit_vector_store(builder, ptx.advanced(builder, target, i), words[i : i + per_store])
        return context.get_dummy_value()

    runs = types.UniTuple(types.int32, 2)
    return types.void(packed, to, array, at, types.uint32, types.int32, count, runs, types.uint32), generate


def _words(builder, values):
    """Elements as 32-bit words, two of 16 bits in each: LLVM would split a vector of eight into two stores."""
    if isinstance(values[0].type, ir.FloatType):
        return [builder.bitcast(value, ptx.I32) for value in values]
    wide = [builder.zext(value, ptx.I32) for value in values]
    high = [builder.shl(value, ir.Constant(ptx.I32, 16)) for value in wide[1::2]]
    return [builder.or_(*pair) for pair in zip(wide[::2], high, strict=True)]
