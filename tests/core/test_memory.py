"""Memory: what a convolution takes beside its arrays, and that nothing stays behind."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self")

STATUS = """
import numpy as np, gpuconv
def megabytes(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1024
"""

PEAK = """
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu import select
options = dict(stride={stride}, padding={padding})
def shapes(scale):
    return (scale * {n}, {c}, {h}, {h}), ({k}, {c}, {r}, {r})
large = conv_shape("test", *shapes({scale}), **options)
names = [select.select(large, operation, np.dtype(np.float32)) for operation in ("fprop", "dgrad", "wgrad")]
def calls(scale):
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s, np.float32) for s in shapes(scale))
    forward, backward, weights = (dict(options, algorithm=name) for name in names)
    y = gpuconv.conv2d(x, w, **forward)
    dx, dw = np.empty_like(x), np.empty_like(w)
    dx[...], dw[...] = 1, 1  # touched: theirs, not the call's
    yield x, y, lambda: gpuconv.conv2d(x, w, out=y, **forward)
    yield x, y, lambda: gpuconv.conv2d_input_grad(y, w, x.shape, out=dx, **backward)
    yield x, y, lambda: gpuconv.conv2d_weight_grad(x, y, w.shape, out=dw, **weights)
for _, _, call in calls(1):  # compiles what the large problem takes: a compiler's memory is not the call's
    call()
for x, y, call in calls({scale}):
    open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
    before = megabytes("VmRSS")
    call()
    extra, allowed = megabytes("VmHWM") - before, 1.2 * (x.nbytes + y.nbytes) / 2**20 + 64
    assert extra < allowed, (extra, allowed)
"""


@pytest.mark.parametrize(
    "problem",
    [
        {"n": 2, "c": 64, "h": 56, "k": 64, "r": 3, "stride": 1, "padding": 1, "scale": 8},  # Winograd
        {"n": 2, "c": 32, "h": 12, "k": 64, "r": 5, "stride": 1, "padding": 0, "scale": 32},  # scattered
        {"n": 2, "c": 64, "h": 56, "k": 256, "r": 1, "stride": 1, "padding": 0, "scale": 4},
        {"n": 1, "c": 3, "h": 224, "k": 64, "r": 7, "stride": 2, "padding": 3, "scale": 8},
        {"n": 1, "c": 8, "h": 256, "k": 8, "r": 31, "stride": 1, "padding": 15, "scale": 4},  # the FFT
    ],
    ids=lambda problem: f"{problem['c']} to {problem['k']}, {problem['r']}x{problem['r']}",
)
def test_a_convolution_takes_little_beside_its_arrays(problem):
    subprocess.run([sys.executable, "-c", STATUS + PEAK.format(**problem)], check=True, timeout=600)


QUICK = (
    r"^(relu|dropout|mse_loss_grad|softmax 1|cross_entropy|prelu_w|(batch|group)_n|max_pool2d .\d\d|linear|Adam|clip)"
)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_call_takes_little_beside_its_arrays(dtype):
    """Arrays of 16 MB, limits in proportion; with GPUCONV_MEMORY=MEGABYTES every function and the true limits."""
    size = os.environ.get("GPUCONV_MEMORY")
    options = [size, "64", dtype] if size else ["16", "20", dtype, str(1 << 22), QUICK]
    command = [sys.executable, "-m", "tests.core.memory_of_calls", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_leaks_over_ten_thousand_calls():
    code = (
        STATUS
        + """
rng = np.random.default_rng(0)
cases = []
for x_shape, w_shape in (((2, 16, 8, 8), (16, 16, 3, 3)), ((1, 2, 6, 6), (9, 2, 5, 5))):
    x, w = (rng.standard_normal(s).astype(np.float32) for s in (x_shape, w_shape))
    for algorithm in ("auto", "winograd") if w_shape[2] == 3 else ("auto",):
        y = gpuconv.conv2d(x, w, algorithm=algorithm)
        cases.append((x, w, y, algorithm))
def each():
    for x, w, y, algorithm in cases:
        gpuconv.conv2d(x, w, algorithm=algorithm)
        gpuconv.conv2d_input_grad(y, w, x.shape, algorithm=algorithm)
        gpuconv.conv2d_weight_grad(x, y, w.shape, algorithm=algorithm)
for _ in range(100):
    each()
before = megabytes("VmRSS")
for _ in range(1100):
    each()
grown = megabytes("VmRSS") - before
assert grown < 4, grown
"""
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
