"""The comparison with a peer: its machinery with a stand-in, and with PyTorch where it is installed."""

import importlib.util

import numpy as np
import pytest

from gpuconv.testing import torch_peer
from gpuconv.testing.torch_peer import FAMILIES, Case, TorchProcess, compare_case, compare_family
from gpuconv.testing.torch_peer.case import call_of

from .. import reference


def oracle(case, dy):
    """The peer's part, from the oracle: linear and softmax need no more than NumPy."""
    x, w, *b = case.inputs
    y = reference.linear(x, w, *b)
    return y, dy @ w, dy.T @ x, *([] if b[0] is None else [dy.sum(0)])


def test_a_peer_that_agrees_makes_no_difference():
    result = compare_family("linear", oracle, cases=8)
    assert result.differences == ()
    assert result.cases == 8
    assert result.passes >= 24
    assert result.error <= 1


def test_a_peer_that_differs_is_reported_with_its_seed_and_case():
    def wrong(case, dy):
        y, *gradients = oracle(case, dy)
        return y + 1e-6, *gradients

    result = compare_family("linear", wrong, cases=2, seed=3)
    assert len(result.differences) == 2
    assert "seed 3, case 1: linear(float64[" in result.differences[1]
    assert result.error > 1


def test_a_peer_that_refuses_is_a_difference():
    def refuses(case, dy):
        raise torch_peer.PeerError("no such thing")

    assert "refused: no such thing" in compare_family("linear", refuses, cases=1).differences[0]


def canceling_case():
    """A linear layer of one unit, and a dy of large numbers whose sum is 1."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((4096, 2)), rng.standard_normal((1, 2)), np.zeros(1)
    case = Case(call_of("linear", **dict(zip("xwb", inputs, strict=True))), inputs, {}, 1, 1.0)
    dy = 1e3 * rng.standard_normal((4096, 1))
    dy[-1] = 1 - dy[:-1].sum()
    return case, dy


@pytest.mark.parametrize(("off", "agrees"), [(0, True), (1e-6, False)])
def test_the_bound_of_a_bias_gradient_follows_what_it_sums(off, agrees, monkeypatch):
    case, dy = canceling_case()
    results = oracle(case, dy)
    one_by_one = dy.cumsum(axis=0)[-1]
    assert one_by_one != results[-1]
    monkeypatch.setattr(Case, "compute", lambda self, rng: (dy, results))
    errors = compare_case(case, lambda case, dy: (*results[:-1], one_by_one + off), np.random.default_rng(0))
    assert (errors[-1] <= 1) == agrees


@pytest.mark.parametrize("family", FAMILIES)
def test_a_case_can_be_drawn_again(family):
    first, second = (FAMILIES[family](np.random.default_rng([0, 5])) for _ in range(2))
    assert str(first) == str(second)
    for a, b in zip(first.inputs, second.inputs, strict=True):
        assert (a is None and b is None) or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def test_an_interpreter_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(torch_peer.PeerError, match="cannot be started"):
        TorchProcess(str(tmp_path / "python"))


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_an_interpreter_without_torch_is_a_clear_error():
    with pytest.raises(torch_peer.PeerError, match="cannot import torch; --peer-python"):
        TorchProcess()


@pytest.fixture(scope="module")
def torch():
    """One process with PyTorch for all families: importing it takes seconds."""
    with TorchProcess() as peer:
        yield peer


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("family", FAMILIES)
def test_agrees_with_torch(family, torch):
    assert compare_family(family, torch, cases=20).differences == ()
