"""Schedulers: the rates of PyTorch's, and runs that resume from a state."""

import json
from pathlib import Path

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.optim import lr_scheduler
from tests.optim.cases import METRICS, PLATEAUS, SCHEDULES, name_of

TORCH = json.loads((Path(__file__).parent / "data" / "torch_trajectories.json").read_text())


def _sgd():
    return gpuconv.SGD([nn.Parameter(np.zeros(1))], 0.5, momentum=0.3)


def _schedule(optimizer, name, options):
    if name != "SequentialLR":
        return getattr(lr_scheduler, name)(optimizer, **options)
    schedules = [getattr(lr_scheduler, name)(optimizer, **kw) for name, kw in options["schedules"]]
    return lr_scheduler.SequentialLR(optimizer, schedules, options["milestones"])


@pytest.mark.parametrize("case", SCHEDULES, ids=name_of)
@pytest.mark.parametrize("restart", [False, True])
def test_rates_are_those_of_torch(case, restart):
    optimizer = _sgd()
    schedule = _schedule(optimizer, *case)
    for step, (rate, momentum) in enumerate(TORCH["rates"][name_of(case)]):
        if step:
            schedule.step()
        if restart and step % 11 == 10:
            states, optimizer = (optimizer.state_dict(), schedule.state_dict()), _sgd()
            schedule = _schedule(optimizer, *case)
            optimizer.load_state_dict(states[0])
            schedule.load_state_dict(states[1])
        assert optimizer.lr == pytest.approx(rate, rel=1e-12)
        assert optimizer.momentum == pytest.approx(momentum, rel=1e-12)
    assert step == 49


@pytest.mark.parametrize("case", PLATEAUS, ids=name_of)
def test_falls_are_those_of_torch(case):
    optimizer = _sgd()
    schedule = _schedule(optimizer, *case)
    for i, (metric, rate) in enumerate(zip(METRICS, TORCH["falls"][name_of(case)], strict=True)):
        schedule.step(np.float32(metric) if i % 2 else metric)
        assert optimizer.lr == pytest.approx(rate, rel=1e-12)
        if i == 12:
            states, optimizer = (optimizer.state_dict(), schedule.state_dict()), _sgd()
            schedule = _schedule(optimizer, *case)
            optimizer.load_state_dict(states[0])
            schedule.load_state_dict(states[1])


@pytest.mark.parametrize("metric", [1.0, -1.0, 0.0, -1e-30, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_the_rate_falls_under_a_metric_that_stays_the_same(threshold_mode, mode, metric):
    optimizer = _sgd()
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, mode, patience=2, threshold_mode=threshold_mode)
    for _ in range(5):
        schedule.step(metric)
    assert optimizer.lr == pytest.approx(0.05)


@pytest.mark.parametrize("threshold", [1e-4, 0.0, 1.0])
def test_a_negative_metric_that_improves_keeps_the_rate(threshold):
    optimizer = _sgd()
    least = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=threshold)
    most = lr_scheduler.ReduceLROnPlateau(optimizer, "max", patience=0, threshold=threshold)
    for i in range(1, 5):
        least.step(-(3.0**i))
        most.step(3.0**i)
    assert optimizer.lr == 0.5


def test_a_run_resumes_at_its_last_epoch():
    """As in PyTorch: the optimizer brings the initial rate, the scheduler is told where the run stopped."""
    optimizer = _sgd()
    first = lr_scheduler.StepLR(optimizer, 2)
    for _ in range(5):
        first.step()
    resumed = lr_scheduler.StepLR(optimizer, 2, last_epoch=first.last_epoch - 1)
    assert (resumed.last_epoch, resumed.get_last_lr()) == (5, first.get_last_lr())
    with pytest.raises(ValueError, match="StepLR: last_epoch is 3, expected -1 with an optimizer never scheduled"):
        lr_scheduler.StepLR(_sgd(), 2, last_epoch=3)


def test_adam_cycles_its_first_beta():
    optimizer = gpuconv.Adam([nn.Parameter(np.zeros(1))])
    lr_scheduler.OneCycleLR(optimizer, 0.1, 10)
    assert optimizer.betas == (0.95, 0.999)


def test_a_function_of_the_step():
    optimizer = _sgd()
    schedule = lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    schedule.step()
    assert optimizer.lr == 0.25


def test_a_cycle_ends():
    schedule = lr_scheduler.OneCycleLR(_sgd(), 0.1, 2)
    schedule.step()
    with pytest.raises(ValueError, match="step is 2, expected fewer than total_steps=2"):
        schedule.step()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda o: lr_scheduler.StepLR(o, 0), ValueError, "StepLR: step_size is 0, expected at least 1"),
        (lambda o: lr_scheduler.StepLR(o, 1.5), TypeError, "StepLR: step_size is 1.5, expected an integer"),
        (lambda o: lr_scheduler.ExponentialLR(o, "0.9"), TypeError, "gamma is '0.9', expected a number"),
        (lambda o: lr_scheduler.LinearLR(o, 0), ValueError, "start_factor is 0, expected above 0 and at most 1"),
        (lambda o: lr_scheduler.LinearLR(o, 1, 2), ValueError, "end_factor is 2, expected 0 to 1"),
        (lambda o: lr_scheduler.ConstantLR(o, 2), ValueError, "factor is 2, expected 0 to 1"),
        (lambda o: lr_scheduler.OneCycleLR(o, 0.1), TypeError, "epochs is None, expected an integer"),
        (lambda o: lr_scheduler.OneCycleLR(o, 0.1, 9, pct_start=2), ValueError, "pct_start is 2, expected 0 to 1"),
        (
            lambda o: lr_scheduler.OneCycleLR(o, 1, 9, anneal_strategy="x"),
            ValueError,
            "anneal_strategy is 'x', expected",
        ),
        (
            lambda o: lr_scheduler.OneCycleLR(gpuconv.Adagrad(o.parameters), 0.1, 9),
            ValueError,
            "optimizer is Adagrad, expected one with momentum or betas",
        ),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1), ValueError, "factor is 1, expected below 1"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, "least"), ValueError, "mode is 'least', expected one of 'min'"),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.ConstantLR(o)], [3]),
            ValueError,
            "got 1 milestones, expected one fewer than the 1 schedulers",
        ),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.ConstantLR(_sgd())], []),
            ValueError,
            r"schedulers\[0\] is of another optimizer",
        ),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.OneCycleLR(o, 0.1, 9)], []),
            TypeError,
            r"schedulers\[0\] is a OneCycleLR, expected",
        ),
    ],
)
def test_wrong_options_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(_sgd())
