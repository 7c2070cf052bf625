"""Few channels: forward and weight gradient executed in the emulator on geometries of all kinds, against the oracle."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

import gpuconv
from gpuconv.bench import launches, sass, sass_limits
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cuda import few_channels, select, unsupported
from gpuconv.testing import assert_close
from tests.conv.cuda.passes import compare, geometries

BOTH = "fprop", "wgrad"
SOME = list(
    geometries(24, 1, groups=[1, 1, 2], channels=[1, 2, 3, 4], multiples=[1, 5, 8, 17], sizes=[3], strides=[1, 2])
)


@pytest.mark.parametrize("case", range(len(SOME)))
def test_geometries_of_all_kinds(case, emulated):
    compare(*SOME[case], algorithm="few_channels", passes=BOTH)


@pytest.mark.parametrize("case", [1, 8, 15])
def test_float64(case, emulated):
    compare(*SOME[case], np.float64, algorithm="few_channels", passes=BOTH)


@pytest.mark.parametrize("filters", few_channels.FILTERS_PER_THREAD)
def test_several_blocks_in_each_direction(filters, emulated):
    options = {"stride": (2, 1), "padding": ((2, 3), (3, 2)), "dilation": (1, 1), "groups": 1}
    compare(
        (2, 3, 21, 19), (35, 3, 7, 5), options, algorithm="few_channels", passes=["fprop"], fprop={"filters": filters}
    )


def test_a_fused_activation_is_the_one_applied_afterwards(emulated):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 3, 6, 5), (6, 3, 3, 3), (6,)))
    y = gpuconv.conv2d(x, w, b, activation="leaky_relu", negative_slope=0.2, algorithm="few_channels")
    assert_close(y, gpuconv.leaky_relu(gpuconv.conv2d(x, w, b, algorithm="few_channels"), 0.2))


def test_auto_takes_it_for_a_first_layer():
    shape = conv_shape("test", (32, 3, 64, 64), (32, 3, 3, 3))
    assert [select.select(shape, operation, np.float32) for operation in BOTH] == ["few_channels"] * 2


def test_what_it_does_not_support_is_said():
    few, many = (conv_shape("test", (1, 3, 30, 30), (4, 3, side, side)) for side in (3, 15))
    expected = "few_channels: dgrad, expected fprop or wgrad"
    assert unsupported("few_channels", few, "dgrad", np.float32) == expected
    expected = (
        "few_channels: 15x15 taps at steps of 1 rows keep 255 values in a thread's registers, expected at most 84"
    )
    assert unsupported("few_channels", many, "wgrad", np.float32) == expected
    assert unsupported("few_channels", many, "fprop", np.float32) is None


def _instances(dtype):
    """Kernels of several sizes, forward and weight gradient, of a first layer."""

    def work():
        for k, size, stride in ((64, 3, 1), (16, 3, 2), (6, 5, 1)):
            x, w = np.zeros((2, 3, 21, 21), dtype), np.zeros((k, 3, size, size), dtype)
            y = gpuconv.conv2d(x, w, stride=stride)
            gpuconv.conv2d_weight_grad(x, y, w.shape, stride=stride)

    return launches.instances_of(work, np.dtype(dtype).name)


@pytest.mark.skipif(bool(sass.missing()), reason=str(sass.missing()))
@pytest.mark.parametrize(("dtype", "architecture"), [("float32", (8, 0)), ("float32", (9, 0)), ("float64", (8, 0))])
def test_machine_code(dtype, architecture):
    found = {instance.name: instance for instance in _instances(dtype)}
    codes = {name: sass.assemble(i.kernel, i.signature, architecture) for name, i in found.items()}
    assert [
        fault for name, code in codes.items() for fault in sass_limits.faults(found[name], code, architecture)
    ] == []
    if dtype == "float32":  # instructions for 64 multiplications
        loops = {name: code.loop.total() for name, code in codes.items() if name.startswith("conv2d_fprop")}
        assert set(loops) == {f"conv2d_fprop_few_channels_{size}" for size in ("32x2", "16x4", "8x8")}
        assert max(loops.values()) <= 110
