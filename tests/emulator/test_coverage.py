"""An audit: every operation that the emulator translates stands in a test of instructions."""

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
ELSEWHERE = {
    "bar_result": "the second half of bar.red, which `flow` splits (test_warps)",
    "cp": "faulty_ptx: copies that land at their wait, and nine ways to wait wrongly",
}


def _texts():
    """Every string of the instruction tests but prose, the fixed parts of f-strings too."""
    for name in FILES:
        tree = ast.parse(Path(__file__).with_name(f"test_{name}.py").read_text())
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                yield node.value


def test_every_operation_is_tested():
    texts = list(_texts())
    words = {word for text in texts for word in text.split() if word.isidentifier()}
    instructions = {match for text in texts for match in re.findall(r"(?:^|[\s;@}])([a-z][a-z0-9_]*)(?=[.;])", text)}
    instructions |= {match for text in texts for match in re.findall(r"(?:^|[\s;])([a-z][a-z0-9_]*) ", text)}
    untested = set(TABLE) - instructions - words - set(ELSEWHERE)
    assert not untested, f"no instruction test has {', '.join(sorted(untested))}"


def test_what_is_not_translated_is_named_with_its_line():
    lines = "ts: .branchtargets L; brx.idx %r1, ts; L:".split("; ")
    text = "\n".join([HEAD, *(f"{line};" if not line.endswith(":") else line for line in lines), "ret; }"])
    with pytest.raises(emulator.EmulatorError, match=r"brx\.idx") as found:
        emulator.run_ptx(text, 1, 32)
    assert found.value.kind == "unsupported-instruction"
    assert "brx.idx" in text.splitlines()[found.value.place.ptx_line - 1]


def test_what_is_said_of_the_others_is_true():
    assert set(ELSEWHERE) <= set(TABLE)
    assert "cp.async" in Path(__file__).with_name("faulty_ptx.py").read_text()
