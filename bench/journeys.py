"""Which files a call goes through: what a reader opens, in order, to follow it from the user's line to the kernel.

    python -m gpuconv.bench.journeys [--functions] [--whole]

Four journeys are traced: `conv2d` on NumPy arrays, its weight gradient on the emulated device, one step of
`training.fit`, and one row of `gpuconv bench`. Each is run twice and the second run is traced, since the first one
imports, compiles and plans. The emulated device stands for a GPU, so its own files are no part of a journey. A step
and a row end at the public functions of operations, each of which is a journey like `conv2d`'s; `--whole` goes on below
them.
"""

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

LIMITS = {"conv2d": 8, "weight_grad": 8, "fit": 20, "bench": 8}
"""Files of each journey at most."""
CALLS = {"conv2d": 24}
"""Python calls of a journey at most."""
OPERATIONS = (
    "gpuconv/activation/", "gpuconv/conv/", "gpuconv/dropout/", "gpuconv/join/", "gpuconv/linear/", "gpuconv/loss/",
    "gpuconv/norm/", "gpuconv/pool/", "gpuconv/resample/", "kernels/",
)  # fmt: skip
EMULATOR = ("gpuconv/emulator/",)


class Step(NamedTuple):
    """One Python call on the way."""

    file: str
    """Relative to the root of the package or the repository: gpuconv/..., kernels/..., bench/..."""
    function: str


def trace(work: Callable[[], Any], ends: tuple[str, ...] = ()) -> list[Step]:
    """The calls of this library that some work makes, in order.

    Parameters
    ----------
    work : callable
    ends : tuple of str
        Folders at which the journey ends: they are left out, and all that they call.
    """
    steps: list[Step] = []
    depth, ended_at = 0, None

    def on_event(frame: Any, event: str, argument: Any) -> None:
        nonlocal depth, ended_at
        if event == "call":
            depth += 1
            file = _ours(frame.f_code.co_filename)
            if ended_at is not None or file is None or file == "bench/journeys.py":
                return
            if file.startswith(ends):
                ended_at = depth
            else:
                steps.append(Step(file, frame.f_code.co_qualname))
        elif event == "return":
            if ended_at == depth:
                ended_at = None
            depth -= 1

    sys.setprofile(on_event)
    try:
        work()
    finally:
        sys.setprofile(None)
    return steps


def files_of(steps: list[Step]) -> list[str]:
    """The files of a journey, in the order in which they are opened."""
    return list(dict.fromkeys(step.file for step in steps))


def _ours(filename: str) -> str | None:
    """A file of this library, relative to what it is installed in; None for any other."""
    import gpuconv
    import gpuconv.kernels

    roots = {
        "kernels": Path(gpuconv.kernels.__file__).parent,
        "bench": Path(__file__).parent,
        "gpuconv": Path(gpuconv.__file__).parent,
    }
    path = Path(filename)
    for name, root in roots.items():
        if path.is_relative_to(root):
            return f"{name}/{path.relative_to(root)}"
    return None


def conv2d(ends: tuple[str, ...] = ()) -> list[Step]:
    """`gpuconv.conv2d` of small NumPy arrays."""
    import gpuconv

    x, w, b = np.ones((1, 3, 8, 8), np.float32), np.ones((4, 3, 3, 3), np.float32), np.ones(4, np.float32)
    gpuconv.conv2d(x, w, b)
    return trace(lambda: gpuconv.conv2d(x, w, b), ends)


def weight_grad(ends: tuple[str, ...] = EMULATOR) -> list[Step]:
    """`gpuconv.conv2d_weight_grad` on the emulated device."""
    import gpuconv

    x, dy = np.ones((1, 3, 8, 8), np.float32), np.ones((1, 4, 6, 6), np.float32)
    with gpuconv.use_device("emulator"):
        gpuconv.conv2d_weight_grad(x, dy, (4, 3, 3, 3))
        return trace(lambda: gpuconv.conv2d_weight_grad(x, dy, (4, 3, 3, 3)), ends)


def fit(ends: tuple[str, ...] = OPERATIONS) -> list[Step]:
    """One step of `training.fit`: a convolution, ReLU, pooling and a classifier."""
    from gpuconv import nn, optim
    from gpuconv.training import loop

    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, seed=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3, seed=1)
    )
    optimizer, loss = optim.SGD(model.parameters(), 0.1), nn.CrossEntropyLoss()
    images, labels = rng.standard_normal((4, 1, 8, 8), np.float32), np.arange(4) % 3

    def step() -> None:
        loop._step(model, loss, optimizer, images, labels)

    step()
    return trace(step, ends)


def bench(ends: tuple[str, ...] = OPERATIONS) -> list[Step]:
    """One row of `gpuconv bench conv`, our side: from the case to its time, in this process and in the worker's."""
    from gpuconv.bench import cases, problems, run, timing

    case = next(iter(cases.conv_cases(problems.LENET)))
    with tempfile.TemporaryDirectory() as folder:
        worker = timing.Worker(timing.Setup("gpuconv"), 1, Path(folder))
        with contextlib.closing(worker):
            here = trace(lambda: run.measure([case], [worker], 1), ends)
    _serve(case)
    return here + trace(lambda: _serve(case), ends)


def _serve(case: Any) -> None:
    """What the worker's process does for a case, in this one."""
    from gpuconv.bench import worker

    with tempfile.TemporaryDirectory() as folder:
        result = str(Path(folder) / "result.npy")
        requests = [{"operation": case.operation, "arguments": case.arguments, "result": result}]
        requests.append({"calls": 1})
        lines = io.StringIO("\n".join(map(json.dumps, requests)))
        with contextlib.redirect_stdout(io.StringIO()), mock.patch.object(sys, "stdin", lines):
            with mock.patch.object(sys, "path", [str(Path(__file__).parent), *sys.path]):
                worker.serve("gpuconv", 1, "cpu")


JOURNEYS: dict[str, Callable[..., list[Step]]] = {
    "conv2d": conv2d,
    "weight_grad": weight_grad,
    "fit": fit,
    "bench": bench,
}


def main() -> None:
    """Print the files of every journey."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", action="store_true", help="print the functions of each file too")
    parser.add_argument("--whole", action="store_true", help="follow a step and a row below the public functions")
    options = parser.parse_args()
    for name, journey in JOURNEYS.items():
        steps = journey(EMULATOR) if options.whole else journey()
        files = files_of(steps)
        limit = "" if options.whole else f" (at most {LIMITS[name]})"
        print(f"{name}: {len(steps)} calls in {len(files)} files{limit}")
        for file in files:
            called = dict.fromkeys(step.function for step in steps if step.file == file)
            print(f"    {file}" + (f": {', '.join(called)}" if options.functions else ""))


if __name__ == "__main__":
    main()
