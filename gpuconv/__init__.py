"""Train convolutional networks on NumPy and CuPy arrays; every computation is a readable Numba kernel.

An operation is a function of arrays. A NumPy array runs the CPU kernels; a CuPy array runs the CUDA kernels on that
array's device and the current CuPy stream. Names and arguments are PyTorch's; each operation has its
gradients beside it.

>>> import numpy as np
>>> import gpuconv
>>> x, w = np.arange(16.0).reshape(1, 1, 4, 4), np.ones((1, 1, 3, 3))
>>> y = gpuconv.conv2d(x, w)
>>> gpuconv.conv2d_weight_grad(x, np.ones_like(y), w.shape)
array([[[[10., 14., 18.],
         [26., 30., 34.],
         [42., 46., 50.]]]])

Functions, for one, two and three axes where the name ends in 2d:

    convolution       conv2d conv_transpose2d linear
    pooling           max_pool2d avg_pool2d adaptive_avg_pool2d global_avg_pool2d max_unpool2d ...
    activations       relu leaky_relu prelu elu gelu silu mish sigmoid tanh softplus softmax log_softmax ...
    losses            mse_loss l1_loss huber_loss cross_entropy nll_loss bce_with_logits ...
    normalization     batch_norm2d group_norm dropout dropout2d
    shapes            pad upsample add concatenate
    their gradients   conv2d_input_grad conv2d_weight_grad conv2d_bias_grad relu_grad cross_entropy_grad ...
    devices           device use_device to_device to_host warmup cuda_graph precision

Subpackages, imported when they are first used:

    nn          layers, containers and losses; nn.init, nn.functional (torch's names)
    optim       SGD Adam AdamW RMSprop Adagrad; optim.lr_scheduler
    training    fit, data, networks
    testing     gradient checks and tolerances
    emulator    a CUDA device for machines without one

GPUCONV_DEVICE=cpu|cuda|emulator chooses where new arrays go, GPUCONV_PRECISION=exact|fast which algorithms convolutions
may choose. `gpuconv info` on the command line says what was found.
Importing the package compiles nothing and imports neither cupy nor numba.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .activation import (
    elu,
    elu_grad,
    gelu,
    gelu_grad,
    hardsigmoid,
    hardsigmoid_grad,
    hardswish,
    hardswish_grad,
    hardtanh,
    hardtanh_grad,
    leaky_relu,
    leaky_relu_grad,
    mish,
    mish_grad,
    prelu,
    prelu_grad,
    prelu_weight_grad,
    relu,
    relu6,
    relu6_grad,
    relu_grad,
    selu,
    selu_grad,
    sigmoid,
    sigmoid_grad,
    silu,
    silu_grad,
    softplus,
    softplus_grad,
    tanh,
    tanh_grad,
)
from .conv import (
    conv1d,
    conv1d_bias_grad,
    conv1d_input_grad,
    conv1d_weight_grad,
    conv2d,
    conv2d_bias_grad,
    conv2d_input_grad,
    conv2d_weight_grad,
    conv3d,
    conv3d_bias_grad,
    conv3d_input_grad,
    conv3d_weight_grad,
    conv_transpose1d,
    conv_transpose1d_bias_grad,
    conv_transpose1d_input_grad,
    conv_transpose1d_weight_grad,
    conv_transpose2d,
    conv_transpose2d_bias_grad,
    conv_transpose2d_input_grad,
    conv_transpose2d_weight_grad,
    conv_transpose3d,
    conv_transpose3d_bias_grad,
    conv_transpose3d_input_grad,
    conv_transpose3d_weight_grad,
    precision,
)
from .core.device import DeviceError, device, to_device, to_host, use_device
from .core.graph import cuda_graph
from .dropout.functional import dropout, dropout2d, dropout2d_grad, dropout_grad
from .join.functional import add, concatenate, concatenate_grad
from .linear.functional import linear, linear_bias_grad, linear_input_grad, linear_weight_grad
from .loss import (
    bce_with_logits,
    bce_with_logits_grad,
    cross_entropy,
    cross_entropy_grad,
    huber_loss,
    huber_loss_grad,
    l1_loss,
    l1_loss_grad,
    mse_loss,
    mse_loss_grad,
    nll_loss,
    nll_loss_grad,
    smooth_l1_loss,
    smooth_l1_loss_grad,
)
from .loss.softmax import log_softmax, log_softmax_grad, softmax, softmax_grad
from .nn.symmetry import symmetry_report
from .norm.batch import batch_norm1d, batch_norm2d, batch_norm3d, batch_norm_statistics
from .norm.batch_grad import batch_norm1d_grad, batch_norm2d_grad, batch_norm3d_grad
from .norm.group import group_norm, group_norm_grad, group_norm_statistics
from .optim import SGD, Adagrad, Adam, AdamW, RMSprop, clip_grad_norm, clip_grad_value
from .pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool1d_input_grad,
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_input_grad,
    adaptive_avg_pool3d,
    adaptive_avg_pool3d_input_grad,
    adaptive_max_pool1d,
    adaptive_max_pool1d_input_grad,
    adaptive_max_pool2d,
    adaptive_max_pool2d_input_grad,
    adaptive_max_pool3d,
    adaptive_max_pool3d_input_grad,
    avg_pool1d,
    avg_pool1d_input_grad,
    avg_pool2d,
    avg_pool2d_input_grad,
    avg_pool3d,
    avg_pool3d_input_grad,
    global_avg_pool1d,
    global_avg_pool1d_input_grad,
    global_avg_pool2d,
    global_avg_pool2d_input_grad,
    global_avg_pool3d,
    global_avg_pool3d_input_grad,
    global_max_pool1d,
    global_max_pool1d_input_grad,
    global_max_pool2d,
    global_max_pool2d_input_grad,
    global_max_pool3d,
    global_max_pool3d_input_grad,
    max_pool1d,
    max_pool1d_input_grad,
    max_pool2d,
    max_pool2d_input_grad,
    max_pool3d,
    max_pool3d_input_grad,
    max_unpool1d,
    max_unpool1d_input_grad,
    max_unpool2d,
    max_unpool2d_input_grad,
    max_unpool3d,
    max_unpool3d_input_grad,
    pool_indices,
)
from .resample.pad import pad, pad_input_grad
from .resample.upsample import upsample, upsample_input_grad
from .tuning import tune
from .warmup import warmup

__version__ = "0.1.0"

__all__ = [
    "SGD", "Adagrad", "Adam", "AdamW", "DeviceError", "RMSprop", "__version__", "adaptive_avg_pool1d",
    "adaptive_avg_pool1d_input_grad", "adaptive_avg_pool2d", "adaptive_avg_pool2d_input_grad",
    "adaptive_avg_pool3d", "adaptive_avg_pool3d_input_grad", "adaptive_max_pool1d",
    "adaptive_max_pool1d_input_grad", "adaptive_max_pool2d", "adaptive_max_pool2d_input_grad",
    "adaptive_max_pool3d", "adaptive_max_pool3d_input_grad", "add", "avg_pool1d", "avg_pool1d_input_grad",
    "avg_pool2d", "avg_pool2d_input_grad", "avg_pool3d", "avg_pool3d_input_grad", "batch_norm1d",
    "batch_norm1d_grad", "batch_norm2d", "batch_norm2d_grad", "batch_norm3d", "batch_norm3d_grad",
    "batch_norm_statistics", "bce_with_logits", "bce_with_logits_grad", "clip_grad_norm", "clip_grad_value",
    "concatenate", "concatenate_grad", "conv1d", "conv1d_bias_grad", "conv1d_input_grad", "conv1d_weight_grad",
    "conv2d", "conv2d_bias_grad", "conv2d_input_grad", "conv2d_weight_grad", "conv3d", "conv3d_bias_grad",
    "conv3d_input_grad", "conv3d_weight_grad", "conv_transpose1d", "conv_transpose1d_bias_grad",
    "conv_transpose1d_input_grad", "conv_transpose1d_weight_grad", "conv_transpose2d",
    "conv_transpose2d_bias_grad", "conv_transpose2d_input_grad", "conv_transpose2d_weight_grad",
    "conv_transpose3d", "conv_transpose3d_bias_grad", "conv_transpose3d_input_grad",
    "conv_transpose3d_weight_grad", "cross_entropy", "cross_entropy_grad", "cuda_graph", "device", "dropout",
    "dropout2d", "dropout2d_grad", "dropout_grad", "elu", "elu_grad", "emulator", "gelu", "gelu_grad",
    "global_avg_pool1d", "global_avg_pool1d_input_grad", "global_avg_pool2d", "global_avg_pool2d_input_grad",
    "global_avg_pool3d", "global_avg_pool3d_input_grad", "global_max_pool1d", "global_max_pool1d_input_grad",
    "global_max_pool2d", "global_max_pool2d_input_grad", "global_max_pool3d", "global_max_pool3d_input_grad",
    "group_norm", "group_norm_grad", "group_norm_statistics", "hardsigmoid", "hardsigmoid_grad", "hardswish",
    "hardswish_grad", "hardtanh", "hardtanh_grad", "huber_loss", "huber_loss_grad", "l1_loss", "l1_loss_grad",
    "leaky_relu", "leaky_relu_grad", "linear", "linear_bias_grad", "linear_input_grad", "linear_weight_grad",
    "log_softmax", "log_softmax_grad", "max_pool1d", "max_pool1d_input_grad", "max_pool2d",
    "max_pool2d_input_grad", "max_pool3d", "max_pool3d_input_grad", "max_unpool1d", "max_unpool1d_input_grad",
    "max_unpool2d", "max_unpool2d_input_grad", "max_unpool3d", "max_unpool3d_input_grad", "mish", "mish_grad",
    "mse_loss", "mse_loss_grad", "nll_loss", "nll_loss_grad", "nn", "optim", "pad", "pad_input_grad",
    "pool_indices", "precision", "prelu", "prelu_grad", "prelu_weight_grad", "relu", "relu6", "relu6_grad", "relu_grad",
    "selu", "selu_grad", "sigmoid", "sigmoid_grad", "silu", "silu_grad", "smooth_l1_loss", "smooth_l1_loss_grad",
    "softmax", "softmax_grad", "softplus", "softplus_grad", "symmetry_report", "tanh", "tanh_grad", "testing",
    "to_device", "to_host", "training", "tune", "tuning", "upsample", "upsample_input_grad", "use_device", "warmup",
]  # fmt: skip

_SUBPACKAGES = ("emulator", "nn", "optim", "testing", "training")
_FORMER_NAMES = {"initializers": "nn.init", "schedules": "optim.lr_scheduler"}

if TYPE_CHECKING:
    from . import emulator, nn, optim, testing, training


def __getattr__(name: str) -> Any:
    """Import a subpackage when it is first asked for."""
    if name in _SUBPACKAGES:
        return import_module(f"{__name__}.{name}")
    if name in _FORMER_NAMES:
        return import_module(f"{__name__}.{_FORMER_NAMES[name]}")
    raise AttributeError(f"module 'gpuconv' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted(__all__)
