"""An audit: every operation that the emulator translates stands in a test of instructions."""

import ast
import re
from pathlib import Path

from gpuconv.emulator.translate.groups import TABLE

FILES = ("accesses", "conversions", "floats", "integers", "warps")
ELSEWHERE = {
    "bar_result": "the second half of bar.red, which `flow` splits (test_warps)",
    "cp": "faulty_ptx: copies that land at their wait, and nine ways to wait wrongly",
}


def _texts():
    """Every string of the instruction tests, the fixed parts of f-strings too."""
    for name in FILES:
        tree = ast.parse(Path(__file__).with_name(f"test_{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_operation_is_tested():
    texts = list(_texts())
    words = {word for text in texts for word in text.split() if word.isidentifier()}
    instructions = {match for text in texts for match in re.findall(r"(?:^|[\s;@}])([a-z][a-z0-9_]*)(?=[.;])", text)}
    instructions |= {match for text in texts for match in re.findall(r"(?:^|[\s;])([a-z][a-z0-9_]*) ", text)}
    untested = set(TABLE) - instructions - words - set(ELSEWHERE)
    assert not untested, f"no instruction test has {', '.join(sorted(untested))}"


def test_what_is_said_of_the_others_is_true():
    assert set(ELSEWHERE) <= set(TABLE)
    assert "cp.async" in Path(__file__).with_name("faulty_ptx.py").read_text()
