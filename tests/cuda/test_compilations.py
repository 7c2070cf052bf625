"""Compilations: a kernel once, whatever the shape, with a stable cache key; the meter's counts of memory traffic."""

import json
import os
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

import gpuconv
from gpuconv.bench import launches, meter

# (x, w, options): ten layers that share nothing but their dtype; the last two shapes of 3 x 3 share a kernel's size.
GEOMETRIES = [
    ((64, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
    ((32, 128, 28, 28), (256, 128, 3, 3), {"padding": 1}),
    ((16, 72, 30, 26), (96, 72, 3, 3), {"padding": 1, "stride": 2}),
    ((8, 256, 14, 14), (512, 256, 1, 1), {}),
    ((8, 64, 40, 40), (128, 32, 3, 3), {"groups": 2, "dilation": 2}),
    ((8, 64, 31, 33), (128, 64, 5, 5), {"padding": ((2, 1), (0, 2))}),
    ((4, 40, 64, 64), (80, 40, 3, 3), {"stride": (1, 3)}),
    ((4, 512, 7, 7), (512, 512, 3, 3), {"padding": "same"}),
    ((2, 96, 50, 50), (192, 96, 7, 7), {"stride": 2, "padding": 3}),
    ((2, 128, 20, 80), (128, 128, 1, 9), {}),
]


def _step(x_shape, w_shape, options):
    """Forward pass, both gradients, and what follows a layer."""
    x, w = np.zeros(x_shape, np.float32), np.zeros(w_shape, np.float32)
    y = gpuconv.conv2d(x, w, algorithm="implicit_gemm", **options)
    gpuconv.conv2d_input_grad(y, w, x.shape, algorithm="implicit_gemm", **options)
    gpuconv.conv2d_weight_grad(x, y, w.shape, algorithm="implicit_gemm", **options)
    gpuconv.relu_grad(gpuconv.relu(y), y)
    gpuconv.max_pool2d(y, 2)


def test_ten_geometries_compile_each_kernel_once():
    signatures, launched = defaultdict(set), 0
    for geometry in GEOMETRIES:
        for kernel, _, threads, arguments in launches.record(lambda geometry=geometry: _step(*geometry)):
            signatures[kernel.py_func.__qualname__].add((id(kernel), launches._signature(arguments), threads))
            launched += 1
    assert {name for name, found in signatures.items() if len(found) > 1} == set()
    assert launched > 5 * len(signatures)
    tiles = [name for name in signatures if "implicit_gemm" in name]
    assert 2 <= len(tiles) <= 16  # shapes of a tile, each for channels that fill its chunks and for others


KEYS = """
import json
from gpuconv.bench import launches

keys = []
for instance in (*launches.tensor_cores(), *launches.convolution_tiles()):
    entries = instance.kernel._cache._cache_file
    keys.append([entries.file_name(str(instance.signature)), *(stamp.hex() for stamp in entries.stamps)])
print(json.dumps(keys))
"""
"""Keys of the kernels that factories make, in the disk cache."""


def test_kernels_of_factories_have_a_key_of_their_own_the_same_in_every_process():
    first, second = (
        subprocess.run(
            [sys.executable, "-c", KEYS], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in "12"
    )
    assert first == second
    names = [name for name, *_ in json.loads(first)]
    assert len(set(names)) == len(names) > 30


@pytest.mark.parametrize("name", ["activations", "add", "dropout", "losses", "updates"])
def test_streams_touch_as_few_sectors_as_they_can(name):
    counts = [count for case, work in meter.cases() if case == name for count in meter.measured(work)]
    assert counts
    for count in counts:
        assert count.sectors == count.least_sectors, count.kernel
        assert count.wavefronts == count.least_wavefronts, count.kernel
