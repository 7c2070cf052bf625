"""`gpuconv check`: check the gradient of every operation."""

from rich.console import Console
from rich.table import Table

from ..core.device import device as current_device
from ..testing.operations import check_operations
from .devices import chosen_device, wait_asleep


def run(device: str | None) -> bool:
    """Print a table of the errors.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}, optional

    Returns
    -------
    bool
        Whether every error is within its tolerance.
    """
    console = Console()
    wait_asleep()
    with chosen_device(device):
        name = current_device()
        with console.status(f"checking every gradient on {name}; the first time, kernels are compiled"):
            results = check_operations(name)
    table = Table("operation", "dtype", "largest error", "allowed", "", title=f"gradients on {name}")
    for row in results:
        verdict = "[green]right[/]" if row.passed else "[red bold]WRONG[/]"
        table.add_row(row.name, row.dtype, f"{row.error:.1e}", f"{row.tolerance:.1e}", verdict)
    console.print(table)
    wrong = sum(not row.passed for row in results)
    console.print(f"{len(results) - wrong} right, {wrong} wrong", highlight=False)
    return wrong == 0
