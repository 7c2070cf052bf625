"""The command `gpuconv`."""

import sys


def main() -> None:
    """Entry point: say what to install where the command's libraries are missing, else run it."""
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("gpuconv"):
            raise
        sys.exit(f"gpuconv: the command needs {error.name}: pip install 'gpuconv[train]'")
    app()
