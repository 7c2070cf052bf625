"""Tensor cores: intrinsics that load the fragments of a warp by `ldmatrix` and multiply them by `mma.sync` (sm_80).

One mma computes 16 x 8 results of a depth of 32 bytes: 16 elements of 16 bits or 8 of tf32. Lane l holds rows l // 4
and l // 4 + 8 of the first operand, column l // 4 of the second, and two rows of two neighbors of the results (PTX ISA,
"Matrix Fragments for mma.m16n8k16" and "m16n8k8"). Operands lie in shared memory in lines of 64 bytes, four 128-bit
vectors, swizzled: line i holds vector c at position c ^ (i // 2 % 4). So the vectors of eight lines, which one
`ldmatrix` reads, cover all 32 banks, and so do eight vectors of two lines, which are stored.

As in gemm_tile.py, each intrinsic emits its instructions fully unrolled, with counts and strides as compile-time
constants; offsets are bytes in shared memory and elements in global memory.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from . import ptx
from .gemm_tile import constant

LINE = 64
"""Bytes of a line: the depth of two mma."""

VECTORS = LINE // ptx.VECTOR_BYTES
MMA_ROWS, MMA_COLUMNS = 16, 8
"""Results of one mma."""

TF32_DEPTH_LINES = 4
"""Lines between a lane's two depths of a transposed tf32 operand."""

MULTIPLY = {
    "f16": "m16n8k16.row.col.f32.f16.f16.f32",
    "bf16": "m16n8k16.row.col.f32.bf16.bf16.f32",
    "tf32": "m16n8k8.row.col.f32.tf32.tf32.f32",
}
"""Instructions by the type of the operands; all accumulate in float32."""


F32 = ir.FloatType()


