"""Skip these tests, with the reason, if the CUDA compiler wheels that the emulator needs are missing."""

from gpuconv.core.device import missing_for_emulator

MISSING = missing_for_emulator()
collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_report_header():
    """Report why this folder is skipped."""
    return f"tests/emulator skipped: {MISSING}" if MISSING else None
