"""Settings of Sphinx for the documentation site; `launch/docs.sh` builds it.

The source folder is that of the repository, so that links between the README,
the pages of this folder and the model cards lead where they lead elsewhere.
"""

from manloc_jax import provenance

project = 'manloc_jax'
author = 'The manloc_jax maintainers'
project_copyright = author
version = release = provenance.VERSION

extensions = [
    'myst_nb',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
]
root_doc = 'docs/site/index'
include_patterns = [
    '*.md',
    'docs/*.md',
    'docs/site/*.md',
    'launch/*.ipynb',
    'manloc_jax/pretrained/*.md',
]
# Folders that are not searched for pages.
exclude_patterns = ['.*', 'build', 'configs', 'data', 'runs', 'tests']

myst_heading_anchors = 4  # Links name headings as GitHub does.
nb_execution_mode = 'auto'  # Those without outputs.
# Some of its cells print nothing; it is shown with the outputs of its test.
nb_execution_excludepatterns = ['launch/*.ipynb']
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300  # Seconds for a cell.
nb_render_markdown_format = 'myst'  # With tables.
# Generated tables have headings of the fourth level wherever they stand.
suppress_warnings = ['myst.header']

default_role = 'code'  # Docstrings have names in single backquotes.
napoleon_use_ivar = True  # A line for each attribute.
autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'

html_theme = 'sphinx_book_theme'
html_title = 'manloc_jax'
html_extra_path = ['site/redirect']  # The first page has a path of its own.
html_theme_options = {
    'home_page_in_toc': True,
    'navbar_persistent': [],  # The search is in the sidebar.
    'show_navbar_depth': 1,
    'use_download_button': False,
}
