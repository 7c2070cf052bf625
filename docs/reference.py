"""The pages of the API reference: one for each operation, written from the package's public names and docstrings.

An operation is what its functions share: `conv2d`, `conv3d` and `conv2d_weight_grad` stand on the page `conv`. A new
function finds its page by its name and the folder that it lives in. `reference/` is generated and not committed.
"""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import gpuconv

FAMILIES = {
    "conv": "Convolution",
    "pool": "Pooling",
    "activation": "Activations",
    "softmax": "Softmax",
    "linear": "Fully connected",
    "norm": "Normalization",
    "dropout": "Dropout",
    "resample": "Padding and resizing",
    "join": "Addition and concatenation",
    "loss": "Losses",
    "core": "Devices, compilation and graphs",
}
"""Folders of gpuconv and the heading of their operations, in the order of the menu."""

SUBPACKAGES = (
    "nn",
    "nn.functional",
    "nn.init",
    "optim",
    "optim.lr_scheduler",
    "training",
    "testing",
    "tuning",
    "emulator",
)
ELSEWHERE = {"SGD": "optim", "Adagrad": "optim", "Adam": "optim", "AdamW": "optim", "RMSprop": "optim",
             "clip_grad_norm": "optim", "clip_grad_value": "optim"}  # fmt: skip
"""Public functions and classes that a subpackage's page describes."""

TOGETHER = {"dropout2d": "dropout", "relu6": "relu", "leaky_relu": "relu", "prelu": "relu", "log_softmax": "softmax",
            "hardtanh": "hard activations", "hardsigmoid": "hard activations", "hardswish": "hard activations",
            "pool_indices": "max_unpool", "elu": "elu and selu", "selu": "elu and selu"}  # fmt: skip
"""Operations that share a page with a relative."""


def operation(name: str) -> str:
    """What a function belongs to: conv for conv2d_weight_grad, batch_norm for batch_norm1d."""
    base = re.sub(r"(_(input|weight|bias))?_grad$|_statistics$", "", name)
    return TOGETHER.get(base) or re.sub(r"[123]d$", "", base)


def family(name: str) -> str:
    """The folder of gpuconv that a public function lives in."""
    if operation(name) == "softmax":
        return "softmax"
    module = getattr(gpuconv, name).__module__.removeprefix("gpuconv.").split(".")[0]
    return module if module in FAMILIES else "core"


def operations() -> dict[str, dict[str, list[str]]]:
    """Families, their operations, and the functions of each in the order of `gpuconv.__all__`."""
    found: dict[str, dict[str, list[str]]] = {folder: {} for folder in FAMILIES}
    for name in gpuconv.__all__:
        if isinstance(getattr(gpuconv, name), ModuleType) or name in ELSEWHERE or name == "__version__":
            continue
        folder = family(name)
        page = "devices" if folder == "core" else operation(name)
        found[folder].setdefault(page, []).append(name)
    return found


def write(folder: Path) -> None:
    """Write the reference: an index, a page for each operation and one for each subpackage."""
    folder.mkdir(exist_ok=True)
    pages = {"index": index()}
    for folder_name, found in operations().items():
        if folder_name != "core":
            pages[f"family-{folder_name}"] = family_page(FAMILIES[folder_name], found)
        pages.update((slug(page), operation_page(page, names)) for page, names in found.items())
    pages.update((path, subpackage_page(path)) for path in SUBPACKAGES if resolve(path))
    for old in folder.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        file = folder / f"{name}.rst"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


def index() -> str:
    """The menu of the reference."""
    families = [f"family-{folder}" for folder, found in operations().items() if found and folder != "core"]
    subpackages = [path for path in SUBPACKAGES if resolve(path)]
    return "\n".join([heading("API reference"), INTRODUCTION, menu([*families, "devices", *subpackages])])


INTRODUCTION = """\
One page for each operation: the forward function, its gradients, and its forms over one, two and three axes. Examples
assume

.. code-block:: python

   import numpy as np
   import gpuconv
   from gpuconv import nn, optim

and run as tests. What every function refuses is on :doc:`one page </errors>`; PyTorch's counterparts, and what differs,
are in :doc:`/migrating/pytorch`.
"""


