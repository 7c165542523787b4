"""The tools for whoever edits or forks the book: address, notebooks, figures, lock; and what calls them."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml
from conftest import NOTEBOOKS, ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from PIL import Image
from repository import calm_environment, copy_repository, load_tool, snapshot

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
ADDRESS = CONFIG["repository"]["url"]
SLUG = ADDRESS.removeprefix("https://github.com/")
OWNER, NAME = SLUG.split("/")
PAGES = f"{OWNER.lower()}.github.io/{NAME}"
COLAB = "https://colab.research.google.com/github/"
# Put together here: an address that stood in this file would be one more to rewrite.
SITES = "github.io"
FORK, FORK_OF_FORK = "Ana-Maria-9/Mi.libro_2", f"zzz9/zzz9.{SITES}"


def python(root, *words, **variables):
    command = [sys.executable, *map(str, words)]
    environment = calm_environment(PYTHONPATH=str(root), **variables)
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)


def address(root, *words):
    return python(root, "tools/address.py", *words)


@pytest.fixture
def copy(tmp_path):
    return copy_repository(tmp_path / "repository")


@pytest.fixture(params=["with git", "without git"])
def any_copy(request, copy):
    """Also a copy that git knows nothing about, as from a ZIP file."""
    if request.param == "with git":
        subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    return copy


# ------------------------------------------------------------------------------------------------ address.py


def test_the_repository_agrees_with_itself():
    done = python(ROOT, "tools/address.py", "--check")
    assert (done.returncode, done.stdout) == (0, f"Every file gives the repository as {SLUG}.\n"), done.stdout


def test_to_a_fork_to_its_fork_and_back(any_copy):
    before = snapshot(any_copy, ".git/")
    for slug in (FORK, FORK_OF_FORK, SLUG):
        done = address(any_copy, f"https://github.com/{slug}")
        assert done.returncode == 0, done.stderr
        check = address(any_copy, "--check")
        assert (check.returncode, check.stdout) == (0, f"Every file gives the repository as {slug}.\n"), check.stdout
        now = snapshot(any_copy, ".git/")
        assert now.keys() == before.keys()
        assert (now != before) == (slug != SLUG)
    assert now == before


@pytest.mark.parametrize(("slug", "site"), [(FORK, f"ana-maria-9.{SITES}/Mi.libro_2"), (FORK_OF_FORK, f"zzz9.{SITES}")])
def test_nothing_names_the_old_address(slug, site, any_copy):
    done = address(any_copy, f"https://github.com/{slug}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"Site: https://{site}/\n")
    texts = {name: data.decode("utf-8", "replace").lower() for name, data in snapshot(any_copy, ".git/").items()}
    for old in (SLUG.lower(), PAGES.lower(), f"{OWNER.lower()}.github.io"):
        assert [name for name, text in texts.items() if old in text] == []
    readme = (any_copy / "README.md").read_text(encoding="utf-8")
    assert f"(https://{site})" in readme and f"git+https://github.com/{slug}" in readme
    config = yaml.safe_load((any_copy / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"] == CONFIG["repository"] | {"url": f"https://github.com/{slug}"}
    project = tomllib.loads((any_copy / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Repository"] == f"https://github.com/{slug}"
    assert f"https://github.com/{slug}" in (any_copy / "CITATION.cff").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert f"{COLAB}{slug}/blob/main/book/{path.name}" in readme
        assert f"https://{site}/wheels/" in (any_copy / "book" / path.name).read_text(encoding="utf-8")
    assert python(any_copy, "tools/notebooks.py", "--check").returncode == 0


@pytest.mark.parametrize("ending", ["", "/", ".git"])
@pytest.mark.parametrize("start", ["https://github.com/", "http://www.github.com/", "git@github.com:"])
def test_ways_of_writing_an_address(start, ending):
    assert load_tool("address").parse(f"{start}{FORK}{ending}") == tuple(FORK.split("/"))


def test_a_site_of_ones_own_keeps_its_capitals(copy):
    """OWNER/OWNER.github.io is shown at owner.github.io; the repository's name is another thing."""
    slug = f"Ana9/Ana9.{SITES}"
    assert address(copy, f"https://github.com/{slug}").returncode == 0
    check = address(copy, "--check")
    assert check.returncode == 0, check.stdout
    assert f"https://github.com/{slug}\n" in (copy / "_config.yml").read_text(encoding="utf-8")
    assert f"(https://ana9.{SITES})" in (copy / "README.md").read_text(encoding="utf-8")


