"""Every CUDA kernel compiled without a GPU, as the operations launch it: to PTX, and to machine code."""

import re

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

from gpuconv.bench import launches, sass, sass_limits

ARCHITECTURES = [(7, 5), (8, 0), (9, 0), (10, 0)]


def _name(architecture):
    return "sm_{}{}".format(*architecture)


@pytest.fixture(scope="module")
def instances():
    """{dtype: its Instances} of all that the operations launch."""
    found, seen = launches.every_instance()
    missed = {name for identity, name in launches.every_kernel().items() if identity not in seen}
    assert missed == set(), "kernels that no operation here launches"
    return {dtype: [i for i in found if i.dtype == dtype] for dtype in ("float32", "float64")}


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=_name)
def test_float32_kernels_compile_without_float64_atomics_or_local_memory(architecture, instances):
    assert len(instances["float32"]) >= 25
    for instance in instances["float32"]:
        ptx = sass.ptx_of(instance.kernel, instance.signature, architecture)
        assert f".target {_name(architecture)}" in ptx
        code = re.sub(r"//[^\n]*", "", ptx)
        for unwanted in (r"\.f64", r"\batom\.", r"\bred\.", r"\.local"):
            found = re.search(rf"[^\n]*{unwanted}[^\n]*", code)
            assert found is None, f"{instance.name}: {found.group()}"


def test_float64_kernels_compile(instances):
    for instance in instances["float64"]:
        assert "atom." not in sass.ptx_of(instance.kernel, instance.signature, (8, 0)), instance.name


@pytest.mark.skipif(bool(sass.missing()), reason=str(sass.missing()))
@pytest.mark.parametrize(
    ("dtype", "architecture"),
    [("float32", (8, 0)), ("float32", (9, 0)), ("float64", (8, 0))],
    ids=lambda value: value if isinstance(value, str) else _name(value),
)
def test_machine_code_spills_nothing_and_keeps_to_its_registers(dtype, architecture, instances):
    faults = []
    for instance in instances[dtype]:
        code = sass.assemble(instance.kernel, instance.signature, architecture)
        faults += sass_limits.faults(instance, code, architecture)
    assert faults == []
