"""Arguments of optimizers and schedulers: torch.optim's names, order and defaults."""

import inspect

import pytest

from gpuconv import optim
from gpuconv.optim import lr_scheduler

torch = pytest.importorskip("torch", reason="compares with torch.optim's signatures, and PyTorch is not installed")

OPTIMIZERS = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"]
SCHEDULERS = [
    "StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "LinearLR", "ConstantLR", "LambdaLR", "OneCycleLR",
    "ReduceLROnPlateau", "SequentialLR",
]  # fmt: skip


def arguments(function):
    """(name, kind, default) of each argument; 0 and 0.0 are the same default."""
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_take_torchs_arguments(name):
    assert arguments(getattr(optim, name)) == arguments(getattr(torch.optim, name))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers_take_torchs_arguments(name):
    assert arguments(getattr(lr_scheduler, name)) == arguments(getattr(torch.optim.lr_scheduler, name))
