"""How `make docs` builds these pages: Markdown as it stands, reference pages from the docstrings."""

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
