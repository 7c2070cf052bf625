"""Machine code of the convolution's tiles: registers, spills and the share of the main loop that multiplies."""

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

from gpuconv.bench import launches, sass

if reason := sass.missing():
    pytest.skip(reason, allow_module_level=True)

# Least share of FFMA in the main loop; `python -m gpuconv.bench.sass` prints all tiles.
SHARES = {
    "conv2d_fprop_implicit_gemm_128x128": 0.84,
    "conv2d_fprop_implicit_gemm_128x128_ragged": 0.82,
    "conv2d_fprop_implicit_gemm_64x64": 0.80,
    "conv2d_wgrad_implicit_gemm_128x128": 0.80,
    "conv2d_wgrad_implicit_gemm_64x64": 0.73,
}
KERNELS = {instance.name: (instance.kernel, instance.signature) for instance in launches.convolution_tiles()}
REGISTERS = 65536


@pytest.mark.parametrize("architecture", [(8, 0), (9, 0)], ids=["sm_80", "sm_90"])
@pytest.mark.parametrize("name", SHARES)
def test_a_tile_multiplies_most_of_the_time_and_spills_nothing(name, architecture):
    kernel, signature = KERNELS[name]
    code = sass.assemble(kernel, signature, architecture)
    threads, resident = kernel.targetoptions["launch_bounds"]
    assert code.spilled == 0
    assert code.registers * threads * resident <= REGISTERS
    assert threads * resident >= 384
    assert not any(code.all[unwanted] for unwanted in ("LDL", "STL", "DFMA", "DADD", "DMUL", "ATOM", "RED"))
    assert code.loop["FFMA"] == 512
    assert code.share("FFMA") >= SHARES[name]
