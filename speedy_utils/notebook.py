"""What the notebooks show besides figures: where they run, sentences with computed numbers, tables, tokens."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from speedy_utils.errors import unknown_name

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import HTML, Markdown
    from tokenizers import Tokenizer

SCALES = ("mini", "colab", "paper")


def scale() -> str:
    """The scale this session runs at: SPEEDY_SCALE where it is set, "colab" in Google Colab, "mini" elsewhere.

    Raises ValueError for a SPEEDY_SCALE that is none of the three.
    """
    wanted = os.environ.get("SPEEDY_SCALE", "").strip()
    if wanted and wanted not in SCALES:
        raise ValueError(unknown_name("SPEEDY_SCALE", wanted, SCALES))
    return wanted or ("colab" if "google.colab" in sys.modules else "mini")


def environment(book: str | None = None) -> Markdown:
    """One line on scale, device and versions: the first output of each notebook.

    `book` is the version of the book that the notebook belongs to. Where it is not the version of this package, a
    second line says so and what to do.
    """
    import atexit
    import gc
    import platform
    import warnings
    from importlib.metadata import version

    # Python looks for garbage whenever there are 700 new objects more, and torch and transformers make a million while
    # they are loaded, all of them to stay: looking less often takes a seventh of that time away. When the kernel stops,
    # Python would go through all of them for the last time, for a second or two.
    gc.set_threshold(10_000, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)
    import torch
    from IPython.display import Markdown

    from speedy_utils import __version__

    # Libraries look for a progress bar of Jupyter's when they are imported, and complain at length if there is none.
    warnings.filterwarnings("ignore", message="IProgress not found")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU with {os.cpu_count()} cores"
    versions = [
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in ("torch", "transformers")),
    ]
    line = f"**Scale** {scale()} · **device** {device} · speedy_utils {__version__}, {', '.join(versions)}"
    if book not in (None, __version__):
        line += (
            f"\n\n**This notebook is of version {book} of the book, but these helpers are of version {__version__}.** "
            "To get those that belong to it, run `%pip uninstall --yes speedy-gonzales-book` in a new cell, restart "
            "the kernel, and run this cell again."
        )
    return Markdown(line)


def say(text: str) -> Markdown:
    """A paragraph of Markdown with numbers that the cell has just computed, so that prose and data cannot disagree."""
    from IPython.display import Markdown

    return Markdown(text)


def html_table(frame: pd.DataFrame, digits: int | Mapping[str, int] = 2, caption: str = "") -> str:
    """A table of HTML with a caption and header cells that a screen reader can follow; the index is left out."""
    places = digits if isinstance(digits, Mapping) else dict.fromkeys(frame.columns, digits)
    columns = [[_cell(value, places.get(name, 2)) for value in frame[name].tolist()] for name in frame.columns]
    ends = [_kind(cells) for cells in columns]
    heads = [f'<th scope="col"{end}>{escape(str(name))}</th>' for name, end in zip(frame.columns, ends, strict=True)]
    body = []
    for first, *rest in zip(*columns, strict=True):
        cells = "".join(f"<td{end}>{text}</td>" for text, end in rest)
        body.append(f'<tr><th scope="row"{first[1]}>{first[0]}</th>{cells}</tr>')
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    rows = f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<div class="speedy-table"><table>{title}{rows}</table></div>'


_NUMBER = ' class="number"'
_TEXT = ' class="text"'
LONG = 30  # characters; a column with a longer text may break its lines


def _kind(cells: list[tuple[str, str]]) -> str:
    """The attribute of a column's cells: numbers stand to the right, long texts break their lines."""
    if cells and all(end for _, end in cells):
        return _NUMBER
    return _TEXT if any(len(text) > LONG for text, _ in cells) else ""


