"""The index of functions: which chapters use which names of the package, read from their code at build time.

`.. speedy-functions:: exports` lists the names that `speedy_utils` exports, with a link to each one's entry in the API
reference; `.. speedy-functions:: modules` those that a chapter takes from a module, such as `su.plots.scatter`.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import speedy_utils
from docutils import nodes
from IPython.core.inputtransformer2 import TransformerManager
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from speedy_chapters import Chapter, chapters

PACKAGE = Path(speedy_utils.__file__).parent


def parsed(chapter: Chapter) -> ast.Module:
    """The chapter's code as one tree; in cells with a notebook's own commands (`%pip`), these become calls."""
    statements = []
    for source in (source for kind, source in chapter.cells if kind == "code"):
        try:
            cell = ast.parse(source)
        except SyntaxError:
            cell = ast.parse(TransformerManager().transform_cell(source), filename=chapter.name)
        statements += cell.body
    return ast.Module(statements, type_ignores=[])


def imported(tree: ast.Module) -> dict[str, tuple[str, ...]]:
    """{name in the notebook: path below the package} of what it imports from the package."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                root, *path = one.name.split(".")
                if root == "speedy_utils":
                    names[one.asname or root] = tuple(path) if one.asname else ()
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            root, *path = node.module.split(".")
            if root == "speedy_utils":
                names |= {one.asname or one.name: (*path, one.name) for one in node.names}
    return names


def dotted(node: ast.expr) -> tuple[str, ...]:
    """("su", "plots", "scatter") for `su.plots.scatter`; empty for anything but names with dots."""
    if isinstance(node, ast.Name):
        return (node.id,)
    inner = dotted(node.value) if isinstance(node, ast.Attribute) else ()
    return (*inner, node.attr) if inner else ()


def known(path: tuple[str, ...]) -> str | None:
    """The path up to its first name that is no module, such as "plots.scatter"; None if there is none."""
    place = PACKAGE
    for depth, part in enumerate(path, 1):
        place = place / part
        if not place.is_dir() and not place.with_suffix(".py").exists():
            return ".".join(path[:depth]) if not part.startswith("__") else None
    return None


@cache
def used(chapter: Chapter) -> tuple[str, ...]:
    """Every name of the package that the chapter's code uses, once: "score", "plots.scatter"."""
    return tuple(dict.fromkeys(uses(parsed(chapter))))


def uses(tree: ast.Module) -> Iterator[str]:
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            first, *rest = dotted(node) or ("",)
            if first in names and (name := known((*names[first], *rest))):
                yield name


def chapters_by_function(source: Path) -> dict[str, list[Chapter]]:
    """{name: the chapters that use it, in the book's order}, the names in alphabetical order."""
    found: dict[str, list[Chapter]] = {}
    for chapter in chapters(source):
        for name in used(chapter):
            # A module's path and the package's own name for one thing are one entry.
            last = name.rsplit(".", 1)[-1]
            same = speedy_utils._HOME.get(last) == name.removesuffix(f".{last}")
            places = found.setdefault(last if same else name, [])
            if chapter not in places:
                places.append(chapter)
    return dict(sorted(found.items(), key=lambda pair: pair[0].casefold()))


class SpeedyFunctions(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()  # it depends on the chapters
        exports = self.arguments[0] == "exports"
        lines = []
        for name, places in chapters_by_function(Path(self.env.srcdir)).items():
            if (name in speedy_utils._HOME) is exports:
                lines.append(f":py:obj:`su.{name} <speedy_utils.{name}>`" if exports else f"``su.{name}``")
                lines += ["   " + ", ".join(f":doc:`{one.title} </{one.name}>`" for one in places), ""]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("speedy-functions", SpeedyFunctions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
