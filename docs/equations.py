"""LaTeX equations as MathML, which browsers draw by themselves: no script, no fonts, no network."""

import re

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

TAG = re.compile(r"\\tag\{(.*?)\}")


def inline(translator, node):
    """Write an equation within a line."""
    translator.body.append(mathml(node.astext()))
    raise SkipNode


def display(translator, node):
    """Write an equation on a line of its own, its number at the right; `equation-10` is the anchor of number 10."""
    latex = node.astext()
    tag = TAG.search(latex)
    number = f'<span class="equation-number">({tag[1]})</span>' if tag else ""
    anchor = f' id="equation-{tag[1]}"' if tag else ""
    math = mathml(TAG.sub("", latex), display="block")
    translator.body.append(f'<div class="equation"{anchor}>{math}{number}</div>\n')
    raise SkipNode


def mathml(latex, **how):
    """Convert an equation; a command that the converter does not know is an error, not text."""
    converted = convert(latex, **how)
    if unknown := re.search(r">(\\\w+)", converted):
        raise ValueError(f"{unknown[1]} is unknown to latex2mathml, in {latex}")
    return converted
