"""Losses and their gradients, for NumPy and CuPy arrays.

A loss is a zero-dimensional array on the input's device: reading it synchronizes, computing it does not.
"""

from .binary import bce_with_logits, bce_with_logits_grad
from .classification import cross_entropy, cross_entropy_grad, nll_loss, nll_loss_grad
from .reduction import REDUCTIONS
from .regression import l1_loss, l1_loss_grad, mse_loss, mse_loss_grad
from .robust import huber_loss, huber_loss_grad, smooth_l1_loss, smooth_l1_loss_grad

__all__ = [
    "REDUCTIONS",
    "bce_with_logits",
    "bce_with_logits_grad",
    "cross_entropy",
    "cross_entropy_grad",
    "huber_loss",
    "huber_loss_grad",
    "l1_loss",
    "l1_loss_grad",
    "mse_loss",
    "mse_loss_grad",
    "nll_loss",
    "nll_loss_grad",
    "smooth_l1_loss",
    "smooth_l1_loss_grad",
]
