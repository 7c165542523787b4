"""The API reference from the package's docstrings: autodoc, with what our docstrings need to be read as its markup.

Docstrings are plain prose with names between single backticks. A name that `speedy_utils` exports becomes a link to its
entry, anything else is set as code.
"""

import re
from typing import Any

import speedy_utils
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

CODE = re.compile(r"(?<![`:])`([^`]+)`(?!`)|\b(\w+=\"\w+\")")  # also source="mini", whose quotes must stay as they are
# Sphinx writes a signature of several lines as a list of definitions without terms, which is no valid list.
LINES = re.compile(r'<dl>\n((?:<dd><em class="sig-param">.*</dd>\n)+)</dl>')
# Signatures and docstrings need none of these, which can take longer to import than the site takes to build.
HEAVY = ["torch", "transformers", "accelerate", "datasets", "evaluate"]
COLUMNS = {"cut", "measure", "scale", "score"}  # exports whose name alone, in a docstring, is a column or a field
NAME = re.compile(r"(?:su\.|speedy_utils\.)?(\w+)(?:\(\))?")


def marked_up(docstring: str) -> str:
    """The docstring with its backticks in reStructuredText: links to exports, and code."""

    def written(found: re.Match[str]) -> str:
        text = " ".join((found[1] or found[2]).split())
        name = NAME.fullmatch(text)
        if name and name[1] in speedy_utils._HOME and text not in COLUMNS:
            return f":py:obj:`{text} <speedy_utils.{name[1]}>`"
        return f"``{text}``"

    return CODE.sub(written, docstring)


def read_docstring(app: Sphinx, what: str, name: str, of: object, options: object, lines: list[str]) -> None:
    lines[:] = marked_up("\n".join(lines)).split("\n")


def write_signature(
    app: Sphinx, what: str, name: str, of: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """A dataclass's default that is made anew each time is "<factory>", which is no Python and would end the markup."""
    return signature and signature.replace("<factory>", "..."), returns


def lay_out_signatures(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    def lines(found: re.Match[str]) -> str:
        return found[1].replace("<dd>", '<span class="speedy-line">').replace("</dd>", "</span>").rstrip()

    if "body" in context:
        context["body"] = LINES.sub(lines, context["body"])


def set_up_autodoc(app: Sphinx, config: Config) -> None:
    config.autodoc_mock_imports = HEAVY
    config.autodoc_preserve_defaults = True
    config.autodoc_typehints_format = "short"
    config.autodoc_default_options = {"members": True}
    config.add_module_names = False
    config.python_maximum_signature_line_length = 80
    # A type that has no entry, of another library or our own, is shown without a link.
    config.nitpick_ignore_regex = [*config.nitpick_ignore_regex, ("py:class", ".*")]


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("config-inited", set_up_autodoc)
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("autodoc-process-signature", write_signature)
    app.connect("html-page-context", lay_out_signatures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
