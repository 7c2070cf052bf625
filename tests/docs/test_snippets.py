"""Every snippet that README and documentation show runs, or says why not; every command exists with its options."""

import doctest
import functools
import importlib.util
import linecache
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .snippets import PAGES, ROOT, blocks, commands

OTHER_PROGRAMS = {"git", "cd", "ls", "nsys", "ncu", "curl"}
"""Programs that are not of this project: their options are theirs."""

WORKED_EXAMPLE = [block.note.split()[1] for block in blocks("docs/extending.md", "python")]
"""Files that the worked example makes."""


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python", "pycon")])
def test_python_runs(page, tmp_path, monkeypatch, capsys):
    """The blocks of a page in their order, each on the page's own lines, so that a traceback names them."""
    monkeypatch.chdir(tmp_path)
    shown = [block for block in blocks(page, "python", "pycon") if not block.skipped]
    file = tmp_path / f"{Path(page).stem}.py"
    file.write_text(on_their_lines([block for block in shown if block.language == "python"]))
    names = {"__name__": "snippets"}
    for block in shown:
        if block.language == "python":
            exec(compile(on_their_lines([block]), str(file), "exec"), names)
        else:
            test = doctest.DocTestParser().get_doctest(block.text, names, page, page, block.line)
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
            assert runner.run(test, clear_globs=False).failed == 0, capsys.readouterr().out
            names.update(test.globs)
    linecache.clearcache()


def on_their_lines(shown):
    """The text of some blocks, with empty lines in front, as far down as on the page."""
    lines = []
    for block in shown:
        lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("page", PAGES)
def test_notes_are_of_the_convention(page):
    for block in blocks(page, "python", "pycon"):
        assert block.note == "" or re.fullmatch(r"(skip|file|append): \S.*", block.note), (
            f"{page}:{block.line}: {block.note!r}"
        )
    for block in blocks(page, "sh"):
        assert re.fullmatch(r"run|skip: \S.*", block.note), f"{page}:{block.line}: {block.note!r}"


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_in_an_indented_block(page):
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"^    (pip|gpuconv|python|make|pytest|import|from) ", text, re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in PAGES if any(b.note == "run" for b in blocks(page, "sh"))])
def test_shell_runs(page, tmp_path):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for block in blocks(page, "sh"):
        if block.note == "run":
            done = subprocess.run(
                ["bash", "-euc", block.text], check=False, cwd=tmp_path, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{page}:{block.line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    "command",
    sorted({command for page in PAGES for block in blocks(page, "sh") for command in commands(block)}),
)
def test_command_exists(command):
    words = shlex.split(command)
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    program = Path(words[0]).name
    if program == "pip":
        extras = {extra for name in re.findall(r"\[(.*?)\]", command) for extra in name.split(",")}
        assert extras <= set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets
    elif program == "pytest":
        paths = [word for word in words if word.startswith("tests/")]
        assert all(any(ROOT.glob(path)) or any(made.startswith(path) for made in WORKED_EXAMPLE) for path in paths)
    elif program == "gpuconv":
        subcommand = words[1:2] if len(words) > 1 and not words[1].startswith("-") else []
        assert_options(words[1 + len(subcommand) :], "gpuconv", *subcommand)
    elif program == "python" and words[1] == "-m":
        assert importlib.util.find_spec(words[2]) is not None
        assert_options(words[3:], words[2])
    elif program == "python":
        assert words[1] == "-c" or (ROOT / words[1]).exists()
    else:
        assert program in OTHER_PROGRAMS


def assert_options(words, *program):
    """The options of a command stand in its help."""
    options = {word.split("=")[0] for word in words if word.startswith("-")}
    if options:
        text = help_of(*program)
        assert all(re.search(rf"(?<![\w-]){option}(?![\w-])", text) for option in options), f"{options} in\n{text}"


@functools.cache
def help_of(module, *subcommand):
    done = subprocess.run(
        [sys.executable, "-m", module, *subcommand, "--help"],
        check=False,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
