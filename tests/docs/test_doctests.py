"""The examples in the package's docstrings run and print what they say."""

import doctest
import importlib
from pathlib import Path
from types import FunctionType

import numpy as np
import pytest

import gpuconv
from gpuconv import nn, optim

PACKAGE = Path(gpuconv.__file__).parent
MODULES = sorted(
    ".".join(["gpuconv", *file.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
    for file in PACKAGE.rglob("*.py")
    if ">>> " in file.read_text()
)
NAMES = {"np": np, "gpuconv": gpuconv, "nn": nn, "optim": optim}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, capsys):
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=FLAGS)
    found = [test for test in finder.find(importlib.import_module(name), extraglobs=NAMES) if test.examples]
    assert found
    with gpuconv.use_device("cpu"):
        for test in found:
            runner.run(test)
    assert runner.summarize(verbose=False).failed == 0, capsys.readouterr().out


FUNCTIONS = sorted(name for name in gpuconv.__all__ if isinstance(getattr(gpuconv, name), FunctionType))
SUBPACKAGES = ("nn", "nn.init", "optim", "optim.lr_scheduler", "training", "testing", "emulator")
BASES = {"nn.Activation", "nn.Buffer", "nn.Loss", "nn.init.Initializer", "optim.lr_scheduler.LRScheduler"}
"""What one derives from, or is given."""
RESULTS = {
    "training.DataError",
    "training.Dataset",
    "training.Epoch",
    "training.Progress",
    "testing.GradientError",
    "testing.GradientReport",
    "emulator.EmulatorError",
    "emulator.Location",
    "emulator.Report",
}
"""What functions return or raise: the functions' examples show them."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_has_an_example(name):
    assert f"gpuconv.{name}(" in getattr(gpuconv, name).__doc__.split(">>> ", 1)[-1]


@pytest.mark.parametrize("path", SUBPACKAGES)
def test_every_public_name_of_a_subpackage_has_an_example(path):
    module = importlib.import_module(f"gpuconv.{path}")
    values = {f"{path}.{name}": getattr(module, name) for name in module.__all__}
    lacking = {full for full, value in values.items() if callable(value) and ">>> " not in (value.__doc__ or "")}
    assert lacking <= BASES | RESULTS
