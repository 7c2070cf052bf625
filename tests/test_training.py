"""Training: learning, reproducibility, symmetry, and what a run leaves behind."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

import gpuconv
from gpuconv import initializers, nn, schedules
from gpuconv.training import Dataset, digits, fit, lenet, loop, run_folder
from gpuconv.training.augment import shifted
from gpuconv.training.data import standardised


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
        _train(_small(data), epochs=2, largest_shift=1, schedule=schedules.cosine)[0].state_dict() for _ in range(2)
    ]
    assert all(states[0][name].tobytes() == states[1][name].tobytes() for name in states[0])
    other = _train(_small(data), epochs=2, seed=1)[0].state_dict()
    assert not np.array_equal(states[0]["0.weight"], other["0.weight"])


def test_equal_weights_stay_equal_through_training(data):
    """The symmetry argument: every unit of a layer gets the same signal and the same gradient, for good."""
    model, _ = _train(_small(data), init=initializers.constant)
    report = gpuconv.symmetry_report(model)
    assert report.symmetric
    hidden = report.layers[:-1]
    assert all(layer.distinct == 1 for layer in hidden)
    assert all(layer.equal_gradients == (tuple(range(layer.units)),) for layer in hidden)
    start = lenet((1, 8, 8), 10, init=initializers.constant)
    assert not np.array_equal(model.state_dict()["0.weight"], start.state_dict()["0.weight"])


@pytest.mark.parametrize("name", ["uniform", "normal", "xavier_uniform", "kaiming_normal"])
def test_random_weights_break_the_symmetry(name, data):
    model = lenet((1, 8, 8), 10, init=initializers.BY_NAME[name], seed=0)
    loss = nn.CrossEntropyLoss()
    loss(model(data.train_images[:32]), data.train_labels[:32])
    model.backward(loss.backward(), input_grad=False)
    report = gpuconv.symmetry_report(model)
    assert not report.symmetric
    assert all(layer.distinct == layer.units for layer in report.layers)


def test_a_report_reads_like_a_table():
    text = str(gpuconv.symmetry_report(nn.Sequential(nn.Conv2d(1, 3, 2, init=initializers.constant))))
    assert text.splitlines()[1].split() == ["0", "3", "1", "0-2"]


def test_units_with_equal_weights_and_unequal_gradients_will_part():
    layer = nn.Linear(2, 3, init=initializers.constant)
    layer.weight.grad, layer.bias.grad = np.arange(6.0).reshape(3, 2), np.zeros(3)
    [row] = gpuconv.symmetry_report(layer).layers
    assert row.distinct == 1
    assert not row.symmetric


def test_progress_is_reported_after_each_batch(data):
    seen = []
    _train(_small(data, 100), epochs=2, report=seen.append)
    assert [p.images for p in seen] == [32, 64, 96, 100, 132, 164, 196, 200]
    assert all(isinstance(p, loop.Progress) and p.total == 200 for p in seen)


def test_the_learning_rate_follows_the_schedule_and_returns(data):
    rates = []
    model = lenet((1, 8, 8), 10, seed=0)
    optimizer = gpuconv.SGD(model.parameters(), 0.1)
    fit(
        model, nn.CrossEntropyLoss(), optimizer, _small(data, 64), epochs=2, batch_size=32,
        schedule=schedules.cosine, report=lambda _: rates.append(optimizer.lr),
    )  # fmt: skip
    assert rates == pytest.approx([0.1 * schedules.cosine(share) for share in (0, 0.25, 0.5, 0.75)])
    assert optimizer.lr == 0.1


def test_schedules():
    assert schedules.constant(0.3) == 1
    assert [schedules.cosine(p) for p in (0, 0.5, 1, 2)] == pytest.approx([1, 0.5, 0, 0])


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


@pytest.mark.parametrize("option", ["epochs", "batch_size"])
def test_wrong_options_are_named(option, data):
    with pytest.raises(ValueError, match=f"fit: {option} is 0, expected at least 1"):
        fit(_train, None, None, data, **{"epochs": 1, "batch_size": 1, option: 0})


def _outcome(data, epochs):
    model, rows = _train(_small(data, 64), epochs=epochs)
    w = model[0].weight.data
    predictions = np.zeros(len(data.test_labels), int)
    return run_folder.Outcome(rows, model, data.test_labels, predictions, 10, (w * 0, w), 1.5, "cpu", 3)


def test_a_run_folder_is_whole(tmp_path, data):
    outcome = _outcome(data, 2)
    run_folder.write(tmp_path / "run", outcome)
    names = {"metrics.json", "model.safetensors", "curves.png", "filters.png", "confusion.png"}
    assert {p.name for p in (tmp_path / "run").iterdir()} == names
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(metrics) == {"epochs", "test_accuracy", "seconds", "images_per_second", "device", "seed"}
    assert (metrics["device"], metrics["seed"], metrics["seconds"]) == ("cpu", 3, 1.5)
    assert len(metrics["epochs"]) == 2
    state = load_file(tmp_path / "run" / "model.safetensors")
    assert all(np.array_equal(state[name], a) for name, a in outcome.model.state_dict().items())
    assert all((tmp_path / "run" / p).read_bytes().startswith(b"\x89PNG") for p in names if p.endswith("png"))


def test_a_run_folder_is_never_overwritten(tmp_path, data):
    (tmp_path / "run").mkdir()
    with pytest.raises(FileExistsError, match="run exists"):
        run_folder.write(tmp_path / "run", _outcome(data, 1))
    assert list((tmp_path / "run").iterdir()) == []


def test_a_failed_write_leaves_nothing(tmp_path, data, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(run_folder.plots, "confusion", fail)
    with pytest.raises(OSError, match="disk full"):
        run_folder.write(tmp_path / "run", _outcome(data, 1))
    assert list(tmp_path.iterdir()) == []


def test_run_folders_are_numbered(tmp_path):
    (tmp_path / "digits-1").mkdir()
    assert run_folder.next_folder(tmp_path, "digits") == tmp_path / "digits-2"


def test_standardising_uses_the_training_images_alone():
    train, test = np.full((2, 1, 2, 2), 4, np.float32), np.full((1, 1, 2, 2), 9, np.float32)
    data = standardised("x", train, np.array([0, 1]), test, np.array([2]))
    assert isinstance(data, Dataset)
    assert data.classes == 3
    assert (data.test_images == 5).all()
