"""The first cell of every notebook: it installs the helpers of its version from the site, and nothing else.

Tried as tools/colab_check.py tries it, but with no network: a clean environment has its own pip and sees the
distributions that the helpers need, and the wheel comes from a server on this machine.
"""

import ensurepip
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from conftest import NOTEBOOKS, ROOT
from repository import closure, load_tool

import speedy_utils as su

sys.path.insert(0, str(ROOT / "tools"))
colab = load_tool("colab_check")
address = load_tool("address")
CELLS = {path: colab.first_cell(path) for path in NOTEBOOKS}
PLAIN, FAST = (next(cell for cell in CELLS.values() if ("[fast]" in cell) is fast) for fast in (False, True))
WHEEL = f"speedy_gonzales_book-{su.__version__}-py3-none-any.whl"


def site_address():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return f"https://{address.pages(*address.parse(config['repository']['url']))}"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A site with the wheel of this tree: its folder, its address, what is asked for."""
    folder = tmp_path_factory.mktemp("site")
    colab.build_wheel(folder / "wheels")
    with colab.served(folder) as (site, asked):
        yield folder, site, asked


@pytest.fixture(scope="module")
def python(served, tmp_path_factory):
    """The Python of a clean environment. What it needs lies outside of it, where pip does not uninstall."""
    bundled = Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or Path(ensurepip.__file__).parent / "_bundled")
    pip = next(bundled.glob("pip-*.whl"), None)
    if pip is None:
        pytest.skip("This Python brings no pip, so the first cell was not run.")
    home, links = tmp_path_factory.mktemp("env"), tmp_path_factory.mktemp("links")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    path = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with zipfile.ZipFile(served[0] / "wheels" / WHEEL) as archive:
        (metadata,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith("METADATA")]
    for one in closure([*re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE), "ipykernel"]).values():
        for file in one.files or []:
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (links / top).exists():
                (links / top).symlink_to(Path(str(one.locate_file(top))))
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([path, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    with zipfile.ZipFile(pip) as archive:
        archive.extractall(packages)
    Path(packages, "links.pth").write_text(f"{links}\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", ""), ("PYTHONPATH", "")):
            patch.setitem(colab.VARIABLES, name, value)
        patch.setattr(colab, "LIMIT", 3600)  # the machine may be busy
        yield path


# The next tests share one environment, in this order: without the helpers, with them, and with a cell that is not calm.


def test_the_check_notices_that_nothing_is_installed(served, python):
    _, site, asked = served
    (problem,) = colab.complaints("print('nothing is installed')", python, site, asked)
    assert problem == "the cell does not install the helpers. It shows:\nnothing is installed"


def test_the_first_cell_installs_once_quietly_and_notices_another_version(served, python):
    _, site, asked = served
    before = colab.versions(python)
    assert "torch" in before and colab.OURS not in before
    assert colab.complaints(PLAIN, python, site, asked) == []
    assert colab.versions(python) == before | {colab.OURS: su.__version__}
    assert asked == [f"/wheels/{WHEEL}"]


def test_the_check_notices_a_cell_that_installs_each_time_and_talks(served, python):
    _, site, asked = served
    greedy = PLAIN.replace('importlib.util.find_spec("speedy_utils") is None', "True")
    greedy = greedy.replace("--quiet", "--force-reinstall --no-deps").replace("import speedy_utils as su", "")
    problems = colab.complaints(greedy.replace("su.environment", "dict"), python, site, asked)
    assert [" ".join(one.split()[:4]) for one in problems] == [
        "the cell shows more", "run again, the cell", "run again, the cell", "a notebook of another",
    ]  # fmt: skip
    assert WHEEL in problems[1] and len(asked) == 4


def test_every_notebook_has_the_same_first_cell():
    expected = f'"speedy-gonzales-book{{}} @ {site_address()}/wheels/{WHEEL}"'
    assert len(set(CELLS.values())) == 2
    assert expected.format("") in PLAIN and expected.format("[fast]") in FAST
    assert [path.stem for path, cell in CELLS.items() if cell == FAST] == ["faster-than-the-paper"]
    assert all(len(cell.splitlines()) <= 12 for cell in CELLS.values())


def test_versions_agree(site):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert {project["version"], citation["version"], newest} == {su.__version__}
    for path, cell in CELLS.items():
        assert f"/wheels/{WHEEL}" in cell and cell.endswith(f'su.environment(book="{su.__version__}")'), path
        page = (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert re.findall('<meta name="version" content="([^"]*)">', page) == [su.__version__]
        said = f"Version {su.__version__} of the book and its helpers."
        assert re.findall('<p class="speedy-version">([^<]*)</p>', page) == [said]


def test_the_site_brings_the_wheel_of_this_tree(site, served):
    folder, _, _ = served
    (published,) = (site / "wheels").iterdir()
    assert published.name == WHEEL
    assert published.read_bytes() == (folder / "wheels" / WHEEL).read_bytes(), "say make book again"
    assert published.stat().st_size < 15e6


def test_colabs_packages_are_pins_and_say_where_they_come_from():
    lines = colab.PACKAGES.read_text(encoding="utf-8").splitlines()
    head, pins = [line for line in lines if line[0] == "#"], [line for line in lines if line[0] != "#"]
    assert re.search(r"backend-info/tree/[0-9a-f]{40}$", "\n".join(head), re.MULTILINE)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.+]*", line) for line in pins)
    names = [line.split("==")[0].lower() for line in pins]
    assert len(names) == len(set(names)) and {"torch", "numpy", "pandas", "transformers", "pip"} <= set(names)
