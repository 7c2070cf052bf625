"""`gpuconv.tune`: what is measured decides what "auto" takes, here and in later processes, and nothing else does."""

import json

import numpy as np
import pytest

import gpuconv
from gpuconv import nn, tuning
from gpuconv.conv import tuned
from gpuconv.conv.shape import conv_shape
from gpuconv.tuning import file, timing

pytestmark = pytest.mark.quick

SHAPE = (2, 4, 6, 6)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A cache folder of the test's own, and no choice left behind."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with gpuconv.use_device("cpu"):
        yield tmp_path / "gpuconv"
    tuning.forget()


@pytest.fixture
def quickest(monkeypatch):
    """Let one algorithm measure as the quickest: names in the order of their times; returns those that were timed."""
    timed = []

    def pretend(*names):
        def choice(problem):
            timed.append(problem)
            supported = [n for n in names if timing.Choice(problem, n, 1, 1).is_supported(CPU, np.zeros(1))]
            return timing.Choice(problem, (*supported, "auto")[0], 1.0, 2.0)

        monkeypatch.setattr(tuning, "measure", choice)
        return timed

    return pretend


CPU = gpuconv.core.device.Target("cpu")


def model():
    return nn.Sequential(nn.Conv2d(4, 8, 1, seed=0), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, seed=1))


def operands():
    rng = np.random.default_rng(0)
    return rng.standard_normal((2, 8, 6, 6), np.float32), rng.standard_normal((8, 8, 3, 3), np.float32)


def test_each_pass_of_each_convolution_is_measured_once():
    net = nn.Sequential(nn.Conv2d(4, 4, 1, seed=0), nn.ReLU(), nn.Conv2d(4, 4, 1, seed=1))
    choices = gpuconv.tune(net, SHAPE)
    assert sorted(choice.problem.operation for choice in choices) == ["dgrad", "fprop", "wgrad"]
    for choice in choices:
        assert choice.problem.shape == conv_shape("test", SHAPE, (4, 4, 1, 1))
        assert 0 < choice.seconds <= choice.automatic_seconds
        assert choice.algorithm == "auto" or choice.seconds <= timing.GAIN * choice.automatic_seconds


def test_the_quickest_is_what_auto_takes(quickest):
    x, w = operands()
    automatic, by_name = gpuconv.conv2d(x, w), gpuconv.conv2d(x, w, algorithm="winograd")
    assert (automatic != by_name).any()
    quickest("winograd")
    gpuconv.tune(model(), SHAPE)
    np.testing.assert_array_equal(gpuconv.conv2d(x, w), by_name)
    one = gpuconv.conv2d(x[:1], w)  # another problem
    tuning.forget()
    np.testing.assert_array_equal(gpuconv.conv2d(x[:1], w), one)
    np.testing.assert_array_equal(gpuconv.conv2d(x, w), automatic)


def test_the_model_stays_as_it_is(quickest):
    quickest()
    net = model()
    before = {name: a.copy() for name, a in net.state_dict().items()}
    gpuconv.tune(net, SHAPE)
    for name, a in net.state_dict().items():
        np.testing.assert_array_equal(a, before[name])
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_later_process_reads_what_was_measured(quickest):
    timed = quickest("winograd")
    first = gpuconv.tune(model(), SHAPE)
    assert len(timed) == len(first) > 3
    tuning.forget()
    assert gpuconv.tune(model(), SHAPE) == first
    assert len(timed) == len(first)
    x, w = operands()
    np.testing.assert_array_equal(gpuconv.conv2d(x, w), gpuconv.conv2d(x, w, algorithm="winograd"))
    gpuconv.tune(model(), SHAPE, again=True)
    assert len(timed) == 2 * len(first)


def test_other_problems_are_added_to_the_file(quickest):
    quickest("winograd")
    lines = nn.Sequential(nn.Conv1d(4, 4, 3, seed=0))
    gpuconv.tune(model(), SHAPE)
    found = gpuconv.tune(lines, (2, 4, 9))
    kept = {choice.problem for choice in file.read(np.zeros(1, np.float32))}
    assert {choice.problem for choice in found} < kept
    assert gpuconv.tune(lines, (2, 4, 9)) == found


def test_exact_precision_keeps_to_direct_forms():
    x, w = operands()
    problem = tuned.Problem("cpu", "fprop", conv_shape("test", x.shape, w.shape), "float32")
    with gpuconv.precision("exact"):
        exact = gpuconv.conv2d(x, w)
    tuned.choose({problem: "winograd"})
    np.testing.assert_array_equal(gpuconv.conv2d(x, w), gpuconv.conv2d(x, w, algorithm="winograd"))
    with gpuconv.precision("exact"):
        np.testing.assert_array_equal(gpuconv.conv2d(x, w), exact)


@pytest.mark.parametrize("content", ["", "[1, 2", "[]", '{"0.1.0": 3}', None])
def test_a_damaged_file_counts_as_missing(folder, quickest, content):
    timed = quickest("winograd")
    first = gpuconv.tune(model(), SHAPE)
    path = folder / file.NAME
    if content is None:  # entries of another shape
        whole = json.loads(path.read_text())
        content = json.dumps({machine: [entry[:3] for entry in entries] for machine, entries in whole.items()})
    path.write_text(content)
    assert gpuconv.tune(model(), SHAPE) == first
    assert len(timed) == 2 * len(first)


def test_algorithms_of_another_version_are_measured_again(folder, quickest):
    timed = quickest("winograd")
    first = gpuconv.tune(model(), SHAPE)
    path = folder / file.NAME
    path.write_text(path.read_text().replace('"winograd"', '"former"'))
    assert gpuconv.tune(model(), SHAPE) == first
    assert len(timed) == len(first) + sum(choice.algorithm == "winograd" for choice in first) > len(first)


def test_without_a_folder_to_write_to_the_choices_hold_for_the_process(tmp_path, monkeypatch, quickest, caplog):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    quickest("winograd")
    gpuconv.tune(model(), SHAPE)
    assert "hold for this process alone" in caplog.text
    x, w = operands()
    np.testing.assert_array_equal(gpuconv.conv2d(x, w), gpuconv.conv2d(x, w, algorithm="winograd"))


def test_wrong_arguments_are_named():
    with pytest.raises(TypeError, match="tune: model is list, expected a gpuconv"):
        gpuconv.tune([], SHAPE)
    with pytest.raises(ValueError, match="tune: dtype is 'int8'"):
        gpuconv.tune(model(), SHAPE, dtype="int8")
    with pytest.raises(TypeError, match="tune: input_shape"):
        gpuconv.tune(model(), 4)


def test_the_emulator_is_refused():
    pytest.importorskip("numba.cuda")
    with gpuconv.use_device("emulator"), pytest.raises(ValueError, match="tune: the device is the emulator"):
        gpuconv.tune(model(), SHAPE)
