"""Environment variables that keep kernels from running are named in a line, and empty ones count as not set."""

import pytest

from tests.core.cache.installed_copy import InstalledCopy

ADD = "gpuconv.add(x, x)"
LATE = {"program": "import gpuconv, numpy as np\ngpuconv.add(np.ones(2), np.ones(2))"}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return InstalledCopy(tmp_path_factory.mktemp("copy"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NUMBA_DISABLE_JIT", "1", "NUMBA_DISABLE_JIT=1 keeps Numba from compiling"),
        ("NUMBA_NUM_THREADS", "0", "NUMBA_NUM_THREADS=0"),
        ("NUMBA_NUM_THREADS", "-2", "NUMBA_NUM_THREADS=-2"),
        ("NUMBA_THREADING_LAYER", "fastest", "NUMBA_THREADING_LAYER=fastest"),
        ("NUMBA_THREADING_LAYER", "", "NUMBA_THREADING_LAYER="),
    ],
)
def test_what_keeps_kernels_from_running_is_named(copy, name, value, said):
    process = copy.start(**LATE, **{name: value})
    _, errors = process.communicate()
    assert process.returncode == 1
    last = errors.rstrip().rpartition("\n")[2]
    assert last.startswith("gpuconv.core.device.DeviceError: kernels of gpuconv cannot run: ")
    assert said in last


def test_a_threading_layer_that_is_not_installed_is_named(copy):
    process = copy.start(**LATE, NUMBA_THREADING_LAYER="tbb")
    _, errors = process.communicate()
    if process.returncode:
        assert "NUMBA_THREADING_LAYER=tbb: " in errors.rstrip().rpartition("\n")[2]


def test_info_names_it_too(copy):
    program = "from gpuconv.cli import info; info.run()"
    output, _ = copy.start(program=program, NUMBA_DISABLE_JIT="1", COLUMNS="200").communicate()
    assert "none: NUMBA_DISABLE_JIT=1 keeps Numba from compiling" in output


def test_a_layer_that_can_be_had_computes(copy):
    assert copy.run(ADD, NUMBA_THREADING_LAYER="workqueue")["values"] == [[-2, 4]]


def test_an_empty_device_is_none_that_was_named(copy):
    program = "import gpuconv, json; print(json.dumps({'device': gpuconv.device()}))"
    assert copy.run(program=program, GPUCONV_DEVICE="")["device"] in ("cpu", "cuda")
