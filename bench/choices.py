"""Check of the cost model of CUDA's tiles: every tile timed on a GPU, beside its estimated cost.

    python -m gpuconv.bench.choices                                   # the standard layers
    python -m gpuconv.bench.choices --problems resnet --json choices.json

`kernels/cuda/tile_config.py` estimates the cost of a tile from counted instructions and some guesses. Here each tile
computes each problem, replayed as a graph, which leaves the host's time out; the last column is the time of the model's
choice over that of the best tile. Which algorithm is best: `gpuconv bench conv --device cuda --algorithm each`.
"""

import argparse
import json
import statistics
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from gpuconv.conv.shape import conv_shape

from . import problems, report
from .workers.shared import arrays

CALLS, REPEATS = 10, 5
OPERATIONS = "conv_forward", "conv_input_grad", "conv_weight_grad"


class Choice(NamedTuple):
    """One tile, or tile and split, of one pass."""

    operation: str
    problem: str
    plan: str
    seconds: float
    cost: float
    """The model's estimate, in instructions."""
    chosen: bool
    """Whether the model chooses it."""


def choices_of(operations, operation, problem):
    """A Choice for each tile, or tile and split, of a pass of a problem.

    Parameters
    ----------
    operations : GpuconvOperations
    operation : str
        One of OPERATIONS.
    problem : ConvProblem

    Returns
    -------
    list of Choice
    """
    from gpuconv.kernels.conv.cuda import implicit_gemm, implicit_gemm_wgrad
    from gpuconv.kernels.cuda import tile_config
    from gpuconv.kernels.cuda.launch import multiprocessors

    shape = conv_shape("choices", problem.x_shape, problem.w_shape, **problem.options)
    x, w, y = map(operations.g.to_device, arrays((shape.x_shape, shape.w_shape, shape.y_shape), "float32"))
    itemsize, processors, epilogue = x.dtype.itemsize, multiprocessors(x), (None, 0, np.float32(0))
    if operation == "conv_weight_grad":
        numbers = implicit_gemm_wgrad.split_problem(shape, itemsize, processors)
        plans, chosen = tile_config.split_plans(*numbers[:-1]), tile_config.best_split(*numbers)
        cost, sizes = tile_config.split_cost, (*numbers[1:4], processors)
        launch = partial(implicit_gemm_wgrad.wgrad, shape, x, y, w)
    else:
        forward = operation == "conv_forward"
        numbers = implicit_gemm.tile_problem(shape, "fprop" if forward else "dgrad", itemsize, processors)
        plans, chosen = tile_config.TILES[itemsize], tile_config.best_tile(*numbers)
        cost, sizes = tile_config.cost, numbers[1:]
        launch = partial(implicit_gemm.fprop, shape, x, w, *epilogue, y)
        if not forward:
            launch = partial(implicit_gemm.dgrad, shape, y, w, *epilogue, x)
    found = []
    for plan in plans:
        run = partial(launch, plan)
        seconds = statistics.median(operations.clock.time(run, CALLS)[0] for _ in range(REPEATS))
        found.append(Choice(operation, str(problem), _title(plan), seconds, cost(plan, *sizes), plan == chosen))
    return found


def _title(plan):
    tile, splits = (plan[0], f", {plan[1]} splits") if isinstance(plan[0], tuple) else (plan, "")
    return f"{tile.rows}x{tile.columns}{splits}"


def table(found):
    """A row for each pass of each problem: the model's choice, the best one, and the ratio of their times."""
    result = Table("operation", "problem", "chosen", "us", "best", "us", "chosen / best")
    for choices in found:
        [chosen], best = [c for c in choices if c.chosen], min(choices, key=lambda c: c.seconds)
        cells = [c for choice in (chosen, best) for c in (choice.plan, f"{choice.seconds * 1e6:.1f}")]
        result.add_row(chosen.operation, chosen.problem, *cells, f"{chosen.seconds / best.seconds:.2f}")
    return result


def main(arguments=None):
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default="standard", help="as gpuconv bench takes them")
    parser.add_argument("--json", type=Path, help="file for every plan")
    options = parser.parse_args(arguments)
    from .workers.gpuconv_library import GpuconvOperations

    operations, console = GpuconvOperations(1, "cuda"), Console(width=max(Console().width, 120))
    passes = [
        (operation, problem)
        for problem in problems.conv_problems(options.problems)
        for operation in OPERATIONS
        if operation != "conv_input_grad" or problem.c > 3
    ]
    found = [choices_of(operations, *one) for one in track(passes, console=console)]
    console.print(table(found))
    if options.json:
        record = {"machine": report.machine(1, "cuda"), "choices": [c._asdict() for choices in found for c in choices]}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
