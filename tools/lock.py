"""Write requirements.txt: the exact versions for Python 3.11 to 3.13 on Linux, macOS and Windows.

Run as `make lock`. Versions already in requirements.txt stay unless `--upgrade` is given, so adding a dependency moves
nothing else. The CUDA packages are left out on purpose: they belong to one build of PyTorch, which brings its own.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "requirements.txt"
# Variables of the machine that locks; the lock must not depend on them.
PRIVATE = ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_EXTRA_INDEX_URL", "UV_INDEX")
OF_ONE_BUILD = re.compile(r"^(nvidia-|cuda-|triton\b|pytorch-triton)")
HEADER = """\
# The exact versions that build and test the book, for Python 3.11 to 3.13 on Linux, macOS and Windows.
# Made by `make lock` from the ranges in pyproject.toml; do not edit by hand. PyTorch's CUDA packages are not listed:
# the build of PyTorch that needs them brings its own (see TORCH in the Makefile).
"""


def lock(upgrade: bool) -> str:
    """Resolve pyproject.toml and give the text of requirements.txt."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--group", "dev", "--universal", "--python-version", "3.11"]
    command += ["--fork-strategy", "fewest", "--no-header", "--no-annotate", "--quiet"]
    pinned = TARGET.read_text(encoding="utf-8") if TARGET.exists() and not upgrade else ""
    scratch = ROOT / "_build" / "lock.txt"
    scratch.parent.mkdir(exist_ok=True)
    scratch.write_text(pinned, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in PRIVATE}
    subprocess.run(
        [*command, "--output-file", str(scratch)], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    lines = scratch.read_text(encoding="utf-8").splitlines()
    return HEADER + "".join(f"{line}\n" for line in lines if line and line[0] != "#" and not OF_ONE_BUILD.match(line))


def main() -> int:
    try:
        text = lock(upgrade="--upgrade" in sys.argv[1:])
    except FileNotFoundError:
        sys.exit("make lock needs uv: install it with `pip install uv` and try again.")
    except subprocess.CalledProcessError:
        sys.exit("requirements.txt is unchanged: uv found no versions that fit together (its words are above).")
    scratch = TARGET.with_suffix(".txt.new")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(TARGET)
    print(f"requirements.txt: {len(text.splitlines()) - HEADER.count(chr(10))} exact versions.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
