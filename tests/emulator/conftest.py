"""The emulator needs Numba's CUDA compiler; where its wheels are missing these tests are skipped by name."""

from gpuconv.core.device import missing_for_emulator

MISSING = missing_for_emulator()
collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_report_header():
    """Say why nothing of this folder was collected."""
    return f"tests/emulator left out: {MISSING}" if MISSING else None
