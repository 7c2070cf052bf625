"""Few channels: forward and weight gradient executed in the emulator on geometries of all kinds, against the oracle."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

import gpuconv
from gpuconv.bench import launches, sass, sass_limits
from gpuconv.kernels.conv.cuda import few_channels, select
from gpuconv.testing import assert_close
from tests.conv.cuda.passes import compare, geometries

BOTH = "forward", "weight_grad"
SOME = list(
    geometries(24, 1, groups=[1, 1, 2], channels=[1, 2, 3, 4], multiples=[1, 5, 8, 17], sizes=[3], strides=[1, 2])
)


@pytest.fixture
def thin(monkeypatch):
    """Send NumPy arrays to these kernels, whatever they cost, and those to the emulator."""
    monkeypatch.setattr(select, "_cheapest", lambda *problem: "thin")
    with gpuconv.use_device("emulator"):
        yield


@pytest.mark.parametrize("case", range(len(SOME)))
def test_geometries_of_all_kinds(case, thin):
    compare(*SOME[case], algorithm="auto", passes=BOTH)


@pytest.mark.parametrize("case", [1, 8, 15])
def test_float64(case, thin):
    compare(*SOME[case], np.float64, algorithm="auto", passes=BOTH)


@pytest.mark.parametrize("filters", few_channels.FILTERS)
def test_several_blocks_in_each_direction(filters, thin, monkeypatch):
    monkeypatch.setattr(few_channels, "filters_of", lambda k: filters)
    options = {"stride": (2, 1), "padding": ((2, 3), (3, 2)), "dilation": (1, 1), "groups": 1}
    compare((2, 3, 21, 19), (35, 3, 7, 5), options, algorithm="auto", passes=["forward"])


def test_a_fused_activation_is_the_one_apart(thin):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 3, 6, 5), (6, 3, 3, 3), (6,)))
    y = gpuconv.conv2d(x, w, b, activation="leaky_relu", negative_slope=0.2)
    assert_close(y, gpuconv.leaky_relu(gpuconv.conv2d(x, w, b), 0.2))


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
        assert {name: sum(code.loop.values()) <= 110 for name, code in codes.items() if "conv2d_thin" in name} == {
            "conv2d_thin_32x2": True, "conv2d_thin_16x4": True, "conv2d_thin_8x8": True,
        }  # fmt: skip
