"""Every page says which version of the book it belongs to: in its footer, and in a tag for machines."""

from typing import Any

from docutils import nodes
from speedy_utils import __version__
from sphinx.application import Sphinx
from sphinx.config import Config


def name_the_version(app: Sphinx, config: Config) -> None:
    footer = config.html_theme_options.get("extra_footer", "")
    line = f'<p class="speedy-version">Version {__version__} of the book and its helpers.</p>'
    config.html_theme_options["extra_footer"] = footer + line


def tag_the_version(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    context["metatags"] = context.get("metatags", "") + f'\n<meta name="version" content="{__version__}">'


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", name_the_version)
    app.connect("html-page-context", tag_the_version)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
