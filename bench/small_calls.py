"""What a small call costs: microseconds of the second and later calls, in which Python and allocation are what counts.

    python -m gpuconv.bench.small_calls [--against torch] [--peer-python PATH]

Each call is timed on one thread in batches of some milliseconds, and the fastest batch is reported: a batch that the
operating system interrupts says nothing about the call. The peer runs the same calls in a process of its own.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH, BATCHES = 40, 400
"""Calls in a batch, and batches."""


def seconds_of(call: Callable[[], Any]) -> float:
    """Time of one call."""
    for _ in range(BATCH):
        call()
    best = float("inf")
    for _ in range(BATCHES):
        start = time.perf_counter()
        for _ in range(BATCH):
            call()
        best = min(best, time.perf_counter() - start)
    return best / BATCH


def arrays() -> dict[str, Any]:
    """The operands: a convolution of an 8 x 8 image, 64 rows of 10 classes."""
    rng = np.random.default_rng(0)
    shapes = {"x": (1, 3, 8, 8), "w": (4, 3, 3, 3), "b": (4,), "y": (1, 4, 6, 6), "rows": (64, 10), "weights": (10, 10)}
    made: dict[str, Any] = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    return made | {"labels": rng.integers(0, 10, 64)}


def ours() -> dict[str, Callable[[], Any]]:
    """The calls as gpuconv makes them."""
    import numba

    import gpuconv as g

    numba.set_num_threads(1)
    a = arrays()
    x, w, b, y, rows, weights, labels = (a[name] for name in ("x", "w", "b", "y", "rows", "weights", "labels"))
    pooled, mask = g.max_pool2d(y, 2)
    return {
        "conv2d": lambda: g.conv2d(x, w, b),
        "conv2d input gradient": lambda: g.conv2d_input_grad(y, w, x.shape),
        "conv2d weight gradient": lambda: g.conv2d_weight_grad(x, y, w.shape),
        "conv2d bias gradient": lambda: g.conv2d_bias_grad(y),
        "relu": lambda: g.relu(y),
        "relu gradient": lambda: g.relu_grad(y, y),
        "max_pool2d": lambda: g.max_pool2d(y, 2),
        "max_pool2d gradient": lambda: g.max_pool2d_input_grad(pooled, mask, y.shape, 2),
        "linear": lambda: g.linear(rows, weights),
        "softmax": lambda: g.softmax(rows),
        "cross_entropy": lambda: g.cross_entropy(rows, labels),
        "cross_entropy gradient": lambda: g.cross_entropy_grad(rows, labels),
        "mse_loss": lambda: g.mse_loss(rows, rows),
    }


def peers() -> dict[str, Callable[[], Any]]:
    """The forward calls as PyTorch makes them; its gradients have no calls of their own but convolution's."""
    import torch
    import torch.nn.functional as f

    torch.set_num_threads(1)
    x, w, b, y, rows, weights, labels = (
        torch.from_numpy(arrays()[name]) for name in ("x", "w", "b", "y", "rows", "weights", "labels")
    )
    gradient = torch.nn.grad
    return {
        "conv2d": lambda: f.conv2d(x, w, b),
        "conv2d input gradient": lambda: gradient.conv2d_input(x.shape, w, y),
        "conv2d weight gradient": lambda: gradient.conv2d_weight(x, w.shape, y),
        "relu": lambda: f.relu(y),
        "max_pool2d": lambda: f.max_pool2d(y, 2, return_indices=True),
        "linear": lambda: f.linear(rows, weights),
        "softmax": lambda: f.softmax(rows, -1),
        "cross_entropy": lambda: f.cross_entropy(rows, labels),
        "mse_loss": lambda: f.mse_loss(rows, rows),
    }


def main() -> None:
    """Print a row for each call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", choices=["torch"], help="time the peer's calls too")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter of the peer's environment")
    parser.add_argument("--only-peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_peer:
        print(json.dumps({name: seconds_of(call) for name, call in peers().items()}))
        return
    theirs: dict[str, float] = {}
    if options.against:
        command = [options.peer_python, str(Path(__file__)), "--only-peer"]
        theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for name, call in ours().items():
        peer = f"   torch {theirs[name] * 1e6:6.2f} us" if name in theirs else ""
        print(f"{name:24} {seconds_of(call) * 1e6:6.2f} us{peer}")


if __name__ == "__main__":
    main()
