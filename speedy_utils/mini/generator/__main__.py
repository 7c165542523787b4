"""Write the bundled data, or with `--check` say whether the files on disk are what the generator makes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from speedy_utils.mini.generator import files

DATA = Path(__file__).resolve().parent.parent / "data"


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 when a file differs."""
    parser = argparse.ArgumentParser(prog="python -m speedy_utils.mini.generator", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; name the files that differ")
    parser.add_argument("--folder", type=Path, default=DATA, help="where the data are (default: inside the package)")
    options = parser.parse_args(arguments)
    different = []
    for name, text in files().items():
        path = options.folder / name
        content = text.encode("utf-8")
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        elif not path.is_file() or path.read_bytes() != content:
            different.append(name)
    if different:
        print("These files are not what the generator makes:", ", ".join(different), file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
