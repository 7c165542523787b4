"""The bundled data: Spanish texts written for this book (CC BY 4.0), which no model has seen.

`texts/` holds one file for each genre. In a file each document is a line with its title and then its paragraphs, a line
each; an empty line ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Document:
    """One text: its genre (the file's name), its title, its paragraphs."""

    genre: str
    title: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        """Title and paragraphs, a line each."""
        return "\n".join((self.title, *self.paragraphs))


def load_texts() -> list[Document]:
    """All documents, genre by genre in alphabetical order, as they stand in the files."""
    documents = []
    folder = files("speedy_utils.mini").joinpath("texts")
    for path in sorted((path for path in folder.iterdir() if path.name.endswith(".txt")), key=lambda path: path.name):
        for block in path.read_text(encoding="utf-8").strip("\n").split("\n\n"):
            title, *paragraphs = block.split("\n")
            documents.append(Document(path.name.removesuffix(".txt"), title, tuple(paragraphs)))
    return documents


def split_texts(documents: list[Document] | None = None, every: int = 5) -> tuple[list[Document], list[Document]]:
    """(training, held out): of each run of `every` documents the last is held out, so that every genre has both."""
    documents = load_texts() if documents is None else documents
    held_out = documents[every - 1 :: every]
    return [document for place, document in enumerate(documents) if place % every != every - 1], held_out
