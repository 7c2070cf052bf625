"""Launchers on the CPU: pooling and unpooling."""

from .adaptive import adaptive_avg_pool, adaptive_avg_pool_input_grad, adaptive_max_pool, adaptive_max_pool_input_grad
from .avg import avg_pool, avg_pool_input_grad
from .max import max_pool, max_pool_input_grad
from .unpool import max_unpool, max_unpool_input_grad, pool_indices

__all__ = [
    "adaptive_avg_pool",
    "adaptive_avg_pool_input_grad",
    "adaptive_max_pool",
    "adaptive_max_pool_input_grad",
    "avg_pool",
    "avg_pool_input_grad",
    "max_pool",
    "max_pool_input_grad",
    "max_unpool",
    "max_unpool_input_grad",
    "pool_indices",
]