def _cell(value: object, digits: int) -> tuple[str, str]:
    """A value as text, and the attribute that sets numbers to the right."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return escape(str(value)), ""
    if value != value:
        return "–", _NUMBER
    return (f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}").replace("-", "−"), _NUMBER


def show_table(frame: pd.DataFrame, caption: str, digits: int | Mapping[str, int] = 2) -> HTML:
    """A data frame as a table to read: numbers to the right, the first column as row heads, the index left out.

    `digits` are the decimals of every column, or of those it names (2 for the others).
    """
    from IPython.display import HTML

    return HTML(html_table(frame, digits, caption))


def show_text(*paragraphs: str, language: str = "es") -> HTML:
    """A quoted text, its paragraphs one below the other, marked as Spanish for screen readers and hyphenation."""
    from IPython.display import HTML

    inner = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return HTML(f'<blockquote lang="{language}">{inner}</blockquote>')


def show_tokens(tokenizers: Mapping[str, Tokenizer], text: str) -> HTML:
    """The tokens that each tokenizer makes of a text, one line a tokenizer, each token in a box of its own."""
    from IPython.display import HTML

    rows = []
    for name, tokenizer in tokenizers.items():
        encoding = tokenizer.encode(text, add_special_tokens=False)
        unknown = {tokenizer.token_to_id(token) for token in ("[UNK]", "<unk>")} - {None}
        boxes = "".join(
            f'<span class="token{" unknown" if number in unknown else ""}">{escape(token)}</span>'
            for token, number in zip(encoding.tokens, encoding.ids, strict=True)
        )
        head = f'<th scope="row">{escape(name)}</th><td class="number">{len(encoding)}</td>'
        rows.append(f'<tr>{head}<td class="pieces" lang="es">{boxes}</td></tr>')
    head = f'<tr><th scope="col">tokenizer</th><th scope="col"{_NUMBER}>tokens</th><th scope="col">pieces</th></tr>'
    caption = f'<caption>Tokens of <q lang="es">{escape(text)}</q></caption>'
    return HTML(
        f'{TOKEN_STYLE}<div class="speedy-table speedy-tokens"><table>{caption}<thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def show_spans(text: str, marked: Mapping[str, Sequence[tuple[int, int, str]]], caption: str = "") -> HTML:
    """A text once for each row of `marked`, with the row's spans (first character, the one behind the last, label).

    Rows are such as "gold" and "predicted"; a span's label stands behind its words and may be empty. Raises ValueError
    for spans outside the text or on top of each other.
    """
    from IPython.display import HTML

    rows = []
    for name, spans in marked.items():
        parts, place = [], 0
        for start, end, label in sorted(spans):
            if not place <= start < end <= len(text):
                raise ValueError(f"The span {start} to {end} of {name!r} overlaps another or leaves the text.")
            tag = f"<b>{escape(label)}</b>" if label else ""
            parts.append(f"{escape(text[place:start])}<mark>{escape(text[start:end])}{tag}</mark>")
            place = end
        parts.append(escape(text[place:]))
        rows.append(f'<tr><th scope="row">{escape(name)}</th><td class="text" lang="es">{"".join(parts)}</td></tr>')
    head = '<tr><th scope="col">marked</th><th scope="col">text</th></tr>'
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return HTML(
        f'{_SPAN_STYLE}<div class="speedy-table speedy-spans"><table>{title}<thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def show_entities(tokens: Sequence[str], tagged: Mapping[str, Sequence[str]], caption: str = "") -> HTML:
    """A sentence once for each row of `tagged` (its IOB2 tags), with the entities marked: see `show_spans`."""
    from speedy_utils.metrics import find_entities

    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    marked = {
        name: [(starts[first], starts[last + 1] - 1, kind) for kind, first, last in find_entities(tags)]
        for name, tags in tagged.items()
    }
    return show_spans(" ".join(tokens), marked, caption)


_SPAN_STYLE = """<style>
.speedy-spans mark { padding: 0 0.2em; border: 1px solid currentColor; border-radius: 4px; background: none;
  color: inherit; font-weight: 600; }
.speedy-spans mark b { margin-left: 0.4em; font-size: 0.75em; }
</style>"""
TOKEN_STYLE = """<style>
.speedy-tokens .token { display: inline-block; margin: 1px; padding: 0 0.3em; border: 1px solid currentColor;
  border-radius: 4px; font-family: monospace; white-space: pre; }
.speedy-tokens .unknown { border-style: dashed; border-width: 2px; font-weight: bold; }
</style>"""
