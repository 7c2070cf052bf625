"""Run PTX instructions on arrays: one thread per element, one result array per instruction."""

import numpy as np

from gpuconv import emulator

DTYPES = {
    "u8": np.uint8, "s8": np.int8, "u16": np.uint16, "s16": np.int16, "u32": np.uint32, "s32": np.int32,
    "u64": np.uint64, "s64": np.int64, "f32": np.float32, "f64": np.float64, "b16": np.uint16, "b32": np.uint32,
    "b64": np.uint64, "f16": np.float16, "bf16": np.uint16, "pred": np.uint32,
}  # fmt: skip


def bits(type_):
    """Width of a type in memory; predicates are stored as u32."""
    return 8 * np.dtype(DTYPES[type_]).itemsize


def execute(lines, inputs, result, threads=32, *, check=True):
    """Execute instructions such as "add.s32 %d, %a, %b;"; returns one array of type `result` for each.

    `inputs` maps a letter to (type, values); %a is the register of letter a. Lines may use the scratch registers %x0 to
    %x7 (b32), %y0 to %y7 (b64), %h0 to %h7 (b16), %q0 to %q7 (pred); the predicate %p1 is true in odd threads.
    """
    # parameters and registers of the inputs
    count = len(next(iter(inputs.values()))[1])
    names = ["p_" + letter for letter in inputs] + [f"p_out{k}" for k in range(len(lines))]
    registers = "".join(f".reg .b{max(bits(t), 16)} %{letter};\n" for letter, (t, _) in inputs.items())
    loads = "".join(
        f"ld.param.u64 %rd1, [p_{letter}]; mad.wide.u32 %rd2, %i, {bits(t) // 8}, %rd1;\n"
        f"ld.global.{'u' if t[0] in 'ub' else t[0] if t[0] == 's' else 'b'}{bits(t)} %{letter}, [%rd2];\n"
        for letter, (t, _) in inputs.items()
    )
    # each instruction, followed by a store of its result
    body = ""
    declared = ".pred" if result == "pred" else f".b{max(bits(result), 16)}"
    for k, line in enumerate(lines):
        store = "selp.u32 %x9, 1, 0, %d; " if result == "pred" else ""
        source = "%x9" if result == "pred" else "%d"
        body += f"{{ .reg {declared} %d;\n{line}\n{store}"
        body += f"ld.param.u64 %rd1, [p_out{k}]; mad.wide.u32 %rd2, %i, {bits(result) // 8}, %rd1;\n"
        body += f"st.global.b{bits(result)} [%rd2], {source}; }}\n"
    text = f""".version 8.0
.target sm_90
.address_size 64
.visible .entry kernel({", ".join(f".param .u64 {name}" for name in names)})
{{
.reg .b32 %i; .reg .b32 %x<10>; .reg .b64 %y<10>; .reg .b16 %h<10>; .reg .pred %q<10>; .reg .pred %p<4>;
.reg .b64 %rd<4>; .reg .b32 %t<4>; .reg .f32 %f<10>; .reg .f64 %fd<10>;
{registers}
mov.u32 %t1, %ctaid.x; mov.u32 %t2, %ntid.x; mov.u32 %t3, %tid.x;
mad.lo.u32 %i, %t1, %t2, %t3;
and.b32 %t1, %i, 1; setp.ne.u32 %p1, %t1, 0;
{loads}{body}ret;
}}
"""
    # run
    arrays = [np.array(values, DTYPES[t]) for t, values in inputs.values()]
    results = [np.zeros(count, DTYPES[result]) for _ in lines]
    emulator.run_ptx(text, count // threads, threads, *arrays, *results, check=check)
    return results


def padded(values, dtype):
    """Repeat values to a multiple of 32 elements."""
    values = np.asarray(values, dtype)
    return np.resize(values, -(-values.size // 32) * 32)


def pairs(values, dtype):
    """Two arrays that contain every pair of values, padded to a multiple of 32 elements."""
    values = np.asarray(values, dtype)
    a, b = np.meshgrid(values, values)
    return padded(a.ravel(), dtype), padded(b.ravel(), dtype)


def special_integers(type_, rng, count=11):
    """Corner cases of an integer type and some random values."""
    info = np.iinfo(DTYPES[type_])
    corners = [0, 1, 2, info.max, info.max - 1, info.min, info.min + 1, info.max // 2]
    corners += [-1, -2] if info.min else [info.max // 3]
    drawn = rng.integers(info.min, info.max, count, dtype=DTYPES[type_], endpoint=True)
    return np.concatenate([np.array(corners, DTYPES[type_]), drawn])


def special_floats(type_, rng, count=8):
    """Zeros, infinities, NaN, subnormal, smallest, largest and random values of a floating type."""
    dtype = DTYPES[type_]
    info = np.finfo(dtype)
    corners = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, info.tiny, -info.tiny, info.smallest_subnormal,
               -info.smallest_subnormal * dtype(3), info.max, -info.max, 1 + info.eps, 0.5, 2.5, -3.5,
               1 / 3]  # fmt: skip
    drawn = rng.standard_normal(count) * 10.0 ** rng.integers(-4, 4, count)
    return np.concatenate([np.array(corners, dtype), drawn.astype(dtype)])


def same(found, expected):
    """Whether floats are bitwise equal, all NaNs being equal."""
    found, expected = np.asarray(found), np.asarray(expected)
    both_nan = np.isnan(found) & np.isnan(expected)
    integer = f"u{found.dtype.itemsize}"
    return bool((both_nan | (found.view(integer) == expected.view(integer))).all())
