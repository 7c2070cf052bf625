"""Hash of the emulator's sources, part of every cache key of compiled code."""

import hashlib
from pathlib import Path


def _version():
    digest = hashlib.sha256()
    folder = Path(__file__).resolve().parent.parent
    for source in sorted(folder.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


VERSION = _version()
