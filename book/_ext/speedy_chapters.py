"""What several extensions ask of the book: its chapters in their order, with their cells."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import yaml


@dataclass(frozen=True)
class Chapter:
    """A notebook of the book: the page's name ("book/tagging"), its title, and its cells' kinds and texts."""

    name: str
    title: str
    cells: tuple[tuple[str, str], ...]

    def text(self, kind: str) -> str:
        """All cells of a kind ("markdown" or "code"), one below the other."""
        return "\n\n".join(source for cell_kind, source in self.cells if cell_kind == kind)

    def further_reading(self) -> list[str]:
        """The items of the list under *Further reading*, each on one line; none where there is no such heading."""
        section = re.search(r"^## Further reading\n(.*?)(?=^#|\Z)", self.text("markdown"), re.MULTILINE | re.DOTALL)
        items = re.findall(r"^- (.*(?:\n  .*)*)", section[1], re.MULTILINE) if section else []
        return [" ".join(item.split()) for item in items]


def pages(toc: dict[str, Any]) -> Iterator[str]:
    """Every page that a table of contents names, in its order."""
    yield from (toc[key] for key in ("root", "file") if key in toc)
    for key in ("parts", "chapters", "sections", "subtrees", "entries"):
        for entry in toc.get(key, []):
            yield from pages(entry)


@cache
def chapters(source: Path) -> tuple[Chapter, ...]:
    """The notebooks of the book in this folder, in the order of its table of contents."""
    toc = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))
    found = []
    for name in pages(toc):
        path = source / f"{name.removesuffix('.ipynb')}.ipynb"
        if path.exists():
            cells = nbformat.read(path, as_version=4).cells
            title = next(re.finditer(r"^# (.+)", cells[0].source, re.MULTILINE), None)
            plain = tuple((cell.cell_type, cell.source) for cell in cells)
            found.append(Chapter(name.removesuffix(".ipynb"), title[1].strip() if title else name, plain))
    return tuple(found)
