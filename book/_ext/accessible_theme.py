"""What the theme's pages lack for readers with a keyboard or a screen reader, put right in the finished pages.

The theme gives no hook for most of this, so that each page's text is edited once it is written. An edit that finds
nothing to change stops the build: the theme has changed then, and somebody has to look.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

CLOSE = '<form method="dialog" class="speedy-close"><button class="btn">Close</button></form>'


@dataclass(frozen=True)
class Edit:
    """A change of a page: what it is for, the pattern, its replacement, and whether every page has it."""

    purpose: str
    pattern: str
    replacement: str
    everywhere: bool = True


EDITS = (
    # Three hands write how wide a page is.
    Edit("one viewport", r'\s*<meta name="viewport" content="width=device-width, initial-scale=1" ?/>', ""),
    # The logo stands in no landmark.
    Edit(
        "the sidebar is a landmark",
        r'<div id="pst-primary-sidebar" class="([^"]*)">',
        rf'<div id="pst-primary-sidebar" role="navigation" aria-label="Book" class="\1">{CLOSE}',
    ),
    Edit("so is what it holds", r'(<nav class="bd-links bd-docs-nav" aria-label=")Main"', r'\1Chapters"'),
    # On a phone the contents open in dialogs, which have neither a name nor a way out but the Escape key.
    Edit("a dialog's name", r'<dialog id="pst-search-dialog"', r'\g<0> aria-label="Search"'),
    Edit("a dialog's name", r'<dialog id="pst-primary-sidebar-modal"', r'\g<0> aria-label="Contents of the book"'),
    Edit(
        "a dialog's name",
        r'<dialog id="pst-secondary-sidebar-modal"',
        r'\g<0> aria-label="Contents of this page"',
        everywhere=False,
    ),
    Edit("a way out", r'<div id="pst-secondary-sidebar" class="[^"]*">', rf"\g<0>{CLOSE}", everywhere=False),
    # "Search Ctrl+K" is what the button says; a label that says less hides it from those who speak to their machine.
    Edit(
        "the search button's own words are its name",
        r'(<button class="btn search-button-field[^"]*") title="Search" aria-label="Search"[^>]*>',
        r"\1>",
    ),
    # access.js keeps this label up to date.
    Edit("the scheme is named", r'aria-label="Color mode" data-bs-title="Color mode"', 'aria-label="Colour scheme"'),
    Edit("icons have no names", r'(<i class="theme-switch [^>]*?) title="[^"]*"', r'\1 aria-hidden="true"'),
    Edit("plain words", r'title="Toggle primary sidebar"', 'title="Contents of the book"'),
    Edit("plain words", r'title="Toggle secondary sidebar"', 'title="Contents of this page"', everywhere=False),
    # The same again: the summary says what it unfolds.
    Edit(
        "a summary's own words name it", r'<summary aria-label="Toggle hidden content">', "<summary>", everywhere=False
    ),
    Edit("an empty cell heads nothing", r"<th\b[^>]*>\s*(?:<p></p>)?\s*</th>", "<td></td>", everywhere=False),
)


def finished(page: str, name: str) -> str:
    """The page with every edit made; raises ExtensionError when the theme has nothing left to edit."""
    for edit in EDITS:
        page, count = re.subn(edit.pattern, edit.replacement, page, flags=re.DOTALL)
        if edit.everywhere and not count:
            raise ExtensionError(
                f"{name}: nothing to change for “{edit.purpose}”; look at what the theme writes now and mend or drop "
                f"that edit in {Path(__file__).name}."
            )
    return page


def finish_pages(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        if "_static" not in path.parts and 'http-equiv="Refresh"' not in text:  # the first page only forwards
            path.write_text(finished(text, path.name), encoding="utf-8", newline="\n")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_css_file("access.css")
    app.add_js_file("access.js", loading_method="defer")
    app.connect("build-finished", finish_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
