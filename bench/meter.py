"""Memory traffic of every CUDA kernel, counted on the emulator by its models of banks and sectors; never times.

    python -m gpuconv.bench.meter                  # a table
    python -m gpuconv.bench.meter --markdown       # as docs/cuda.md has it

Each operation runs once on arrays of some 64 KB, large enough that most of a kernel's warps are full.
"""

import argparse
from typing import NamedTuple
from unittest import mock

import numpy as np
from rich.console import Console
from rich.table import Table


class Count(NamedTuple):
    """Counts over all launches of one kernel."""

    kernel: str
    launches: int
    instructions: int
    """Warp instructions."""
    sectors: int
    """32-byte sectors of global memory."""
    least_sectors: int
    """Sectors if the bytes of each request were contiguous."""
    array_bytes: int
    """Bytes of the launches' arrays, each counted once."""
    wavefronts: int
    least_wavefronts: int
    """Wavefronts of shared memory, and the fewest for the bytes requested."""

    def cells(self):
        """Cells of a table row."""
        shared = f"{self.wavefronts / self.least_wavefronts:.2f}" if self.least_wavefronts else ""
        sectors = f"{self.sectors / self.least_sectors:.2f}" if self.least_sectors else ""
        moved = f"{32 * self.sectors / self.array_bytes:.2f}"
        return self.kernel, str(self.launches), str(self.instructions), sectors, moved, shared


COLUMNS = "kernel", "launches", "warp instructions", "sectors / least", "bytes / arrays", "wavefronts / least"


def cases(dtype=np.float32):
    """(name, work) of every family of kernels, at sizes that fill warps."""
    import gpuconv as g

    rng = np.random.default_rng(0)

    def a(*shape):
        return rng.standard_normal(shape).astype(dtype)

    x, y, wide = a(2, 8, 32, 32), a(2, 8, 32, 32), a(64, 256)
    labels = rng.integers(0, 256, 64)
    conv_x, conv_w, conv_dy = a(2, 64, 16, 16), a(64, 64, 3, 3), a(2, 64, 16, 16)
    deep_w, first_x, first_w = a(8, 1, 3, 3), a(2, 3, 32, 32), a(32, 3, 3, 3)
    options = {"padding": 1}

    def update(name, **chosen):
        parameters = [g.nn.Parameter(a(4096)) for _ in range(3)]
        for parameter in parameters:
            parameter.grad = a(4096)
        getattr(g, name)(parameters, **chosen).step()

    def convolutions(algorithm):
        g.conv2d(conv_x, conv_w, algorithm=algorithm, **options)
        g.conv2d_input_grad(conv_dy, conv_w, conv_x.shape, algorithm=algorithm, **options)

    def on_tensor_cores(dtype, **chosen):
        images, weights, gradients = (array.astype(dtype) for array in (conv_x, conv_w, conv_dy))
        g.conv2d(images, weights, **options, **chosen)
        g.conv2d_weight_grad(images, gradients, weights.shape, **options, **chosen)

    def pooled(size):
        result, mask = g.max_pool2d(x, size, stride=2)
        g.max_pool2d_input_grad(result, mask, x.shape, size, stride=2)
        g.avg_pool2d_input_grad(g.avg_pool2d(x, size, stride=2), x.shape, size, stride=2)

    return [
        ("tiles", lambda: convolutions("implicit_gemm")),
        ("tiles", lambda: g.conv2d_weight_grad(conv_x, conv_dy, conv_w.shape, algorithm="implicit_gemm", **options)),
        ("tensor cores", lambda: on_tensor_cores(np.float16)),
        ("tensor cores", lambda: on_tensor_cores(np.float32, algorithm="tf32")),
        ("winograd", lambda: convolutions("winograd")),
        ("depthwise", lambda: g.conv2d(x, deep_w, groups=8, algorithm="depthwise", **options)),
        ("few channels", lambda: g.conv2d(first_x, first_w, **options)),
        ("bias", lambda: g.conv2d_bias_grad(conv_dy)),
        ("pooling 2x2", lambda: pooled(2)),
        ("pooling 3x3", lambda: pooled(3)),
        ("activations", lambda: g.relu_grad(g.relu(x), x)),
        ("activations", lambda: g.gelu_grad(g.gelu(x), x)),
        ("softmax", lambda: g.softmax_grad(g.softmax(wide), wide)),
        ("cross-entropy", lambda: (g.cross_entropy(wide, labels), g.cross_entropy_grad(wide, labels))),
        ("losses", lambda: (g.mse_loss(x, y), g.mse_loss_grad(x, y))),
        ("batch norm", lambda: g.batch_norm2d(x, *g.batch_norm_statistics(x))),
        ("batch norm", lambda: g.batch_norm2d_grad(y, x, *g.batch_norm_statistics(x), training=True)),
        ("dropout", lambda: g.dropout(x, seed=1)),
        ("add", lambda: g.add(x, y)),
        ("updates", lambda: update("SGD", lr=0.1, momentum=0.9)),
        ("updates", lambda: update("Adam")),
    ]


def measured(work):
    """A Count for each kernel that some work launches, in launch order."""
    import gpuconv
    from gpuconv import emulator
    from gpuconv.kernels.cuda import launch

    reports = {}

    def run(kernel, blocks, threads, arguments):
        report = emulator.measure(kernel, blocks, threads, *arguments)
        reports.setdefault(kernel.py_func.__name__, []).append((report, sum(map(_bytes, arguments))))

    with gpuconv.use_device("emulator"), mock.patch.object(launch, "run", run):
        work()
    return [_counted(name, found) for name, found in reports.items()]


def _bytes(argument):
    """Bytes of an array, or of the arrays of a table."""
    if hasattr(argument, "rows"):
        return sum(a.nbytes for row in argument.rows for a in row)
    return argument.nbytes if isinstance(argument, np.ndarray) else 0


def _counted(name, found):
    reports = [report for report, _ in found]
    return Count(
        kernel=name,
        launches=len(found),
        instructions=sum(sum(report.classes.values()) for report in reports),
        sectors=sum(report.memory.passes for report in reports),
        least_sectors=sum(report.memory.least for report in reports),
        array_bytes=sum(size for _, size in found),
        wavefronts=sum(report.shared.passes for report in reports),
        least_wavefronts=sum(report.shared.least for report in reports),
    )


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="print rows for docs/cuda.md")
    options = parser.parse_args(arguments)
    counts = {count.kernel: count for _, work in cases() for count in measured(work)}
    if options.markdown:
        print("|", " | ".join(COLUMNS), "|\n|", " | ".join("---" for _ in COLUMNS), "|")
        print(*("| " + " | ".join(count.cells()) + " |" for count in counts.values()), sep="\n")
        return
    table = Table(*COLUMNS)
    for count in counts.values():
        table.add_row(*count.cells())
    Console(width=max(Console().width, 120)).print(table)


if __name__ == "__main__":
    main()
