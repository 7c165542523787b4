"""A figure as the book shows it: drawn for wide and for narrow screens, following light and dark, described in words.

A `BookFigure` is what every function of `speedy_utils.plots` returns. In a notebook it shows itself as HTML: the same
picture drawn twice, for a desktop and for a phone, of which the style sheet shows one; colours are CSS variables, so a
page in dark mode shows a dark figure; the text alternative says what there is to see, and the numbers can be unfolded
as a table.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from speedy_utils.files import write_whole
from speedy_utils.notebook import html_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

WIDE, NARROW = 7.4, 3.7  # inches

# Colour by role: (CSS variable, on light paper, on dark paper). "a" to "d" tell things apart, always with a second cue.
COLOURS = {
    "ink": ("--fig-ink", "#1b1f24", "#e6e9ed"),
    "paper": ("--fig-paper", "#ffffff", "#121212"),
    "grid": ("--fig-grid", "#d0d7de", "#3a424c"),
    "muted": ("--fig-muted", "#59636e", "#a3adb8"),
    "a": ("--fig-a", "#9a3412", "#ff9d66"),
    "b": ("--fig-b", "#0b5cad", "#7ab7ff"),
    "c": ("--fig-c", "#5b6b2f", "#b9cf7d"),
    "d": ("--fig-d", "#6f42c1", "#cfa8ff"),
}
INK, PAPER, GRID, MUTED, A, B, C, D = (light for _, light, _ in COLOURS.values())

# Matplotlib writes the light colours into the SVG; they are then exchanged for the variables.
_VARIABLES = {light: f"var({variable}, {light})" for variable, light, _ in COLOURS.values()}
_DARK = {light: dark for _, light, dark in COLOURS.values()}

STYLE = """<style>
.speedy-figure { margin: 1.25rem 0; }
.speedy-figure svg { display: block; width: 100%; height: auto; background: var(--fig-paper, #ffffff); }
.speedy-figure .wide { max-width: 740px; margin: 0 auto; }
.speedy-figure .narrow { display: none; max-width: 480px; margin: 0 auto; }
@media screen and (max-width: 600px) {
  .speedy-figure .wide { display: none; }
  .speedy-figure .narrow { display: block; }
}
</style>"""


@contextmanager
def house_style(width: float) -> Iterator[None]:
    """Matplotlib's settings for a figure of `width` inches; the settings outside are left as they were."""
    import matplotlib as mpl

    size = 10 if width > 5 else 9
    with mpl.rc_context():
        mpl.rcdefaults()  # a reader's own settings must not bend the book's figures
        mpl.rcParams.update(
            {
                "font.family": "DejaVu Sans",
                "font.size": size,
                "axes.titlesize": size + 1,
                "axes.labelsize": size,
                "xtick.labelsize": size - 1,
                "ytick.labelsize": size - 1,
                "legend.fontsize": size - 1,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.edgecolor": MUTED,
                "axes.labelcolor": INK,
                "axes.facecolor": PAPER,
                "figure.facecolor": PAPER,
                "text.color": INK,
                "xtick.color": MUTED,
                "ytick.color": MUTED,
                "xtick.labelcolor": INK,
                "ytick.labelcolor": INK,
                "axes.grid": True,
                "axes.axisbelow": True,
                "grid.color": GRID,
                "grid.linewidth": 0.6,
                "legend.frameon": False,
                "hatch.linewidth": 0.6,
                "svg.fonttype": "path",
                # The same figure gives the same bytes: names inside the SVG are hashes, and this is their salt.
                "svg.hashsalt": "speedy",
            }
        )
        yield


@dataclass(frozen=True)
class BookFigure:
    """A drawing with its text alternative and the numbers behind it.

    `draw(width)` makes a matplotlib figure of about `width` inches, `alt` says what the picture shows, `table` holds
    the numbers that were drawn.
    """

    draw: Callable[[float], Figure]
    alt: str
    table: pd.DataFrame

    @property
    def caption(self) -> str:
        """What the table behind the figure is called: the first words of `alt`, up to where it goes into numbers."""
        end = re.search(r"(?<=.{20})[:;.](?= |$)", self.alt)
        return self.alt[: end.start()] if end else self.alt

    def figure(self, width: float = WIDE) -> Figure:
        """The matplotlib figure, to be changed or saved by hand."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        with house_style(width):
            figure = self.draw(width)
            FigureCanvasAgg(figure)
        return figure

    def _saved(self, suffix: str, width: float) -> bytes:
        buffer = BytesIO()
        with house_style(width):
            self.draw(width).savefig(
                buffer,
                format=suffix,
                bbox_inches="tight",
                pad_inches=0.06,
                dpi=200,
                metadata={"Date": None} if suffix == "svg" else {"CreationDate": None} if suffix == "pdf" else None,
            )
        return buffer.getvalue()

    def _drawn(self, width: float) -> str:
        """Matplotlib's SVG document without its metadata."""
        return re.sub(r"\s*<metadata>.*?</metadata>", "", self._saved("svg", width).decode(), flags=re.DOTALL)

    def svg(self, width: float = WIDE, dark: bool = False) -> str:
        """The picture as an SVG document that stands alone, with its text alternative inside."""
        text = self._drawn(width)
        text = text.replace("<svg ", '<svg role="img" ', 1)
        end = text.index(">", text.index("<svg ")) + 1
        text = f"{text[:end]}\n <title>{escape(self.alt)}</title>{text[end:]}"
        return _exchange(text, _DARK) if dark else text

    def save(self, path: str | Path, width: float = WIDE, dark: bool = False) -> Path:
        """Write the picture whole or not at all: .svg, .png or .pdf, by the name's ending. `dark` is for SVG only."""
        path = Path(path)
        suffix = path.suffix.lstrip(".").lower()
        if suffix not in ("svg", "png", "pdf"):
            raise ValueError(f"Cannot save a figure as {path.name!r}: end the name in .svg, .png or .pdf.")
        if dark and suffix != "svg":
            raise ValueError("A dark figure is saved as SVG: end the name in .svg.")
        write_whole(path, self.svg(width, dark) if suffix == "svg" else self._saved(suffix, width))
        return path

    def _inline(self, width: float, name: str) -> str:
        """The picture as an element of a page: no declarations, no fixed size, names that no other picture has."""
        text = self._drawn(width)
        text = text[text.index("<svg ") :]
        text = re.sub(r'^<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg class="{name}" \1 aria-hidden="true">', text)
        # Matplotlib's own style sheet would hold for the whole page.
        text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
        text = text.replace("<svg ", '<svg stroke-linejoin="round" stroke-linecap="butt" ', 1)
        prefix = f"{name[0]}{hashlib.sha256(text.encode()).hexdigest()[:8]}-"
        text = re.sub(r'\bid="', f'id="{prefix}', text)
        text = re.sub(r'xlink:href="#', f'href="#{prefix}', text).replace("url(#", f"url(#{prefix}")
        return _exchange(re.sub(r"\n\s*", "\n", text), _VARIABLES)

    def details(self) -> str:
        """The table behind the figure, to unfold."""
        table = html_table(self.table, caption=self.caption)
        return f"<details><summary>The numbers in this figure</summary>{table}</details>"

    def _repr_html_(self) -> str:
        return (
            f'{STYLE}<figure class="speedy-figure"><div role="img" aria-label="{escape(self.alt)}">'
            f"{self._inline(WIDE, 'wide')}{self._inline(NARROW, 'narrow')}</div>"
            f"{self.details()}</figure>"
        )

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"


def _exchange(svg: str, colours: dict[str, str]) -> str:
    return re.sub("|".join(colours), lambda match: colours[match[0]], svg)
