"""Run folders: made before training, whole at any time, and nowhere lost."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from safetensors.numpy import load_file

from gpuconv import nn
from gpuconv.training import Epoch, leftovers, plots, run_folder
from gpuconv.training.run_folder import Outcome, RunFolder, new_folder, next_folder

FILES = {"metrics.json", "model.safetensors", "curves.png", "filters.png", "confusion.png"}
ROWS = [Epoch(number, 1 / number, 0.5, 1 / number, 0.25 * number, 0.5, 100.0) for number in (1, 2)]


def model():
    return nn.Sequential(nn.Conv2d(1, 4, 3, seed=0), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3, seed=1))


def outcome(rows=ROWS):
    labels, w = np.array([0, 1, 2, 1]), np.ones((4, 1, 3, 3))
    return Outcome(rows, model(), labels, np.array([0, 1, 1, 1]), 3, (w * 0, w), 1.5, "cpu", 3)


def names(folder):
    return {path.name for path in folder.iterdir()}


def save(run, rows=ROWS):
    run.save_epoch(rows, model(), 1.5, "cpu", 3)


def test_a_run_folder_is_whole(tmp_path):
    with RunFolder(new_folder(tmp_path / "run")) as run:
        run.finish(outcome())
    folder = tmp_path / "run"
    assert names(folder) == FILES
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics) == {"epochs", "test_accuracy", "seconds", "images_per_second", "device", "seed"}
    assert (metrics["device"], metrics["seed"], metrics["seconds"], metrics["test_accuracy"]) == ("cpu", 3, 1.5, 0.75)
    assert metrics["epochs"] == [row._asdict() for row in ROWS]
    assert metrics["images_per_second"] == 100
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in FILES if name.endswith("png"))
    loaded = model()
    loaded.load_state_dict(load_file(folder / "model.safetensors"))


def test_an_epoch_is_on_disk_when_it_is_saved(tmp_path):
    with RunFolder(new_folder(tmp_path / "run")) as run:
        for count in (1, 2):
            save(run, ROWS[:count])
            assert run.epochs == count
            metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
            assert len(metrics["epochs"]) == count
            assert metrics["test_accuracy"] == 0.25 * count
            state = load_file(tmp_path / "run" / "model.safetensors")
            assert all(np.array_equal(state[name], a) for name, a in model().state_dict().items())
    assert names(tmp_path / "run") == {"metrics.json", "model.safetensors"}


def test_strides_are_no_matter_for_a_file(tmp_path):
    """Whatever a module holds: here, behind the back of Parameter."""
    network = nn.Sequential(nn.Linear(3, 4, seed=0))
    expected = network[0].weight.data.copy()
    vars(network[0].weight)["data"] = np.asfortranarray(expected)
    with RunFolder(new_folder(tmp_path / "run")) as run:
        run.save_epoch(ROWS, network, 1.0, "cpu", 0)
    assert np.array_equal(load_file(tmp_path / "run" / "model.safetensors")["0.weight"], expected)


def test_a_folder_that_holds_nothing_is_removed(tmp_path):
    with RunFolder(new_folder(tmp_path / "run")):
        assert names(tmp_path / "run") == {leftovers.MARKER}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_a_run_folder_is_never_overwritten(tmp_path, kind):
    path = tmp_path / "run"
    {"folder": path.mkdir, "file": path.touch, "link": lambda: path.symlink_to("nowhere")}[kind]()
    with pytest.raises(FileExistsError, match="run exists; choose another with --out, or remove it"):
        new_folder(path)


def test_folders_asked_for_at_once_are_all_different(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        folders = list(pool.map(lambda _: next_folder(tmp_path / "runs", "digits"), range(64)))
    assert {folder.name for folder in folders} == {f"digits-{number}" for number in range(1, 65)}


@pytest.mark.parametrize("name", ["y" * 250, "y" * 255, "ü" * 127, ":tada:", "exp[v2]", "a\nb"])
def test_any_name_of_a_file_system_makes_a_folder(tmp_path, name):
    with RunFolder(next_folder(tmp_path, name)) as run:
        save(run)
    (folder,) = tmp_path.iterdir()
    assert folder.name.endswith("-1")
    assert name.startswith(folder.name[:-2])
    assert names(folder) == {"metrics.json", "model.safetensors"}


def test_a_full_disk_moves_the_whole_run(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(run_folder.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    plain = leftovers.replace

    def full(path, content, **options):
        if path.parent == tmp_path / "run" and path.name == "filters.png":
            raise OSError(28, "No space left on device")
        plain(path, content, **options)

    monkeypatch.setattr(leftovers, "replace", full)
    with RunFolder(new_folder(tmp_path / "run")) as run:
        save(run)
        assert run.moved is None
        run.finish(outcome())
    assert run.moved.errno == 28
    assert run.path.parent == tmp_path / "tmp"
    assert names(run.path) == FILES
    assert names(tmp_path / "run") >= {"metrics.json", "model.safetensors"}


def test_a_folder_that_vanishes_moves_the_run(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(run_folder.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    monkeypatch.chdir(new_folder(tmp_path / "here"))
    with RunFolder(next_folder(run_folder.Path("runs"), "a")) as run:
        save(run, ROWS[:1])
        shutil.rmtree(tmp_path / "here")
        run.finish(outcome())
    assert names(run.path) == FILES
    assert not (tmp_path / "here").exists()


def test_where_no_place_is_left_the_folder_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "_other_places", lambda: [str(tmp_path / "nowhere")])
    plain = leftovers.replace
    with RunFolder(new_folder(tmp_path / "run")) as run:
        monkeypatch.setattr(leftovers, "replace", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match="No space left"):
            save(run, ROWS[:1])
        assert run.epochs == 0
        monkeypatch.setattr(leftovers, "replace", plain)
        save(run)
    assert (run.moved, run.epochs) == (None, 2)
    assert names(tmp_path / "run") == {"metrics.json", "model.safetensors"}


def test_a_failed_write_keeps_the_former_content(tmp_path):
    path = tmp_path / "file"
    leftovers.replace(path, b"former")
    with pytest.raises(TypeError):
        leftovers.replace(path, None)
    assert path.read_bytes() == b"former"
    assert names(tmp_path) == {"file"}


KILLED = """
import os, pathlib, sys
from gpuconv.training import leftovers
for name in ("empty", "saved"):
    folder = pathlib.Path(name)
    folder.mkdir()
    vars()[name] = leftovers.Claim(folder)
    (folder / (leftovers.DRAFT + "-model.safetensors")).write_bytes(b"half")