STALE = {
    "README.md, Colab": ("README.md", lambda text: text.replace(f"github/{SLUG}/blob", f"github/{FORK}/blob", 1)),
    "README.md, pip": ("README.md", lambda text: text.replace(f"git+{ADDRESS}", f"git+https://github.com/{FORK}", 1)),
    "CITATION.cff": ("CITATION.cff", lambda text: text.replace(ADDRESS, f"https://github.com/{FORK}", 1)),
    "pyproject.toml": ("pyproject.toml", lambda text: text.replace(ADDRESS, f"https://github.com/{FORK}", 1)),
    "notebook": (
        f"book/{NOTEBOOKS[0].name}",
        lambda text: text.replace(f"{PAGES}/wheels", f"ana-maria-9.{SITES}/Mi.libro_2/wheels", 1),
    ),
    "notebook, a site of one's own": (
        f"book/{NOTEBOOKS[0].name}",
        lambda text: text.replace(f"{PAGES}/wheels", f"zzz9.{SITES}/wheels", 1),
    ),
    "capitals": ("README.md", lambda text: text.replace(f"github/{SLUG}/", f"github/{SLUG.upper()}/", 1)),
}


@pytest.mark.parametrize("case", STALE)
def test_one_stale_place_is_found_and_mended(case, copy):
    name, change = STALE[case]
    path = copy / name
    before = path.read_bytes()
    text = before.decode()
    path.write_bytes(change(text).encode())
    lines = [n for n, (a, b) in enumerate(zip(text.split("\n"), change(text).split("\n"), strict=True), 1) if a != b]
    assert len(lines) == 1
    check = address(copy, "--check")
    assert check.returncode == 1 and f"make address URL={ADDRESS}" in check.stderr
    assert check.stdout == f"{name}:{lines[0]}: another address than {SLUG}, which _config.yml gives\n"
    assert address(copy, ADDRESS).returncode == 0
    assert path.read_bytes() == before


def test_an_address_edited_by_hand_in_the_config_only(copy):
    config = copy / "_config.yml"
    config.write_text(config.read_text(encoding="utf-8").replace(SLUG, FORK), encoding="utf-8")
    check = address(copy, "--check")
    assert check.returncode == 1 and "Traceback" not in check.stderr
    for name in ("README.md", "CITATION.cff", "pyproject.toml", *(f"book/{path.name}" for path in NOTEBOOKS)):
        assert f"{name}:" in check.stdout


BAD = ["https://gitlab.com/a/b", "https://github.com/only", "https://github.com/-a/b", "https://github.com/a/..", "a/b"]
BAD += [
    "https://github.com/a b/c",
    "ftp://github.com/a/b",
    "https://github.com/a/b/tree/main",
    "https://github.com/a/b?x",
]
BAD += ["", "https://github.com/" + "a" * 40 + "/b", "https://github.com/a/b#readme", "https://github.com.example/a/b"]


def test_bad_addresses_get_a_sentence_and_write_nothing(copy, monkeypatch):
    before = snapshot(copy)
    tool = load_tool("address", copy)
    for url in BAD:
        monkeypatch.setattr(sys, "argv", ["address.py", url])
        with pytest.raises(SystemExit) as caught:
            tool.main()
        expected = f"{url!r} is not a repository's address: it should look like https://github.com/OWNER/NAME."
        assert caught.value.code == expected
    assert snapshot(copy) == before
    done = address(copy, BAD[0])
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)


def test_every_file_is_written_or_none(copy, monkeypatch):
    before, real, count = snapshot(copy), Path.replace, []

    def replace(self, target):
        count.append(self)
        if len(count) == 3:
            raise OSError(28, "No space left on device", str(target))
        return real(self, target)

    tool = load_tool("address", copy)
    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(sys, "argv", ["address.py", f"https://github.com/{FORK}"])
    with pytest.raises(SystemExit, match=r"^No file was changed: No space left on device \(.*\)\.$"):
        tool.main()
    assert len(count) == 3 and snapshot(copy) == before


