"""How `make docs` builds these pages: Markdown as it stands, reference pages from the docstrings."""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

project = "paretoserve"
html_title = "paretoserve"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
# Headings of the guides are linked by their words, as on a code host.
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True


def unlink_words(_app: Sphinx, tree: nodes.document) -> None:
    """Leave words of types as text: those of shapes, as `num_layers`, are names of attributes elsewhere."""
    for link in list(tree.findall(addnodes.pending_xref)):
        if link["reftype"] == "class" and link["reftarget"].islower():
            link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.connect("doctree-read", unlink_words)
