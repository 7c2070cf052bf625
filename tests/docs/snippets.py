"""The code blocks of the Markdown pages, and what the words after the language say of each.

A block of Python runs, in the order of its page and with the names of the blocks before it; `pycon` is an interactive
session and prints what it shows. A block of shell commands says `run`. A block that does not run says `skip:` and why;
the commands of such a block are checked against the programs' options. `file:` and `append:` are files of the worked
example, which test_worked_example.py writes and runs.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")]
    if "_build" not in page.parts
)
FENCE = re.compile(r"^```([\w{}-]+) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the note behind it, its text and the line of the page that it begins on."""

    language: str
    note: str
    text: str
    line: int

    @property
    def skipped(self) -> bool:
        return self.note.startswith(("skip:", "file:", "append:"))


def blocks(page: str, *languages: str) -> list[Block]:
    """The blocks of a page in some languages."""
    text = (ROOT / page).read_text()
    found = [Block(m[1], m[2].strip(), m[3], text[: m.start(3)].count("\n") + 1) for m in FENCE.finditer(text)]
    return [block for block in found if block.language in languages]


def commands(block: Block) -> list[str]:
    """The commands of a block of shell: comments gone, continued lines joined."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [command for line in lines if (command := re.sub(r"(^|\s)#.*", "", line).strip())]