def test_what_is_built_is_left_alone(any_copy):
    for folder in ("_build", ".venv"):
        (any_copy / folder).mkdir()
        (any_copy / folder / "page.md").write_text(ADDRESS, encoding="utf-8")
    assert address(any_copy, f"https://github.com/{FORK}").returncode == 0
    assert {(any_copy / folder / "page.md").read_text(encoding="utf-8") for folder in ("_build", ".venv")} == {ADDRESS}


def test_every_form_of_the_address_follows(copy):
    forms = "https://github.com/{0} https://github.com/{0}.git git@github.com:{0}.git https://github.com/{0}/issues. "
    forms += "https://raw.githubusercontent.com/{0}/main/x https://mybinder.org/v2/gh/{0}/main (github.com/{0})\n"
    (copy / "note.md").write_text(forms.format(SLUG), encoding="utf-8")
    assert address(copy, f"https://github.com/{FORK}").returncode == 0
    assert (copy / "note.md").read_text(encoding="utf-8") == forms.format(FORK)


def test_neighbours_of_the_address_stay(copy):
    """Repositories whose names only begin or end like this one."""
    text = (
        f"github.com/{SLUG}-two github.com/x{SLUG} github.com/{OWNER}/other x{PAGES} {PAGES}-two {OWNER}.github.iox\n"
    )
    (copy / "note.md").write_text(text, encoding="utf-8")
    assert address(copy, f"https://github.com/{FORK}").returncode == 0
    assert (copy / "note.md").read_text(encoding="utf-8") == text


# ------------------------------------------------------------------------------------------------ notebooks.py


def plain_notebook():
    new = nbformat.v4
    markdown = "# Title\n\nPlain *text*, $x_{i}$ and `{ref}` and [a link](b.md).\n\n- {curly} words"
    cells = [
        new.new_markdown_cell(markdown, id="title"),
        new.new_code_cell("1 + 1", id="sum", metadata={"tags": ["hide-input"], "mystnb": {"code_prompt_show": "Show"}}),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


@pytest.fixture
def notebooks(tmp_path, monkeypatch, capsys):
    """A function that stores a notebook, or its text, and calls the tool on it: exit status, words, bytes after."""
    tool, path = load_tool("notebooks"), tmp_path / "x.ipynb"

    def call(option, content=None):
        if content is not None:
            text = content if isinstance(content, str) else nbformat.writes(content) + "\n"
            path.write_text(text, encoding="utf-8", newline="\n")
        monkeypatch.setattr(sys, "argv", ["notebooks.py", option, str(path)])
        status = tool.main()
        return status, capsys.readouterr().out, path.read_bytes()

    return call


def test_the_notebooks_of_the_repository():
    done = python(ROOT, "tools/notebooks.py", "--check")
    assert done.returncode == 0, done.stdout
    count = len(NOTEBOOKS) + len(list((ROOT / "assignments").glob("*.ipynb")))
    assert done.stdout == f"{count} notebooks are stored as they should be.\n"


def test_a_plain_notebook(notebooks):
    status, words, _ = notebooks("--check", plain_notebook())
    assert (status, words) == (0, "1 notebooks are stored as they should be.\n")


def change(notebook, where, what):
    """The notebook with something put in a place such as `cells/1/metadata`."""
    content = json.loads(nbformat.writes(notebook))
    *path, last = [int(part) if part.isdigit() else part for part in where.split("/")]
    inner = content
    for part in path:
        inner = inner[part]
    if what is None:
        del inner[last]
    elif isinstance(inner.get(last), dict):
        inner[last] |= what
    else:
        inner[last] = what
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


SHOWN = [{"output_type": "stream", "name": "stdout", "text": ["2"]}]
MENDABLE = {
    "outputs": ("cells/1/outputs", SHOWN, "cell 2 has stored outputs"),
    "count": ("cells/1/execution_count", 7, "cell 2 has an execution count"),
    "a foreign kernel": (
        "metadata/kernelspec",
        {"name": "conda-env-x"},
        "has metadata other than a plain python3 kernel",
    ),
    "a version": ("metadata/language_info", {"version": "3.12.1"}, "has metadata other than a plain python3 kernel"),
    "Colab's": ("metadata", {"colab": {"provenance": []}}, "has metadata other than a plain python3 kernel"),
    "a cell's": ("cells/1/metadata", {"collapsed": True}, "cell 2 has metadata that the book does not use: collapsed"),
    "a cell's times": ("cells/1/metadata", {"execution": {"x": "1"}}, "cell 2 has metadata that the book does not use"),
    "no id": ("cells/0/id", None, "cell 1 has no id of its own"),
    "an id twice": ("cells/1/id", "title", "cell 2 has no id of its own"),
    "a bad id": ("cells/0/id", "with space", "cell 1 has no id of its own"),
    "an old format": ("nbformat_minor", 4, "is nbformat 4.4, not 4.5"),
    "an attachment": ("cells/0/attachments", {"a.png": {"image/png": "AAAA"}}, "cell 1 has an attached file"),
}


@pytest.mark.parametrize("case", MENDABLE)
def test_what_is_found_and_mended(case, notebooks):
    where, what, words = MENDABLE[case]
    text = change(plain_notebook(), where, what)
    status, said, after = notebooks("--check", text)
    assert status == 1 and f"x.ipynb: {words}" in said and "`make fix` mends" in said
    assert after == text.encode(), "--check writes"
    status, said, mended = notebooks("--fix")
    assert status == 0 and "x.ipynb: mended\n" in said
    status, said, after = notebooks("--check")
    assert (status, said) == (0, "1 notebooks are stored as they should be.\n") and after == mended
    status, said, after = notebooks("--fix")
    assert "mended" not in said and after == mended
    notebook = nbformat.reads(mended.decode(), as_version=4)
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in plain_notebook().cells]
    assert notebook.cells[1].metadata == plain_notebook().cells[1].metadata


