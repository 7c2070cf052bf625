"""Launchers on the CPU: losses, softmax and cross-entropy."""

from .label_losses import (
    cross_entropy,
    cross_entropy_grad,
    cross_entropy_total,
    nll,
    nll_grad,
    nll_total,
)
from .pairwise import bce_each, bce_grad, pairwise_each, pairwise_grad, pairwise_sum, sum_of
from .probability_losses import cross_entropy_of_probabilities, cross_entropy_of_probabilities_grad
from .softmax_rows import log_softmax, log_softmax_grad, softmax, softmax_grad

__all__ = [
    "bce_each",
    "bce_grad",
    "cross_entropy",
    "cross_entropy_grad",
    "cross_entropy_of_probabilities",
    "cross_entropy_of_probabilities_grad",
    "cross_entropy_total",
    "log_softmax",
    "log_softmax_grad",
    "nll",
    "nll_grad",
    "nll_total",
    "pairwise_each",
    "pairwise_grad",
    "pairwise_sum",
    "softmax",
    "softmax_grad",
    "sum_of",
]
