"""The comparison with a peer: its machinery with a stand-in, and with PyTorch where it is installed."""

import importlib.util

import numpy as np
import pytest

from gpuconv.testing import torch_peer
from gpuconv.testing.torch_peer import FAMILIES, TorchProcess, compare_family

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
