"""gpuconv: convolutional-network training for NumPy and CuPy arrays, every computation a readable Numba kernel.

Importing it compiles nothing and imports neither cupy nor numba.
"""

from . import initializers, nn, schedules
from .activations import leaky_relu, leaky_relu_grad, relu, relu_grad, softmax, softmax_grad
from .backend import DeviceError, device, to_device, to_host, use_device
from .conv import conv2d, conv2d_bias_grad, conv2d_input_grad, conv2d_weight_grad
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
from .optimizers import SGD, Adagrad, Adam, AdamW, RMSprop, clip_grad_norm, clip_grad_value
from .pooling import avg_pool2d, avg_pool2d_input_grad, max_pool2d, max_pool2d_input_grad
from .symmetry import symmetry_report
from .warming import warmup

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "DeviceError",
    "RMSprop",
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
    "clip_grad_norm",
    "clip_grad_value",
    "concatenate",
    "concatenate_grad",
    "conv2d",
    "conv2d_bias_grad",
    "conv2d_input_grad",
    "conv2d_weight_grad",
    "cross_entropy",
    "cross_entropy_grad",
    "device",
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
    "relu",
    "relu_grad",
    "schedules",
    "softmax",
    "softmax_grad",
    "symmetry_report",
    "to_device",
    "to_host",
    "use_device",
    "warmup",
]
