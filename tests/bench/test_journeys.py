"""A reader follows a call through few files: the journeys of `gpuconv.bench.journeys` keep their limits."""

import json
import subprocess
import sys

import pytest

from gpuconv.bench import journeys


@pytest.fixture(scope="module")
def traced():
    """The steps of each journey, from a process of its own: poisoned memory would be a detour."""
    code = """if True:
        import json
        from gpuconv.bench.journeys import JOURNEYS
        print(json.dumps({name: journey() for name, journey in JOURNEYS.items()}))
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    steps = json.loads(run.stdout.splitlines()[-1])
    return {name: [journeys.Step(*step) for step in found] for name, found in steps.items()}


@pytest.mark.parametrize("name", journeys.JOURNEYS)
def test_a_journey_goes_through_few_files(traced, name):
    files = journeys.files_of(traced[name])
    assert 3 < len(files) <= journeys.LIMITS[name], files
    assert len(traced[name]) <= journeys.CALLS.get(name, len(traced[name]))


def test_conv2d_ends_in_the_kernel_of_its_algorithm(traced):
    files = journeys.files_of(traced["conv2d"])
    assert files[0] == "gpuconv/conv/functional.py"
    assert "kernels/conv/cpu/direct.py" in files


def test_the_weight_gradient_on_the_emulated_device_ends_in_a_cuda_kernel(traced):
    assert any(file.startswith("kernels/conv/cuda/") for file in journeys.files_of(traced["weight_grad"]))


def test_a_journey_never_goes_up_again(traced):
    """Kernels call nothing above them: after the first kernel no file of gpuconv/ is opened for the first time."""
    below = [file.startswith("kernels/") for file in journeys.files_of(traced["conv2d"])]
    assert below == sorted(below)
