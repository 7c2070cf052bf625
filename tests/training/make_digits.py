"""Write gpuconv/training/digits.npz from scikit-learn's copy of the UCI digits.

The split is the one that gpuconv always had: scikit-learn's stratified shuffle, every fifth picture of each class for
the test. Run where scikit-learn is installed, from the repository's root: python -m tests.training.make_digits
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

TARGET = Path(__file__).parents[2] / "gpuconv" / "training" / "digits.npz"


def split_digits():
    """The pictures, whole numbers from 0 to 16, and their labels, as digits.npz names them."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 1, 8, 8).astype(np.uint8)
    arrays = train_test_split(images, labels.astype(np.uint8), test_size=0.2, random_state=0, stratify=labels)
    return dict(zip(("train_images", "test_images", "train_labels", "test_labels"), arrays, strict=True))


if __name__ == "__main__":
    np.savez_compressed(TARGET, **split_digits())
