"""Write the figure that the README and the landing page show: wide and narrow, light and dark, and the table behind it.

python tools/figures.py            # write it
python tools/figures.py --check    # say whether the files are what this would write
"""

import sys
from pathlib import Path

import speedy_utils as su
from speedy_utils.figures import NARROW, WIDE

FOLDER = Path(__file__).resolve().parents[1] / "book" / "_assets"


def pictures() -> dict[str, str]:
    """File name -> SVG document, or the table's HTML."""
    teachers = su.published_teachers()["value"].mean()
    figure = su.plots.frontier(su.published_summary(), teacher=teachers)
    drawn = {
        f"frontier-{size}-{mode}.svg": figure.svg(width, dark=mode == "dark")
        for size, width in (("wide", WIDE), ("narrow", NARROW))
        for mode in ("light", "dark")
    }
    return {**drawn, "frontier-table.html": figure.details() + "\n"}


def main(arguments: list[str]) -> int:
    drawn = pictures()
    if arguments == ["--check"]:
        stored = {name: (FOLDER / name).read_bytes() for name in drawn if (FOLDER / name).is_file()}
        stale = [name for name, text in drawn.items() if stored.get(name) != text.encode()]
        if stale:
            print(f"{', '.join(stale)}: not what is drawn; say make figures to mend it.")
        return 1 if stale else 0
    for name, text in drawn.items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
    print(f"Wrote {', '.join(drawn)} to {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
