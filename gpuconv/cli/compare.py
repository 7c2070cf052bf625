"""`gpuconv check --against torch`: compare random cases of every family with a peer in a separate process."""

from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from ..core.device import use_device
from ..core.hints import did_you_mean
from ..testing.torch_peer import FAMILIES, PeerError, TorchProcess, compare_family
from . import output
from .errors import UsageError

SHOWN = 5
"""Differences printed per family; the table counts all."""


class Settings(NamedTuple):
    """The options of the command."""

    peer_python: Path | None
    cases: int
    family: str | None
    seed: int


def run(settings: Settings) -> bool:
    """Print a table of the errors, and the first differences with what reproduces them.

    Returns
    -------
    bool
        Whether all differences are within the tolerances.

    Raises
    ------
    UsageError
        If the family is unknown, or the peer cannot be started.
    """
    if settings.family is not None and settings.family not in FAMILIES:
        hint = did_you_mean(settings.family, FAMILIES)
        raise UsageError(f"family is {settings.family!r}, expected one of {', '.join(FAMILIES)}{hint}")
    console = output.console(width=max(output.console().width, 100))
    python = str(settings.peer_python) if settings.peer_python else None
    try:
        with TorchProcess(python) as peer, use_device("cpu"), console.status("") as status:
            table = Table("family", title=f"against PyTorch {peer.version}, float64, seed {settings.seed}")
            for column in ("cases", "passes compared", "largest error / tolerance", "differences"):
                table.add_column(column, justify="right")
            results = []
            for family in [settings.family] if settings.family else FAMILIES:
                status.update(family)
                results.append(compare_family(family, peer, settings.cases, settings.seed))
    except PeerError as error:
        raise UsageError(str(error)) from error
    for row in results:
        table.add_row(row.family, str(row.cases), str(row.passes), f"{row.error:.2g}", str(len(row.differences)))
    console.print(table)
    for row in results:
        for difference in row.differences[:SHOWN]:
            console.print(f"{row.family}: {difference}")
    return not any(row.differences for row in results)
