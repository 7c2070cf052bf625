"""Results follow an edit of the kernels' sources in a fresh process, which compiles only what the edit reaches."""

import os

import pytest

from tests.core.cache.installed_copy import InstalledCopy

LEAKY, ADD = "gpuconv.leaky_relu(x, 0.25)", "gpuconv.add(x, x)"
LOAD = "bool(__import__('gpuconv.kernels.activation.cpu'))"
FORMULA, TEXT = "kernels/core/scalar.py", "else slope * x\n"
"""Where the formula of leaky_relu stands, and what the tests edit of it."""

EMULATED = """
import json
from numba import float32, int32, types
from gpuconv.emulator.source import compile_ptx
from gpuconv.kernels.activation.cuda import FORWARD

signature = types.void(float32[::1], float32[::1], int32, float32)
ptx = compile_ptx(FORWARD["leaky_relu"], signature, (8, 0))
print(json.dumps({"products": ptx.count("mul.f32") + ptx.count("mul.rn.f32")}))
"""
"""Counts the multiplications of a kernel that the emulated device runs."""

CUDA_ENTRIES = """
import json, sys
from types import SimpleNamespace
from gpuconv.kernels.cuda import launch
from gpuconv.kernels.activation import cuda as activation
from gpuconv.kernels.join import cuda as join

codegen = SimpleNamespace(magic_tuple=lambda: (13, (9, 0)))
target = SimpleNamespace(codegen=lambda: codegen, refresh=lambda: None)
found = {}
for name, kernel in (("leaky_relu", activation.FORWARD["leaky_relu"]), ("add", join.add_kernel)):
    cache = kernel._cache
    cache._impl.reduce = cache._impl.check_cachable = lambda compiled: compiled.code
    cache._impl.rebuild = lambda target, code: code
    found[name] = cache.load_overload("signature", target)
    cache.save_overload("signature", SimpleNamespace(codegen=codegen, code=sys.argv[1]))
print(json.dumps(found))
"""
"""Loads entries of two CUDA kernels, then saves a text in place of machine code: there is no driver to compile for."""


@pytest.fixture
def copy(tmp_path):
    return InstalledCopy(tmp_path)


def named(kernels):
    return {name.rpartition(".")[2] for name in kernels}


@pytest.mark.quick
def test_an_edited_formula_recompiles_what_inlines_it_alone(copy):
    first = copy.run(LEAKY, ADD)
    assert first["values"] == [[-0.25, 2], [-2, 4]]
    assert named(first["misses"]) == {"leaky_relu", "_add"}

    copy.edit(FORMULA, TEXT, "else slope * slope * x\n")
    edited = copy.run(LEAKY, ADD)
    assert edited["values"] == [[-0.0625, 2], [-2, 4]]
    assert named(edited["misses"]) == {"leaky_relu"}
    assert named(edited["hits"]) == {"_add"}

    again = copy.run(LEAKY, ADD)
    assert again["values"] == edited["values"]
    assert again["misses"] == []


def test_stale_entries_are_replaced(copy):
    copy.run(LEAKY)
    entries, said = copy.entries(), TEXT
    for slope_scale in (2, 3):
        edited = f"else slope * {slope_scale} * x\n"
        copy.edit(FORMULA, said, edited)
        copy.edit("kernels/activation/cpu.py", "\n\n\ndef ", "\n\n\n\ndef ")
        said = edited
        assert copy.run(LEAKY)["values"] == [[-0.25 * slope_scale, 2]]
        assert copy.entries() == entries


def test_times_and_sizes_of_sources_do_not_count(copy):
    """Installers and version control keep times; without bytecode files Python reads the sources as they are."""
    assert copy.run(LEAKY, PYTHONDONTWRITEBYTECODE="1")["values"] == [[-0.25, 2]]
    edit_in_secret(copy)
    assert copy.run(LEAKY, PYTHONDONTWRITEBYTECODE="1")["values"] == [[-0.75, 2]]


def test_code_of_stale_bytecode_is_not_kept_for_the_source(copy):
    """Python itself runs an old bytecode file whose time and size still match; what it computed must not remain."""
    copy.run(LOAD)
    edit_in_secret(copy)
    assert copy.run(LEAKY)["values"] == [[-0.25, 2]]
    for file in copy.path("kernels/core/__pycache__").glob("*.pyc"):
        file.unlink()
    assert copy.run(LEAKY)["values"] == [[-0.75, 2]]


def edit_in_secret(copy):
    """Edit the formula and give its file the same size and times."""
    path = copy.path(FORMULA)
    status = path.stat()
    copy.edit(FORMULA, TEXT, "else slope + x\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size


def test_a_source_edited_after_its_import_is_not_taken_for_what_ran(copy):
    late = "(__import__('pathlib').Path(gpuconv.kernels.__file__).with_name('core').joinpath('scalar.py'))"
    edit = f"[{late}.write_text({late}.read_text().replace({TEXT!r}, 'else slope * slope * x\\n')), 1][1]"
    assert copy.run(LOAD, edit, LEAKY)["values"][2] == [-0.25, 2]
    assert copy.run(LEAKY)["values"] == [[-0.0625, 2]]


def test_an_edited_emitter_recompiles_what_it_writes(copy):
    """The micro-kernel's multiply-addition, which matrix products of some size are made of."""
    calls = "gpuconv.linear(np.ones((16, 4)), np.ones((32, 4)))[0, 0]", "gpuconv.dropout(x, seed=0)"
    assert copy.run(*calls)["values"][0] == 4
    copy.edit("kernels/cpu/emitter.py", "return self.builder.call(function, [a, b, c])",
              "return self.builder.call(function, [self.builder.fadd(a, a), b, c])")  # fmt: skip
    edited = copy.run(*calls)
    assert edited["values"][0] == 8
    assert "_dropout" in named(edited["hits"])


def test_the_emulated_device_follows_an_edit(copy):
    first = copy.run(program=EMULATED)
    copy.edit(FORMULA, TEXT, "else slope * x * x\n")
    second = copy.run(program=EMULATED)
    assert second["products"] == 2 * first["products"] > 0
    assert len(list(copy.folder.rglob("emulated.*"))) == 2


def test_cuda_entries_follow_an_edit(copy):
    assert copy.run("first", program=CUDA_ENTRIES) == {"leaky_relu": None, "add": None, "said": ""}
    assert copy.run("second", program=CUDA_ENTRIES) == {"leaky_relu": "first", "add": "first", "said": ""}
    copy.edit(FORMULA, TEXT, "else slope * slope * x\n")
    assert copy.run("third", program=CUDA_ENTRIES) == {"leaky_relu": None, "add": "second", "said": ""}
    copy.edit("kernels/cuda/ptx.py", "VECTOR_BYTES = 16\n", "VECTOR_BYTES = 8 + 8\n")
    assert copy.run("fourth", program=CUDA_ENTRIES) == {"leaky_relu": None, "add": None, "said": ""}
