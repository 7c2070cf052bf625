"""Training: learning, reproducibility, symmetry, and what a run leaves behind."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.optim import lr_scheduler
from gpuconv.training import Dataset, digits, fit, lenet, loop
from gpuconv.training.augment import shifted
from gpuconv.training.data import standardized


@pytest.fixture(scope="module")
def data():
    return digits()


def _small(data, count=256):
    return data._replace(train_images=data.train_images[:count], train_labels=data.train_labels[:count])


def _train(data, *, init=None, seed=0, epochs=1, **options):
    model = lenet((1, 8, 8), 10, init=init, seed=seed)
    optimizer = gpuconv.SGD(model.parameters(), 0.05, momentum=0.9)
    rows = fit(model, nn.CrossEntropyLoss(), optimizer, data, epochs=epochs, batch_size=32, seed=seed, **options)
    return model, rows


def test_the_digits_are_real_and_split_once(data):
    assert data.train_images.shape == (1437, 1, 8, 8)
    assert data.test_images.shape == (360, 1, 8, 8)
    assert data.classes == 10
    assert abs(data.train_images.mean()) < 1e-5
    assert abs(data.train_images.std() - 1) < 1e-5
    assert np.array_equal(data.test_labels, digits().test_labels)


def test_the_digits_are_the_same_for_good(data):
    """Values, split and order, by the checksum of the arrays; results in docs and tests depend on all three."""
    arrays = (data.train_images, data.train_labels, data.test_images, data.test_labels)
    checksum = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
    assert checksum == "26b59136f13808e5bca8203952e700771672110767e9b566f9b5f43242696892"


def test_the_digits_are_scikit_learns():
    pytest.importorskip("sklearn", reason="compares with scikit-learn's copy, which is not installed")
    from tests.training import make_digits

    with np.load(make_digits.TARGET) as stored:
        for name, expected in make_digits.split_digits().items():
            assert stored[name].dtype == expected.dtype
            assert np.array_equal(stored[name], expected)


@pytest.mark.quick
def test_a_network_learns(data):
    _, rows = _train(data, epochs=3)
    assert rows[-1].test_accuracy > 0.9
    assert rows[-1].train_loss < rows[0].train_loss
    assert [row.epoch for row in rows] == [1, 2, 3]


def test_the_quadratic_loss_learns_too(data):
    model = lenet((1, 8, 8), 10, activation="leaky_relu", pool="avg", seed=0)
    optimizer = gpuconv.SGD(model.parameters(), 0.2, momentum=0.9)
    rows = fit(model, nn.MSELoss(), optimizer, data, epochs=4, batch_size=32, one_hot=True)
    assert rows[-1].test_accuracy > 0.8


def test_one_seed_gives_the_same_bits(data):
    states = [
        _train(_small(data), epochs=2, largest_shift=1, schedule=lr_scheduler.cosine)[0].state_dict() for _ in range(2)
    ]
    assert all(states[0][name].tobytes() == states[1][name].tobytes() for name in states[0])
    other = _train(_small(data), epochs=2, seed=1)[0].state_dict()
    assert not np.array_equal(states[0]["0.weight"], other["0.weight"])


def test_a_seed_gives_the_same_bits_in_every_process(tmp_path):
    """Whether the kernels were compiled a moment ago or come from the cache."""
    program = (
        "import hashlib, gpuconv; from gpuconv import nn; from gpuconv.training import digits, fit, lenet\n"
        "data = digits()\n"
        "data = data._replace(train_images=data.train_images[:192], train_labels=data.train_labels[:192])\n"
        "model = lenet((1, 8, 8), 10, seed=0)\n"
        "sgd = gpuconv.SGD(model.parameters(), 0.05, momentum=0.9)\n"
        "fit(model, nn.CrossEntropyLoss(), sgd, data, epochs=1, batch_size=64)\n"
        "print(hashlib.sha256(b''.join(a.tobytes() for a in model.state_dict().values())).hexdigest())\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "GPUCONV_DEVICE": "cpu"}
    compiled, cached = (
        subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert len(compiled.stdout.strip()) == 64
    assert compiled.stdout == cached.stdout


def test_what_comes_after_an_epoch_sees_it(data):
    seen = []
    _, rows = _train(_small(data, 64), epochs=3, after_epoch=lambda epochs: seen.append(list(epochs)))
    assert seen == [rows[:1], rows[:2], rows]


def test_progress_is_reported_every_tenth_batch_and_at_the_end(data):
    seen = []
    _, rows = _train(_small(data, 400), epochs=2, report=seen.append)
    assert [p.images for p in seen] == [320, 400, 720, 800]
    assert [p.epoch for p in seen] == [1, 1, 2, 2]
    assert all(isinstance(p, loop.Progress) and p.total == 800 for p in seen)
    assert (seen[-1].loss, seen[-1].accuracy) == (rows[-1].train_loss, rows[-1].train_accuracy)


def test_the_learning_rate_follows_the_schedule_and_returns(data):
    rates = []

    class Recorder(gpuconv.SGD):
        def step(self):
            rates.append(self.lr)
            super().step()

    model = lenet((1, 8, 8), 10, seed=0)
    optimizer = Recorder(model.parameters(), 0.1)
    options = {"epochs": 2, "batch_size": 32, "schedule": lr_scheduler.cosine}
    fit(model, nn.CrossEntropyLoss(), optimizer, _small(data, 64), **options)
    assert rates == pytest.approx([0.1 * lr_scheduler.cosine(share) for share in (0, 0.25, 0.5, 0.75)])
    assert optimizer.lr == 0.1


def test_schedules():
    assert lr_scheduler.constant(0.3) == 1
    assert [lr_scheduler.cosine(p) for p in (0, 0.5, 1, 2)] == pytest.approx([1, 0.5, 0, 0])


def test_images_are_shifted_whole():
    images = np.zeros((50, 1, 5, 5), np.float32)
    images[:, 0, 2, 2] = 1
    moved = shifted(images, 1, np.random.default_rng(0))
    assert (moved.sum((1, 2, 3)) == 1).all()
    rows, columns = np.nonzero(moved.sum((0, 1)))
    assert {*rows, *columns} == {1, 2, 3}


def test_a_loss_that_explodes_is_reported(data):
    model = lenet((1, 8, 8), 10, seed=0)
    optimizer = gpuconv.SGD(model.parameters(), 1e30)
    with pytest.raises(FloatingPointError, match="a smaller learning rate may help"), np.errstate(all="ignore"):
        fit(model, nn.CrossEntropyLoss(), optimizer, _small(data), epochs=1, batch_size=32)
    assert optimizer.lr == 1e30


def test_an_explosion_in_the_last_step_is_found_by_the_evaluation(data):
    model = lenet((1, 8, 8), 10, seed=0)
    optimizer = gpuconv.SGD(model.parameters(), 1e30)
    with pytest.raises(FloatingPointError, match="in epoch 1: a smaller"), np.errstate(all="ignore"):
        fit(model, nn.CrossEntropyLoss(), optimizer, _small(data, 32), epochs=1, batch_size=32)


@pytest.mark.parametrize("option", ["epochs", "batch_size"])
def test_wrong_options_are_named(option, data):
    with pytest.raises(ValueError, match=f"fit: {option} is 0, expected at least 1"):
        fit(_train, None, None, data, **{"epochs": 1, "batch_size": 1, option: 0})


def test_standardizing_uses_the_training_images_alone():
    train, test = np.full((2, 1, 2, 2), 4, np.float32), np.full((1, 1, 2, 2), 9, np.float32)
    data = standardized("x", train, np.array([0, 1]), test, np.array([2]))
    assert isinstance(data, Dataset)
    assert data.classes == 3
    assert (data.test_images == 5).all()
