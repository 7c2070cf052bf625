"""docs/functions.md names every public function."""

import re
from pathlib import Path

import gpuconv

TABLE = Path(__file__).parents[2] / "docs" / "functions.md"


def test_every_public_name_stands_in_the_table():
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    named = [name for row in rows for cell in row.split("|")[1:3] for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(set(gpuconv.__all__) - {"__version__"})
