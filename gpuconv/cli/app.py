"""The commands; a module for each does the work."""

from typing import Annotated

import typer

from .. import __version__
from . import options as o
from .errors import one_line_errors

# Texts of the commands, not docstrings, which `python -OO` drops.
app = typer.Typer(
    help="Convolutional-network training for NumPy and CuPy arrays.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # inherited by every command
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gpuconv {__version__}")
        raise typer.Exit


@app.callback()
def gpuconv(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the command itself."""


@app.command(help="Train a LeNet on labeled images; write metrics, model and plots.")
@one_line_errors
def train(
    data: o.DataFolder = None,
    epochs: o.Epochs = 15,
    batch_size: o.BatchSize = 64,
    lr: o.LearningRate = None,
    momentum: o.Momentum = 0.9,
    seed: o.TrainSeed = 0,
    activation: o.ActivationOption = o.Activation.RELU,
    pool: o.PoolOption = o.Pool.MAX,
    loss: o.LossOption = o.LossName.CROSS_ENTROPY,
    init: o.InitOption = o.Init.TORCH,
    device: o.DeviceOption = None,
    out: o.OutFolder = None,
) -> None:
    """Run `gpuconv train`."""
    from . import train as command

    settings = command.Settings(data, epochs, batch_size, lr, momentum, seed, activation, pool, loss, init, device, out)
    command.run(settings)


@app.command(help="Show versions, devices, CPU features, threads and the kernel cache.")
@one_line_errors
def info() -> None:
    """Run `gpuconv info`."""
    from . import info as command

    command.run()


@app.command(help="Check the gradient of every operation, or compare its results with another library's.")
@one_line_errors
def check(
    device: o.DeviceOption = None,
    against: o.CheckAgainst = None,
    peer_python: o.PeerPython = None,
    cases: o.Cases = 2000,
    family: o.Family = None,
    seed: o.CaseSeed = 0,
) -> None:
    """Run `gpuconv check`."""
    from . import check as command
    from . import compare

    if against is None:
        right = command.run(device)
    else:
        right = compare.run(compare.Settings(peer_python, cases, family, seed))
    if not right:
        raise typer.Exit(1)


@app.command(help="Time kernels and compare them with the machine's limits; on a GPU, device and host time.")
@one_line_errors
def bench(
    suite: o.SuiteArgument,
    device: o.TimedDeviceOption = o.TimedDevice.CPU,
    against: o.BenchAgainst = None,
    problems: o.Problems = "standard",
    batch: o.Batch = None,
    only: o.Only = None,
    dtype: o.DtypeOption = o.Dtype.FLOAT32,
    algorithm: o.Algorithm = "auto",
    threads: o.Threads = None,
    repeats: o.Repeats = 9,
    layouts: o.LayoutsOption = o.Layouts.BOTH,
    malloc: o.MallocOption = o.Malloc.BOTH,
    peer_python: o.PeerPython = None,
    json: o.JsonFile = None,
    plot: o.PlotFile = None,
) -> None:
    """Run `gpuconv bench`."""
    from . import bench as command

    what = suite, device, against, problems, batch, only, dtype, algorithm
    how = threads, repeats, layouts, malloc, peer_python, json, plot
    command.execute(command.Settings(*what, *how))
