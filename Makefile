# Everything runs in .venv, made here; nothing else on the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
# setuptools warns of every editable installation, in ten lines.
INSTALL := PYTHONWARNINGS='ignore:Editable installation' $(BIN)/python -m pip install --quiet
# Threads that wait sleep: two test processes share the cores.
export OMP_WAIT_POLICY ?= passive

.PHONY: train test quick check-style sass test-emulator fuzz kills forks test-gpu examples docs package clean

train: .venv/train.installed
	$(BIN)/gpuconv train

test: .venv/dev.installed
	$(MAKE) check-style
	$(BIN)/python -m pytest -n 2 --dist worksteal
	$(MAKE) examples
	$(MAKE) docs

# What a change needs while it is being made: style, types, and the tests marked `quick`, a sample of everything.
quick: .venv/dev.installed check-style
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m quick

check-style: .venv/dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The machine code of every CUDA kernel on six architectures, held to bench/sass_limits.py; needs no GPU.
sass: .venv/dev.installed
	$(BIN)/python -m gpuconv.bench.sass

# The whole operation suite on the emulator; `make test` has each operation on it with the inputs of `gpuconv check`.
test-emulator: .venv/dev.installed
	GPUCONV_TEST_DEVICE=emulator $(BIN)/python -m pytest -n 2 --dist worksteal tests -k emulator

# Ten thousand calls with any argument anywhere.
fuzz: .venv/dev.installed
	GPUCONV_FUZZ=10000 $(BIN)/python -m pytest -q tests/bad_input/test_fuzz.py

# A hundred trainings killed at random moments.
kills: .venv/dev.installed
	GPUCONV_KILLS=100 $(BIN)/python -m pytest -q tests/cli/test_endings.py -k killed

# A thousand forks while other threads compute, compile and allocate.
forks: .venv/dev.installed
	GPUCONV_FORKS=1000 $(BIN)/python -m pytest -q tests/core/test_forks.py

# The operation suite on CuPy arrays; needs a GPU, CuPy and numba-cuda (pip install -e '.[dev,cuda13]').
test-gpu: .venv/dev.installed
	$(BIN)/python -m pytest -m gpu

examples: .venv/train.installed
	for example in examples/*.py; do echo "== $$example"; $(BIN)/python $$example || exit 1; done

# The documentation site, in docs/_build/html; a warning is an error.
docs: .venv/docs.installed
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

# Wheel and source distribution in dist/, each installed into a fresh environment and run there; some minutes.
package: .venv/dev.installed
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python tests/packaging/fresh_install.py dist

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gpuconv needs Python 3.11 or later")'
	$(PYTHON) -m venv .venv
	$(INSTALL) --upgrade pip

.venv/train.installed: pyproject.toml setup.py | .venv/bin/python
	$(INSTALL) -e '.[train]'
	touch $@

.venv/dev.installed: pyproject.toml setup.py | .venv/bin/python
	$(INSTALL) -e '.[dev]'
	touch $@ .venv/train.installed

.venv/docs.installed: pyproject.toml setup.py | .venv/bin/python
	$(INSTALL) -e '.[docs]'
	touch $@

clean:
	rm -rf .venv build dist docs/_build docs/reference *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
