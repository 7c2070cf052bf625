"""What an algorithm that loses digits beside an outlier owes the images that have none."""

import numpy as np


def assert_an_outlier_costs_other_images_nothing(run, x, w, algorithm, value, position):
    """A value at a position of image 1, in every channel: it is computed directly, the others keep their bits.

    run(x, w, algorithm) is a pass; x has three images.
    """
    ordinary = run(x, w, algorithm)
    x[(1, slice(None), *position)] = value
    y, direct = run(x, w, algorithm), run(x, w, "direct")
    np.testing.assert_array_equal(y[1], direct[1])
    for image in (0, 2):
        np.testing.assert_array_equal(y[image], ordinary[image])
