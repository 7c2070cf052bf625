"""`gpuconv check`: check the gradient of every operation."""

from rich.table import Table
from rich.text import Text

from ..core.device import device as current_device
from ..testing.operations import check_operations
from . import output
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
    console = output.console()
    wait_asleep()
    with chosen_device(device):
        name = current_device()
        with console.status(f"checking every gradient on {name}; the first time, kernels are compiled"):
            results = check_operations(name)
    table = Table("operation", "dtype", "largest error", "allowed", "", title=f"gradients on {name}")
    for row in results:
        verdict = Text("right", "green") if row.passed else Text("WRONG", "red bold")
        table.add_row(row.name, row.dtype, f"{row.error:.1e}", f"{row.tolerance:.1e}", verdict)
    console.print(table)
    wrong = sum(not row.passed for row in results)
    console.print(f"{len(results) - wrong} right, {wrong} wrong")
    return wrong == 0