@pytest.mark.parametrize("form", [{"indent": 2}, {"indent": None}, {"indent": 1, "ensure_ascii": True}])
def test_another_way_of_storing_is_found_and_mended(form, notebooks):
    notebook = plain_notebook()
    notebook.cells[0].source += " ñ"
    text = json.dumps(json.loads(nbformat.writes(notebook)), **form) + "\n"
    status, said, _ = notebooks("--check", text)
    assert status == 1 and "is not stored the way Jupyter stores it" in said
    assert notebooks("--fix")[0] == 0
    assert notebooks("--check")[2] == (nbformat.writes(notebook) + "\n").encode()


MYST = {
    "```{note}\nText\n```": "cell 1 uses the MyST directive ```{note}",
    ":::{tip}\nText\n:::": "cell 1 uses the MyST directive :::",
    "~~~{math}\nx\n~~~": "cell 1 uses the MyST directive ~~~{math}",
    "See {ref}`there`.": "cell 1 uses the MyST role {ref}`there`",
    "{math}`x` and `{a}` then {doc}`b`": "cell 1 uses the MyST role {doc}`b`",
    "(a-label)=\n## Section": "cell 1 uses the MyST label (a-label)=",
    "The number {{ number }}.": "cell 1 uses the MyST substitution {{ number }}",
    "```python\nx\n```\n{term}`after a block`": "cell 1 uses the MyST role {term}`after a block`",
}
PLAIN = [
    "```python\n{ref}`x`\n:::{note}\n```",
    "````\n```{note}\n```\n````",
    "Write `{ref}` or ``{ref}`x` ``.",
    "$a_{b}$",
]
PLAIN += ["~~~\n(a)=\n{{ x }}\n~~~", "A (set)= {1, 2}.", "`{{ x }}`", "f(x) = {`a`: 1}"]


@pytest.mark.parametrize("source", MYST)
def test_myst_is_found_and_left_to_a_person(source, notebooks):
    notebook = plain_notebook()
    notebook.cells[0].source = source
    status, said, before = notebooks("--check", notebook)
    assert status == 1 and f"x.ipynb: {MYST[source]}" in said and "which Colab shows raw" in said
    status, said, after = notebooks("--fix")
    assert status == 1 and MYST[source] in said and after == before


@pytest.mark.parametrize("source", PLAIN)
def test_what_only_looks_like_myst(source, notebooks):
    notebook = plain_notebook()
    notebook.cells[0].source = source
    notebook.cells[1].source = "text = ':::{note}'  # {ref}`x`"
    assert notebooks("--check", notebook)[:2] == (0, "1 notebooks are stored as they should be.\n")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"cells": []}', '"text"', "null", '{"nbformat": 4}'])
def test_what_is_not_a_notebook(text, notebooks):
    status, said, after = notebooks("--check", text)
    assert status == 1 and "x.ipynb: is not a notebook" in said and after == text.encode()
    assert notebooks("--fix")[0] == 1 and notebooks("--fix")[2] == text.encode()


