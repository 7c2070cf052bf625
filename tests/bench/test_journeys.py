"""A reader follows a call through few files: the journeys of `gpuconv.bench.journeys` keep their limits."""

import pytest

from gpuconv.bench import journeys


@pytest.mark.parametrize("name", journeys.JOURNEYS)
def test_a_journey_goes_through_few_files(name):
    steps = journeys.JOURNEYS[name]()
    files = journeys.files_of(steps)
    assert 3 < len(files) <= journeys.LIMITS[name], files
    assert len(steps) <= journeys.CALLS.get(name, len(steps))


def test_conv2d_ends_in_the_kernel_of_its_algorithm():
    files = journeys.files_of(journeys.conv2d())
    assert files[0] == "gpuconv/conv/functional.py"
    assert "kernels/conv/cpu/direct.py" in files


def test_the_weight_gradient_on_the_emulated_device_ends_in_a_cuda_kernel():
    assert any(file.startswith("kernels/conv/cuda/") for file in journeys.files_of(journeys.weight_grad()))


def test_a_journey_never_goes_up_again():
    """Kernels call nothing above them: after the first kernel no file of gpuconv/ is opened for the first time."""
    files = journeys.files_of(journeys.conv2d())
    below = [file.startswith("kernels/") for file in files]
    assert below == sorted(below)
