"""gpuconv: convolutional-network training for NumPy and CuPy arrays, every computation a readable Numba kernel.

Importing it compiles nothing and imports neither cupy nor numba.
"""

from . import initializers, nn
from .activations import leaky_relu, leaky_relu_grad, relu, relu_grad, softmax, softmax_grad
from .backend import DeviceError, device, to_device, to_host, use_device
from .conv import conv2d, conv2d_bias_grad, conv2d_input_grad, conv2d_weight_grad
from .conv_1d import conv1d, conv1d_bias_grad, conv1d_input_grad, conv1d_weight_grad
from .conv_3d import conv3d, conv3d_bias_grad, conv3d_input_grad, conv3d_weight_grad
from .conv_transpose_1d import (
    conv_transpose1d,
    conv_transpose1d_bias_grad,
    conv_transpose1d_input_grad,
    conv_transpose1d_weight_grad,
)
from .conv_transpose_2d import (
    conv_transpose2d,
    conv_transpose2d_bias_grad,
    conv_transpose2d_input_grad,
    conv_transpose2d_weight_grad,
)
from .conv_transpose_3d import (
    conv_transpose3d,
    conv_transpose3d_bias_grad,
    conv_transpose3d_input_grad,
    conv_transpose3d_weight_grad,
)
from .linear import linear, linear_bias_grad, linear_input_grad, linear_weight_grad
from .losses import cross_entropy, cross_entropy_grad, mse_loss, mse_loss_grad
from .optimizers import SGD
from .pooling import avg_pool2d, avg_pool2d_input_grad, max_pool2d, max_pool2d_input_grad
from .symmetry import symmetry_report

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "DeviceError",
    "__version__",
    "avg_pool2d",
    "avg_pool2d_input_grad",
    "conv1d",
    "conv1d_bias_grad",
    "conv1d_input_grad",
    "conv1d_weight_grad",
    "conv2d",
    "conv2d_bias_grad",
    "conv2d_input_grad",
    "conv2d_weight_grad",
    "conv3d",
    "conv3d_bias_grad",
    "conv3d_input_grad",
    "conv3d_weight_grad",
    "conv_transpose1d",
    "conv_transpose1d_bias_grad",
    "conv_transpose1d_input_grad",
    "conv_transpose1d_weight_grad",
    "conv_transpose2d",
    "conv_transpose2d_bias_grad",
    "conv_transpose2d_input_grad",
    "conv_transpose2d_weight_grad",
    "conv_transpose3d",
    "conv_transpose3d_bias_grad",
    "conv_transpose3d_input_grad",
    "conv_transpose3d_weight_grad",
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
    "softmax",
    "softmax_grad",
    "symmetry_report",
    "to_device",
    "to_host",
    "use_device",
]
