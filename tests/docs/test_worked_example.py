"""docs/extending.md carried out: its files go into a copy of the package, and its tests and examples run there."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from .snippets import ROOT, blocks

PAGE = "docs/extending.md"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The package and the oracle with the page's files; compiled kernels come along."""
    root = tmp_path_factory.mktemp("worked_example")
    shutil.copytree(ROOT / "gpuconv", root / "gpuconv")
    shutil.copytree(ROOT / "kernels", root / "gpuconv" / "kernels")
    shutil.copytree(ROOT / "tests" / "reference", root / "tests" / "reference")
    (root / "tests" / "__init__.py").touch()
    written = 0
    for block in blocks(PAGE, "python"):
        how, path = re.fullmatch(r"(file|append): (\S+)", block.note).groups()
        file = root / re.sub(r"^kernels/", "gpuconv/kernels/", path)
        file.parent.mkdir(parents=True, exist_ok=True)
        assert file.exists() == (how == "append"), path
        with file.open("a") as out:
            out.write(block.text if how == "file" else f"\n\n{block.text}")
        written += 1
    assert written > 10
    return root


def run(copy, *arguments):
    environment = os.environ | {"PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, *arguments], check=False, cwd=copy, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_its_tests_pass(copy):
    output = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests/shuffle")
    assert re.search(r"(\d+) passed", output)
    assert "failed" not in output
    assert "skipped" not in output


def test_its_examples_print_what_they_say(copy):
    script = """
import doctest, numpy, gpuconv
from gpuconv.activation import sigmoids
from gpuconv.shuffle import functional
for module in (sigmoids, functional):
    failed, attempted = doctest.testmod(module, extraglobs={"np": numpy, "gpuconv": gpuconv})
    assert attempted and not failed
"""
    run(copy, "-c", script)


def test_its_files_follow_the_house_style(copy):
    files = [copy / re.sub(r"^kernels/", "gpuconv/kernels/", b.note.split()[1]) for b in blocks(PAGE, "python")]
    new = [str(file) for file, b in zip(files, blocks(PAGE, "python"), strict=True) if b.note.startswith("file")]
    run(copy, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--ignore", "D,N999,I001,INP001", *new)