def test_a_notebook_that_is_not_there(copy):
    done = python(copy, "tools/notebooks.py", "--check", "book/nowhere.ipynb")
    assert (done.returncode, done.stderr) == (1, "There is no notebook book/nowhere.ipynb.\n")


def test_every_notebook_is_looked_at_but_not_the_built_ones(copy):
    text = change(plain_notebook(), "cells/1/outputs", SHOWN)
    for name in (
        "book/new/deep.ipynb",
        "extra.ipynb",
        "_build/src/x.ipynb",
        ".venv/x.ipynb",
        "book/.ipynb_checkpoints/x.ipynb",
    ):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text, encoding="utf-8")
    done = python(copy, "tools/notebooks.py", "--check")
    assert done.returncode == 1
    assert {line.split(":")[0] for line in done.stdout.splitlines()[:-1]} == {"book/new/deep.ipynb", "extra.ipynb"}


# ------------------------------------------------------------------------------------------------ figures.py


@pytest.fixture(scope="module")
def figures():
    """The tool, drawing once for all tests."""
    tool = load_tool("figures")
    drawn = tool.pictures()
    tool.pictures = lambda: drawn
    return tool


@pytest.fixture
def assets(figures, tmp_path, monkeypatch):
    folder = shutil.copytree(figures.FOLDER, tmp_path / "assets")
    monkeypatch.setattr(figures, "FOLDER", folder)
    return folder


def test_the_stored_figures_are_the_drawn_ones(figures, capsys):
    assert figures.main(["--check"]) == 0, capsys.readouterr().out
    names = {path.name for pattern in ("frontier-*", "*.png") for path in figures.FOLDER.glob(pattern)}
    assert names == set(figures.pictures())


@pytest.mark.parametrize("harm", ["a byte", "missing", "not text", "line ends"])
def test_a_harmed_figure_is_found_and_drawn_anew(harm, figures, assets, capsys, tmp_path, monkeypatch):
    path = assets / "frontier-wide-dark.svg"
    before = path.read_bytes()
    path.write_bytes({
        "a byte": before.replace(b"2", b"3", 1), "missing": b"", "not text": b"\xff" + before,
        "line ends": before.replace(b"\n", b"\r\n"),
    }[harm])  # fmt: skip
    if harm == "missing":
        path.unlink()
    assert path.exists() == (harm != "missing") and (harm == "missing" or path.read_bytes() != before)
    assert figures.main(["--check"]) == 1
    (sentence,) = capsys.readouterr().out.splitlines()
    assert sentence.startswith("frontier-wide-dark.svg: ") and "make figures" in sentence
    monkeypatch.chdir(tmp_path)
    assert figures.main([]) == 0 and path.read_bytes() == before


