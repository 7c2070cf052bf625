"""What Winograd's algorithm and the FFT cost in digits: errors against float64, and the bound of Winograd's matrices.

    python -m gpuconv.bench.precision [--device emulator]

An error is the root mean square over a result, in units of float32's epsilon times the root mean square of the exact
result; the bound holds for every single output.
"""

import argparse

import numpy as np

import gpuconv
from gpuconv.kernels.conv.cpu.winograd import transforms as cpu

SHAPES = ((64, 3, 32), (256, 3, 14), (64, 5, 32))
"""Channels, taps along an axis, height and width."""

FFT_SHAPES = ((1, 64, 512), (16, 31, 128), (64, 9, 32))
"""The same, where the FFT is measured."""


def amplification(taps):
    """How much larger than sum |w| |d| the sums of a tile's absolute values are at most, F(4x4, 3x3) or F(2x2, 5x5).

    With absolute values of all matrices, A^T [(G 1) . (B^T 1)] over the taps, for two axes.
    """
    a, g, b = (np.abs(np.array(m)) for m in (cpu.output_matrix(taps), cpu.filter_matrix(taps), cpu.INPUT))
    return ((a @ (g.sum(axis=1) * b.sum(axis=1))).max() / taps) ** 2


def error(channels, taps, side, algorithm, *, positive):
    """Error of a forward pass on normal numbers, or on those of them that are positive, in epsilons."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, channels, side, side), np.float32), rng.standard_normal((16, channels, taps, taps))
    x = np.maximum(x, 0) if positive else x
    w = w.astype(np.float32)
    with gpuconv.use_device("cpu"):
        exact = gpuconv.conv2d(x.astype(np.float64), w.astype(np.float64), algorithm="direct")
    difference = gpuconv.to_host(gpuconv.conv2d(*map(gpuconv.to_device, (x, w)), algorithm=algorithm)) - exact
    return np.sqrt(np.square(difference).mean() / np.square(exact).mean()) / np.finfo(np.float32).eps


def print_errors(shapes, algorithm):
    """Print a table of the errors of the direct algorithm and of another one."""
    print(f"channels  taps  map  values     direct {algorithm}")
    for channels, taps, side in shapes:
        for positive in (False, True):
            errors = [error(channels, taps, side, name, positive=positive) for name in ("direct", algorithm)]
            values, kernel = "positive" if positive else "normal  ", f"{taps}x{taps}"
            print(f"{channels:8d} {kernel:>5s} {side:4d}  {values} {errors[0]:8.2f} {errors[1]:8.2f}")


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=("cpu", "emulator", "cuda"))
    device = parser.parse_args().device
    with gpuconv.use_device(device):
        print_errors(SHAPES if device == "cpu" else SHAPES[:2], "winograd")
        print_errors(FFT_SHAPES, "fft")
    for taps in (3, 5):
        print(f"amplification of F({7 - taps}x{7 - taps}, {taps}x{taps}), at most: {amplification(taps):.1f}")


if __name__ == "__main__":
    main()
