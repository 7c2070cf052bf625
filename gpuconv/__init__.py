"""gpuconv: convolutional-network training for NumPy and CuPy arrays, every computation a readable Numba kernel.

Importing it compiles nothing and imports neither cupy nor numba.
"""

from . import initializers, nn
from .activations import leaky_relu, leaky_relu_grad, relu, relu_grad, softmax, softmax_grad
from .backend import DeviceError, device, to_device, to_host, use_device
from .conv import conv2d, conv2d_bias_grad, conv2d_input_grad, conv2d_weight_grad
from .dropout import dropout, dropout2d, dropout2d_grad, dropout_grad
from .group_normalization import group_norm, group_norm_grad, group_norm_statistics
from .joining import add, concatenate, concatenate_grad
from .linear import linear, linear_bias_grad, linear_input_grad, linear_weight_grad
from .losses import cross_entropy, cross_entropy_grad, mse_loss, mse_loss_grad
from .normalization import (
    batch_norm1d,
    batch_norm1d_grad,
    batch_norm2d,
    batch_norm2d_grad,
    batch_norm3d,
    batch_norm3d_grad,
    batch_norm_statistics,
)
from .optimizers import SGD
from .padding import pad, pad_input_grad
from .pooling import avg_pool2d, avg_pool2d_input_grad, max_pool2d, max_pool2d_input_grad
from .resize import upsample, upsample_input_grad
from .symmetry import symmetry_report

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "DeviceError",
    "__version__",
    "add",
    "avg_pool2d",
    "avg_pool2d_input_grad",
    "batch_norm1d",
    "batch_norm1d_grad",
    "batch_norm2d",
    "batch_norm2d_grad",
    "batch_norm3d",
    "batch_norm3d_grad",
    "batch_norm_statistics",
    "concatenate",
    "concatenate_grad",
    "conv2d",
    "conv2d_bias_grad",
    "conv2d_input_grad",
    "conv2d_weight_grad",
    "cross_entropy",
    "cross_entropy_grad",
    "device",
    "dropout",
    "dropout2d",
    "dropout2d_grad",
    "dropout_grad",
    "group_norm",
    "group_norm_grad",
    "group_norm_statistics",
    "initializers",
    "leaky_relu",
    "leaky_relu_grad",
    "linear",
    "linear_bias_grad",
    "linear_input_grad",
    "linear_weight_grad",
    "max_pool2d",
    "max_pool2d_input_grad",
    "mse_loss",
    "mse_loss_grad",
    "nn",
    "pad",
    "pad_input_grad",
    "relu",
    "relu_grad",
    "softmax",
    "softmax_grad",
    "symmetry_report",
    "to_device",
    "to_host",
    "upsample",
    "upsample_input_grad",
    "use_device",
]
