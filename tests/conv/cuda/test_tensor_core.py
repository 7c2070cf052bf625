"""Tensor cores: instructions, kernels and passes for float16, bfloat16 and tf32, executed in the emulator."""

from unittest import mock

import ml_dtypes
import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

from numba import cuda, float32, uint32

import gpuconv
from gpuconv import emulator
from gpuconv.bench import launches, meter, sass, sass_limits
from gpuconv.conv.shape import conv_shape
from gpuconv.emulator.launcher import VARIABLE
from gpuconv.kernels.conv.cuda import pack_nhwc, tensor_core, tensor_core_wgrad, unsupported
from gpuconv.kernels.cuda import cp_async, gemm_tile, launch
from gpuconv.kernels.cuda import tensor_core as core
from gpuconv.kernels.cuda.tensor_core_mapping import (
    a_fragment_offset,
    b_fragment_offset,
    staging_offset,
    swizzled_offset,
    transposed_a_offset,
    transposed_offset,
    transposed_staged_row,
)
from gpuconv.kernels.cuda.tensor_core_types import KINDS, bits_of, kind_of, narrow, widen
from gpuconv.testing import assert_close
from tests import reference
from tests.conv.cuda import passes

pytestmark = pytest.mark.usefixtures("emulated")

TYPES = {"f16": np.dtype(np.float16), "bf16": np.dtype(ml_dtypes.bfloat16), "tf32": np.dtype(np.float32)}
ALGORITHM = {"f16": "tensor_core", "bf16": "tensor_core", "tf32": "tf32"}
TILES = [tensor_core.LARGE, tensor_core.SMALL]
KINDS_OF_SIZES = {"groups": [1, 1, 2, 3], "channels": [1, 3, 8, 17, 33], "multiples": [1, 5, 8, 20], "sizes": [1, 2, 3]}
SOME = list(passes.geometries(60, 7, **KINDS_OF_SIZES, strides=(1, 2, 3)))
# More than one tile in each direction, and none of them full.
WIDE = [
    ((2, 40, 13, 11), (133, 40, 3, 2), {**passes.PLAIN, "padding": ((1, 1), (0, 1))}),
    ((2, 140, 9, 10), (70, 70, 1, 1), {**passes.PLAIN, "groups": 2, "stride": (1, 2)}),
]


