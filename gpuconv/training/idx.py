"""The IDX files of MNIST and its relatives, plain or compressed; every field is checked.

Format: two zero bytes, a type code, the number of dimensions, each dimension as a big-endian uint32, then the elements.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .checks import DataError, missing_label
from .data import Dataset
from .images import ByteImages, byte_statistics

UNSIGNED_BYTE = 0x08
MAX_BYTES = 1 << 32
"""A header that claims more is taken for damage."""
CHUNK_BYTES = 1 << 24

FILES = {
    "train_images": ("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
    "train_labels": ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
    "test_images": ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
    "test_labels": ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
}


def mnist_folder(folder: Path) -> Dataset:
    """Read training and test images and labels from a folder of IDX files with MNIST's names, plain or .gz.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Dataset
        Its images stay bytes and are standardized where they are read, to float32: an index or a slice of them is an
        array, as `data.train_images[:64]`.

    Raises
    ------
    DataError
        If a file is missing, damaged, truncated or of another kind, or images and labels do not match.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gpuconv.training import mnist_folder
    >>> data = mnist_folder(Path("mnist"))  # doctest: +SKIP
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    arrays = {part: _read_part(folder, part, names) for part, names in FILES.items()}
    for split in ("train", "test"):
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        if len(images) != len(labels):
            raise DataError(f"{folder}: {len(images)} {split} images, but {len(labels)} {split} labels")
        if images.size == 0:
            raise DataError(f"{folder}: the {split} images are empty, shape {images.shape}")
    if arrays["train_images"].shape[1:] != arrays["test_images"].shape[1:]:
        shapes = " and ".join(str(arrays[f"{split}_images"].shape[1:]) for split in ("train", "test"))
        raise DataError(f"{folder}: training and test images differ in size, {shapes}")
    train_labels, test_labels = (arrays[f"{split}_labels"] for split in ("train", "test"))
    if gap := missing_label(train_labels):
        raise DataError(f"{folder}: train labels go from {gap[0]} to {gap[1]}, but no image has label {gap[2]}")
    if (unknown := np.setdiff1d(test_labels, train_labels)).size:
        raise DataError(f"{folder}: test label {unknown[0]} does not occur in training")
    pixels = [arrays[f"{split}_images"][:, None] for split in ("train", "test")]
    mean, deviation = byte_statistics(pixels[0])
    train, test = (ByteImages(one, mean, deviation) for one in pixels)
    return Dataset(_name_of(folder), train, train_labels, test, test_labels, int(train_labels.max()) + 1)


def _name_of(folder: Path) -> str:
    """The folder's name, as text that can be printed and encoded."""
    return folder.resolve().name.encode(errors="replace").decode() or "data"


def read_idx(path: Path, rank: int) -> np.ndarray[Any, Any]:
    """Read the array of unsigned bytes in an IDX file.

    Parameters
    ----------
    path : Path
        Compressed if its name ends in .gz.
    rank : int
        Dimensions expected: 3 for images, 1 for labels.

    Returns
    -------
    array of uint8

    Raises
    ------
    DataError
        If the file cannot be read, is damaged, truncated, longer than its header says, or of another kind.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from gpuconv.training import read_idx
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "labels"
    >>> size = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 3]))
    >>> read_idx(path, 1)
    array([7, 3], dtype=uint8)
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return _parse(path, stream, rank)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _parse(path: Path, stream: BinaryIO, rank: int) -> np.ndarray[Any, Any]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise DataError(f"{path}: not an IDX file (it starts with {magic.hex() or 'nothing'}, expected 0000)")
    if magic[2] != UNSIGNED_BYTE:
        raise DataError(f"{path}: IDX type is 0x{magic[2]:02x}, expected 0x08 (unsigned bytes)")
    if magic[3] != rank:
        raise DataError(f"{path}: {magic[3]} dimensions, expected {rank} for {'images' if rank == 3 else 'labels'}")
    header = stream.read(4 * rank)
    if len(header) < 4 * rank:
        raise DataError(f"{path}: truncated in its header, at byte {4 + len(header)}")
    shape = struct.unpack(f">{rank}I", header)
    size = math.prod(shape)
    if size > MAX_BYTES:
        raise DataError(f"{path}: claims {size} bytes of data, shape {shape}")
    data = _at_most(stream, size + 1)
    if len(data) != size:
        found = f"only {len(data)}" if len(data) < size else "more"
        raise DataError(f"{path}: {size} bytes of data expected by its header, {found} found")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _at_most(stream: BinaryIO, size: int) -> bytearray:
    """Read up to `size` bytes in chunks, so that a false header costs no more memory than the file has data."""
    data = bytearray()
    while len(data) < size and (piece := stream.read(min(CHUNK_BYTES, size - len(data)))):
        data += piece
    return data


def _read_part(folder: Path, part: str, names: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Read the first of the usual names that exists."""
    candidates = [folder / (name + suffix) for name in names for suffix in ("", ".gz")]
    for path in candidates:
        if path.is_file():
            return read_idx(path, 3 if part.endswith("images") else 1)
    raise DataError(f"{folder}: no {names[0]} or {names[0]}.gz")
