"""How to cite a page, folded up at its end: the page and the paper, as text and as BibTeX.

The facts come from CITATION.cff (authors, title, date of release, address, paper), from the package (version) and from
references.bib (the paper's entry).
"""

import re
from html import escape
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from speedy_utils import __version__
from sphinx.application import Sphinx

PAPER = "canete-bravo-marquez-2024-speedy"
NOT_CITED = ("404", "search", "genindex")
BLOCK = """
<details class="speedy-cite">
<summary>Cite this page</summary>
<p>{page}</p>
{page_entry}
<p>If you use the models or results of the paper that the book follows, cite the paper:</p>
<p>{paper}</p>
{paper_entry}
</details>
"""


def code(text: str) -> str:
    return f'<div class="highlight notranslate"><pre>{escape(text, quote=False)}</pre></div>'


def link(address: str) -> str:
    return f'<a class="reference external" href="{escape(address)}">{escape(address)}</a>'


def released(citation: dict[str, Any]) -> str:
    """The date of release, 2026-11-30; nothing before there is one."""
    return str(citation.get("date-released") or "")


def page_text(citation: dict[str, Any], title: str, address: str, year: str) -> str:
    """One line that cites a page of the book, as HTML; the book as a whole without a title."""
    authors = " and ".join(author["name"] for author in citation["authors"])
    part = f"{escape(title)}. In " if title else ""
    when = released(citation) or f"{year}, not released yet"
    book = escape(citation["title"])
    return f"{escape(authors)}. {part}<cite>{book}</cite>, version {__version__}, {when}. {link(address)}"


def page_entry(citation: dict[str, Any], name: str, title: str, address: str, year: str) -> str:
    """The same as BibTeX: a part of a book, or without a title the book."""
    fields = {"author": "{" + " and ".join(author["name"] for author in citation["authors"]) + "}"}
    fields |= {"title": "{" + (title or citation["title"]) + "}"}
    fields |= {"booktitle": "{" + citation["title"] + "}"} if title else {}
    fields |= {"year": released(citation)[:4] or year, "note": f"Version {__version__}", "url": address}
    plain = {field: re.sub(r"([&%#$_])", r"\\\1", text) if field != "url" else text for field, text in fields.items()}
    key = "speedy-gonzales-book" + (f"-{name.rsplit('/', 1)[-1]}" if title else "")
    lines = "".join(f"  {field:<9} = {{{text}}},\n" for field, text in plain.items())
    return f"@{'incollection' if title else 'book'}{{{key},\n{lines}}}"


def paper_text(paper: dict[str, Any]) -> str:
    """One line that cites the paper, as HTML."""
    authors = " and ".join(f"{one['given-names']} {one['family-names']}" for one in paper["authors"])
    pages = f"pages {paper['start']}–{paper['end']}"
    where = f"In <cite>{escape(paper['collection-title'])}</cite>, {pages}, {paper['year']}"
    return f"{escape(authors)}. {escape(paper['title'])}. {where}. {link(paper['url'])}"


def paper_entry(bibliography: Path) -> str:
    found = re.search(rf"^@\w+\{{{PAPER},\n(?:  .*\n)*\}}", bibliography.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise ValueError(f"{bibliography} has no entry {PAPER}, which every page cites.")
    return found.group()


def add_citation(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    if doctree is None or pagename.rsplit("/", 1)[-1] in NOT_CITED:
        return
    source = Path(app.srcdir)
    citation = yaml.safe_load((source / "CITATION.cff").read_text(encoding="utf-8"))
    title = "" if pagename == app.config.root_doc else app.env.titles[pagename].astext()
    address = citation["url"] + "/" + (f"{pagename}.html" if title else "")
    year = str(app.config.copyright)
    context["body"] += BLOCK.format(
        page=page_text(citation, title, address, year),
        page_entry=code(page_entry(citation, pagename, title, address, year)),
        paper=paper_text(citation["references"][0]),
        paper_entry=code(paper_entry(source / "book" / "references.bib")),
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_citation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
