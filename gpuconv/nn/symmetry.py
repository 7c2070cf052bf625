"""Symmetry report: units of a layer that are still copies of each other."""

from typing import NamedTuple

import numpy as np

from ..core.device import to_host
from ..core.typing import Array
from .module import Module
from .parameter import Parameter


class LayerSymmetry(NamedTuple):
    """The units of one layer, grouped by equality to the bit."""

    name: str
    units: int
    equal_weights: tuple[tuple[int, ...], ...]
    """Groups of two or more units whose weights and biases are the same."""
    equal_gradients: tuple[tuple[int, ...], ...] | None
    """The same for gradients; None before the first backward pass."""

    @property
    def symmetric(self) -> bool:
        """Whether two units are copies of each other and stay so: equal weights and equal gradients."""
        if self.equal_gradients is None:
            return bool(self.equal_weights)
        return any(len(set(a) & set(b)) > 1 for a in self.equal_weights for b in self.equal_gradients)

    @property
    def distinct(self) -> int:
        """Number of different units."""
        return self.units - sum(len(group) - 1 for group in self.equal_weights)


class SymmetryReport(NamedTuple):
    """Result of `symmetry_report`: a row for each layer with weights; its `str` is a table."""

    layers: tuple[LayerSymmetry, ...]

    @property
    def symmetric(self) -> bool:
        """Whether any layer has units that are copies of each other."""
        return any(layer.symmetric for layer in self.layers)

    def __str__(self) -> str:
        head = ("layer", "units", "distinct", "equal weights", "equal gradients")
        rows = [head] + [
            (
                layer.name,
                str(layer.units),
                str(layer.distinct),
                _groups(layer.equal_weights),
                _groups(layer.equal_gradients),
            )
            for layer in self.layers
        ]
        name, _, _, weights, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
        return "\n".join(f"{a:<{name}}  {b:>5}  {c:>8}  {d:<{weights}}  {e}" for a, b, c, d, e in rows)


def symmetry_report(model: Module) -> SymmetryReport:
    """Group each layer's units (filters, or rows of a linear layer) by equal weights, and by equal gradients.

    Parameters
    ----------
    model : Module

    Returns
    -------
    SymmetryReport
        Layers are named by their paths in the model.

    Notes
    -----
    Units with equal weights W_i compute the same signal a_i = sum_j W_ij x_j and get the same gradient, so they stay
    equal: however wide such a layer is, it is one unit.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 2, init=nn.init.zeros))
    >>> gpuconv.symmetry_report(model).symmetric
    True
    """
    layers = []
    for path, module in model.named_modules():
        parameters = [value for value in vars(module).values() if isinstance(value, Parameter)]
        if parameters:
            weights = _equal_rows([parameter.data for parameter in parameters])
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            complete = len(gradients) == len(parameters)
            units = int(parameters[0].data.shape[0])
            layers.append(LayerSymmetry(path, units, weights, _equal_rows(gradients) if complete else None))
    return SymmetryReport(tuple(layers))


def _groups(groups: tuple[tuple[int, ...], ...] | None) -> str:
    """Groups of units as the table shows them."""
    if groups is None:
        return "no gradients yet"
    return "; ".join(map(_ranges, groups)) or "none"


def _ranges(units: tuple[int, ...]) -> str:
    """Unit numbers, consecutive ones as ranges: 0-15, 17."""
    runs: list[list[int]] = []
    for unit in units:
        if runs and unit == runs[-1][-1] + 1:
            runs[-1].append(unit)
        else:
            runs.append([unit])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _equal_rows(arrays: list[Array]) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more units whose rows are the same in every array."""
    units = len(arrays[0])
    rows = np.concatenate([np.ascontiguousarray(to_host(a)).reshape(units, -1) for a in arrays], axis=1)
    groups: dict[bytes, list[int]] = {}
    for unit, row in enumerate(rows):
        groups.setdefault(row.tobytes(), []).append(unit)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
