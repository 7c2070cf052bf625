"""Measurements of a case, and what they say of all cases together."""

import statistics
from collections.abc import Iterable
from typing import NamedTuple

from .cases import Case
from .timing import Limits, Sample, Setup

BOUNDS = (1.0, 0.95, 0.9, 0.8)
"""Ratios under which rows are counted."""


class Row(NamedTuple):
    """Measurements of one case."""

    case: Case
    samples: dict[Setup, Sample]
    """Device time of each process; on the CPU the wall-clock time."""
    hosts: dict[Setup, Sample]
    """Host time: on the CPU the same, on a GPU the time to queue the work."""
    error: float | None
    """Difference of the results, relative to the peer's largest element; the largest of all processes."""

    def mallocs(self) -> tuple[str, ...]:
        """The settings of malloc that were measured, the one that counts first: tuned, if it is among them."""
        return tuple(sorted({setup.malloc for setup in self.samples}, reverse=True))

    def our_setup(self, malloc: str | None = None) -> Setup:
        """Our process, by default with the malloc that counts."""
        return Setup("gpuconv", malloc=malloc or self.mallocs()[0])

    @property
    def ours(self) -> Sample:
        """Our time."""
        return self.samples[self.our_setup()]

    def peers(self, malloc: str | None = None) -> dict[str, Sample]:
        """The peer's time in each layout, by default with the malloc that counts."""
        malloc = malloc or self.mallocs()[0]
        return {s.layout: sample for s, sample in self.samples.items() if s.library != "gpuconv" and s.malloc == malloc}

    def best_layout(self, malloc: str | None = None) -> str | None:
        """The peer's quickest layout; None without a peer."""
        peers = self.peers(malloc)
        return min(peers, key=lambda layout: peers[layout].median) if peers else None

    @property
    def peer(self) -> Sample | None:
        """The peer's time in its quickest layout."""
        best = self.best_layout()
        return None if best is None else self.peers()[best]

    def ratio_to(self, layout: str | None = None, malloc: str | None = None) -> float | None:
        """The peer's time over ours with the same malloc: above 1 we are faster; by default in its quickest layout."""
        layout, peers = layout or self.best_layout(malloc), self.peers(malloc)
        return peers[layout].median / self.samples[self.our_setup(malloc)].median if layout in peers else None

    @property
    def ratio(self) -> float | None:
        """The ratio that counts: the peer at its best, malloc tuned for both if that was measured."""
        return self.ratio_to()

    def limit(self, limits: Limits) -> float:
        """Roofline bound in seconds: the larger of FLOPs over peak and bytes over bandwidth."""
        return max(self.case.flops / limits.gflops, self.case.bytes / limits.gbytes) / 1e9

    def share(self, limits: Limits) -> float:
        """Fraction of the roofline reached; above 1 if the algorithm saves arithmetic."""
        return self.limit(limits) / self.ours.median


def geometric_mean(ratios: Iterable[float | None]) -> float | None:
    """Geometric mean of the ratios that there are."""
    known = [ratio for ratio in ratios if ratio is not None]
    return statistics.geometric_mean(known) if known else None


def under(rows: list[Row]) -> dict[float, int]:
    """How many rows have a ratio under each of BOUNDS."""
    return {bound: sum(row.ratio is not None and row.ratio < bound for row in rows) for bound in BOUNDS}


def worst(rows: list[Row]) -> Row | None:
    """The row with the smallest ratio; None without a peer."""
    return min((row for row in rows if row.ratio is not None), key=lambda row: row.ratio or 0, default=None)
