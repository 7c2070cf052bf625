"""Other people's problems: benchdnn.tsv of bench/ and of tests/data, made small enough to run all.

The geometry stays (sizes, kernels, strides, dilations, padding), and so do the remainders of the channels by 16, which
blocks of channels leave; one image is left of a batch, and channels and groups are taken away where a pass has more
products than a test can afford. GPUCONV_PROBLEMS=full keeps channels and batches.
"""

import csv
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from gpuconv.core.device import missing_for_emulator
from tests.devices import DEVICES, EMULATED

TESTS = Path(__file__).parent
LISTS = TESTS.parent / "bench" / "benchdnn.tsv", TESTS / "data" / "benchdnn.tsv"
FULL = os.environ.get("GPUCONV_PROBLEMS") == "full"
PRODUCTS, MOST_PRODUCTS = (1 << 34, 1 << 34) if FULL else (1 << 22, 1 << 24)
"""Of a pass, at most, where there are channels to take away; and of a single channel."""
ELEMENTS = 1 << (28 if FULL else 22)
"""Of an array, padded, at most."""
EMULATED_PRODUCTS = 1 << 14
"""Of a pass, at most, on the emulator."""
GRANULE = 16
CONVOLUTIONS = "conv", "net", "deconv"
"""How the names of their lists begin; a transposed one is the convolution from its result to its input."""


class Problem(NamedTuple):
    """A convolution over one to three axes; options have an entry for each. A pooling is one with a group a channel."""

    n: int
    groups: int
    c: int
    k: int
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    def __str__(self) -> str:
        sizes = ("x".join(map(str, axis)) for axis in (self.size, self.kernel, self.stride, self.dilation))
        size, kernel, stride, dilation = sizes
        padding = ",".join(f"{pad_before}:{pad_after}" for pad_before, pad_after in self.padding)
        return f"n{self.n}g{self.groups}c{self.c}k{self.k}i{size}r{kernel}s{stride}p{padding}d{dilation}"

    @property
    def result(self):
        """Sizes of the output."""
        axes = zip(self.size, self.padding, self.kernel, self.stride, self.dilation, strict=True)
        return tuple((size + sum(pads) - (r - 1) * d - 1) // st + 1 for size, pads, r, st, d in axes)

    @property
    def tails(self):
        """Positions at the end of the padded input that no tap reads, of each axis."""
        axes = zip(self.size, self.padding, self.kernel, self.stride, self.dilation, strict=True)
        return tuple((size + sum(pads) - (r - 1) * d - 1) % st for size, pads, r, st, d in axes)

    @property
    def shapes(self):
        """Of x, w and y."""
        w = self.k, self.c // self.groups, *self.kernel
        return (self.n, self.c, *self.size), w, (self.n, self.k, *self.result)

    @property
    def products(self):
        """Multiplications of a pass."""
        return int(np.prod(self.shapes[2], dtype=float) * np.prod(self.shapes[1][1:], dtype=float))

    @property
    def options(self):
        """As the functions take them."""
        return {
            "stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups,
        }  # fmt: skip

    def fits(self, products=MOST_PRODUCTS):
        """Whether the test can afford it; and it has elements: some rows of poolings lack a width."""
        padded = [size + sum(pads) for size, pads in zip(self.size, self.padding, strict=True)]
        elements = [np.prod(padded, dtype=float) * self.n * self.c, *(np.prod(s, dtype=float) for s in self.shapes)]
        return 0 < self.products <= products and max(elements) <= ELEMENTS


def problems(lists=CONVOLUTIONS):
    """The distinct problems that fit of the lists so named, and the number of those that do not."""
    found = {}
    for row in rows():
        if row["list"].startswith(lists):
            found[_affordable(_of_row(row))] = None
    fitting = [problem for problem in found if problem.fits()]
    return fitting, len(found) - len(fitting)


def on_devices(found):
    """A parameter (problem, device) of each problem on the devices of the suite; some small ones on the emulator."""
    small = [problem for problem in found if problem.products <= EMULATED_PRODUCTS and max(problem.padding[0]) < 50]
    without = pytest.mark.skipif(bool(missing_for_emulator()), reason="no emulator")
    emulator = [pytest.param(p, "emulator", marks=without) for p in (small[::5] if EMULATED else small[::25])]
    everywhere = [
        pytest.param(p, *getattr(d, "values", [d]), marks=getattr(d, "marks", ())) for d in DEVICES for p in found
    ]
    return emulator if EMULATED else everywhere + emulator


def rows():
    """The rows of the lists."""
    for path in LISTS:
        with path.open() as lines:
            table = (line for line in lines if line[0] != "#")
            yield from csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)


def _of_row(row):
    """The problem of a row."""
    n, groups, c, k = (int(row[name]) for name in ("N", "G", "C", "K"))
    fields = ("size", "kernel", "stride", "pad_before", "pad_after", "dilation", "result")
    size, kernel, stride, pad_before, pad_after, dilation, result = (
        tuple(map(int, row[name].split("x"))) for name in fields
    )
    if row["list"] == "deconv_shapes":
        c, k, size = k, c, result
    if row["list"] == "pool_shapes":
        groups = c
    pad_after = tuple(max(amount, 0) for amount in pad_after)  # an unused tail is no padding
    return Problem(n, groups, c, k, size, kernel, stride, tuple(zip(pad_before, pad_after, strict=True)), dilation)


def _affordable(problem):
    """One image, and as many channels as fit, with the same remainders in each group; of many groups some."""
    if FULL:
        return problem
    problem = problem._replace(n=1)
    while problem.products and not problem.fits(PRODUCTS):
        c, k, groups = problem.c // problem.groups, problem.k // problem.groups, problem.groups
        if max(c, k) > 1:
            c, k = (_fewer(c), k) if c >= k else (c, _fewer(k))
        elif groups > 1:
            groups = _fewer(groups)
        else:
            return problem
        problem = problem._replace(groups=groups, c=c * groups, k=k * groups)
    return problem


def _fewer(count):
    """About half, with the same remainder while there is more than one granule."""
    rest = count % GRANULE
    return max(count // GRANULE // 2 * GRANULE + rest, 1) if count > GRANULE else count // 2


def windows_of(x, problem, padded_with=0):
    """View (N, C, *outputs, *taps) of the padded input."""
    padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0), *problem.padding], constant_values=padded_with)
    reach = [(r - 1) * d + 1 for r, d in zip(problem.kernel, problem.dilation, strict=True)]
    views = sliding_window_view(padded, reach, axis=tuple(range(2, 2 + len(reach))))
    steps = [slice(None, None, step) for step in (*problem.stride, *problem.dilation)]
    return views[(slice(None), slice(None), *steps)]
