"""Try the first cell of the notebooks in a clean environment that has what Colab has.

    python tools/colab_check.py [--published] [--python 3.12] [--torch SPEC] [NOTEBOOK ...]

Colab itself can't be called from a script. Its packages are listed in tools/colab_packages.txt; the environment is made
of exactly these, with uv. The wheel of this working tree is served on this machine in place of the site, and each
different first cell of the book's notebooks is run three times there: it has to install the helpers in under a minute,
to leave every package as it was (PyTorch above all), to show nothing but the line on scale and versions, and to do
nothing the second time; the third time it belongs to another version, which has to be a sentence. Then the notebooks
that are named run there from start to end, at the scale `mini`.

    --published   install from the site itself, as readers do, not the wheel of this working tree
    --python      the Python to take, as uv understands it (3.12, as in Colab)
    --torch       another PyTorch than the list's, such as torch==2.13.0+cpu where that one is at hand
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import nbformat
from build_book import ROOT, build_wheel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

PACKAGES = ROOT / "tools" / "colab_packages.txt"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
LIMIT = 60  # seconds that the first cell may take
INSTALL = re.compile(r"speedy-gonzales-book(?P<extra>\[[\w,]+\])? @ (?P<site>https?://[^\s\"']+)/wheels/")
OURS = "speedy-gonzales-book"
LIST_PACKAGES = (
    "import json; from importlib.metadata import distributions; "
    "print(json.dumps({d.name.lower().replace('_', '-'): d.version for d in distributions()}))"
)
# As in Colab, whose user is root: pip and the kernel don't talk about themselves, and nothing is set on this machine.
VARIABLES = {
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_CONFIG_FILE": os.devnull,
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "SPEEDY_SCALE": "mini",
}
PATIENCE = {"timeout": 600, "startup_timeout": 300}  # seconds for a cell, and for a kernel to come up
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Run:
    """What a cell showed, the names of the files it asked the site for, and how long it took in seconds."""

    shown: str
    asked: list[str]
    seconds: float


def stop(sentence: str) -> NoReturn:
    sys.exit(f"[colab] {sentence}")


def say(text: str) -> None:
    print(f"[colab] {text}", flush=True)


def first_cell(notebook: Path) -> str:
    """The code that a notebook begins with."""
    cells = nbformat.read(notebook, as_version=4).cells
    return next(cell.source for cell in cells if cell.cell_type == "code")


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """A site of this folder on this machine: its address, and the list of the paths that are asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *words: Any) -> None:  # noqa: ANN401 -- http.server's own signature
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def versions(python: Path) -> dict[str, str]:
    """The packages that this Python has."""
    done = subprocess.run([str(python), "-c", LIST_PACKAGES], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@contextmanager
def kernel_of(python: Path) -> Iterator[str]:
    """The name under which Jupyter knows this Python as a kernel."""
    with tempfile.TemporaryDirectory(prefix="speedy-kernel-") as folder:
        spec = Path(folder, "kernels", "like-colab", "kernel.json")
        spec.parent.mkdir(parents=True)
        command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        content = {"argv": command, "display_name": "like Colab", "language": "python", "env": VARIABLES}
        spec.write_text(json.dumps(content), encoding="utf-8")
        before = os.environ.get("JUPYTER_PATH")
        os.environ["JUPYTER_PATH"] = folder
        try:
            yield "like-colab"
        finally:
            if before is None:
                del os.environ["JUPYTER_PATH"]
            else:
                os.environ["JUPYTER_PATH"] = before


def shown_by(cell: nbformat.NotebookNode) -> str:
    """The text of a cell's outputs."""
    parts = []
    for output in cell.outputs:
        data = output.get("data", {})
        parts.append(output.get("text") or data.get("text/markdown") or data.get("text/plain") or "")
    return ANSI.sub("", "".join(parts)).strip()


def run_cell(source: str, python: Path, site: str, asked: list[str]) -> Run:
    """Run one cell in a fresh kernel, in an empty folder, with this site in place of the book's, if one is given."""
    found = INSTALL.search(source)
    cell = nbformat.v4.new_code_cell(source.replace(found["site"], site) if found and site else source)
    seen, start = len(asked), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="speedy-empty-") as empty, kernel_of(python) as kernel:
        notebook = nbformat.v4.new_notebook(cells=[cell])
        resources = {"metadata": {"path": empty}}
        NotebookClient(notebook, kernel_name=kernel, resources=resources, allow_errors=True, **PATIENCE).execute()
    return Run(shown_by(cell), [Path(path).name for path in asked[seen:]], time.monotonic() - start)


