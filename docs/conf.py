"""Sphinx builds the documentation site from these pages and the package's docstrings: `make docs`.

Sphinx, because MkDocs 1.x has no maintainer and Material for MkDocs reaches its end of life in May 2027. The pages need
no network to read: fonts are the system's, equations are MathML.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import docstrings
import equations
import reference

import gpuconv

project = "gpuconv"
author = "The gpuconv authors"
copyright = "The gpuconv authors"
release = version = gpuconv.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_dmath_allow_labels = False
myst_heading_anchors = 3

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": False}
napoleon_google_docstring = False
napoleon_use_ivar = True
default_role = "code"
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"gpuconv {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}


def setup(app):
    """Write the reference pages before the build, mend docstrings for RST, and render equations as MathML."""
    app.connect("builder-inited", lambda app: reference.write(Path(app.srcdir) / "reference"))
    app.connect("autodoc-process-docstring", docstrings.escape, priority=400)
    app.add_html_math_renderer("mathml", (equations.inline, None), (equations.display, None))