def family_page(title: str, found: dict[str, list[str]]) -> str:
    """The operations of a folder and their functions."""
    pages = sorted(found)
    rows = [f"* :doc:`{page} <{slug(page)}>`: {', '.join(map(link, found[page]))}" for page in pages]
    return "\n".join([heading(title), *rows, "", menu([slug(page) for page in pages], hidden=True)])


def link(name: str) -> str:
    """A public function by its name, linked."""
    return f":py:obj:`{name} <gpuconv.{name}>`"


def operation_page(page: str, names: list[str]) -> str:
    """All functions of one operation: forward passes first, each after the one whose contract it refers to."""
    ordered = sorted(names, key=lambda name: ("grad" in name, "Parameters\n" not in getattr(gpuconv, name).__doc__))
    title = "Devices, compilation and graphs" if page == "devices" else page
    return "\n".join([heading(title), *(directive(f"gpuconv.{name}", getattr(gpuconv, name)) for name in ordered)])


def subpackage_page(path: str) -> str:
    """The public names of a subpackage, under the files that define them where there are many."""
    module = resolve(path)
    sections = [heading(f"gpuconv.{path}"), f".. automodule:: gpuconv.{path}\n   :no-members:\n"]
    same = [name for name in module.__all__ if getattr(module, name) is getattr(gpuconv, name, gpuconv)]
    if same and path == "nn.functional":
        sections.append(f"The functions of gpuconv itself: {', '.join(map(link, same))}.\n")
    by_file: dict[str, list[str]] = {}
    for name in module.__all__:
        value = getattr(module, name)
        if not isinstance(value, ModuleType) and not (path == "nn.functional" and name in same):
            by_file.setdefault(getattr(value, "__module__", "").rsplit(".", 1)[-1], []).append(name)
    for file, names in by_file.items():
        if path == "nn":
            sections.append(heading(file.replace("_", " ").capitalize(), "-"))
        sections.extend(directive(f"gpuconv.{path}.{name}", getattr(module, name)) for name in names)
    return "\n".join(sections)


def directive(path: str, value: object) -> str:
    """What autodoc shows of a name: a class with its members, a function, or a value with the text below it."""
    if isinstance(value, type):
        return f".. autoclass:: {path}\n   :members:\n"
    if hasattr(value, "__module__") and hasattr(value, "__name__"):
        return f".. autofunction:: {path}\n"
    package, name = path.rsplit(".", 1)
    return f".. py:data:: {path}\n\n   {value_text(package, name)}\n"


def value_text(package: str, name: str) -> str:
    """The string below a constant's assignment, in whichever module of the package defines it."""
    from sphinx.pycode import ModuleAnalyzer

    for module in [importlib.import_module(package), *(m for m in sys.modules.copy().values() if m)]:
        if module.__name__.startswith(package) and hasattr(module, name):
            documented = ModuleAnalyzer.for_module(module.__name__).find_attr_docs()
            if text := documented.get(("", name)):
                return " ".join(line.strip() for line in text)
    raise ValueError(f"{package}.{name} has no text below its assignment")


def resolve(path: str) -> ModuleType | None:
    """A subpackage by its path below gpuconv, None where there is none."""
    value: object = gpuconv
    for part in path.split("."):
        value = getattr(value, part, None)
    return value if isinstance(value, ModuleType) else None


def menu(pages: list[str], *, hidden: bool = False) -> str:
    """A part of the menu at the side, shown on the page too unless hidden."""
    option = "   :hidden:\n" if hidden else ""
    return "\n".join([f".. toctree::\n   :maxdepth: 1\n{option}", *(f"   {page}" for page in pages), ""])


def slug(page: str) -> str:
    """The file name of a page."""
    return page.replace(" ", "-")


def heading(text: str, line: str = "=") -> str:
    """A title, underlined."""
    return f"{text}\n{line * len(text)}\n"