def complaints(source: str, python: Path, site: str, asked: list[str]) -> list[str]:
    """Run a first cell three times (see above) and say what is not as it should be."""
    problems, before = [], versions(python)
    first = run_cell(source, python, site, asked)
    after = versions(python)
    new = sorted(after.keys() - before.keys())
    say(f"  installed {', '.join(f'{name} {after[name]}' for name in new) or 'nothing'} in {first.seconds:.0f} s")
    moved = [f"{name} {old} -> {after.get(name, 'gone')}" for name, old in before.items() if after.get(name) != old]
    if moved:
        problems.append(f"the cell changes packages that are there: {', '.join(moved)}.")
    if OURS not in after:
        return [*problems, f"the cell does not install the helpers. It shows:\n{first.shown}"]
    if first.seconds > LIMIT:
        problems.append(f"the cell takes {first.seconds:.0f} s, more than {LIMIT}.")
    if not first.shown.startswith("**Scale** ") or "\n" in first.shown:
        problems.append(f"the cell shows more than where it runs:\n{first.shown}")
    second = run_cell(source, python, site, asked)
    say(f"  a second time: {second.seconds:.0f} s, the kernel's start and importing PyTorch included")
    if second.asked or versions(python) != after:
        problems.append(f"run again, the cell does something: it asks for {', '.join(second.asked) or 'nothing'}.")
    if second.shown != first.shown:
        problems.append(f"run again, the cell shows something else:\n{second.shown}")
    other = re.sub(r'(?<=book=")[^"]+', "999.0", source)
    third = run_cell(other, python, site, asked)
    if third.asked or "This notebook is of version 999.0 of the book" not in third.shown:
        problems.append(f"a notebook of another version is not noticed. It shows:\n{third.shown}")
    return problems


def make_environment(folder: Path, python: str, torch: str) -> Path:
    """An environment of the listed packages; the path of its Python."""
    uv = shutil.which("uv")
    if uv is None:
        stop("This check needs uv: install it with `pip install uv` and try again.")
    listed = [line for line in PACKAGES.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    (pinned,) = [line for line in listed if line.startswith("torch==")]
    lists = folder.parent / f"{folder.name}.txt"
    lists.write_text("\n".join(line for line in listed if line != pinned), encoding="utf-8")
    places = os.environ.get("PIP_FIND_LINKS", "").split()  # uv does not read pip's variable
    found = [word for place in places for word in ("--find-links", place)]
    home = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    into = ["--quiet", "--python", str(home)]
    commands = [
        [uv, "venv", "--quiet", "--python", python, str(folder)],
        [uv, "pip", "install", "--no-deps", *into, "--requirement", str(lists)],
        [uv, "pip", "install", "--no-deps", *into, "--index-url", TORCH_INDEX, pinned],
    ]
    if torch:  # with what that version asks for
        commands[-1] = [uv, "pip", "install", *into, *found, torch]
    for command in commands:
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            stop(f"No environment like Colab's could be made. uv said:\n{done.stderr}")
    return home


def run_notebook(path: Path, python: Path) -> str:
    """Run a notebook from start to end; what went wrong, or nothing."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="speedy-empty-") as empty, kernel_of(python) as kernel:
        notebook = nbformat.read(path, as_version=4)
        try:
            resources = {"metadata": {"path": empty}}
            NotebookClient(notebook, kernel_name=kernel, resources=resources, **PATIENCE).execute()
        except CellExecutionError as error:
            return ANSI.sub("", str(error))
    say(f"  ran in {time.monotonic() - start:.0f} s")
    return ""


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--python", default="3.12")
    parser.add_argument("--torch", default="")
    parser.add_argument("notebooks", nargs="*", type=Path)
    options = parser.parse_args(words)
    lost = [str(path) for path in options.notebooks if not path.is_file()]
    if lost:
        stop(f"There is no notebook {', '.join(lost)}.")
    cells: dict[str, list[Path]] = {}
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        source = first_cell(path)
        if not INSTALL.search(source):
            stop(f"The first cell of {path.relative_to(ROOT)} does not install the book's helpers.")
        cells.setdefault(source, []).append(path)
    problems = []
    with tempfile.TemporaryDirectory(prefix="speedy-colab-") as scratch, served(Path(scratch, "site")) as (site, asked):
        build_wheel(Path(scratch, "site", "wheels"))
        pythons = {}
        for number, (source, paths) in enumerate(cells.items()):
            say(f"the first cell of {paths[0].name}" + f" and {len(paths) - 1} more" * (len(paths) > 1))
            python = make_environment(Path(scratch, f"environment-{number}"), options.python, options.torch)
            place = "" if options.published else site
            problems += [f"{paths[0].name}: {one}" for one in complaints(source, python, place, asked)]
            pythons |= dict.fromkeys((path.resolve() for path in paths), python)
        for path in options.notebooks:
            say(f"{path.name} from start to end")
            python = pythons.get(path.resolve()) or next(iter(pythons.values()))
            problems += [f"{path.name}: {one}" for one in [run_notebook(path, python)] if one]
    for problem in problems:
        print(f"\n{problem}", file=sys.stderr)
    say(f"{len(problems)} problems; they are above." if problems else "All is well.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
