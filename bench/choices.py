"""Whether the models that choose among CUDA's tiles choose well: every tile timed on a GPU, beside its reckoned cost.

    python -m gpuconv.bench.choices                                   # the standard layers
    python -m gpuconv.bench.choices --problems resnet --json choices.json

`kernels/cuda/tile_config.py` reckons what a tile costs from counted instructions and some guesses. Here each tile
computes each problem, played as a graph, which leaves the host's time out; the last column says how many times as long
the model's choice takes as the best one. Which algorithm is best: `gpuconv bench conv --device cuda --algorithm each`.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from rich.console import Console
from rich.progress import track
from rich.table import Table

from . import problems, report

CALLS, REPEATS = 10, 5
OPERATIONS = "conv_forward", "conv_input_grad", "conv_weight_grad"


class Choice(NamedTuple):
    """One plan of one pass."""

    operation: str
    problem: str
    plan: str
    seconds: float
    cost: float
    """As the model has it, in its instructions."""
    chosen: bool
    """By the model."""


def choices_of(operations, operation, problem):
    """A Choice for each plan that computes a pass of a problem.

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
    from gpuconv.kernels.conv.cuda import select
    from gpuconv.kernels.cuda import tile_config

    shapes = {"x_shape": problem.x_shape, "w_shape": problem.w_shape, "y_shape": problem.y_shape}
    options = {"stride": problem.stride, "padding": problem.pad, "groups": problem.groups}
    run = getattr(operations, operation)(**shapes, **options, dtype="float32", algorithm="implicit_gemm")
    name = "best_split" if operation == "conv_weight_grad" else "best_shape"
    model, asked = getattr(tile_config, name), []
    with mock.patch.object(select, name, lambda *numbers: asked.append(numbers) or model(*numbers)):
        run()
    [numbers] = asked
    if name == "best_split":
        plans, cost = tile_config.split_plans(*numbers[:-1]), tile_config.split_cost
        given = *numbers[1:4], numbers[-1]
    else:
        plans, cost, given = tile_config.SHAPES[numbers[0]], tile_config.cost, numbers[1:]
    found = []
    for plan in plans:
        with mock.patch.object(select, name, lambda *numbers, plan=plan: plan):
            operations.clock.made.clear()  # the graph of another plan
            seconds = statistics.median(operations.clock.time(run, CALLS)[0] for _ in range(REPEATS))
        reckoned = cost(plan, *given)
        found.append(Choice(operation, str(problem), _title(plan), seconds, reckoned, plan == model(*numbers)))
    return found


def _title(plan):
    shape, parts = (plan[0], f", {plan[1]} parts") if isinstance(plan[0], tuple) else (plan, "")
    return f"{shape.rows}x{shape.columns}{parts}"


def table(found):
    """A row for each pass of each problem: the model's choice, the best one, and what the choice costs."""
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
    from .worker_gpuconv import GpuconvOperations

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
