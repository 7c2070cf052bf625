"""Structured initializers: constants, identities, orthogonal and sparse matrices."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.device import Array
from ...core.options import number
from ...core.shapes import positive
from .drawing import Seed, finite, on_device, sizes_of


def zeros(shape: Sequence[int], *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """All zeros: right for biases; weights of zeros never break the symmetry between units.

    Examples
    --------
    >>> nn.init.zeros((2, 2))
    array([[0., 0.],
           [0., 0.]], dtype=float32)
    """
    return constant(shape, 0.0, seed=seed, dtype=dtype)


def constant(shape: Sequence[int], value: float = 0.1, *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """One value everywhere: units with equal weights stay equal.

    Parameters
    ----------
    shape : sequence of int
    value : float
    seed : ignored
        Accepted so that all initializers are called the same way.
    dtype : float32 or float64

    Returns
    -------
    array on `device()`

    Examples
    --------
    >>> nn.init.constant((2, 2), 0.5)
    array([[0.5, 0.5],
           [0.5, 0.5]], dtype=float32)
    """
    return on_device("constant", np.full(sizes_of("constant", shape), value, np.float64), dtype)


def ones(shape: Sequence[int], *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """All ones: the weights of a normalization; parameters as for `constant`.

    Examples
    --------
    >>> nn.init.ones((2, 2))
    array([[1., 1.],
           [1., 1.]], dtype=float32)
    """
    return constant(shape, 1.0, seed=seed, dtype=dtype)


def eye(shape: Sequence[int], *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """The identity of a linear layer, cut or padded with zeros to the shape; parameters as for `constant`.

    Raises
    ------
    ValueError
        If the shape does not have two dimensions.

    Examples
    --------
    >>> nn.init.eye((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """
    return on_device("eye", np.eye(*_matrix("eye", shape)), dtype)


def dirac(shape: Sequence[int], groups: int = 1, *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """The identity of a convolution: each group passes as many channels as possible on unchanged.

    Parameters
    ----------
    shape : (K, C, ...)
        With one to three kernel sizes; the one is at the center of the kernel.
    groups : int
        Of the convolution.
    seed, dtype
        As for `constant`.

    Returns
    -------
    array on `device()`

    Raises
    ------
    ValueError
        If the shape has other than 3 to 5 dimensions, or groups do not divide K.

    Examples
    --------
    >>> nn.init.dirac((1, 1, 3))
    array([[[0., 1., 0.]]], dtype=float32)
    """
    sizes = sizes_of("dirac", shape)
    if not 3 <= len(sizes) <= 5:
        raise ValueError(f"dirac: shape is {sizes}, expected 3, 4 or 5 dimensions")
    positive("dirac", "groups", groups)
    if sizes[0] % groups:
        raise ValueError(f"dirac: groups is {groups}, expected a divisor of shape[0]={sizes[0]}")
    values, units = np.zeros(sizes), sizes[0] // groups
    if math.prod(sizes):
        channels, middle = np.arange(min(units, sizes[1])), tuple(size // 2 for size in sizes[2:])
        for group in range(groups):
            centers: Any = (group * units + channels, channels, *middle)
            values[centers] = 1
    return on_device("dirac", values, dtype)


def orthogonal(shape: Sequence[int], gain: float = 1.0, *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """Orthogonal rows (or columns, where they are fewer) of length gain (Saxe, McClelland and Ganguli, 2014).

    Parameters
    ----------
    shape : sequence of int
        Dimensions after the first are flattened into one.
    gain : float
    seed, dtype
        As for `uniform`.

    Returns
    -------
    array on `device()`
        Its last digits may depend on the LAPACK that NumPy was built with.

    Raises
    ------
    ValueError
        If the shape has fewer than two dimensions, or gain is not finite.

    Notes
    -----
    Q of the QR decomposition of normal values, its signs those of R's diagonal: uniform over all orthogonal matrices.

    Examples
    --------
    >>> q = nn.init.orthogonal((3, 3), seed=0, dtype=np.float64)
    >>> np.allclose(q @ q.T, np.eye(3))
    True
    """
    sizes = sizes_of("orthogonal", shape)
    finite("orthogonal", gain=gain)
    if len(sizes) < 2:
        raise ValueError(f"orthogonal: shape is {sizes}, expected at least two dimensions")
    rows, columns = sizes[0], math.prod(sizes[1:])
    values = np.random.default_rng(seed).standard_normal((rows, columns))
    q, r = np.linalg.qr(values.T if rows < columns else values)
    q *= np.sign(np.diag(r))
    return on_device("orthogonal", gain * (q.T if rows < columns else q).reshape(sizes), dtype)


def sparse(
    shape: Sequence[int], sparsity: float, std: float = 0.01, *, seed: Seed = None, dtype: Any = np.float32
) -> Array:
    """Normal values with a fraction of zeros in each column (Martens, 2010).

    Parameters
    ----------
    shape : (rows, columns)
    sparsity : float
        Fraction of zeros, from 0 to 1; their number is rounded up.
    std : float
    seed, dtype
        As for `uniform`.

    Returns
    -------
    array on `device()`

    Raises
    ------
    ValueError
        If the shape does not have two dimensions, sparsity is not from 0 to 1, or std is negative or not finite.

    Examples
    --------
    >>> w = nn.init.sparse((10, 3), 0.5, seed=0)
    >>> (w == 0).sum(axis=0)
    array([5, 5, 5])
    """
    rows, columns = _matrix("sparse", shape)
    finite("sparse", std=std)
    if std < 0:
        raise ValueError(f"sparse: std is {std}, expected at least 0")
    if not 0 <= number("sparse", "sparsity", sparsity) <= 1:
        raise ValueError(f"sparse: sparsity is {sparsity}, expected 0 to 1")
    rng = np.random.default_rng(seed)
    values = rng.normal(0, std, (rows, columns))
    ranks = rng.permuted(np.broadcast_to(np.arange(rows)[:, None], (rows, columns)), axis=0)
    values[ranks < math.ceil(sparsity * rows)] = 0
    return on_device("sparse", values, dtype)


def _matrix(op: str, shape: Sequence[int]) -> tuple[int, int]:
    sizes = sizes_of(op, shape)
    if len(sizes) != 2:
        raise ValueError(f"{op}: shape is {sizes}, expected two dimensions")
    return sizes[0], sizes[1]
