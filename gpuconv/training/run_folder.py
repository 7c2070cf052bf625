"""Run folders: metrics.json, model.safetensors, curves.png, filters.png, confusion.png.

A folder is made before training begins, so that no other training takes it, and is written after every epoch: what a
training that is killed had learned is kept. Each file is whole at any time. Where the folder can no longer be written,
because the disk is full or the folder is gone, everything goes to a folder elsewhere.
"""

import contextlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.device import to_host
from ..nn.module import Module
from . import leftovers, plots
from .loop import Epoch

NUMBER_BYTES = 12
"""Of a file's name, for the number at the end."""


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
        return metrics(self.epochs, self.test_accuracy, self.seconds, self.device, self.seed)


def metrics(epochs: list[Epoch], test_accuracy: float, seconds: float, device: str, seed: int) -> dict[str, Any]:
    """Content of metrics.json."""
    images = sum(row.seconds * row.images_per_second for row in epochs)
    return {
        "epochs": [row._asdict() for row in epochs],
        "test_accuracy": test_accuracy,
        "seconds": seconds,
        "images_per_second": images / sum(row.seconds for row in epochs),
        "device": device,
        "seed": seed,
    }


class RunFolder:
    """The folder of one training, from before it begins until it ends; a context manager.

    Parameters
    ----------
    path : Path
        A new folder, already made. One that holds nothing at the end is removed.
    """

    def __init__(self, path: Path) -> None:
        self.shown = path
        """As the user gave it."""
        self.path = path.absolute()
        """Where the files are: elsewhere, once `moved` says why."""
        self.moved: OSError | None = None
        self.epochs = 0
        """Epochs that are on disk."""
        self._files: dict[str, bytes] = {}
        self._claim = leftovers.Claim(self.path)

    def __enter__(self) -> "RunFolder":
        """Return the folder."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the folder."""
        self._claim.release()

    def save_epoch(self, epochs: list[Epoch], model: Module, seconds: float, device: str, seed: int) -> None:
        """Write the model and the metrics after an epoch.

        Raises
        ------
        OSError
            If they can be written nowhere; what was written before is kept.
        """
        content = metrics(epochs, epochs[-1].test_accuracy, seconds, device, seed)
        self._save({"model.safetensors": _model_file(model), "metrics.json": _json_file(content)})
        self.epochs = len(epochs)

    def finish(self, outcome: Outcome) -> None:
        """Write everything.

        Raises
        ------
        OSError
            If something can be written nowhere.
        """
        state, content = _model_file(outcome.model), _json_file(outcome.metrics)
        self._save({"model.safetensors": state, "metrics.json": content}, durable=True)
        self.epochs = len(outcome.epochs)
        confusion = plots.confusion(outcome.test_labels, outcome.predictions, outcome.classes)
        drawn = {"curves": plots.curves(outcome.epochs), "filters": plots.filters(*outcome.first_filters)}
        self._save({f"{name}.png": image for name, image in {**drawn, "confusion": confusion}.items()}, durable=True)

    def _save(self, files: dict[str, bytes], *, durable: bool = False) -> None:
        """Write files here or, from the first failure on, all of them elsewhere."""
        self._files |= files
        try:
            for name, content in files.items():
                leftovers.replace(self.path / name, content, durable=durable)
        except OSError as error:
            if self.moved is not None:
                raise
            path = _elsewhere(self.shown, self._files, error)
            self._claim.release()
            self.path, self.moved = path, error
            self._claim = leftovers.Claim(self.path)


def next_folder(parent: Path, name: str) -> Path:
    """Make the first of the folders name-1, name-2, ... that does not exist; two callers never get the same.

    A name too long for the file system is cut.

    Raises
    ------
    OSError
        If none can be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    leftovers.sweep(parent)
    stem = name.encode()[: leftovers.longest_name(parent) - NUMBER_BYTES].decode(errors="ignore")
    number = 1
    while True:
        try:
            (parent / f"{stem}-{number}").mkdir()
        except FileExistsError:
            number += 1
        else:
            return parent / f"{stem}-{number}"


def require_new(folder: Path) -> None:
    """Refuse a run folder that exists.

    Raises
    ------
    FileExistsError
        If something of that name exists.
    """
    if folder.exists() or folder.is_symlink():
        raise FileExistsError(f"{folder} exists; choose another with --out, or remove it")


def new_folder(folder: Path) -> Path:
    """Make a folder, and those above it.

    Raises
    ------
    FileExistsError
        If something of that name exists.
    OSError
        If it cannot be made.
    """
    require_new(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    leftovers.sweep(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:  # another training was faster
        require_new(folder)
        raise
    return folder


def _elsewhere(shown: Path, files: dict[str, bytes], reason: OSError) -> Path:
    """Write all files to a new folder elsewhere; the first reason where nothing can be written."""
    for parent in _other_places():
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix=f"gpuconv-{_plain(shown.name)}-", dir=parent))
            for name, content in files.items():
                leftovers.replace(folder / name, content)
            return folder
    raise reason


def _other_places() -> Sequence[str]:
    """Folders for temporary files, and the user's."""
    places = []
    for find in (tempfile.gettempdir, lambda: str(Path.home())):
        with contextlib.suppress(OSError, RuntimeError):
            places.append(find())
    return places


def _plain(name: str) -> str:
    """A short name of letters and digits."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)[:32]


def _json_file(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def _model_file(model: Module) -> bytes:
    """The model's state; the format knows no strides, so arrays are brought into C order."""
    from safetensors.numpy import save

    state = {name: np.asarray(to_host(a), order="C") for name, a in model.state_dict().items()}
    return bytes(save(state))
