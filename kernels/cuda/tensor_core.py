"""Tensor cores: fragments, and products of matrices by a warp.

A product of 16 x 8 results takes a depth of 32 bytes: 16 elements of 16 bits or 8 of tf32. Lane l, of row l // 4 and
pair l % 4, holds rows l // 4 and l // 4 + 8 of the first operand, column l // 4 of the second and, of the results,
two rows of two neighbours each (PTX ISA, "Matrix Fragments for mma.m16n8k16" and "m16n8k8"). Operands lie in shared
memory in lines of 64 bytes, four vectors of 128 bits, of which line i holds vector c at place c ^ (i // 2 % 4): eight
lines' vectors, which one `ldmatrix` reads, lie in all 32 banks, and so do eight vectors of two lines, which are stored.

As in tile.py, each function is an intrinsic that emits its instructions unrolled, counts and distances being constants;
offsets into shared memory are bytes, into global memory elements. They need sm_80.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from . import cp_async, gemm_tile, ptx
from .gemm_tile import constant

LINE = 64
"""Bytes of a line: two depths of a product."""

VECTORS = LINE // ptx.VECTOR_BYTES
ROWS, COLUMNS = 16, 8
"""Of one product."""

TURNED_DEPTH = 4
"""Lines between a lane's two depths of tf32."""

MULTIPLY = {
    "f16": "m16n8k16.row.col.f32.f16.f16.f32",
    "bf16": "m16n8k16.row.col.f32.bf16.bf16.f32",
    "tf32": "m16n8k8.row.col.f32.tf32.tf32.f32",
}
"""Instructions by the type of the operands; all add up in float32."""

FINGERPRINT = ptx.fingerprint(ptx.__file__, gemm_tile.__file__, cp_async.__file__, __file__)
"""For kernels to close over: see ptx.fingerprint."""

F32 = ir.FloatType()


@intrinsic
def load_numbers(typing_context, registers, shared, offset, places, count):
    """registers[l] = the 32 bits at shared[offset + l places]; l < count: `ld.shared.u32`."""
    if not constant(places, count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        source = ptx.shared_address(context, builder, signature, arguments, 1)
        for i in range(count.literal_value):
            text = f"ld.shared.b32 $0, [$1+{i * places.literal_value}];"
            builder.store(ptx.emit(builder, ptx.I32, text, "=r,r,~{memory}", [source]), ptx.moved(builder, start, i))
        return context.get_dummy_value()

    return types.void(registers, shared, offset, places, count), generate


@intrinsic
def load_matrices(typing_context, registers, first, shared, offset, apart, count):
    """An operand whose depth runs along the lines: registers[first + 4 l :][:4] = four matrices of 8 x 16 bytes.

    Each lane names a line by its offset, l apart further on; l < count. `ldmatrix.sync.aligned.m8n8.x4.shared.b16`.
    """
    if not constant(first, apart, count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        source = ptx.shared_address(context, builder, signature, arguments, 2)
        for i in range(count.literal_value):
            loaded = _matrices(builder, "", source, i * apart.literal_value)
            _keep(builder, loaded, start, first.literal_value + 4 * i)
        return context.get_dummy_value()

    return types.void(registers, first, shared, offset, apart, count), generate


@intrinsic
def load_turned(typing_context, registers, first, shared, offset, panel, count, kind):
    """The first operand where its depth runs across the lines: registers[first + 4 l :][:4] for l < count.

    16-bit elements `ldmatrix` turns over (`.trans`): each lane names a line of two vectors by its offset, the next two
    are those of the turned bit 32, and then come the next panel's. tf32 it cannot turn; a panel has 16 channels, and a
    lane takes two neighbours from each of two lines, `ld.shared.v2.b32`, as a product's rows l // 4 and l // 4 + 8.
    """
    if not (constant(first, panel, count) and isinstance(kind, types.StringLiteral)):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.moved(builder, ptx.data(context, builder, signature.args[0], arguments[0]), first.literal_value)
        base, step = ptx.shared_base(context, builder, signature, arguments, 2), panel.literal_value
        turned = builder.xor(arguments[3], ir.Constant(ptx.I32, LINE // 2))
        sources = [builder.add(base, offset) for offset in (arguments[3], turned)]
        for i in range(count.literal_value):
            if kind.literal_value == "tf32":
                _pairs(builder, sources[0], i * step, ptx.moved(builder, start, 4 * i))
            else:
                _keep(builder, _matrices(builder, ".trans", sources[i % 2], i // 2 * step), start, 4 * i)
        return context.get_dummy_value()

    return types.void(registers, first, shared, offset, panel, count, kind), generate


@intrinsic
def multiply(typing_context, results, a, a_first, b, b_first, rows, columns, kind):
    """results += A B for `rows` x `columns` products, in serpentine order: `mma.sync.aligned` of the operands' type.

    A has four registers a product from a[a_first] on, B two from b[b_first] on, the results four.
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
    """A lane's results of one row of the `rows` x `columns` products, for the row of a loop; lines are `pitch` apart.

    A branch for each row, as registers have no index. `st.shared.v2.f32`, two a product.
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
                below = j % 2 * COLUMNS * pitch.literal_value + j // 2 * COLUMNS * 4
                text = f"st.shared.v2.f32 [$0+{below}], {{$1, $2}};"
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


def _matrices(builder, turned, source, displacement):
    """Four matrices of 8 x 16 bytes, a line of which starts at each lane's source."""
    text = f"ldmatrix.sync.aligned.m8n8.x4{turned}.shared.b16 {{$0, $1, $2, $3}}, [$4+{displacement}];"
    four = ir.LiteralStructType([ptx.I32] * 4)
    return ptx.emit(builder, four, text, "=r,=r,=r,=r,r,~{memory}", [source])


def _pairs(builder, source, displacement, start):
    """Two channels of two lines: four registers of one product."""
    two = ir.LiteralStructType([ptx.I32] * 2)
    for i in range(2):
        text = f"ld.shared.v2.b32 {{$0, $1}}, [$2+{displacement + i * TURNED_DEPTH * LINE}];"
        loaded = ptx.emit(builder, two, text, "=r,=r,r,~{memory}", [source])
        for j in range(2):
            builder.store(builder.extract_value(loaded, j), ptx.moved(builder, start, 2 * i + j))


def _values(builder, start, first, count):
    """Registers as values."""
    return [builder.load(ptx.moved(builder, start, first + i)) for i in range(count)]


def _keep(builder, values, start, first):
    """The members of a struct into registers."""
    for i in range(4):
        builder.store(builder.extract_value(values, i), ptx.moved(builder, start, first + i))
