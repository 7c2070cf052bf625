"""A dataset is checked where it is made, and where it is used again; loading takes little memory beside the file."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.training import DataError, Dataset, digits, evaluate, fit, mnist_folder, standardized
from gpuconv.training.images import ByteImages
from tests.training.test_data import idx, write_mnist

IMAGES, LABELS = np.arange(4 * 9.0, dtype=np.float32).reshape(4, 1, 3, 3), np.array([0, 1, 2, 1])
RIGHT = {
    "name": "few",
    "train_images": IMAGES,
    "train_labels": LABELS,
    "test_images": IMAGES[:2],
    "test_labels": LABELS[:2],
    "classes": 3,
}


def _with(value, index=(1, 0, 2, 1)):
    images = IMAGES.copy()
    images[index] = value
    return images


WRONG = {
    "one image too many": (
        {"train_labels": LABELS[:3]},
        "train_labels has 3 labels, expected 4, one for each image of",
    ),
    "one label too many": ({"test_images": IMAGES[:1]}, "test_labels has 2 labels, expected 1"),
    "a label below": ({"train_labels": LABELS - 1}, "train_labels has a label -1, expected at least 0"),
    "a label above": ({"test_labels": LABELS[1:3] + 1}, "test_labels has a label 3, expected 0 to 2 for 3 classes"),
    "255": ({"train_labels": np.array([0, 1, 2, 255], np.uint8)}, "train_labels has a label 255, expected 0 to 2"),
    "labels in rows": ({"train_labels": LABELS[:, None]}, r"train_labels has shape \(4, 1\), expected \(N,\)"),
    "no channels": ({"train_images": IMAGES[:, 0]}, r"train_images has shape \(4, 3, 3\), expected \(N, C, H, W\)"),
    "nothing to train on": (
        {"train_images": IMAGES[:0], "train_labels": LABELS[:0]},
        r"train_images has shape \(0, 1, 3",
    ),
    "nothing to test": (
        {"test_images": IMAGES[:0], "test_labels": LABELS[:0]},
        r"test_images has shape \(0, 1, 3, 3\)",
    ),
    "empty images": (
        {"test_images": IMAGES[:2, :, :0]},
        r"test_images has shape \(2, 1, 0, 3\), expected .* at least one",
    ),
    "another size": ({"test_images": IMAGES[:2, :, 1:]}, r"test_images are of size \(1, 2, 3\), expected \(1, 3, 3\)"),
    "NaN": ({"train_images": _with(np.nan)}, r"train_images\[1\] holds nan, at \(0, 2, 1\), expected finite values"),
    "infinity": ({"test_images": _with(-np.inf)[:2]}, r"test_images\[1\] holds -inf, at \(0, 2, 1\)"),
    "no classes": ({"classes": 0}, "classes is 0, expected at least 1"),
}
WRONG_KINDS = {
    "a list": ({"train_images": IMAGES.tolist()}, "train_images is a list, expected a NumPy array"),
    "None": ({"test_labels": None}, "test_labels is None, expected a NumPy array of integers"),
    "bytes": ({"train_images": IMAGES.astype(np.uint8)}, "train_images has dtype uint8, expected float32, float64"),
    "complex": ({"train_images": IMAGES.astype(complex)}, "train_images has dtype complex128, expected float32"),
    "floats for labels": ({"train_labels": LABELS * 1.0}, "train_labels has dtype float64, expected integers"),
    "bools for labels": ({"train_labels": LABELS > 0}, "train_labels has dtype bool, expected integers"),
    "two dtypes": ({"test_images": IMAGES[:2].astype(float)}, "test_images has dtype float64, expected float32"),
    "classes": ({"classes": 2.5}, "classes is 2.5, expected an integer"),
    "a name": ({"name": None}, "name is a NoneType, expected a str"),
}


def _both_ways(change):
    yield lambda: Dataset(**{**RIGHT, **change})
    yield lambda: Dataset(**RIGHT)._replace(**change)


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_together_is_named(case):
    change, message = WRONG[case]
    for make in _both_ways(change):
        with pytest.raises(ValueError, match=f"Dataset: {message}"):
            make()


@pytest.mark.parametrize("case", WRONG_KINDS)
def test_what_is_of_another_kind_is_named(case):
    change, message = WRONG_KINDS[case]
    for make in _both_ways(change):
        with pytest.raises(TypeError, match=f"Dataset: {message}"):
            make()


def test_a_right_dataset_is_kept():
    data = Dataset(**{**RIGHT, "train_labels": LABELS.astype(np.uint8)})
    assert data.train_images is IMAGES
    assert data.train_labels.dtype == np.int64
    name, *_, classes = data
    assert (name, classes) == ("few", 3)
    again = pickle.loads(pickle.dumps(data))
    assert isinstance(again, Dataset)
    assert np.array_equal(again.test_images, IMAGES[:2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_labels": np.array([0, 1, 2, 255])}, "labels go from 0 to 255, but no image has label 3"),
        ({"train_labels": np.array([0, 1, 2, 255], np.uint8)}, "labels go from 0 to 255, but no image has label 3"),
        ({"train_labels": np.array([0, 2, 4, 4])}, "labels go from 0 to 4, but no image has label 3"),
        ({"train_labels": -LABELS}, "train_labels has a label -2, expected at least 0"),
        ({"train_images": _with(np.inf)}, r"train_images\[1\] holds inf"),
        ({"train_images": IMAGES[:3]}, "train_labels has 4 labels, expected 3"),
        ({"test_images": IMAGES[:0], "test_labels": LABELS[:0]}, "test_images has shape"),
    ],
)
def test_standardizing_checks_first(change, message):
    fields = {name: value for name, value in {**RIGHT, **change}.items() if name != "classes"}
    with pytest.raises(DataError, match=f"standardized: {message}"):
        standardized(**fields)


SCALES = [(kind, 100.0) for kind in (np.float32, np.float64, np.float16, np.uint8, np.int32)]
SCALES += [(np.float64, 1e-200), (np.float64, 1e200), (np.float64, 3e38), (np.float32, 3e38)]


@pytest.mark.parametrize(("dtype", "scale"), SCALES)
def test_standardizing_is_right_at_every_scale(dtype, scale):
    low = -1 if np.dtype(dtype).kind == "f" else 0
    images = (np.random.default_rng(0).uniform(low, 1, (50, 2, 5, 4)) * scale).astype(dtype)
    wide = images.astype(np.longdouble) / scale
    expected = (wide - wide.mean()) / wide.std()
    data = standardized("x", images, np.arange(50), images[:3], np.arange(3))
    assert data.train_images.dtype == np.float32
    assert np.abs(data.train_images - expected).max() < 1e-6
    assert np.array_equal(data.test_images, data.train_images[:3])


def _training(data, **options):
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 3, seed=0))
    optimizer = gpuconv.SGD(model.parameters(), 0.01)
    initial = model.state_dict()["1.weight"].copy()
    yield lambda: fit(model, nn.CrossEntropyLoss(), optimizer, data, **{"epochs": 1, "batch_size": 2, **options})
    assert np.array_equal(model.state_dict()["1.weight"], initial)


@pytest.mark.parametrize("field", ["train_images", "test_images"])
def test_images_that_were_spoiled_later_are_blamed_not_the_learning_rate(field):
    data = Dataset(**{**RIGHT, "train_images": IMAGES.copy(), "test_images": IMAGES.copy()[:2]})
    getattr(data, field)[0, 0, 0, 0] = np.nan
    for call in _training(data):
        with pytest.raises(ValueError, match=rf"{field}\[0\] holds nan"):
            call()


def test_labels_that_were_spoiled_later_are_refused():
    data = Dataset(**{**RIGHT, "train_labels": LABELS.copy()})
    data.train_labels[2] = -1
    for call in _training(data, one_hot=True):
        with pytest.raises(ValueError, match="train_labels has a label -1"):
            call()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 1.5}, TypeError, "fit: epochs is 1.5, expected an integer"),
        ({"batch_size": None}, TypeError, "fit: batch_size is None, expected an integer"),
        ({"largest_shift": -1}, ValueError, "fit: largest_shift is -1, expected at least 0"),
    ],
)
def test_options_of_another_kind_are_named(options, error, message):
    for call in _training(Dataset(**RIGHT), **options):
        with pytest.raises(error, match=message):
            call()


def test_only_a_dataset_is_trained_on():
    for call in _training(tuple(RIGHT.values())):
        with pytest.raises(TypeError, match="fit: data is a tuple, expected a Dataset"):
            call()


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[:0], LABELS[:0], "images has shape"),
        (IMAGES, LABELS[:3], "labels has 3 labels, expected 4, one for each image of images"),
        (IMAGES, LABELS - 1, "labels has a label -1, expected at least 0"),
        (IMAGES, LABELS + 1, "labels has a label 3, expected 0 to 2"),
        (_with(np.nan), LABELS, r"images\[1\] holds nan"),
    ],
)
def test_evaluation_checks_first(images, labels, message):
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 3, seed=0))
    with pytest.raises(ValueError, match=f"evaluate: {message}"):
        evaluate(model, nn.MSELoss(), images, labels, 3, one_hot=True)


def test_label_255_is_no_class_of_a_folder(tmp_path):
    folder = write_mnist(tmp_path / "mnist", classes=4)
    labels = np.arange(60) % 4
    labels[-1] = 255
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    with pytest.raises(DataError, match="train labels go from 0 to 255, but no image has label 4"):
        mnist_folder(folder)


def test_256_classes_are_legal(tmp_path):
    assert mnist_folder(write_mnist(tmp_path / "mnist", count=512, classes=256)).classes == 256


def test_byte_images_are_the_array_that_they_stand_for():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 1, 6, 5), np.uint8)
    expected = standardized("x", pixels, np.arange(20), pixels, np.arange(20)).train_images
    images = ByteImages(pixels, float(pixels.mean()), float(pixels.std()))
    assert (images.shape, images.ndim, images.size, len(images), images.dtype) == (
        (20, 1, 6, 5),
        4,
        600,
        20,
        np.float32,
    )
    for index in (slice(3, 9), np.array([5, 0, 5]), 3, (2, 0), slice(None), (1, 0, 2, 3)):
        assert images[index].dtype == np.float32
        np.testing.assert_allclose(images[index], expected[index], rtol=0, atol=3e-7)
    whole = np.asarray(images)
    assert np.array_equal(whole, images[:])
    assert images.mean() == whole.mean()
    assert images.transpose(1, 0, 2, 3).shape == (1, 20, 6, 5)
    assert np.array_equal(2 * images - images, whole)
    assert np.array_equal(np.maximum(images, 0), np.maximum(whole, 0))
    assert np.array_equal(pickle.loads(pickle.dumps(images))[:], whole)
    assert np.array_equal(gpuconv.to_device(images, "cpu"), whole)
    with pytest.raises(TypeError, match=r"x is a .*ByteImages, expected a NumPy or CuPy array; pass np.asarray\(x\)"):
        gpuconv.relu(images)


def test_a_folder_is_standardized_by_its_training_images(tmp_path):
    data = mnist_folder(write_mnist(tmp_path / "mnist"))
    assert abs(float(np.asarray(data.train_images, np.float64).mean())) < 1e-6
    assert abs(float(np.asarray(data.train_images, np.float64).std()) - 1) < 1e-6
    equal = write_mnist(tmp_path / "equal")
    (equal / "train-images-idx3-ubyte").write_bytes(idx(np.full((60, 8, 8), 7)))
    assert not np.asarray(mnist_folder(equal).train_images).any()


MEASURE = """
import sys, pathlib
import gpuconv.training as training
from gpuconv.training import checks, idx, images
import numpy as np; np.unique(np.zeros(3)); np.setdiff1d([1], [2]); np.bincount([1])
def kilobytes(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))
open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
baseline = kilobytes("VmRSS")
data = training.mnist_folder(pathlib.Path(sys.argv[1]))
print((kilobytes("VmHWM") - baseline) * 1024)
assert data.train_images.shape[0] == 50000
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self")
@pytest.mark.parametrize("side", [8, 28])
def test_loading_takes_at_most_three_times_the_file(tmp_path, side):
    folder = write_mnist(tmp_path / "mnist", count=50_000, size=side)
    size = sum(path.stat().st_size for path in folder.iterdir())
    run = subprocess.run([sys.executable, "-c", MEASURE, folder], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 3 * size + (4 << 20), (int(run.stdout) / size, size)


def test_the_digits_are_a_dataset():
    assert isinstance(digits(), Dataset)
