"""The examples of docs/emulator.md run, and report what the text says; every kind of error is documented."""

import linecache
import re
from pathlib import Path

import pytest

from gpuconv import emulator

TEXT = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()


def test_the_examples_run(tmp_path, capsys, monkeypatch):
    source = "\n".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
    file = tmp_path / "emulator_examples.py"
    file.write_text(source)
    exec(compile(source, str(file), "exec"), {"__name__": "emulator_examples"})
    output = capsys.readouterr().out
    assert output.startswith("race-shared ")
    lines = source.splitlines()
    named = [lines[int(n) - 1] for n in re.findall(r"emulator_examples.py:(\d+), PTX", output)]
    assert [line.strip() for line in named] == [
        "tile[i] = neighbor  # a barrier is missing in front of this line",
        "x[i] *= factor  # no guard",
    ]
    assert "32 requests, 1024 wavefronts (at least 32)" in output
    linecache.clearcache()


@pytest.mark.parametrize("kind", emulator.KINDS)
def test_every_kind_is_explained(kind):
    assert f"`{kind}`" in TEXT
