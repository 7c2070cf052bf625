"""Docstrings are plain text with numpydoc sections; formulas in them would be markup to RST."""

import re

import gpuconv

TITLES = {
    "backprop": "the derivation",
    "concepts": "the concepts",
    "emulator": "the emulator's page",
    "errors": "what is refused",
}
"""Words that link to a page where a docstring names its file."""

CODE = re.compile(r"(``[^`]*``|`[^`]*`)")
MARKUP = re.compile(r"[*|]|(?<=\w)_(?!\w)")
ITEM = re.compile(r"^\s*\*{0,2}\w+(, \*{0,2}\w+)* : ")
PAGE = re.compile(r"\bdocs/([\w/]+)\.md\b")


def escape(app, what, name, obj, options, lines):
    """Escape what RST would take for emphasis, a substitution or a reference; link names and pages; leave examples."""
    in_example = False
    for i, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and line.strip() != "")
        if not in_example and not ITEM.match(line):
            pieces = CODE.split(line)
            pieces[::2] = [PAGE.sub(page_link, MARKUP.sub(r"\\\g<0>", part)) for part in pieces[::2]]
            pieces[1::2] = [code(part.strip("`")) for part in pieces[1::2]]
            lines[i] = "".join(pieces)


def code(text: str) -> str:
    """A public function links to its description; anything else is set as code."""
    name = text.removeprefix("gpuconv.")
    return f":py:obj:`{name} <gpuconv.{name}>`" if name in gpuconv.__all__ and "." not in name else f"``{text}``"


def page_link(match: re.Match) -> str:
    """A file of this folder, as a link to its page."""
    title = TITLES.get(match[1])
    return f":doc:`{title} </{match[1]}>`" if title else match[0]
