"""Check or mend how notebooks are stored: without outputs, the same bytes for the same content, plain Markdown.

    python tools/notebooks.py --check [NOTEBOOK ...]
    python tools/notebooks.py --fix   [NOTEBOOK ...]

Stored outputs go stale and swell every diff; the site shows outputs that were made when it was built. Colab shows MyST
directives and roles as raw text, so Markdown cells keep to plain Markdown: that one a person has to mend.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parents[1]
NOT_OURS = {"_build", "build", "dist", "node_modules"}
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_KEYS = {"tags": None, "mystnb": {"code_prompt_show", "code_prompt_hide"}}
CELL_ID = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
FENCE = re.compile(r"^ {0,3}(```+|~~~+)(.*)$")
MYST = [
    (re.compile(r"^\s*:{3,}"), "the MyST directive"),
    (re.compile(r"^\([\w.:-]+\)=\s*$"), "the MyST label"),
    (re.compile(r"\{[A-Za-z][\w:.+-]*\}`[^`]+`"), "the MyST role"),
    (re.compile(r"\{\{.*\}\}"), "the MyST substitution"),
]


def all_notebooks() -> list[Path]:
    """Every notebook of the repository, not those in folders that are built or hidden."""
    found = (path for path in ROOT.rglob("*.ipynb") if path.is_file())
    parts = ((path, path.relative_to(ROOT).parts) for path in found)
    return sorted(path for path, names in parts if not any(n.startswith(".") or n in NOT_OURS for n in names))


def cell_metadata(cell: dict[str, Any]) -> dict[str, Any]:
    """The part of a cell's metadata that the book uses."""
    kept = {}
    for key, inner in CELL_KEYS.items():
        value = cell["metadata"].get(key)
        if inner is not None and isinstance(value, dict):
            value = {name: value[name] for name in sorted(value) if name in inner}
        if value:
            kept[key] = value
    return kept


def mend(notebook: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The notebook as it should be stored, and what had to change for it."""
    said = []
    if (notebook["nbformat"], notebook["nbformat_minor"]) != (4, 5):
        said.append(f"is nbformat {notebook['nbformat']}.{notebook['nbformat_minor']}, not 4.5")
        notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    if notebook["metadata"] != NOTEBOOK_METADATA:
        said.append("has metadata other than a plain python3 kernel")
        notebook["metadata"] = NOTEBOOK_METADATA
    free = (f"cell-{number:02d}" for number in range(1, 10**6))
    taken = {cell.get("id") for cell in notebook["cells"]}
    seen: set[str] = set()
    for number, cell in enumerate(notebook["cells"], 1):
        here = f"cell {number}"
        if not CELL_ID.match(cell.get("id", "")) or cell["id"] in seen:
            said.append(f"{here} has no id of its own")
            cell["id"] = next(name for name in free if name not in taken)
        seen.add(cell["id"])
        if cell["metadata"] != (kept := cell_metadata(cell)):
            needless = [key for key, value in cell["metadata"].items() if value != kept.get(key)]
            said.append(f"{here} has metadata that the book does not use: {', '.join(needless)}")
            cell["metadata"] = kept
        if cell.pop("attachments", None):
            said.append(f"{here} has an attached file: link to one in book/ instead")
        if cell["cell_type"] == "code":
            if cell.get("outputs"):
                said.append(f"{here} has stored outputs")
            if cell.get("execution_count") is not None:
                said.append(f"{here} has an execution count")
            cell["outputs"], cell["execution_count"] = [], None
    return notebook, said


def myst_in(source: str) -> list[str]:
    """What only MyST understands in a Markdown cell, code blocks and code spans aside."""
    found, fence = [], ""
    for line in source.splitlines():
        mark = FENCE.match(line)
        if mark and not fence:
            fence = mark.group(1)
            if mark.group(2).strip().startswith("{"):
                found.append(f"the MyST directive {line.strip()}")
            continue
        if fence:
            if mark and mark.group(1).startswith(fence) and not mark.group(2).strip():
                fence = ""
            continue
        # Code spans go, but not the one that belongs to a role: {ref}`x`.
        text = re.sub(r"(?<![`}])(`+)(?!`).*?(?<!`)\1(?!`)|\$[^$]*\$", "", line)
        found += [f"{what} {hit.group().strip()}" for pattern, what in MYST for hit in pattern.finditer(text)]
    return found


def look_at(path: Path) -> tuple[str | None, list[str], list[str]]:
    """The text to store, what `--fix` mends, and what it cannot mend."""
    stored = path.read_bytes()
    try:
        raw = nbformat.reader.reads(stored.decode("utf-8"))
        notebook = nbformat.convert(raw, 4) if raw["nbformat"] != 4 else raw
        notebook, said = mend(notebook)
        nbformat.validate(notebook)
    except (ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError) as error:
        return None, [], [f"is not a notebook: {str(error).splitlines()[0]}"]
    text = nbformat.writes(nbformat.from_dict(notebook)) + "\n"
    if not said and text.encode() != stored:
        said.append("is not stored the way Jupyter stores it (indentation, order of keys, newline at the end)")
    markdown = [(i, cell["source"]) for i, cell in enumerate(notebook["cells"], 1) if cell["cell_type"] == "markdown"]
    return text, said, [f"cell {i} uses {what}, which Colab shows raw" for i, src in markdown for what in myst_in(src)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="say what is wrong; exit 1 if anything is")
    what.add_argument("--fix", action="store_true", help="mend it in place; exit 1 if something is left for a person")
    parser.add_argument("notebooks", nargs="*", type=Path, help="all of the repository's unless given")
    options = parser.parse_args()
    wrong, paths = 0, options.notebooks or all_notebooks()
    for path in paths:
        if not path.is_file():
            sys.exit(f"There is no notebook {path}.")
        text, mendable, lasting = look_at(path)
        name = path.resolve().relative_to(ROOT) if path.resolve().is_relative_to(ROOT) else path
        if options.fix and mendable and text is not None:
            scratch = path.with_suffix(".ipynb.new")
            scratch.write_text(text, encoding="utf-8", newline="\n")
            scratch.replace(path)
            print(f"{name}: mended")
            mendable = []
        for line in mendable + lasting:
            print(f"{name}: {line}")
        wrong += len(mendable) + len(lasting)
    if options.check and wrong:
        print("`make fix` mends the ways of storing; MyST in Markdown cells is for you.")
    elif not wrong:
        print(f"{len(paths)} notebooks are stored as they should be.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
