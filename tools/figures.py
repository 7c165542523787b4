"""Draw the pictures that the README and the site show, and write the table behind the figure.

python tools/figures.py            # write them
python tools/figures.py --check    # say whether the files are what this would write
"""

import io
import re
import sys
from pathlib import Path

import numpy as np
from fontTools.pens.recordingPen import RecordingPen
from fontTools.svgLib.path import parse_path
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from PIL import Image

import speedy_utils as su
from speedy_utils.figures import GRID, INK, MUTED, NARROW, PAPER, WIDE, A, B, house_style

FOLDER = Path(__file__).resolve().parents[1] / "book" / "_assets"
STROKE = re.compile(r'<path stroke-width="([\d.]+)" d="([^"]+)"')
CODES = {"moveTo": [Outline.MOVETO], "lineTo": [Outline.LINETO], "curveTo": [Outline.CURVE4] * 3}


def draw_strokes(ax: Axes, name: str) -> None:
    """Draw an SVG file that is made of strokes into an empty part of a picture, as large as fits."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    found = re.search(r'viewBox="0 0 (\d+) (\d+)"', text)
    colour = re.search(r'stroke="(#\w+)"', text)
    if not found or not colour:
        raise ValueError(f"{name} has no viewBox or no stroke.")
    width, height = (int(size) for size in found.groups())
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal", anchor="W")
    ax.set_axis_off()
    ax.apply_aspect()
    points = ax.get_window_extent().width / width * 72 / ax.figure.dpi
    for stroke, path in STROKE.findall(text):
        pen = RecordingPen()
        parse_path(path, pen)
        steps = [step for step in pen.value if step[0] in CODES]
        outline = Outline(
            [point for _, places in steps for point in places], [c for kind, _ in steps for c in CODES[kind]]
        )
        style = {"capstyle": "round", "joinstyle": "round", "linewidth": float(stroke) * points}
        ax.add_patch(PathPatch(outline, fill=False, edgecolor=colour[1], clip_on=False, **style))


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def preview() -> bytes:
    """What is shown where somebody shares a link to the book: 1200 × 630, few words, readable when small."""
    systems = su.published_summary()
    best = su.pareto_frontier(systems)
    with house_style(12):
        figure = Figure(figsize=(12, 6.3), dpi=100, facecolor=PAPER)
        FigureCanvasAgg(figure)
        draw_strokes(figure.add_axes((0.06, 0.66, 0.2, 0.24)), "logo.svg")
        figure.text(0.06, 0.5, "Speedy\nGonzales", fontsize=46, weight="bold", va="center", linespacing=1.1)
        figure.text(0.06, 0.24, "Small and fast\nlanguage models\nfor Spanish", fontsize=24, va="center", color=MUTED)
        ax = figure.add_axes((0.5, 0.16, 0.45, 0.74))
        ax.set_xscale("log")
        for route, marker, face, edge in (("fine-tuning", "o", PAPER, A), ("distillation", "D", B, B)):
            rows = systems[systems["route"] == route]
            ax.scatter(
                rows["speedup"], rows["score"], 150, face, marker=marker, edgecolors=edge, linewidths=3, zorder=3
            )
        ax.step(best["speedup"], best["score"], where="pre", color=INK, linestyle="--", linewidth=2.5, zorder=2)
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel("faster →", fontsize=22, labelpad=14)
        ax.set_ylabel("better →", fontsize=22, labelpad=14)
        ax.tick_params(which="both", length=0, labelbottom=False)
        ax.grid(False)
        for side in ("left", "bottom"):
            ax.spines[side].set(color=GRID, linewidth=3)
        return png(figure)


def icon() -> bytes:
    """The sign of the book on a telephone: 180 × 180, on paper, since a telephone fills what is transparent."""
    figure = Figure(figsize=(1.8, 1.8), dpi=100, facecolor=PAPER)
    FigureCanvasAgg(figure)
    draw_strokes(figure.add_axes((0.14, 0.14, 0.72, 0.72)), "favicon.svg")
    return png(figure)


def pictures() -> dict[str, bytes]:
    """File name -> what is in the file."""
    teachers = su.published_teachers()["value"].mean()
    figure = su.plots.frontier(su.published_summary(), teacher=teachers)
    drawn = {
        f"frontier-{size}-{mode}.svg": figure.svg(width, dark=mode == "dark").encode()
        for size, width in (("wide", WIDE), ("narrow", NARROW))
        for mode in ("light", "dark")
    }
    table = (figure.details() + "\n").encode()
    return {**drawn, "frontier-table.html": table, "preview.png": preview(), "icon.png": icon()}


def same(name: str, drawn: bytes, stored: bytes) -> bool:
    """Whether a file is what is drawn: to the byte, or to the eye for pixels, which differ a little by machine."""
    if stored == drawn or not name.endswith(".png"):
        return stored == drawn
    try:
        one, other = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float) for data in (drawn, stored))
    except OSError:
        return False
    return one.shape == other.shape and float(np.abs(one - other).mean()) < 0.5


def main(arguments: list[str]) -> int:
    drawn = pictures()
    if arguments == ["--check"]:
        stored = {name: (FOLDER / name).read_bytes() for name in drawn if (FOLDER / name).is_file()}
        stale = [name for name, data in drawn.items() if name not in stored or not same(name, data, stored[name])]
        if stale:
            print(f"{', '.join(stale)}: not what is drawn; say make figures to mend it.")
        return 1 if stale else 0
    for name, data in drawn.items():
        (FOLDER / name).write_bytes(data)
    print(f"Wrote {', '.join(drawn)} to {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
