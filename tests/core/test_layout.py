"""The layout: one folder an operation on each level, and imports that go down only.

In gpuconv, from the top: cli and warmup; training and testing; optim; nn; autograd; the operations; core. In kernels,
which import nothing of gpuconv: the operations; the runtimes cpu and cuda; core. An operation imports no other.
"""

import subprocess
from collections import Counter

import pytest

from tests.core.imports import FOLDERS, ROOT, cycles, graph, modules

pytestmark = pytest.mark.quick

GRAPH = graph()
OPERATIONS = {"conv", "pool", "activation", "loss", "norm", "resample", "linear", "dropout", "join"}
MAY_IMPORT = {
    "core": set(),
    "emulator": {"core"},
    **{operation: {"core"} for operation in OPERATIONS},
    "autograd": {"core", *OPERATIONS},
    "nn": {"core", "autograd", *OPERATIONS},
    "optim": {"core", "nn"},
    "training": {"core", "autograd", "nn", "optim", *OPERATIONS},
    "testing": {"core"},
    "interop": {"core", "autograd", "nn", *OPERATIONS},
    "cudnn": {"core", *OPERATIONS},
    "cli": {"", "core", "nn", "optim", "testing", "training", "emulator", "interop"},
    "warmup": {"core", "nn", "optim", "testing", *OPERATIONS},
    "tuning": {"core", "conv", "nn"},
    "__main__": {"cli"},
    "": {"core", "autograd", "nn", "optim", "tuning", "warmup", *OPERATIONS},
}
"""Folders of gpuconv, and which others each may import; "" is gpuconv/__init__.py."""

FACADES = ("gpuconv.nn.functional", "gpuconv.testing.operations")
"""Packages that call the public functions by their names in gpuconv, whichever family they are of."""

KERNELS_FOR = {
    "core": {"core"},
    "emulator": {"core", "cuda"},
    "cli": {"core", "cpu"},
    "tuning": {"core", "cpu"},
    **{operation: {operation, "core"} for operation in OPERATIONS},
}
"""Folders of kernels that a folder of gpuconv may import by name; launchers are reached through core.device."""

LAZY = {
    ("gpuconv.warmup", "gpuconv.testing.operations"): "warmup runs the catalogue, which calls the public functions",
    ("gpuconv.nn.checks", "gpuconv.nn"): "a wrong argument is searched for among the layers, for the message",
    ("gpuconv.nn.checks", "gpuconv.nn.module"): "the check of what a container is given",
}
"""Imports inside functions that close a cycle, and why."""

MAX_FILES_PER_FOLDER = 25
MAX_LINES_PER_FILE = 300


def folder(module):
    """The folder of gpuconv or of kernels that a module is in."""
    components = module.removeprefix("gpuconv.kernels").split(".") if is_kernel(module) else module.split(".")
    return components[1] if len(components) > 1 else ""


def is_kernel(module):
    return module == "gpuconv.kernels" or module.startswith("gpuconv.kernels.")


def target(module):
    """cpu or cuda, for a module of one target."""
    return next((name for name in ("cpu", "cuda") if name in module.split(".")), None)


def edges(*, kernels):
    """(module, imported module) of the kernels, or of gpuconv above them."""
    return [(m, other) for m, others in GRAPH.items() if is_kernel(m) == kernels for other in sorted(others)]


def test_every_folder_has_its_rule():
    assert {folder(m) for m in GRAPH if not is_kernel(m)} - {"py"} <= set(MAY_IMPORT)
    assert {folder(m) for m in GRAPH if is_kernel(m)} == {"", "core", "cpu", "cuda", "optim", *OPERATIONS}


def test_gpuconv_imports_downwards():
    wrong = [
        (module, other)
        for module, other in edges(kernels=False)
        if not is_kernel(other) and folder(other) not in {folder(module), *MAY_IMPORT[folder(module)]}
        if not (other == "gpuconv" and module.startswith(FACADES))
    ]
    assert wrong == []


def test_gpuconv_imports_the_kernels_of_its_operation():
    wrong = [
        (module, other)
        for module, other in edges(kernels=False)
        if is_kernel(other) and folder(other) not in KERNELS_FOR.get(folder(module), set())
    ]
    assert wrong == []


def test_kernels_import_nothing_of_gpuconv():
    assert [(module, other) for module, other in edges(kernels=True) if not is_kernel(other)] == []


def test_kernels_of_an_operation_import_the_runtime_of_their_target():
    runtimes = {"core", "cpu", "cuda"}
    wrong = []
    for module, other in edges(kernels=True):
        if folder(module) in runtimes or folder(module) == folder(other):
            continue
        if folder(other) != "core" and folder(other) != target(module):
            wrong.append((module, other))
    assert wrong == []


def test_the_formula_of_an_operation_knows_no_target():
    shared = [(m, other) for m, other in edges(kernels=True) if m.split(".")[-1] == "scalar"]
    assert [(module, other) for module, other in shared if target(other)] == []


def test_the_runtimes_import_no_operation():
    wrong = [
        (module, other)
        for module, other in edges(kernels=True)
        if folder(module) in {"core", "cpu", "cuda"} and folder(other) not in {folder(module), "core"}
    ]
    assert wrong == []


def test_no_target_imports_the_other():
    crossing = [(m, other) for m, other in edges(kernels=True) if {target(m), target(other)} == {"cpu", "cuda"}]
    assert crossing == []


def test_no_cycles():
    without_lazy = {m: {other for other in others if (m, other) not in LAZY} for m, others in GRAPH.items()}
    assert cycles(without_lazy) == []


def test_each_lazy_import_is_one():
    top = graph(lazily=False)
    assert [edge for edge in LAZY if edge[1] not in GRAPH[edge[0]] or edge[1] in top[edge[0]]] == []


def tracked_files():
    """Files below gpuconv and kernels that are part of the repository."""
    folders = [str(path.relative_to(ROOT)) for path in FOLDERS.values()]
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode or not listed.stdout:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def test_no_folder_is_a_heap():
    counts = Counter(path.parent.relative_to(ROOT) for path in tracked_files())
    assert {str(name): count for name, count in counts.items() if count > MAX_FILES_PER_FOLDER} == {}


def test_no_file_is_longer_than_a_topic():
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in modules().values()}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES_PER_FILE} == {}