pathlib.Path("saved/metrics.json").write_text("{}")
os._exit(9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="locks of folders are POSIX's")
def test_what_a_killed_process_left_is_recognized(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "draft").touch()
    assert names(tmp_path) == {"empty", "saved", "theirs"}
    with RunFolder(new_folder(tmp_path / "mine")) as mine:
        save(mine)
        (mine.path / f"{leftovers.DRAFT}-metrics.json").touch()
        next_folder(tmp_path, "next")  # another training begins: what is in use stays
        assert leftovers.MARKER in names(mine.path)
        assert f"{leftovers.DRAFT}-metrics.json" in names(mine.path)
    assert names(tmp_path) == {"saved", "theirs", "mine", "next-1"}
    assert names(tmp_path / "saved") == {"metrics.json"}
    assert names(tmp_path / "mine") == {"metrics.json", "model.safetensors"}


def test_a_class_alone_is_plotted_without_a_warning():
    """Its losses are 0, which a logarithmic axis cannot show."""
    rows = [row._replace(train_loss=0.0, test_loss=0.0, test_accuracy=1.0) for row in ROWS]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = [
            plots.curves(rows),
            plots.curves(rows[:1]),
            plots.curves([rows[0], ROWS[1]]),
            plots.filters(np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1, 1))),
            plots.confusion(np.zeros(1, int), np.zeros(1, int), 1),
        ]
    assert all(image.startswith(b"\x89PNG") for image in images)


def test_a_parent_that_cannot_be_made_is_an_error_before_training(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        new_folder(tmp_path / "file" / "run")
    if os.name == "posix":
        with pytest.raises(OSError, match="too long"):
            new_folder(tmp_path / ("y" * 256))
    assert names(tmp_path) == {"file"}
