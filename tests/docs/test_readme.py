"""The README's example runs as it stands there, and the CuPy one is the same program."""

import re
from pathlib import Path

import numpy as np

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "README.md").read_text(), re.DOTALL)


def test_the_example_runs():
    names = {}
    exec(BLOCKS[0], names)
    assert names["y"].shape == (32, 16, 28, 28)
    assert names["dx"].shape == names["x"].shape
    assert names["dw"].shape == names["w"].shape
    assert np.isfinite(names["loss"])


def test_on_cupy_only_the_library_changes():
    as_numpy = BLOCKS[1].replace("import cupy as cp", "import numpy as np").replace("cp.", "np.")
    stripped = [re.sub(r"\s*#.*", "", block) for block in (BLOCKS[0], as_numpy)]
    assert stripped[0] == stripped[1]
