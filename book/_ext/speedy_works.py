"""Below each work of the bibliography, the chapters whose *Further reading* names it: read from the notebooks.

Chapters are plain Markdown, so they link to a work or give its title in italics; references.bib knows both.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from docutils import nodes
from pybtex.database import Entry
from pybtex.richtext import Text
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from speedy_chapters import Chapter, chapters

LINK, ITALICS = re.compile(r"\]\(([^)]+)\)"), re.compile(r"(?<!\*)\*([^*]+)\*")


def addresses(entry: Entry) -> set[str]:
    """Where a work is found: its url, and those of its DOI and its arXiv number."""
    fields, found = entry.fields, set()
    found |= {fields["url"]} if "url" in fields else set()
    found |= {f"https://doi.org/{fields['doi']}"} if "doi" in fields else set()
    found |= {f"https://arxiv.org/abs/{fields['eprint']}"} if "eprint" in fields else set()
    return found


@cache
def plain(title: str) -> str:
    """A title without BibTeX's markup, in small letters."""
    return str(Text.from_latex(title)).casefold()


def names(item: str, entry: Entry) -> bool:
    """Whether an item of *Further reading* names the work: by address, or by title, without its subtitle or with it."""
    if addresses(entry) & set(LINK.findall(item)):
        return True
    title = plain(entry.fields["title"])
    return any(f"{title}:".startswith(f"{found.rstrip(',.').casefold()}:") for found in ITALICS.findall(item))


def chapters_by_work(works: Mapping[str, Entry], book: Iterable[Chapter]) -> dict[str, list[Chapter]]:
    """{key of a work: the chapters that name it, in the book's order}."""
    found: dict[str, list[Chapter]] = {key: [] for key in works}
    for chapter in book:
        for key, entry in works.items():
            if any(names(item, entry) for item in chapter.further_reading()):
                found[key].append(chapter)
    return found


class AddChapters(SphinxPostTransform):
    """After sphinxcontrib-bibtex has put the works in place of the directive (priority 5)."""

    default_priority = 50

    def run(self, **kwargs: object) -> None:
        works = {one.citation_id: one for one in self.env.get_domain("cite").citations}
        items = [item for item in self.document.findall(nodes.list_item) if set(item["ids"]) & works.keys()]
        if not items:
            return
        entries = {one.key: one.entry for one in works.values()}
        cited = chapters_by_work(entries, chapters(Path(self.env.srcdir)))
        for item in items:
            key = next(works[name].key for name in item["ids"] if name in works)
            if not cited[key]:
                raise ValueError(f"No chapter's Further reading names {key}: take it out of references.bib.")
            line = nodes.paragraph("", "Cited in ", classes=["speedy-cited"])
            for place, chapter in enumerate(cited[key]):
                target = self.app.builder.get_relative_uri(self.env.docname, chapter.name)
                line += [nodes.Text(", ")] if place else []
                line += nodes.reference("", chapter.title, internal=True, refuri=target)
            item += line


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("sphinxcontrib.bibtex")
    app.add_post_transform(AddChapters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