@pytest.mark.parametrize("name", ["preview.png", "icon.png"])
def test_a_picture_of_pixels_may_differ_by_machine_and_no_more(name, figures, assets, capsys):
    path = assets / name
    pixels = np.asarray(Image.open(path).convert("RGB")).copy()
    pixels[::2, ::2, 0] ^= 1  # not to be seen
    Image.fromarray(pixels).save(path)
    assert figures.main(["--check"]) == 0, capsys.readouterr().out
    pixels[: len(pixels) // 8] //= 2
    Image.fromarray(pixels).save(path)
    assert figures.main(["--check"]) == 1 and capsys.readouterr().out.startswith(f"{name}: ")
    Image.fromarray(pixels[1:]).save(path)
    assert figures.main(["--check"]) == 1
    path.write_bytes(b"no picture")
    assert figures.main(["--check"]) == 1


# ------------------------------------------------------------------------------------------------ lock.py and its file


REQUIREMENTS = [
    line for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
PIN = re.compile(r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?==[0-9][0-9a-z.]*(?: ; [^@]+)?$")


def test_every_requirement_is_an_exact_pin():
    assert [line for line in REQUIREMENTS if not PIN.match(line)] == []
    assert [one.name for one in map(Requirement, REQUIREMENTS) if one.url or one.extras] == []
    assert not [line for line in REQUIREMENTS if re.search(r"://|\.whl|[/\\]|^-", line)]
    names = [canonicalize_name(Requirement(line).name) for line in REQUIREMENTS if ";" not in line]
    assert len(names) == len(set(names)) and names == sorted(names)


def test_no_requirement_belongs_to_one_build_of_pytorch():
    assert [line for line in REQUIREMENTS if re.search(r"nvidia|cuda|triton|\+", line)] == []


@pytest.mark.parametrize("text", DECLARED)
def test_every_declared_dependency_is_pinned_in_its_range(text):
    wanted = Requirement(text)
    pins = [
        Requirement(line)
        for line in REQUIREMENTS
        if canonicalize_name(Requirement(line).name) == canonicalize_name(wanted.name)
    ]
    assert pins, f"{wanted.name} is not in requirements.txt: say make lock"
    for pin in pins:
        (version,) = [one.version for one in pin.specifier]
        assert wanted.specifier.contains(Version(version), prereleases=True), f"{pin} is not within {wanted}"


def test_torch_is_pinned_where_setup_looks_for_it():
    assert [line for line in REQUIREMENTS if re.fullmatch(r"torch==\d+\.\d+\.\d+", line)]


def script(path, text):
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)


on_unix = pytest.mark.skipif(os.name == "nt", reason="A shell script takes the place of another program here.")


@on_unix
def test_lock_drops_cuda_keeps_pins_and_sees_no_private_places(copy, tmp_path):
    (tmp_path / "bin").mkdir()
    note, words = (
        tmp_path / "note",
        "# a comment\na==1\nnvidia-cublas==1 ; x\ntriton==3 ; x\ncuda-bindings==1\ntorch==2.0.0\n",
    )
    (tmp_path / "answer").write_text(words, encoding="utf-8")
    copying = f'for last in "$@"; do :; done\ncat "$last" > "{note}"\necho "$UV_INDEX$PIP_FIND_LINKS" >> "{note}"\n'
    script(tmp_path / "bin" / "uv", f'{copying}cat "{tmp_path / "answer"}" > "$last"\n')
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    before = (copy / "requirements.txt").read_text(encoding="utf-8")
    variables = {"PATH": path, "UV_INDEX": "https://private.example", "PIP_FIND_LINKS": "/private"}
    done = python(copy, "tools/lock.py", **variables)
    assert (done.returncode, done.stdout) == (0, "requirements.txt: 2 exact versions.\n"), done.stderr
    after = (copy / "requirements.txt").read_text(encoding="utf-8")
    header = "".join(line for line in before.splitlines(keepends=True) if line[0] == "#")
    assert after == f"{header}a==1\ntorch==2.0.0\n"
    assert note.read_text(encoding="utf-8") == before + "\n", "uv should start from the pins that there are"
    assert python(copy, "tools/lock.py", "--upgrade", **variables).returncode == 0
    assert note.read_text(encoding="utf-8") == "\n"
    assert (copy / "requirements.txt").read_text(encoding="utf-8") == after


@on_unix
@pytest.mark.parametrize("there", [True, False])
def test_lock_without_a_uv_that_works_changes_nothing(there, copy, tmp_path):
    (tmp_path / "bin").mkdir()
    if there:
        script(tmp_path / "bin" / "uv", "echo 'no such version' >&2; exit 1\n")
    before = (copy / "requirements.txt").read_bytes()
    done = python(copy, "tools/lock.py", PATH=str(tmp_path / "bin"))
    sentence = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert sentence.startswith("requirements.txt is unchanged" if there else "make lock needs uv")
    assert (copy / "requirements.txt").read_bytes() == before


# ------------------------------------------------------------------------------------------------ Makefile and CI


@pytest.fixture(scope="module")
def make():
    program = shutil.which("make")
    if program is None:
        pytest.skip("No make here, so the Makefile was not tried.")

    def call(*words, root=ROOT, **variables):
        environment = calm_environment(**variables)
        command = [program, *words]
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=60)

    return call


MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split())


def test_make_knows_its_commands(make):
    for targets in (("book", "test", "lint"), *((target,) for target in TARGETS)):
        done = make("-n", *targets, "URL=https://github.com/a/b")
        assert done.returncode == 0, done.stderr
    dry = make("-n", "book", "test", "lint").stdout
    for words in ("tools/setup_env.py", "tools/build_book.py", "-m pytest", "ruff check .", "ruff format --check .",
                  "tools/notebooks.py --check", "tools/address.py --check", "tools/release.py --check",
                  "tools/workflows.py"):  # fmt: skip
        assert dry.count(words) == 1, words
    assert set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE)) == TARGETS


