"""IDX files: right ones are read, wrong ones are one line."""

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from gpuconv.training import DataError, mnist_folder, read_idx


def idx(array, kind=0x08):
    """The bytes of an IDX file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_mnist(folder, *, compressed=False, count=60, size=8, classes=10):
    """A small folder of IDX files."""
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    for split, images in (("train", count), ("t10k", count // 2)):
        labels = np.arange(images) % classes
        pixels = rng.integers(0, 256, (images, size, size))
        for name, array in ((f"{split}-images-idx3-ubyte", pixels), (f"{split}-labels-idx1-ubyte", labels)):
            data = idx(array)
            (folder / (name + ".gz" * compressed)).write_bytes(gzip.compress(data) if compressed else data)
    return folder


@pytest.mark.parametrize("compressed", [False, True])
def test_a_folder_is_read(tmp_path, compressed):
    data = mnist_folder(write_mnist(tmp_path / "mnist", compressed=compressed))
    assert data.train_images.shape == (60, 1, 8, 8)
    assert data.test_labels.tolist() == [i % 10 for i in range(30)]
    assert data.classes == 10
    assert data.name == "mnist"


IMAGES = np.arange(2 * 3 * 3).reshape(2, 3, 3)
DAMAGED = {
    "empty": (b"", "not an IDX file .it starts with nothing"),
    "another file": (b"\x89PNG\r\n", "not an IDX file .it starts with 89504e47"),
    "floats": (idx(IMAGES, 0x0D), "IDX type is 0x0d, expected 0x08"),
    "labels": (idx(IMAGES[0, 0]), "1 dimensions, expected 3 for images"),
    "header cut": (idx(IMAGES)[:9], "truncated in its header, at byte 9"),
    "data cut": (idx(IMAGES)[:-1], "18 bytes of data expected by its header, only 17 found"),
    "data added": (idx(IMAGES) + b"x", "18 bytes of data expected by its header, more found"),
    "absurd size": (struct.pack(">BBBB3I", 0, 0, 8, 3, *[2**32 - 1] * 3), "claims .* bytes of data"),
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("compressed", [False, True])
def test_damage_is_named(name, compressed, tmp_path):
    data, message = DAMAGED[name]
    path = tmp_path / ("file.gz" if compressed else "file")
    path.write_bytes(gzip.compress(data) if compressed else data)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [5, 30])
def test_damaged_compression_is_named(cut, tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(idx(IMAGES))[:cut])
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(path, 3)
    flipped = bytearray(gzip.compress(idx(IMAGES)))
    flipped[-6] ^= 0xFF
    path.write_bytes(bytes(flipped))
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(path, 3)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "t10k-labels-idx1-ubyte").unlink(), "no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz"),
        (
            lambda f: (f / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(3))),
            "60 train images, but 3 train labels",
        ),
        (lambda f: (f / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((30, 4, 4)))), "differ in size"),
        (lambda f: (f / "t10k-labels-idx1-ubyte").write_bytes(idx(np.full(30, 77))), "test label 77 does not occur"),
        (
            lambda f: (f / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(60) % 10 + 200 * (np.arange(60) == 7))),
            "train labels go from 0 to 207, but no image has label 10",
        ),
        (lambda f: (f / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((0, 8, 8)))), "0 train images, but 60"),
        (lambda f: (f / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((60, 0, 8)))), "images are empty"),
    ],
)
def test_a_folder_that_does_not_fit_together_is_named(break_it, message, tmp_path):
    folder = write_mnist(tmp_path / "mnist")
    break_it(folder)
    with pytest.raises(DataError, match=message):
        mnist_folder(folder)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_false_size_costs_no_memory(compressed, tmp_path):
    data = struct.pack(">BBBB3I", 0, 0, 8, 3, 1 << 12, 1 << 10, 1 << 10) + b"few"
    path = tmp_path / ("file.gz" if compressed else "file")
    path.write_bytes(gzip.compress(data) if compressed else data)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="4294967296 bytes of data expected by its header, only 3 found"):
            read_idx(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()


def test_the_present_folder_has_a_name_too(tmp_path, monkeypatch):
    monkeypatch.chdir(write_mnist(tmp_path / "fashion"))
    assert mnist_folder(Path()).name == "fashion"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="nothing: no such folder"):
        mnist_folder(tmp_path / "nothing")
