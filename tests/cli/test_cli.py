"""The command, as a user types it."""

import importlib.metadata
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import gpuconv
from gpuconv.cli.app import app
from gpuconv.cli.devices import wait_asleep
from gpuconv.core import device as devices
from tests.training.test_data import idx, write_mnist

FAST = ["--epochs", "1", "--device", "cpu"]


def run(*arguments):
    """Exit code and output of a command in this process."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_training_ends_with_the_accuracy_and_the_run_folder(tmp_path):
    code, output = run("train", "--epochs", 3, "--device", "cpu", "--out", tmp_path / "run")
    assert code == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert f"test accuracy {metrics['test_accuracy']:.4f}" in output
    assert metrics["test_accuracy"] > 0.85
    assert str(tmp_path / "run") in output.replace("\n", "")


def test_training_twice_with_a_seed_gives_the_same_model(tmp_path):
    for name in ("a", "b"):
        assert run("train", *FAST, "--seed", 5, "--out", tmp_path / name)[0] == 0
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b")]
    assert models[0] == models[1]


def test_mnist_files_and_every_option(tmp_path):
    folder = write_mnist(tmp_path / "mnist", compressed=True, size=28)
    options = ["--batch-size", 16, "--lr", 0.01, "--momentum", 0.5, "--seed", 1, "--activation", "leaky_relu"]
    choices = ["--pool", "avg", "--loss", "mse", "--init", "kaiming_normal"]
    code, output = run("train", "--data", folder, *FAST, *options, *choices, "--out", tmp_path / "run")
    assert code == 0, output
    assert "mnist: 60 images" in output
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["seed"] == 1


@pytest.mark.parametrize("options", [["--init", "uniform"], ["--init", "normal"], ["--loss", "mse"]])
def test_the_options_learn_without_more_options(options, tmp_path):
    assert run("train", "--device", "cpu", *options, "--out", tmp_path / "run")[0] == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["test_accuracy"] > 0.95


def test_the_default_folder_is_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert run("train", *FAST)[0] == 0
        assert (tmp_path / "runs" / f"digits-{number}" / "metrics.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "nowhere: no such folder"),
        (["--out", "taken"], "taken exists"),
        (["--lr", "nan"], "--lr is nan"),
        (["--lr", "-1"], "--lr is -1.0"),
        (["--lr", "1e30"], "a smaller learning rate may help"),
        (["--data", "damaged"], "not an IDX file"),
        (["--data", "tiny"], "expected at least 4 x 4"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (write_mnist(tmp_path / "damaged") / "train-images-idx3-ubyte").write_bytes(b"not an image")
    write_mnist(tmp_path / "tiny", size=2)
    with np.errstate(all="ignore"):
        code, output = run("train", *FAST, *arguments)
    error = [line for line in output.splitlines() if "error:" in line]
    assert code == 2
    assert len(error) == 1
    assert message in error[0]
    assert "Traceback" not in output
    assert not (tmp_path / "runs" / "digits-1").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--epochs", "0"],
        ["--epochs", "x"],
        ["--batch-size", "0"],
        ["--seed", "-1"],
        ["--pool", "median"],
        ["--unknown"],
    ],
)
def test_a_wrong_option_is_refused(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, output = run("train", *arguments)
    assert code == 2
    assert arguments[0] in output
    assert list(tmp_path.iterdir()) == []


def test_labels_past_the_classes_are_data_too(tmp_path):
    folder = write_mnist(tmp_path / "mnist")
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.full(60, 250)))
    code, output = run("train", "--data", folder, *FAST)
    assert code == 2
    assert "does not occur in training" in output


def test_info_says_what_was_chosen():
    code, output = run("info")
    assert code == 0
    for word in ("python", "numba", "device", "cuda", "micro-kernel", "threads", "memory", "kernel cache", "entries"):
        assert word in output


def test_check_prints_a_table_without_a_wrong_row():
    code, output = run("check", "--device", "cpu")
    assert code == 0
    assert "conv2d" in output
    assert "0 wrong" in output
    assert "WRONG" not in output


def test_check_fails_on_a_wrong_gradient(monkeypatch):
    monkeypatch.setattr(gpuconv, "relu_grad", lambda dy, x: 2 * dy)
    code, output = run("check", "--device", "cpu")
    assert code == 1
    assert "WRONG" in output


def test_asking_for_a_gpu_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setattr("gpuconv.core.device.missing_for_cuda", lambda: "none was found")
    code, output = run("train", "--device", "cuda")
    assert code == 2
    assert "'cuda' was asked for, but none was found" in output


@pytest.fixture
def device_not_yet_read():
    """As in a new process: GPUCONV_DEVICE is read once."""
    devices._from_environment.cache_clear()
    yield
    devices._from_environment.cache_clear()


def test_the_environment_chooses_where_no_option_does(monkeypatch, tmp_path, device_not_yet_read):
    monkeypatch.setenv("GPUCONV_DEVICE", "cuda")
    monkeypatch.setattr("gpuconv.core.device.missing_for_cuda", lambda: "none was found")
    for command in ("train", "check"):
        code, output = run(command)
        assert code == 2
        assert "GPUCONV_DEVICE: device 'cuda' was asked for, but none was found" in output
    assert run("train", *FAST, "--out", tmp_path / "run")[0] == 0


@pytest.mark.parametrize(("setting", "left"), [(None, "passive"), ("active", "active")])
def test_idle_threads_sleep_unless_the_user_says_otherwise(setting, left, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", setting or "")
    if setting is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == left


def test_a_device_that_does_not_exist_is_one_line(monkeypatch, device_not_yet_read):
    monkeypatch.setenv("GPUCONV_DEVICE", "tpu")
    for command in ("train", "check"):
        code, output = run(command)
        assert code == 2
        assert "GPUCONV_DEVICE: device is 'tpu', expected one of 'auto', 'cpu', 'cuda'" in output
    code, output = run("info")
    assert code == 0
    assert "GPUCONV_DEVICE=tpu" in output


@pytest.mark.parametrize("command", [[], ["train"], ["info"], ["check"], ["bench"]])
def test_every_command_explains_itself(command):
    (long_code, long), (short_code, short) = run(*command, "--help"), run(*command, "-h")
    assert (long_code, short_code) == (0, 0)
    assert long == short
    assert " ".join(["Usage:", "root", *command]) in " ".join(long.split())


@pytest.mark.parametrize("flag", ["-O", "-OO"])
def test_help_does_not_depend_on_docstrings(flag):
    shown = subprocess.run([sys.executable, flag, "-m", "gpuconv", "-h"], capture_output=True, text=True, check=True)
    text = " ".join(shown.stdout.replace("│", " ").split())
    assert "Convolutional-network training for NumPy and CuPy arrays." in text
    for line in ("train Train a LeNet", "info Show versions", "check Check the gradient", "bench Time kernels"):
        assert line in text


def test_measurements_are_not_begun_for_a_file_that_cannot_be_written(tmp_path):
    for option in ("--json", "--plot"):
        for path in (tmp_path, tmp_path / "no folder" / "file"):
            code, output = run("bench", "pool", option, path)
            assert code == 2
            assert f"{option} is {path}, expected a file that can be written" in output.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pool", "--only", "nothing"], "--only is 'nothing', which is in none of max_pool, max_pool_grad, avg_pool"),
        (["pool", "--dtype", "bfloat16"], "pool is timed in float32 and with its own shapes: --dtype and --batch"),
        (["elementwise", "--batch", 2], "elementwise is timed in float32 and with its own shapes"),
        (["train", "--dtype", "float16"], "dtype is 'float16', expected float32 or bfloat16"),
        (["conv", "--problems", "movinet_x3d_dw"], "expected a file or one of standard"),
        (["conv", "--problems", "nets"], "expected a file or one of standard, lenet"),
    ],
)
def test_a_benchmark_that_there_is_not_is_one_line(arguments, message):
    code, output = run("bench", *arguments)
    assert code == 2
    assert message in " ".join(output.split())
    assert "Traceback" not in output


def test_the_module_runs_as_the_command():
    command = [sys.executable, "-m", "gpuconv"]
    shown = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"gpuconv {gpuconv.__version__}\n"
    assert gpuconv.__version__ == importlib.metadata.version("gpuconv")
    explained = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "train" in explained.stdout


def test_a_missing_extra_says_what_to_install():
    code = "import sys; sys.modules['typer'] = None\nfrom gpuconv.cli import main\nmain()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "gpuconv: the command needs typer: pip install 'gpuconv[train]'" in result.stderr
