"""Every operation that the emulator translates occurs in an instruction test."""

import ast
import re
from pathlib import Path

import pytest

from gpuconv import emulator
from gpuconv.emulator.translate.groups import TABLE

FILES = ("accesses", "conversions", "floats", "integers", "warps")
HEAD = """.version 8.0
.target sm_80
.address_size 64
.visible .entry kernel() { .reg .b32 %r<4>; mov.u32 %r1, 0;"""
TESTED_ELSEWHERE = {
    "bar_result": "second half of bar.red, which flow.py splits off (test_warps)",
    "vprintf": "the call of print, which flow.py makes an instruction (test_foreign)",
    "cp": "cp.async is tested by the kernels of faulty_ptx.py",
}


def _texts():
    """Strings of the instruction tests without docstrings, including the literal parts of f-strings."""
    for name in FILES:
        tree = ast.parse(Path(__file__).with_name(f"test_{name}.py").read_text())
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value


def test_every_operation_is_tested():
    texts = list(_texts())
    words = {word for text in texts for word in text.split() if word.isidentifier()}
    instructions = {match for text in texts for match in re.findall(r"(?:^|[\s;@}])([a-z][a-z0-9_]*)(?=[.;])", text)}
    instructions |= {match for text in texts for match in re.findall(r"(?:^|[\s;])([a-z][a-z0-9_]*) ", text)}
    untested = set(TABLE) - instructions - words - set(TESTED_ELSEWHERE)
    assert not untested, f"no instruction test has {', '.join(sorted(untested))}"


def test_an_unsupported_instruction_is_reported_with_its_line():
    lines = "ts: .branchtargets L; brx.idx %r1, ts; L:".split("; ")
    text = "\n".join([HEAD, *(f"{line};" if not line.endswith(":") else line for line in lines), "ret; }"])
    with pytest.raises(emulator.EmulatorError, match=r"brx\.idx") as found:
        emulator.run_ptx(text, 1, 32)
    assert found.value.kind == "unsupported-instruction"
    assert "brx.idx" in text.splitlines()[found.value.location.ptx_line - 1]


def test_operations_tested_elsewhere_exist():
    assert set(TESTED_ELSEWHERE) <= set(TABLE)
    assert "cp.async" in Path(__file__).with_name("faulty_ptx.py").read_text()
