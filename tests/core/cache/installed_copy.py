"""A copy of the library as a wheel installs it, whose sources tests edit, and fresh processes that compute with it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.core.imports import FOLDERS

PROGRAM = """
import gc, json, sys
import numba, numpy as np
import gpuconv
x = np.array([-1.0, 2.0], np.float32)
values = [np.asarray(eval(call)).tolist() for call in sys.argv[1:]]
from numba.core.dispatcher import Dispatcher
counts = {"hits": [], "misses": []}
for found in gc.get_objects():
    if isinstance(found, Dispatcher) and found.py_func.__module__.startswith("gpuconv."):
        for kind, counter in (("hits", found._cache_hits), ("misses", found._cache_misses)):
            if counter and type(found._cache).__name__ != "NullCache":
                counts[kind].append(f"{found.py_func.__module__}.{found.py_func.__qualname__}")
print(json.dumps({"values": values, **{kind: sorted(names) for kind, names in counts.items()}}))
"""
"""Values of expressions, and the kernels that were loaded from the cache or compiled for them."""


class InstalledCopy:
    """The copy in a folder; its cache is where an installation has it, if the folder can be written."""

    def __init__(self, folder):
        self.folder, self.home = Path(folder), Path(folder) / "home"
        self.home.mkdir(parents=True)
        for package, source in FOLDERS.items():
            target = self.folder.joinpath(*package.split("."))
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.nb[ic]"))

    def path(self, name):
        """File of the library by its path in the installed package."""
        return self.folder / "gpuconv" / name

    def edit(self, name, old, new):
        """Replace a text that occurs in a file, once or more.

        The file gets a later time by a second at least: Python's bytecode files tell a source by its size and by
        whole seconds, and would take two edits of one size within one for the same.
        """
        path = self.path(name)
        text, status = path.read_text(), path.stat()
        assert old in text, f"{name} does not say {old!r}"
        path.write_text(text.replace(old, new))
        later = max(status.st_mtime + 1, path.stat().st_mtime)
        os.utime(path, (later, later))

    def start(self, *calls, program=PROGRAM, **variables):
        """Start a process that computes some expressions of gpuconv and x = [-1, 2]."""
        others = ("NUMBA_", "GPUCONV_", "PYTHON", "XDG_CACHE_HOME")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        environment = {**kept, "HOME": str(self.home), "PYTHONPATH": str(self.folder), **variables}
        return subprocess.Popen(
            [sys.executable, "-c", program, *calls], cwd=self.home, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *calls, program=PROGRAM, **variables):
        """What the process found: values, kernels that were loaded, kernels that were compiled; what it said."""
        return finish(self.start(*calls, program=program, **variables))

    def entries(self):
        """Files of compiled code."""
        return sorted(self.folder.rglob("*.nbc"))


def finish(process):
    """Wait for a process that was started and read what it found."""
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return {**json.loads(output), "said": errors}
