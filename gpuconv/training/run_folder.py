"""Run folders: metrics.json, model.safetensors, curves.png, filters.png, confusion.png.

Files are written into a temporary folder next to the final one, which is renamed when it is complete: a run folder is
never partial.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.device import to_host
from ..nn.module import Module
from . import plots
from .loop import Epoch


class Outcome(NamedTuple):
    """Everything a run folder is written from."""

    epochs: list[Epoch]
    model: Module
    test_labels: np.ndarray[Any, Any]
    predictions: np.ndarray[Any, Any]
    classes: int
    first_filters: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
    """Before training and after."""
    seconds: float
    device: str
    seed: int

    @property
    def test_accuracy(self) -> float:
        """Fraction of the test images that the final model classifies correctly."""
        return float((self.predictions == self.test_labels).mean())

    @property
    def metrics(self) -> dict[str, Any]:
        """Content of metrics.json."""
        images = sum(row.seconds * row.images_per_second for row in self.epochs)
        return {
            "epochs": [row._asdict() for row in self.epochs],
            "test_accuracy": self.test_accuracy,
            "seconds": self.seconds,
            "images_per_second": images / sum(row.seconds for row in self.epochs),
            "device": self.device,
            "seed": self.seed,
        }


def next_folder(parent: Path, name: str) -> Path:
    """Return the first of name-1, name-2, ... that does not exist."""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"


def require_new(folder: Path) -> None:
    """Refuse a run folder that exists or cannot be created, before any work is lost.

    Raises
    ------
    FileExistsError
        If something of that name exists.
    OSError
        If its parent cannot be created or written to.
    """
    if folder.exists() or folder.is_symlink():
        raise FileExistsError(f"{folder} exists; choose another with --out, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(folder.parent, os.W_OK):
        raise PermissionError(f"{folder.parent} is not writable")


def write(folder: Path, outcome: Outcome) -> None:
    """Write a run folder, completely or not at all.

    Raises
    ------
    OSError
        If it exists by now, or cannot be written; no partial folder remains.
    """
    from safetensors.numpy import save_file

    require_new(folder)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        (draft / "metrics.json").write_text(json.dumps(outcome.metrics, indent=2) + "\n")
        state = {name: np.ascontiguousarray(to_host(a)) for name, a in outcome.model.state_dict().items()}
        save_file(state, draft / "model.safetensors")
        plots.curves(outcome.epochs, draft / "curves.png")
        plots.filters(*outcome.first_filters, draft / "filters.png")
        plots.confusion(outcome.test_labels, outcome.predictions, outcome.classes, draft / "confusion.png")
        draft.chmod(0o755)
        require_new(folder)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
