"""Install wheel and source distribution into fresh environments, and run the command away from the repository.

    make package                                       # builds both, then this with the Python of .venv
    python tests/packaging/fresh_install.py dist --python python3.13 --with 'numpy>=2.5'
    python3.11 tests/packaging/fresh_install.py dist --lowest     # the oldest dependencies that are allowed

Prints the size of each environment and ends with an error at the first command that fails. Needs the package registry.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

MAX_ENVIRONMENT_MB = 450
"""Of an environment with the extra [train] and nothing more."""

CALLS = """
import pathlib, sys
import numpy as np
import gpuconv
from gpuconv import nn, testing

assert pathlib.Path(gpuconv.__file__).is_relative_to(sys.prefix), gpuconv.__file__
assert pathlib.Path(gpuconv.__file__).with_name("py.typed").is_file()
rng = np.random.default_rng(0)
x, w = rng.standard_normal((2, 3, 9, 9)), rng.standard_normal((4, 3, 3, 3))
y = gpuconv.conv2d(x, w, padding=1)
expected = sum(
    np.einsum("nchw,kc->nkhw", np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))[:, :, r : r + 9, s : s + 9], w[:, :, r, s])
    for r in range(3)
    for s in range(3)
)
assert np.allclose(y, expected)
dy = rng.standard_normal(y.shape)
dx, dw = gpuconv.conv2d_input_grad(dy, w, x.shape, padding=1), gpuconv.conv2d_weight_grad(x, dy, w.shape, padding=1)
assert np.isclose((y * dy).sum(), (x * dx).sum())
assert np.isclose((y * dy).sum(), (w * dw).sum())
pooled, mask = gpuconv.max_pool2d(y, 2)
assert np.array_equal(pooled, y[:, :, :8, :8].reshape(2, 4, 4, 2, 4, 2).max((3, 5)))
model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 7 * 7, 5))
scores = model(x.astype(np.float32))
assert scores.shape == (2, 5)
assert np.isfinite(scores).all()
print(f"python {sys.version.split()[0]}, numpy {np.__version__}: the calls are right")
"""


def main() -> None:
    """Check every distribution with every interpreter that was named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dist", type=Path, help="folder with one wheel and one source distribution")
    parser.add_argument("--python", nargs="*", default=[sys.executable], help="interpreters; default: this one")
    parser.add_argument("--with", nargs="*", default=[], dest="requirements", help="more requirements, for pip")
    parser.add_argument("--lowest", action="store_true", help="take the lower bound of every dependency")
    options = parser.parse_args()
    (wheel,), (source,) = options.dist.resolve().glob("*.whl"), options.dist.resolve().glob("*.tar.gz")
    requirements = options.requirements + (lower_bounds(wheel) if options.lowest else [])
    for number, python in enumerate(options.python):
        for distribution in [wheel, source] if number == 0 and not requirements else [wheel]:
            print(f"== {distribution.name} with {python}", flush=True)
            check(distribution, python, requirements)


def lower_bounds(wheel: Path) -> list[str]:
    """The oldest releases that a wheel with the extra [train] allows."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    needed = re.findall(r'^Requires-Dist: ([\w-]+)>=([\w.]+)(?:; extra == "train")?$', metadata, re.MULTILINE)
    return [f"{package}=={release}" for package, release in needed]


def check(distribution: Path, python: str, requirements: list[str]) -> None:
    """Install a distribution into an environment of its own and run every command there."""
    with tempfile.TemporaryDirectory() as folder:
        environment, elsewhere = Path(folder, "environment"), Path(folder, "elsewhere")
        elsewhere.mkdir()
        run([python, "-m", "venv", environment], elsewhere)
        binaries = environment / ("Scripts" if os.name == "nt" else "bin")
        interpreter, command = binaries / "python", binaries / "gpuconv"
        run([interpreter, "-m", "pip", "install", "--quiet", f"{distribution}[train]", *requirements], elsewhere)
        size = megabytes(environment)
        print(f"environment: {size} MB", flush=True)
        if size > MAX_ENVIRONMENT_MB and not requirements:
            sys.exit(f"the environment has {size} MB, expected at most {MAX_ENVIRONMENT_MB}")
        run([interpreter, "-c", CALLS], elsewhere)
        run([command, "--version"], elsewhere)
        run([interpreter, "-m", "gpuconv", "-h"], elsewhere, quiet=True)
        run([command, "info"], elsewhere)
        run([interpreter, "-m", "gpuconv", "train", "--epochs", "1", "--device", "cpu"], elsewhere)
        for name in ("check", "bench"):
            run([command, name, "--help"], elsewhere, quiet=True)
        run([command, "bench", "pool", "--repeats", "1"], elsewhere, quiet=True)


def run(command: list, folder: Path, *, quiet: bool = False) -> None:
    """Run a command in a folder, without the variables that could lead it back to the repository."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    print("$", *map(str, command) if command[1] != "-c" else (command[0], "-c ..."), flush=True)
    output = subprocess.DEVNULL if quiet else None
    done = subprocess.run([str(part) for part in command], cwd=folder, env=variables, stdout=output, check=False)
    if done.returncode:
        sys.exit(f"exit code {done.returncode}")


def megabytes(folder: Path) -> int:
    """The blocks that a folder takes on the disk, as `du -sm` counts them."""
    return round(sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) / 2**20)


if __name__ == "__main__":
    main()
