"""The tables of names: every operation has its row, and every name in them exists."""

import re

import pytest

import gpuconv
from gpuconv import nn, optim

from .snippets import ROOT

PAGES = ROOT / "docs" / "migrating"


def test_every_operation_has_a_row_with_pytorch_s_name():
    text = (PAGES / "pytorch.md").read_text().split("| function | PyTorch | difference |")[1].split("## ")[0]
    named = re.findall(
        r"`(\w+)`", "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    )
    subpackages = {"emulator", "nn", "optim", "testing", "training", "tuning", "__version__"}
    assert sorted(named) == sorted(name for name in set(gpuconv.__all__) - subpackages if not name.endswith("_grad"))


@pytest.mark.parametrize("page", ["cupy.md", "chainer.md"])
def test_names_of_the_tables_exist(page):
    rows = [line.split("|")[2] for line in (PAGES / page).read_text().splitlines() if line.startswith("| `")]
    calls = set(re.findall(r"(?<![\w.])((?:nn|optim|gpuconv\.testing)\.)?(\w+)(?=\()", "\n".join(rows)))
    assert len(calls) > 10
    for prefix, name in calls:
        owner = {"": gpuconv, "nn.": nn, "optim.": optim, "gpuconv.testing.": gpuconv.testing}[prefix]
        assert hasattr(owner, name), prefix + name