@intrinsic
def load_words(typing_context, registers, shared, offset, stride, count):
    """registers[l] = the 32-bit word at shared[offset + l stride]; l < count: `ld.shared.b32`."""
    if not constant(stride, count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        source = ptx.shared_address(context, builder, signature, arguments, 1)
        for i in range(count.literal_value):
            text = f"ld.shared.b32 $0, [$1+{i * stride.literal_value}];"
            builder.store(ptx.emit(builder, ptx.I32, text, "=r,r,~{memory}", [source]), ptx.advanced(builder, start, i))
        return context.get_dummy_value()

    return types.void(registers, shared, offset, stride, count), generate


@intrinsic
def load_matrices(typing_context, registers, first, shared, offset, stride, count):
    """registers[first + 4 l :][:4] = four 8 x 16-byte matrices, l < count; the depth runs along the lines.

    Each lane addresses a line: shared[offset + l stride]. `ldmatrix.sync.aligned.m8n8.x4.shared.b16`.
    """
    if not constant(first, stride, count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        source = ptx.shared_address(context, builder, signature, arguments, 2)
        for i in range(count.literal_value):
            loaded = _matrices(builder, "", source, i * stride.literal_value)
            _keep(builder, loaded, start, first.literal_value + 4 * i)
        return context.get_dummy_value()

    return types.void(registers, first, shared, offset, stride, count), generate


@intrinsic
def load_transposed(typing_context, registers, first, shared, offset, panel, count, kind):
    """registers[first + 4 l :][:4] of the first operand where its depth runs across the lines; l < count.

    16-bit elements: `ldmatrix.trans`. Each lane addresses a line of two vectors by its offset; the other two vectors
    are at the offset with bit 32 flipped, and then follows the next panel. tf32: `ldmatrix` cannot transpose 32-bit
    elements, so a lane takes two neighbors from each of two lines by `ld.shared.v2.b32`, as rows l // 4 and l // 4 + 8.
    """
    if not (constant(first, panel, count) and isinstance(kind, types.StringLiteral)):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.advanced(builder, ptx.data(context, builder, signature.args[0], arguments[0]), first.literal_value)
        base, step = ptx.shared_base(context, builder, signature, arguments, 2), panel.literal_value
        flipped = builder.xor(arguments[3], ir.Constant(ptx.I32, LINE // 2))
        sources = [builder.add(base, offset) for offset in (arguments[3], flipped)]
        for i in range(count.literal_value):
            if kind.literal_value == "tf32":
                _pairs(builder, sources[0], i * step, ptx.advanced(builder, start, 4 * i))
            else:
                _keep(builder, _matrices(builder, ".trans", sources[i % 2], i // 2 * step), start, 4 * i)
        return context.get_dummy_value()

    return types.void(registers, first, shared, offset, panel, count, kind), generate


@intrinsic
def multiply(typing_context, results, a, a_first, b, b_first, rows, columns, kind):
    """results += A B for `rows` x `columns` mma, in serpentine order: `mma.sync.aligned` of the operands' type.

    A row of A takes four registers from a[a_first] on, a column of B two from b[b_first] on, an mma four results.
    """
    if not (constant(a_first, b_first, rows, columns) and isinstance(kind, types.StringLiteral)):
        return None
    n_rows, n_columns = rows.literal_value, columns.literal_value
    text = f"mma.sync.aligned.{MULTIPLY[kind.literal_value]} "
    text += "{$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, {$10, $11, $12, $13};"
    constraints = ",".join(["=f"] * 4 + ["r"] * 6 + ["f"] * 4)

    def generate(context, builder, signature, arguments):
        totals, a, b = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (0, 1, 3))
        a_values = _values(builder, a, a_first.literal_value, 4 * n_rows)
        b_values = _values(builder, b, b_first.literal_value, 2 * n_columns)
        four = ir.LiteralStructType([F32] * 4)
        for i in range(n_rows):
            for j in range(n_columns) if i % 2 == 0 else reversed(range(n_columns)):
                at = 4 * (i * n_columns + j)
                operands = [
                    *a_values[4 * i : 4 * i + 4],
                    *b_values[2 * j : 2 * j + 2],
                    *_values(builder, totals, at, 4),
                ]
                products = ptx.emit(builder, four, text, constraints, operands, side_effect=False)
                _keep(builder, products, totals, at)
        return context.get_dummy_value()

    return types.void(results, a, a_first, b, b_first, rows, columns, kind), generate


@intrinsic
def stage_rows(typing_context, results, row, shared, offset, pitch, rows, columns):
    """shared[offset] = a lane's results of one runtime row of the `rows` x `columns` mma; lines have a pitch in bytes.

    A switch with a case for each row, as registers cannot be indexed. Two `st.shared.v2.f32` an mma.
    """
    if not constant(pitch, rows, columns):
        return None
    n_columns = columns.literal_value

    def generate(context, builder, signature, arguments):
        totals = ptx.data(context, builder, signature.args[0], arguments[0])
        target = ptx.shared_address(context, builder, signature, arguments, 2)
        done = builder.append_basic_block("staged")
        choice = builder.switch(arguments[1], done)
        for i in range(rows.literal_value):
            block = builder.append_basic_block(f"row{i}")
            choice.add_case(ir.Constant(arguments[1].type, i), block)
            builder.position_at_end(block)
            for j in range(2 * n_columns):
                pair = _values(builder, totals, 4 * i * n_columns + 2 * j, 2)
                displacement = j % 2 * MMA_COLUMNS * pitch.literal_value + j // 2 * MMA_COLUMNS * 4
                text = f"st.shared.v2.f32 [$0+{displacement}], {{$1, $2}};"
                ptx.emit(builder, ptx.VOID, text, "r,f,f,~{memory}", [target, *pair])
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(results, row, shared, offset, pitch, rows, columns), generate


@intrinsic
def load_float(typing_context, shared, offset):
    """The float32 at shared[offset]: `ld.shared.f32`."""

    def generate(context, builder, signature, arguments):
        source = ptx.shared_address(context, builder, signature, arguments, 0)
        return ptx.emit(builder, F32, "ld.shared.f32 $0, [$1];", "=f,r,~{memory}", [source])

    return types.float32(shared, offset), generate


def _matrices(builder, qualifier, source, displacement):
    """Four matrices of 8 x 16 bytes, a line of which starts at each lane's source."""
    text = f"ldmatrix.sync.aligned.m8n8.x4{qualifier}.shared.b16 {{$0, $1, $2, $3}}, [$4+{displacement}];"
    four = ir.LiteralStructType([ptx.I32] * 4)
    return ptx.emit(builder, four, text, "=r,=r,=r,=r,r,~{memory}", [source])


def _pairs(builder, source, displacement, start):
    """Two channels of two lines: four registers of one mma."""
    two = ir.LiteralStructType([ptx.I32] * 2)
    for i in range(2):
        text = f"ld.shared.v2.b32 {{$0, $1}}, [$2+{displacement + i * TF32_DEPTH_LINES * LINE}];"
        loaded = ptx.emit(builder, two, text, "=r,=r,r,~{memory}", [source])
        for j in range(2):
            builder.store(builder.extract_value(loaded, j), ptx.advanced(builder, start, 2 * i + j))


def _values(builder, start, first, count):
    """Registers as values."""
    return [builder.load(ptx.advanced(builder, start, first + i)) for i in range(count)]


def _keep(builder, values, start, first):
    """The members of a struct into registers."""
    for i in range(4):
        builder.store(builder.extract_value(values, i), ptx.advanced(builder, start, first + i))
