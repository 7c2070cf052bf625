"""However a training ends, what it has learned is kept, and what is said of it is true.

GPUCONV_KILLS=100 kills as many trainings at random moments; the suite kills a few.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from gpuconv.cli.app import app
from tests.training.test_data import write_mnist

KILLS = int(os.environ.get("GPUCONV_KILLS", "3"))
TIMEOUT = 300
COMMAND = [sys.executable, "-m", "gpuconv"]
FILES = {"metrics.json", "model.safetensors", "curves.png", "filters.png", "confusion.png"}
posix = pytest.mark.skipif(os.name != "posix", reason="signals, descriptors and shells are POSIX's")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_mnist(tmp_path_factory.mktemp("data") / "mnist", count=40, classes=4)


def command(images, *options, epochs):
    return [*COMMAND, "train", "--device", "cpu", "--data", str(images), "--epochs", str(epochs), *map(str, options)]


def begin(images, folder, *options, epochs=100_000):
    """A training in `folder`, with the lines it prints."""
    return subprocess.Popen(
        command(images, *options, epochs=epochs), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def train(images, folder, *options, epochs=1, **process):
    return subprocess.run(
        command(images, *options, epochs=epochs), cwd=folder, text=True, timeout=TIMEOUT, check=False, **process
    )


def until(process, text):
    """Read lines until one begins so; that line's number among those that do."""
    for line in process.stdout:
        if line.startswith(text):
            return line
    raise AssertionError(process.stderr.read())


def epochs_of(folder):
    """Epochs in the metrics; the model beside them is whole."""
    assert load_file(folder / "model.safetensors")["0.weight"].dtype == np.float32
    return len(json.loads((folder / "metrics.json").read_text())["epochs"])


def test_each_epoch_prints_a_line_off_a_terminal(images, tmp_path):
    run = train(images, tmp_path, "--out", "run", epochs=3, capture_output=True)
    lines = run.stdout.splitlines()
    assert (run.returncode, run.stderr) == (0, "")
    assert len(lines) == 6
    assert lines[0] == "mnist: 40 images to train on, 20 to test, 4 classes; device cpu"
    figures = r"loss [\d.e-]+, accuracy [\d.]+%; test loss [\d.e-]+, accuracy [\d.]+%; [\d,]+ images/s"
    assert all(re.fullmatch(rf"epoch {i} of 3: {figures}", lines[i]) for i in (1, 2, 3))
    assert lines[-1] == "run folder run"


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_says_what_is_kept(number, code, images, tmp_path):
    process = begin(images, tmp_path, "--out", "exp[v2]")
    until(process, "epoch 2 of")
    process.send_signal(number)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == code
    epochs = epochs_of(tmp_path / "exp[v2]")
    kept = f"model and metrics of {epochs} epochs are kept in exp[v2]"
    assert errors == f"gpuconv train: stopped by {number.name}; {kept}\n"
    assert {path.name for path in (tmp_path / "exp[v2]").iterdir()} == {"metrics.json", "model.safetensors"}


@posix
def test_a_signal_before_the_first_epoch_leaves_nothing(images, tmp_path):
    process = begin(images, tmp_path, "--batch-size", 1, "--out", "run")
    until(process, "mnist:")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=TIMEOUT)
    if not (tmp_path / "run").exists():  # else the epoch was faster than the signal
        assert errors == "gpuconv train: stopped by SIGTERM; nothing is kept\n"
    assert process.returncode == 143


def test_trainings_at_once_keep_a_run_each(images, tmp_path):
    processes = [begin(images, tmp_path, "--seed", seed, epochs=2) for seed in range(4)]
    for process in processes:
        output, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, errors
        assert re.search(r"run folder runs/mnist-[1-4]\n$", output)
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {f"mnist-{i}" for i in range(1, 5)}
    assert all(epochs_of(path) == 2 for path in (tmp_path / "runs").iterdir())


