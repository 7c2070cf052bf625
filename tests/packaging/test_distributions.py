"""Wheel and source distribution, built from this tree: complete, small, and running away from the repository."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_BYTES = 1_000_000
INSTALLED = {"gpuconv": "gpuconv", "kernels": "gpuconv/kernels", "bench": "gpuconv/bench"}
"""Where the packages of the repository's folders go."""
EXTRA_TRAIN = ["matplotlib", "rich", "safetensors", "typer"]
CARRIED = (
    "Makefile",
    "setup.py",
    ".ci/run",
    ".github/workflows/ci.yml",
    "bench/results/README.md",
    "docs/**/*.md",
    "docs/**/*.py",
    "docs/**/*.png",
    "docs/_static/*",
    "examples/*.*",
)
MADE = ("docs/_build/", "docs/reference/")
"""Where `make docs` writes."""
LEFT_OUT = (
    ".venv",
    ".git",
    ".*_cache",
    ".hypothesis",
    "build",
    "dist",
    "runs",
    "*.egg-info",
    "__pycache__",
    "*.nb[ic]",
)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Paths of the wheel and the source distribution; the wheel is built from what the latter holds."""
    tree, built = tmp_path_factory.mktemp("tree") / "gpuconv", tmp_path_factory.mktemp("dist")
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*LEFT_OUT))
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    return wheel, source


def _modules():
    for folder, installed in INSTALLED.items():
        for path in (ROOT / folder).rglob("*.py"):
            yield f"{installed}/{path.relative_to(ROOT / folder).as_posix()}"


def test_both_are_small(distributions):
    sizes = {path.name: path.stat().st_size for path in distributions}
    assert {name: size for name, size in sizes.items() if size > MAX_BYTES} == {}


def test_the_wheel_holds_every_module_and_data_file_and_nothing_else(distributions):
    data = {"gpuconv/py.typed"}
    data |= {f"gpuconv/bench/{name}.tsv" for name in ("benchdnn", "deepbench_conv_training", "networks")}
    data |= {f"gpuconv/training/{name}" for name in ("digits.npz", "digits-LICENSE.md")}
    with zipfile.ZipFile(distributions[0]) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
        [metadata] = (wheel.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    packed = {name for name in names if ".dist-info/" not in name}
    assert packed == {*_modules(), *data}
    assert any(name.endswith("licenses/gpuconv/training/digits-LICENSE.md") for name in names)
    train = [line for line in metadata.splitlines() if line.endswith('; extra == "train"')]
    assert [re.match(r"Requires-Dist: ([\w-]+)", line)[1] for line in train] == EXTRA_TRAIN


def test_the_source_distribution_holds_what_its_tests_need(distributions):
    with tarfile.open(distributions[1]) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    needed = {path.relative_to(ROOT).as_posix() for pattern in CARRIED for path in ROOT.glob(pattern)}
    assert {name for name in needed if not name.startswith(MADE)} - names == set()
    assert not any(name.startswith(MADE) for name in names)


def test_continuous_integration_runs_on_every_python_that_is_named():
    project = (ROOT / "pyproject.toml").read_text()
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    named = re.findall(r"Python :: (3\.\d+)\"", project)
    assert named[0] == re.search(r'requires-python = ">=(.*)"', project)[1]
    assert re.findall(r'"(3\.\d+)"', re.search(r"python: \[(.*)\]", workflow)[1]) == named
    assert "run: .ci/run" in workflow


def test_what_the_wheel_installs_runs_without_the_repository(distributions, tmp_path):
    """The installed editable project must not lend it a module, so every module's file is looked at."""
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(distributions[0]) as wheel:
        wheel.extractall(site)
    code = (
        "import runpy, sys, gpuconv, gpuconv.kernels, gpuconv.bench.problems, gpuconv.training\n"
        "assert gpuconv.training.digits().train_images.shape == (1437, 1, 8, 8)\n"
        "assert gpuconv.bench.problems.conv_problems('deepbench')\n"
        "ours = {n: m.__file__ for n, m in sys.modules.items() if n.partition('.')[0] == 'gpuconv'}\n"
        f"assert all(f.startswith({str(site)!r}) for f in ours.values()), ours\n"
        "sys.argv = ['gpuconv', 'info']\n"
        "runpy.run_module('gpuconv', run_name='__main__', alter_sys=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(site), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "micro-kernel" in done.stdout
