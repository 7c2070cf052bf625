"""Options of the commands: their types, choices and help."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Activation(StrEnum):
    """Activation after each layer."""

    RELU = "relu"
    LEAKY_RELU = "leaky_relu"


class Pool(StrEnum):
    """Pooling layer."""

    MAX = "max"
    AVG = "avg"


class LossName(StrEnum):
    """Loss function."""

    CROSS_ENTROPY = "cross_entropy"
    MSE = "mse"


class Init(StrEnum):
    """Initializer of the weights."""

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
    """Device to run on."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    EMULATOR = "emulator"


class Suite(StrEnum):
    """Benchmark suite."""

    CONV = "conv"
    POOL = "pool"
    ELEMENTWISE = "elementwise"
    TRAIN = "train"


class TimedDevice(StrEnum):
    """Device whose kernels are timed."""

    CPU = "cpu"
    CUDA = "cuda"


class Dtype(StrEnum):
    """Type of the arrays."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


class Layouts(StrEnum):
    """Layouts of the other library."""

    NCHW = "nchw"
    CHANNELS_LAST = "channels_last"
    BOTH = "both"


class Malloc(StrEnum):
    """Settings of glibc's malloc."""

    AS_IS = "as-is"
    TUNED = "tuned"
    BOTH = "both"


class Peer(StrEnum):
    """Library to compare with."""

    TORCH = "torch"


DeviceOption = Annotated[
    Device | None,
    typer.Option(
        help="Device to run on. auto: a GPU if one is found, else the CPU; emulator: the CUDA kernels, emulated on the "
        "CPU. Default: $GPUCONV_DEVICE, else auto."
    ),
]
PeerPython = Annotated[
    Path | None, typer.Option(help="Python interpreter that has the other library. Default: this one.")
]

# gpuconv train
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="Folder of IDX files, as MNIST has them. Default: the bundled digits.")
]
Epochs = Annotated[int, typer.Option(min=1, help="Passes over the training images.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Images per optimizer step.")]
LearningRate = Annotated[
    float | None,
    typer.Option(
        help="Initial learning rate, annealed to 0 by a cosine. Default: 0.05; for mse 0.5.", show_default=False
    ),
]
Momentum = Annotated[float, typer.Option(min=0, help="SGD momentum.")]
TrainSeed = Annotated[
    int, typer.Option(min=0, help="Seed of weights and shuffling; the same seed gives the same model, bit for bit.")
]
ActivationOption = Annotated[Activation, typer.Option(help="Activation after each layer.")]
PoolOption = Annotated[Pool, typer.Option(help="Pooling layer: max or avg.")]
LossOption = Annotated[LossName, typer.Option(help="Loss function.")]
InitOption = Annotated[
    Init,
    typer.Option(
        help="Initializer of the weights. torch: PyTorch's defaults; uniform: between -0.1 and 0.1; normal: standard "
        "deviation 0.1."
    ),
]
OutFolder = Annotated[
    Path | None, typer.Option("--out", help="Folder to create for the results. Default: runs/NAME-NUMBER.")
]

# gpuconv check
CheckAgainst = Annotated[
    Peer | None, typer.Option(help="Compare results on random cases with this library instead, on the CPU.")
]
Cases = Annotated[int, typer.Option(min=1, help="With --against: random cases per family.")]
Family = Annotated[str | None, typer.Option(help="With --against: the only family of operations to compare.")]
CaseSeed = Annotated[int, typer.Option(min=0, help="With --against: seed of the cases.")]

# gpuconv bench
SuiteArgument = Annotated[Suite, typer.Argument(help="Kernels to time, or the training of networks.")]
TimedDeviceOption = Annotated[TimedDevice, typer.Option(help="Device whose kernels are timed.")]
BenchAgainst = Annotated[
    Peer | None,
    typer.Option(help="Time this library too, in separate processes in turns; the ratio is to its quicker layout."),
]
Problems = Annotated[
    str,
    typer.Option(
        help="With conv: problem list. standard, lenet, resnet, depthwise, deepbench; networks, layers of several; "
        "resnet50, vgg, googlenet, mobilenet, alexnet, ssd or another list of benchdnn.tsv; or a tab-separated file."
    ),
]
Batch = Annotated[
    int | None, typer.Option(min=1, help="With conv and train: images of every problem. Default: each one's own.")
]
Only = Annotated[
    str | None, typer.Option(help="Time only the rows whose title has this, such as 'input_grad' or 'pad of 64x'.")
]
DtypeOption = Annotated[
    Dtype, typer.Option(help="With conv and train: type of the arrays; torch trains in bfloat16 by autocast.")
]
LayoutsOption = Annotated[
    Layouts, typer.Option("--layouts", help="With --against: layouts of the other library's arrays; ours are NCHW.")
]
MallocOption = Annotated[
    Malloc,
    typer.Option(
        "--malloc",
        help="On the CPU: glibc's malloc in both libraries' processes, as it is or tuned to keep freed memory. With "
        "both, the ratio is that of the tuned processes.",
    ),
]
Algorithm = Annotated[
    str, typer.Option(help="With conv: algorithm of conv2d by name, auto, or each for all that support a problem.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of each library. Default: one per processor.")]
Repeats = Annotated[int, typer.Option(min=1, help="Timings per case; the table shows their median.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="File to write all measurements to, as JSON.")]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="File to write a roofline plot to (PNG).")]