@posix
@pytest.mark.parametrize("reader", ["| (head -n 1; exec <&-)", "> /dev/full", ">&-", ">&- 2>&-"])
def test_a_lost_reader_loses_no_run(reader, images, tmp_path):
    if "/dev/full" in reader and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    line = f'"$@" --out run {reader}'
    arguments = ["bash", "-o", "pipefail", "-c", line, "bash", *command(images, epochs=30)]
    run = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert run.returncode == 0, run.stderr
    said = "gpuconv train: standard output could not be written; run folder run\n"
    assert run.stderr == ("" if ">&-" in reader else said)
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES


@posix
def test_a_working_directory_that_vanishes_loses_no_run(images, tmp_path):
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    process = subprocess.Popen(
        command(images, epochs=20),
        cwd=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(elsewhere)},
    )
    until(process, "epoch 1 of")
    while here.exists():  # a file may be written while its folder is removed
        shutil.rmtree(here, ignore_errors=True)
    _, errors = process.communicate(timeout=TIMEOUT)
    (folder,) = elsewhere.iterdir()
    assert process.returncode == 2
    *_, last = errors.splitlines()
    why = "runs/mnist-1 cannot be written (No such file or directory)"
    assert last == f"gpuconv train: error: {why}, the run is kept in {folder}"
    assert epochs_of(folder) == 20


@posix
def test_a_full_disk_loses_no_run(images, tmp_path):
    """A limit on the size of a file stands for it: the model does not fit, neither here nor elsewhere."""
    limited = ["bash", "-c", 'ulimit -f 20; exec "$@"', "bash", *command(images, "--out", "run", epochs=2)]
    run = subprocess.run(limited, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert run.returncode == 2
    first, second, error = run.stderr.splitlines()
    assert "epoch 1 cannot be saved anywhere: [Errno 27] File too large; training goes on" in first
    assert "epoch 2 cannot be saved anywhere" in second
    assert error == "gpuconv train: error: [Errno 27] File too large; nothing is kept"
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("name", ["exp[v2]", ":tada:", "[/x]", "y" * 250, "a\nb", "-x", "ünï ✓"])
def test_any_name_is_kept_and_printed_as_it_is(name, images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, command(images, f"--out={name}", epochs=1)[3:])
    assert result.exit_code == 0, result.output
    assert result.output.endswith(f"run folder {name}\n".replace("a\nb", "a\\nb"))
    assert {path.name for path in (tmp_path / name).iterdir()} == FILES


def _killed_at_random(images, folder, name, rng):
    """Kill a training within its first tenths of a second; the last epoch it had told of."""
    process = begin(images, folder, "--out", name)
    told = until(process, "epoch 1 of" if rng.random() < 0.7 else "mnist:")
    time.sleep(rng.random() * 0.3)
    process.kill()
    told += process.communicate(timeout=TIMEOUT)[0]
    return max((int(number) for number in re.findall(r"^epoch (\d+) of .*/s$", told, re.MULTILINE)), default=0)


@posix
@pytest.mark.timeout(60 + 30 * KILLS)
def test_killed_trainings_lose_nothing_that_was_told(images, tmp_path):
    rng, told = random.Random(int.from_bytes(os.urandom(4))), {}
    for kill in range(KILLS):
        run = tmp_path / f"run-{kill}"
        told[run] = _killed_at_random(images, tmp_path, run.name, rng)
        whole = {path.name for path in run.iterdir() if not path.name.startswith(".gpuconv-")}
        assert whole <= {"metrics.json", "model.safetensors"}
        assert not told[run] or epochs_of(run) >= told[run]
    last = train(images, tmp_path, "--out", "last", capture_output=True)
    assert last.returncode == 0, last.stderr
    # drafts and markers are gone, and folders that held nothing else
    for run, epochs in told.items():
        assert not epochs or epochs_of(run) >= epochs
        assert not run.exists() or {path.name for path in run.iterdir()} <= {"metrics.json", "model.safetensors"}
        assert not run.exists() or any(run.iterdir())