def test_make_help_lists_every_command(make):
    shown, default = make("help").stdout, make().stdout
    listed = re.findall(r"^make ([a-z]+)\b", shown, re.MULTILINE)
    assert shown == default and sorted(listed) == sorted(TARGETS - {"help", "setup", "site"})
    assert "PYTHON=python3 TORCH= NB_WORKERS=3" in shown


def test_every_make_command_that_a_text_names_is_there():
    texts = [path for kind in ("*.md", "*.py", "*.toml", "*.yml", "*.cff", "*.ipynb") for path in ROOT.glob(kind)]
    folders = ("assignments", "book", "tools", "speedy_utils", ".github")
    texts += [path for folder in folders for path in (ROOT / folder).rglob("*")]
    said = {}
    for path in texts:
        if path.suffix in (".md", ".py", ".toml", ".yml", ".cff", ".ipynb", ".txt"):
            text = path.read_text(encoding="utf-8")
            for name in re.findall(r"(?:`|say |^|as |run: )make ([a-z]+)\b", text, re.MULTILINE):
                said.setdefault(name, path.name)
    assert {"book", "test", "address", "lint"} - {"lint"} <= said.keys()
    assert {name: path for name, path in said.items() if name not in TARGETS} == {}


def test_the_readmes_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## Two commands\n(.*?)^## ", readme, re.MULTILINE | re.DOTALL)[1]
    block = re.search(r"```\n(.*?)```", section, re.DOTALL)[1]
    assert re.findall(r"^make ([a-z]+)", block, re.MULTILINE) == ["book", "test"] and {"book", "test"} <= TARGETS
    commands = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [f'stage "make {name}" make {name} ' in commands for name in ("book", "test", "lint")] == [True] * 3


@pytest.mark.parametrize("words", [("address",), ("serve",), ("release",)])
def test_make_says_what_is_lacking(words, make, copy):
    shutil.copytree(copy, copy.parent / "other")
    done = make(*words, f"PYTHON={shutil.which('true')}", root=copy.parent / "other")
    said = [line for line in done.stderr.splitlines() if "***" not in line]
    assert done.returncode == 2 and len(said) == 1
    assert said[0].startswith({
        "address": "Say make address URL=",
        "serve": "There is no site yet: say make book",
        "release": "Say make release VERSION=",
    }[words[0]])  # fmt: skip


@on_unix
def test_the_ci_script_is_sound():
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("No bash here, so .ci/run was not parsed.")
    path = ROOT / ".ci" / "run"
    assert os.access(path, os.X_OK)
    assert subprocess.run([bash, "-n", path], capture_output=True, text=True).stderr == ""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert ".ci/run" in [step.get("run") for step in workflow["jobs"]["test"]["steps"]]


@on_unix
@pytest.mark.parametrize("failing", ["", "book", "test", "lint"])
def test_the_ci_script_goes_on_after_a_failure_and_ends_with_it(failing, copy, tmp_path):
    """With a make that only notes its calls, and with all that installs things replaced."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("No bash here, so .ci/run was not run.")
    fakes, note = tmp_path / "bin", tmp_path / "calls"
    fakes.mkdir()
    script(fakes / "make", f'echo "$1 CI=$CI" >> "{note}"; [ "$1" != "{failing}" ]\n')
    for name in ("apt-get", "sudo", "git", "uv", "chromium", "python3"):
        script(fakes / name, "exit 0\n")
    script(fakes / "find", "echo DejaVuSans.ttf\n")
    path = f"{fakes}{os.pathsep}/usr/bin{os.pathsep}/bin"
    done = subprocess.run(
        [bash, copy / ".ci" / "run"], cwd=tmp_path, env=calm_environment(PATH=path), capture_output=True, text=True
    )
    assert note.read_text(encoding="utf-8").split("\n")[:-1] == ["book CI=true", "test CI=true", "lint CI=true"]
    assert done.returncode == (1 if failing else 0), done.stderr
    last = done.stdout.splitlines()[-1]
    assert "nothing is lacking" in done.stdout
    assert (
        (last.startswith("FAILED after") and f"make {failing}; " in last) if failing else last.startswith("All is well")
    )
