"""Random cases of every family of functions, compared with a peer: what `gpuconv check --against torch` runs.

Everything is float64, so that a difference is one of meaning, not of rounding. The catalogue of operations names the
peer's function and pairs the gradients; a family here draws random arguments, and autograd gives the peer's gradients.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...core.device import Array
from ..gradients import relative_error, tolerance
from ..operations.sums import summed
from . import activation, conv, dense, join, loss, norm, pool
from .case import Case
from .process import PeerError, TorchProcess

__all__ = ["FAMILIES", "Case", "FamilyResult", "PeerError", "TorchProcess", "compare_case", "compare_family"]

FAMILIES: dict[str, Callable[[np.random.Generator], Case]] = {
    **conv.FAMILIES,
    **pool.FAMILIES,
    **activation.FAMILIES,
    **loss.FAMILIES,
    **dense.FAMILIES,
    **norm.FAMILIES,
    **join.FAMILIES,
}

Peer = Callable[[Case, Array], tuple[Array, ...]]


class FamilyResult(NamedTuple):
    """One row of the table."""

    family: str
    cases: int
    passes: int
    """Results and gradients compared."""
    error: float
    """The largest, in units of the tolerance."""
    differences: tuple[str, ...]
    """Each with what reproduces it."""


def compare_family(family: str, peer: Peer, cases: int = 2000, seed: int = 0) -> FamilyResult:
    """Compare as many random cases of one family, forward and all gradients.

    Parameters
    ----------
    family : str
        A key of FAMILIES.
    peer : callable
        Takes a case and the gradient of its result; gives the result and the gradients.
    cases, seed : int
        Case i is drawn from the generator of [seed, i]: each can be drawn again alone.

    Returns
    -------
    FamilyResult
    """
    passes, largest, differences = 0, 0.0, []
    for i in range(cases):
        case = FAMILIES[family](np.random.default_rng([seed, i]))
        try:
            errors = compare_case(case, peer, np.random.default_rng([seed, i, 1]))
        except (PeerError, ValueError) as error:
            differences.append(f"seed {seed}, case {i}: {case}: refused: {error}")
            continue
        passes += len(errors)
        largest = max(largest, *errors)
        if not max(errors) <= 1:
            found = ", ".join(f"{error:.2g}" for error in errors)
            differences.append(f"seed {seed}, case {i}: {case}: errors in tolerances of result, gradients: {found}")
    return FamilyResult(family, cases, passes, largest, tuple(differences))


def compare_case(case: Case, peer: Peer, rng: np.random.Generator) -> list[float]:
    """Errors of the result and of each gradient, in units of the tolerance."""
    dy, ours = case.compute(rng)
    theirs = peer(case, dy)
    gradients = case.gradients_of
    updated = ("",) * len(case.updated)
    errors = []
    for argument, a, e in zip(("", *gradients, *updated), ours, theirs, strict=True):
        terms, magnitude = summed(argument, a, dy) or (case.terms, np.array(case.magnitude))
        dtype = case.peer_dtype if argument else np.float64
        with np.errstate(invalid="ignore"):
            errors.append(relative_error(a, e, magnitude) / tolerance(dtype, terms))
    return errors
