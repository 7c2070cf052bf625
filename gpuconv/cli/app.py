"""The commands and their options; each command's work is in a module of its own."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from .errors import one_line_errors

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # of every command below too
)


class Activation(StrEnum):
    """What follows each layer."""

    RELU = "relu"
    LEAKY_RELU = "leaky_relu"


class Pool(StrEnum):
    """What halves the maps."""

    MAX = "max"
    AVG = "avg"


class LossName(StrEnum):
    """What is minimised."""

    CROSS_ENTROPY = "cross_entropy"
    MSE = "mse"


class Init(StrEnum):
    """What the weights start from."""

    TORCH = "torch"
    ZEROS = "zeros"
    CONSTANT = "constant"
    UNIFORM = "uniform"
    NORMAL = "normal"
    XAVIER_UNIFORM = "xavier_uniform"
    XAVIER_NORMAL = "xavier_normal"
    KAIMING_UNIFORM = "kaiming_uniform"
    KAIMING_NORMAL = "kaiming_normal"


class Device(StrEnum):
    """Where to run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    EMULATOR = "emulator"


class Suite(StrEnum):
    """What is measured."""

    CONV = "conv"
    POOL = "pool"
    ELEMENTWISE = "elementwise"
    TRAIN = "train"


class Timed(StrEnum):
    """Where kernels are timed."""

    CPU = "cpu"
    CUDA = "cuda"


class Numbers(StrEnum):
    """The type of what is computed with."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


class Peer(StrEnum):
    """What it is compared with."""

    TORCH = "torch"


DeviceOption = Annotated[
    Device | None,
    typer.Option(
        help="Where to run; auto takes a GPU if there is one, emulator runs the CUDA kernels without one. "
        "Default: GPUCONV_DEVICE, else auto."
    ),
]


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
    """Convolutional-network training for NumPy and CuPy arrays."""


@app.command()
@one_line_errors
def train(
    data: Annotated[
        Path | None, typer.Option(help="Folder of MNIST-format IDX files; default: bundled digits.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = 15,
    batch_size: Annotated[int, typer.Option(min=1, help="Images a step of the optimiser.")] = 64,
    lr: Annotated[
        float | None,
        typer.Option(help="Learning rate; it falls to 0 on a cosine. Default: 0.05, for mse 0.5.", show_default=False),
    ] = None,
    momentum: Annotated[float, typer.Option(min=0, help="Share of the last step that is taken again.")] = 0.9,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and shuffling; the same seed gives the same bits.")] = 0,
    activation: Annotated[Activation, typer.Option(help="What follows each layer.")] = Activation.RELU,
    pool: Annotated[Pool, typer.Option(help="What halves the maps: maximum or average.")] = Pool.MAX,
    loss: Annotated[LossName, typer.Option(help="What is minimised.")] = LossName.CROSS_ENTROPY,
    init: Annotated[
        Init,
        typer.Option(help="Initial weights; torch: as torch.nn's layers; uniform: +-0.1; normal: deviation 0.1."),
    ] = Init.TORCH,
    device: DeviceOption = None,
    out: Annotated[Path | None, typer.Option(help="New folder for the results; default: runs/NAME-NUMBER.")] = None,
) -> None:
    """Train a LeNet on labelled images and write metrics, model and pictures."""
    from . import train as command

    settings = command.Settings(data, epochs, batch_size, lr, momentum, seed, activation, pool, loss, init, device, out)
    command.run(settings)


@app.command()
@one_line_errors
def info() -> None:
    """Print what was found and chosen: versions, device, CPU features, threads, cache."""
    from . import info as command

    command.run()


@app.command()
@one_line_errors
def check(
    device: DeviceOption = None,
    against: Annotated[
        Peer | None, typer.Option(help="Compare random cases with a peer instead, on the CPU, in a process of its own.")
    ] = None,
    peer_python: Annotated[Path | None, typer.Option(help="Interpreter that has the peer, if not this one.")] = None,
    cases: Annotated[int, typer.Option(min=1, help="Of each family, with --against.")] = 2000,
    family: Annotated[str | None, typer.Option(help="The only one to compare, with --against.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the cases, with --against.")] = 0,
) -> None:
    """Check the gradient of every operation on the present device, or every result against a peer's."""
    from . import check as command
    from . import compare

    if against is None:
        right = command.run(device)
    else:
        right = compare.run(compare.Settings(peer_python, cases, family, seed))
    if not right:
        raise typer.Exit(1)


@app.command()
@one_line_errors
def bench(
    suite: Suite,
    device: Annotated[Timed, typer.Option(help="Whose kernels; the peer's are cuDNN's on cuda.")] = Timed.CPU,
    against: Annotated[Peer | None, typer.Option(help="Time a peer too, in a process of its own, in turns.")] = None,
    problems: Annotated[
        str, typer.Option(help="standard, lenet, resnet, depthwise, deepbench, or a tab-separated file.")
    ] = "standard",
    dtype: Annotated[Numbers, typer.Option(help="Of the arrays, of conv.")] = Numbers.FLOAT32,
    algorithm: Annotated[
        str, typer.Option(help="Of conv2d, for conv: auto, one by name, or each that there is for a problem.")
    ] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Of each library; default: all processors.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Timings of each case; the median is printed.")] = 9,
    peer_python: Annotated[Path | None, typer.Option(help="Interpreter that has the peer, if not this one.")] = None,
    json: Annotated[Path | None, typer.Option(help="File for everything measured.")] = None,
    plot: Annotated[Path | None, typer.Option(help="File for a roofline plot (PNG).")] = None,
) -> None:
    """Time kernels, and say how far they are from the machine's limit. On a GPU: of the device, and of the host."""
    from . import bench as command

    options = suite, device, against, problems, dtype, algorithm, threads, repeats, peer_python, json, plot
    command.execute(command.Settings(*options))