def _compare(name, case, tile=None, splits=1):
    """All passes, by a tile and with the weight gradient's sum split."""
    n, _, p, q = conv_shape("split", *case[:2], **case[2]).y_shape
    pixels = n * p * q
    length = pack_nhwc.whole_lines(KINDS[name], -(-pixels // splits))
    split = tensor_core_wgrad.SplitConfig(tile, -(-pixels // length), length)
    launchers = {"fprop": {"tile": tile}, "dgrad": {"tile": tile}, "wgrad": {"split": split}}
    passes.compare(*case, TYPES[name], algorithm=ALGORITHM[name], **launchers)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("case", range(len(SOME)))
def test_geometries_of_all_kinds(case, name):
    _compare(name, SOME[case], TILES[case % 2], splits=1 + case // 2 % 3)


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: f"{tile.rows}x{tile.columns}")
@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("case", range(len(WIDE)))
def test_several_tiles_in_each_direction(case, name, tile):
    _compare(name, WIDE[case], tile, splits=2)


@pytest.mark.parametrize("name", TYPES)
def test_asked_for_by_name(name):
    passes.compare(*SOME[0], TYPES[name], algorithm=ALGORITHM[name])


@pytest.mark.parametrize("name", TYPES)
def test_bias_activation_and_its_derivative_are_fused(name):
    rng = np.random.default_rng(0)
    dtype, algorithm = TYPES[name], {"algorithm": "tf32"} if name == "tf32" else {}
    x, w, b, dy = (rng.standard_normal(s).astype(dtype) for s in ((2, 9, 6, 5), (7, 9, 3, 3), (7,), (2, 7, 4, 3)))
    leaky = {"activation": "leaky_relu", "negative_slope": 0.1, **algorithm}
    y = gpuconv.conv2d(x, w, b, **leaky)
    dx = gpuconv.conv2d_input_grad(dy, w, x.shape, pre_activation=x, **leaky)
    exact = [a.astype(np.float64) for a in (x, w, b, dy)]
    expected = reference.conv2d(*exact[:3], **passes.PLAIN)
    row = "tf32" if algorithm else "direct"
    assert_close(y, np.where(expected > 0, expected, 0.1 * expected), terms=81, algorithm=row)
    expected = reference.conv2d_input_grad(exact[3], exact[1], x.shape, **passes.PLAIN)
    assert_close(dx, np.where(exact[0] > 0, expected, 0.1 * expected), terms=63, algorithm=row)


def test_no_float32_convolution_takes_tf32_by_itself():
    x, w = np.zeros((1, 64, 32, 32), np.float32), np.zeros((64, 64, 3, 3), np.float32)
    kernels = [k.py_func.__name__ for k, *_ in launches.record(lambda: gpuconv.conv2d(x, w, padding=1))]
    assert kernels
    assert not any("tf32" in name for name in kernels)


def test_what_they_do_not_support_is_said():
    shape, long = (conv_shape("test", (1, 2, 18, 5), (3, 2, side, 1)) for side in (3, tensor_core.MAX_TAPS + 1))
    cases = [
        (("tf32", shape, "fprop", np.float64), "tf32: float64 arrays, expected float32"),
        (("tensor_core", shape, "wgrad", np.float32), "tensor_core: float32 arrays, expected float16 or bfloat16"),
        (("tensor_core", long, "fprop", np.float16), "tensor_core: 16x1 taps, expected at most 15x15"),
        (("tf32", shape, "dgrad", np.float32), None),
        (("tensor_core", long, "wgrad", TYPES["bf16"]), None),
    ]
    assert [unsupported(*case) for case, _ in cases] == [expected for _, expected in cases]
    expected = "tf32: compute capability 7.5, expected 8.0 or later"
    with mock.patch.object(launch, "architecture", (7, 5)):
        assert unsupported("tf32", shape, "fprop", np.float32) == expected


def test_tf32_is_refused_where_it_means_nothing():
    x, w = np.zeros((1, 2, 5, 5)), np.zeros((2, 2, 3, 3))
    with pytest.raises(ValueError, match=r"conv2d: .*tf32"):
        gpuconv.conv2d(x, w, algorithm="tf32")
    with gpuconv.use_device("cpu"), pytest.raises(ValueError, match=r"conv2d: .*tf32"):
        gpuconv.conv2d(x.astype(np.float32), w.astype(np.float32), algorithm="tf32")


@pytest.mark.parametrize("why", ["sm_75", "a kernel with more taps than bits"])
def test_what_tensor_cores_do_not_support_is_computed_in_float32(why, monkeypatch):
    if why == "sm_75":
        monkeypatch.setenv(VARIABLE, "75")
    side = 3 if why == "sm_75" else tensor_core.MAX_TAPS + 1
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(np.float16) for s in ((1, 2, 18, 5), (3, 2, side, 1)))
    with gpuconv.use_device("cpu"), gpuconv.use_device("emulator"):
        y = gpuconv.conv2d(x, w)
        expected = gpuconv.conv2d(x.astype(np.float32), w.astype(np.float32)).astype(np.float16)
    assert y.tobytes() == expected.tobytes()


def test_an_empty_batch_has_a_gradient_of_zeros():
    x, dy = np.zeros((0, 3, 5, 5), np.float16), np.zeros((0, 4, 3, 3), np.float16)
    assert not gpuconv.conv2d_weight_grad(x, dy, (4, 3, 3, 3)).any()


@pytest.mark.parametrize("name", TYPES)
def test_results_are_the_same_bits_every_time(name):
    rng = np.random.default_rng(1)
    x, dy = (rng.standard_normal(s).astype(TYPES[name]) for s in ((4, 5, 7, 7), (4, 6, 5, 5)))
    shape, results = conv_shape("test", x.shape, (6, 5, 3, 3)), []
    length = pack_nhwc.whole_lines(KINDS[name], -(-100 // 3))
    split = tensor_core_wgrad.SplitConfig(tensor_core.SMALL, -(-100 // length), length)
    for result in (launch.empty(shape.w_shape, x.dtype) for _ in range(2)):
        tensor_core_wgrad.wgrad(shape, x, dy, result, split)
        results.append(result)
    assert results[0].tobytes() == results[1].tobytes()


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("plane", [1, 5, 16, 49])
def test_packing_turns_channels_over_and_puts_pixels_in_a_row(name, plane):
    kind, n, groups, channels = kind_of(TYPES[name]), 3, 2, 21
    a = np.random.default_rng(plane).integers(-99, 99, (n, groups * channels, plane)).astype(TYPES[name])
    packed = pack_nhwc.pack_images(kind, bits_of(a), n, groups, channels, plane)
    packed = packed.view(a.dtype).reshape(n, groups, plane, -1)
    assert (packed[..., :channels] == a.reshape(n, groups, channels, plane).transpose(0, 1, 3, 2)).all()
    assert not packed[..., channels:].any()
    packed = pack_nhwc.pack_pixels_last(kind, bits_of(a), n, groups * channels, plane).view(a.dtype)
    packed = packed.reshape(groups * channels, -1)
    assert (packed[:, : n * plane] == a.transpose(1, 0, 2).reshape(groups * channels, -1)).all()
    assert not packed[:, n * plane :].any()


def test_tf32_operands_are_rounded_to_nearest():
    a = np.array([1 + 2.0**-11, 1 + 2.0**-12, -1 - 3 * 2.0**-11, 0, np.inf], np.float32)
    packed = pack_nhwc.pack_pixels_last(KINDS["tf32"], a, 1, 1, a.size)[: a.size]
    assert packed.tolist() == [1 + 2.0**-10, 1, -1 - 2.0**-9, 0, np.inf]


@pytest.mark.parametrize("name", ["f16", "bf16"])
def test_conversions_are_numpys(name):
    dtype = TYPES[name]

    def kernel(values, halves, wide, rounded):
        i = cuda.grid(1)
        rounded[i] = narrow(values[i], name)
        wide[i] = widen(halves[i], name)

    halves = np.arange(1 << 16, dtype=np.uint16)
    halves = halves[np.isfinite(halves.view(dtype).astype(np.float32))]
    halves = halves[: halves.size // 256 * 256]
    rng = np.random.default_rng(0)
    values = (rng.standard_normal(halves.size) * 10.0 ** rng.integers(-9, 4, halves.size)).astype(np.float32)
    wide, rounded = np.zeros_like(values), np.zeros_like(halves)
    emulator.run(kernel, halves.size // 256, 256, values, halves, wide, rounded)
    assert (wide == halves.view(dtype).astype(np.float32)).all()
    assert (rounded == values.astype(dtype).view(np.uint16)).all()


def _one_warp(name, transposed):
    """A kernel of one warp, c = a b, 32 x 16 results of two depths; a [row][depth] or transposed, b [column][depth]."""
    kind, is_tf32 = KINDS[name], name == "tf32"
    depth, n_results, vector = 4 * kind.vector, 4 * 2 * 2, kind.vector
    pitch, a_bytes, words, panel = 40, 32 * core.LINE, 48 * core.LINE // 4 + 1024, depth * core.LINE
    panels, lines, half = 32 // depth, 16 * core.LINE, core.LINE // 2
    offset_of, pitch_bytes = transposed_offset if transposed and is_tf32 else swizzled_offset, 4 * pitch
    row_in = transposed_staged_row if transposed and is_tf32 else None
    a_lines, transposed_half = panels * depth if transposed else 32, panel // 2

    def kernel(a, b, c):
        shared = cuda.shared.array(words, uint32, alignment=128)
        fragments_a = cuda.local.array(16, uint32)
        fragments_b = cuda.local.array(8, uint32)
        results = cuda.local.array(n_results, float32)
        lane = uint32(cuda.threadIdx.x)
        line, piece = uint32(lane // uint32(4)), uint32(lane % uint32(4))
        i = uint32(0)
        while i < uint32(a_lines // 8):
            # A line of `a` in memory is a line here: rows, or the pixels of one panel below those of the other.
            at, to = uint32(line + i * uint32(8)), uint32(0)
            if transposed:
                to = uint32(uint32(at // uint32(depth)) * uint32(panel)) + offset_of(uint32(at % uint32(depth)), piece)
            else:
                to = offset_of(at, piece)
            from_ = uint32(at * uint32(4 * vector) + piece * uint32(vector))
            cp_async.copy_lines(shared, uint32(to), a, from_, uint32(0), 1, 0, 1, 1)
            i = uint32(i + uint32(1))
        i = uint32(0)
        while i < uint32(2):
            at = uint32(line + i * uint32(8))
            from_ = uint32(at * uint32(4 * vector) + piece * uint32(vector))
            to = uint32(swizzled_offset(at, piece) + uint32(a_bytes))
            cp_async.copy_lines(shared, to, b, from_, uint32(0), 1, 0, 1, 1)
            i = uint32(i + uint32(1))
        cp_async.commit_group()
        cp_async.wait_group(0)
        cuda.syncthreads()
        gemm_tile.zero(results, n_results)
        b_from = uint32(b_fragment_offset(lane, 16) + uint32(a_bytes))
        core.load_matrices(fragments_b, 0, shared, b_from, lines, 1)
        core.load_matrices(fragments_b, 4, shared, uint32(b_from ^ uint32(half)), lines, 1)
        if transposed:
            a_from = transposed_a_offset(lane, panels, panel, is_tf32)
            core.load_transposed(fragments_a, 0, shared, a_from, panel, 2, name)
            core.load_transposed(fragments_a, 8, shared, uint32(a_from + uint32(transposed_half)), panel, 2, name)
        else:
            a_from = a_fragment_offset(lane, 32)
            core.load_matrices(fragments_a, 0, shared, a_from, lines, 2)
            core.load_matrices(fragments_a, 8, shared, uint32(a_from ^ uint32(half)), lines, 2)
        core.multiply(results, fragments_a, 0, fragments_b, 0, 2, 2, name)
        core.multiply(results, fragments_a, 8, fragments_b, 4, 2, 2, name)
        i = uint32(0)
        while i < uint32(2):
            cuda.syncthreads()
            core.stage_rows(results, i, shared, staging_offset(lane, 16, pitch), pitch_bytes, 2, 2)
            cuda.syncthreads()
            within = uint32(lane % uint32(16))
            column = uint32(0)
            row = uint32(i * uint32(16) + within)
            if row_in is not None:
                row = row_in(within, i, 32)
            while lane < uint32(16) and column < uint32(16):
                value = core.load_float(shared, uint32(uint32(within * uint32(pitch) + column) * uint32(4)))
                c[uint32(row * uint32(16) + column)] = value
                column = uint32(column + uint32(1))
            i = uint32(i + uint32(1))

    return kernel, depth


@pytest.mark.parametrize("transposed", [False, True], ids=["straight", "transposed"])
@pytest.mark.parametrize("name", TYPES)
def test_a_warp_multiplies_matrices(name, transposed):
    kernel, depth = _one_warp(name, transposed)
    rng = np.random.default_rng(3)
    a, b = rng.integers(-9, 9, (32, depth)), rng.integers(-9, 9, (16, depth))
    panels = a.reshape(32 // depth, depth, depth).transpose(0, 2, 1) if transposed else a  # [panel][pixel][channel]
    c = np.full((32, 16), np.nan, np.float32)
    lines = [np.ascontiguousarray(m).astype(TYPES[name]).reshape(-1) for m in (panels, b)]
    emulator.run(kernel, 1, 32, *map(bits_of, lines), c.reshape(-1))
    assert (c == a @ b.T).all()


@pytest.mark.skipif(bool(sass.missing()), reason=str(sass.missing()))
@pytest.mark.parametrize("architecture", [(8, 0), (9, 0)], ids=["sm_80", "sm_90"])
def test_machine_code_keeps_to_its_limits(architecture):
    """Spills, local memory, registers, and instructions for 64 products (sass_limits.TENSOR_LOOPS)."""
    found = [i for i in launches.tensor_cores() if "64x64" not in i.name]
    assert sum(i.name.endswith("_128x128") for i in found) == 6
    faults = []
    for instance in found:
        code = sass.assemble(instance.kernel, instance.signature, architecture)
        faults += sass_limits.faults(instance, code, architecture)
    assert faults == []


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_memory_is_asked_for_as_little_as_the_widths_allow(dtype):
    """No bank conflicts in shared memory, and no sector of global memory for less than its bytes."""
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(dtype) for s in ((2, 64, 16, 16), (64, 64, 3, 3)))
    options = {"padding": 1, **({"algorithm": "tf32"} if dtype == np.float32 else {})}
    counts = meter.measured(lambda: gpuconv.conv2d_weight_grad(x, gpuconv.conv2d(x, w, **options), w.shape, **options))
    products = [count for count in counts if count.kernel.endswith("64x64")]
    assert len(products) == 2
    for count in products:
        assert count.wavefronts == count.least_wavefronts
        assert count.sectors <= 1.25 * count.least_sectors
