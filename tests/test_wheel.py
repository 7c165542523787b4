"""The package as readers get it: built as a wheel, alone with its declared dependencies, under each notebook.

The clean environment has the wheel, the distributions that its metadata asks for (followed through theirs), and the
kernel. Nothing else can be imported there, so a forgotten dependency or data file shows. They are linked from this
environment: no network is needed.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from inspect import signature
from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT
from nbclient import NotebookClient
from repository import closure, load_tool
from wrong_answers import wrong_answers

from speedy_utils.exercises import exercises

build_book = load_tool("build_book")
SOURCE = ROOT / "_build" / "src" / "book"


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"  # a build writes into its source
    run("git", "clone", "--quiet", "--no-hardlinks", ROOT, tree)
    tracked = run(
        "git", "ls-files", "--cached", "--others", "--exclude-standard", "speedy_utils", "pyproject.toml", cwd=ROOT
    )
    for name in tracked.splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())
    build = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    run(sys.executable, "-c", build, folder, cwd=tree)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def clean_python(wheel, tmp_path_factory):
    """The Python of an environment with the wheel, its dependencies and the kernel."""
    home = tmp_path_factory.mktemp("clean") / "env"
    run(sys.executable, "-m", "venv", "--without-pip", home)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site_packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith("METADATA"))
        requires = re.findall(r"^Requires-Dist: (.+)$", archive.read(metadata).decode(), re.MULTILINE)
        archive.extractall(site_packages)
    for one in closure([*requires, "ipykernel"]).values():
        for file in one.files or []:
            top = file.parts[0]
            if top in ("..", "__pycache__") or (site_packages / top).exists():
                continue
            (site_packages / top).symlink_to(Path(str(one.locate_file(top))))
    return python


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"speedy_utils"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    in_tree = {
        str(p.relative_to(ROOT))
        for p in (ROOT / "speedy_utils").rglob("*")
        if p.suffix in (".py", ".csv", ".txt", ".md")
    }
    assert in_tree <= set(names)


def test_the_clean_environment_is_clean(clean_python, tmp_path):
    code = (
        "import json, sys, importlib.util as u; print(json.dumps([u.find_spec(n) is not None for n in sys.argv[1:]]))"
    )
    names = ["speedy_utils", "torch", "ipykernel", "sphinx", "pytest", "nbmake"]
    found = json.loads(run(clean_python, "-c", code, *names, cwd=tmp_path))
    assert dict(zip(names, found, strict=True)) == {
        "speedy_utils": True, "torch": True, "ipykernel": True, "sphinx": False, "pytest": False, "nbmake": False,
    }  # fmt: skip
    where = run(clean_python, "-c", "import speedy_utils; print(speedy_utils.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(clean_python.parent.parent)


def plain_outputs(notebook):
    """What a reader sees of a notebook, run times and warnings on the error stream aside."""
    shown = []
    for cell in notebook.cells:
        for output in build_book.joined(cell.get("outputs", [])):
            if output.output_type == "stream" and output.name == "stderr":
                continue
            shown.append(output.get("text") or output.get("data"))
    return shown


def mistaken_student(chapter):
    """Cells of a student who answers each exercise wrong, and then as the solution does."""
    tried = list(wrong_answers(chapter))
    tried += [(number, ", ".join(signature(one).parameters), None) for number, one in exercises(chapter).items()]
    cells = [nbformat.v4.new_code_cell(f"su.check({chapter!r}, {number}, {answers})") for number, answers, _ in tried]
    for cell, (_, _, words) in zip(cells, tried, strict=True):
        cell.metadata["words"] = words
    return cells


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_runs_alone(path, clean_python, tmp_path, monkeypatch):
    spec = tmp_path / "share" / "kernels" / "clean" / "kernel.json"
    spec.parent.mkdir(parents=True)
    command = [str(clean_python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    # Not the seed that the site was built with: what depends on it shows as a difference.
    kernel = {"argv": command, "display_name": "clean", "language": "python", "env": {"PYTHONHASHSEED": "1"}}
    spec.write_text(json.dumps(kernel))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    empty = tmp_path / "empty"
    empty.mkdir()
    notebook = nbformat.read(path, as_version=4)
    length = len(notebook.cells)
    ask = nbformat.v4.new_code_cell("import speedy_utils; print(speedy_utils.__file__)")
    notebook.cells += [ask, *mistaken_student(path.stem)]
    NotebookClient(notebook, kernel_name="clean", timeout=300, resources={"metadata": {"path": str(empty)}}).execute()
    own, (asked, *tried) = notebook.cells[:length], notebook.cells[length:]
    assert Path(asked.outputs[0]["text"].strip()).is_relative_to(clean_python.parent.parent)
    assert list(empty.iterdir()) == [], "a notebook leaves files behind"
    for cell in tried:
        (said,) = [
            o.data["text/plain"] for o in cell.outputs if "speedy-verdict" in o.get("data", {}).get("text/html", "")
        ]
        words = cell.metadata["words"]
        assert said.startswith("✓" if words is None else "✗"), f"{cell.source}\n{said}"
        assert words is None or words in said, f"{cell.source}\n{said}"
    built = nbformat.read(SOURCE / path.name, as_version=4)
    if f"book/{path.stem}" not in build_book.TIMED:
        notebook.cells = own
        assert plain_outputs(notebook) == plain_outputs(built), "a second run shows something else than the site"
