"""README: the two commands first, a training script that trains, figures that a command measured."""

import importlib.util
import re

import numpy as np
import pytest

import gpuconv
from gpuconv import nn, training

from .snippets import ROOT, blocks

README = (ROOT / "README.md").read_text()


def test_the_two_commands_stand_near_the_top():
    top = "\n".join(README.splitlines()[:15])
    assert "make train" in top
    assert "make test" in top


def test_the_training_script_has_ten_lines_and_trains():
    script = blocks("README.md", "python")[0].text
    assert len([line for line in script.splitlines() if line.strip()]) <= 10
    names = {}
    exec(script, names)
    assert names["epoch"].test_accuracy > 0.93
    assert isinstance(names["model"], nn.Sequential)
    assert names["data"].classes == training.digits().classes


def test_the_functional_example_computes_the_gradient():
    names = {"gpuconv": gpuconv}
    exec(blocks("README.md", "python")[1].text, names)
    assert names["y"].shape == (32, 16, 28, 28)
    assert names["dw"].shape == names["w"].shape
    assert np.isfinite(names["dw"]).all()


@pytest.mark.skipif(not [*(ROOT / "bench" / "results").glob("*.json")], reason="measurements are in the repository")
def test_the_tables_of_speed_are_what_the_benchmarks_left():
    spec = importlib.util.spec_from_file_location("figures", ROOT / "docs" / "figures.py")
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    shown = {match[2] for page in figures.PAGES for match in figures.TABLE.finditer((ROOT / page).read_text())}
    assert shown == set(figures.TABLES)
    for page in figures.PAGES:
        text = (ROOT / page).read_text()
        assert figures.rewritten(text) == text, f"run python docs/figures.py: {page}"


def test_on_cupy_only_the_library_changes():
    on_numpy, on_cupy = [b.text for b in blocks("docs/quickstart.md", "python") if "max_pool2d" in b.text]
    assert on_cupy.replace("import cupy as cp", "import numpy as np").replace("cp.", "np.") == on_numpy


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / target).exists(), target
