"""Every CUDA kernel compiled without a GPU, as the operations launch it: to PTX, and to machine code."""

import re

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

from gpuconv.bench import launches, sass, sass_limits

ARCHITECTURES = ((7, 5), (8, 0), (9, 0), (10, 0))
ASSEMBLED = {"float32": ((8, 0), (9, 0)), "float64": ((8, 0),)}
"""Architectures of the machine code; the PTX of float64 kernels is that of the same."""
FAMILIES = ("activation", "conv", "cuda", "dropout", "join", "linear", "loss", "norm", "optim", "pool", "resample")
UNWANTED = {"float32": (r"\.f64", r"\batom\.", r"\bred\.", r"\.local"), "float64": (r"\batom\.",)}
"""In the PTX of each dtype's kernels."""


@pytest.fixture(scope="module")
def instances():
    """{(dtype, family): its Instances} of all that the operations launch."""
    found, seen = launches.every_instance()
    missed = {name for identity, name in launches.every_kernel().items() if identity not in seen}
    assert missed == set(), "kernels that no operation here launches"
    families = {}
    for instance in found:
        family = instance.kernel.py_func.__module__.removeprefix("gpuconv.kernels.").split(".")[0]
        families.setdefault((instance.dtype, family), []).append(instance)
    assert {family for _, family in families} == set(FAMILIES)
    return families


@pytest.mark.parametrize("dtype", ASSEMBLED)
@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_compile_without_atomics_and_keep_to_their_registers(family, dtype, instances):
    """float32 kernels without float64 or local memory either; none spills. Together, as most of it is compilation."""
    faults, architectures = [], ARCHITECTURES if dtype == "float32" else ASSEMBLED[dtype]
    for instance in instances[dtype, family]:
        for architecture in architectures:
            ptx = sass.ptx_of(instance.kernel, instance.signature, architecture, architectures)
            assert ".target sm_{}{}".format(*architecture) in ptx
            code = re.sub(r"//[^\n]*", "", ptx)
            for unwanted in UNWANTED[dtype]:
                found = re.search(rf"[^\n]*{unwanted}[^\n]*", code)
                assert found is None, f"{instance.name}: {found.group()}"
            if architecture in ASSEMBLED[dtype] and not sass.missing():
                faults += sass_limits.faults(instance, sass.assemble_ptx(ptx, architecture), architecture)
    assert faults == []


@pytest.mark.skipif(bool(sass.missing()), reason=str(sass.missing()))
def test_machine_code_is_looked_at():
    """Skipped where it is not: the assembler's wheels are not installed."""
    assert sass.TOOLS.joinpath("ptxas").is_file()
