"""Files and folders that the pages name exist."""

import re

import pytest

from .snippets import PAGES, ROOT, blocks

FOLDERS = ("bench", "docs", "examples", "gpuconv", "kernels", "tests")
MADE = {block.note.split()[1] for block in blocks("docs/extending.md", "python")}
"""By the worked example."""


@pytest.mark.parametrize("page", PAGES)
def test_named_files_exist(page):
    prose = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    named = {
        path for path in re.findall(r"`([\w*./-]+\.(?:py|tsv|json|md))`", prose) if path.strip("*./") not in ("py",)
    }
    assert all(any(path.endswith(name) for path in MADE) or exists(name) for name in named), [
        name for name in named if not exists(name)
    ]


@pytest.mark.parametrize("page", PAGES)
def test_named_folders_exist(page):
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./]*)`", (ROOT / page).read_text())
    named = [name for name in named if not name.startswith("docs/_build/")]  # which `make docs` makes
    assert all(exists(name.rstrip("/")) for name in named), [name for name in named if not exists(name.rstrip("/"))]


def exists(name):
    """Whether a path exists, or a file of that name or with that ending does in one of the folders."""
    return any(ROOT.glob(name)) or any(any((ROOT / folder).glob(f"**/{name}")) for folder in FOLDERS)
