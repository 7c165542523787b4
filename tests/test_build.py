"""tools/build_book.py: what it runs and what it does not, what a failure leaves behind, and pages that stay the same.

A tiny book of two pages goes through the life of a chapter, each stage made from the one before; the real book is built
twice, in different places and under different settings.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass

import nbformat
import pytest
from conftest import ROOT
from repository import calm_environment, copy_repository, load_tool, snapshot

RUN_TIME = re.compile(rb'<p class="speedy-run-time">[^\n]*</p>')
TOC = "format: jb-book\nroot: book/index\nchapters:\n  - file: book/tiny\n"
INDEX = "# A tiny book\n\nOne chapter: [tiny](tiny.ipynb).\n"
NOISE = "import warnings\nwarnings.warn('mind the step')\nprint(object())"  # shows a scratch file and an address
# Each run of the notebook leaves a line outside of the book.
COUNT = "import os\nwith open(os.environ['RUNS_OF_TINY'], 'a') as file:\n    file.write('run\\n')"


def write_notebook(path, *cells):
    new = nbformat.v4
    all_cells = [new.new_markdown_cell("# Tiny\n\nA chapter.", id="start")]
    all_cells += [new.new_code_cell(code, id=f"cell-{number:02d}") for number, code in enumerate(cells, 1)]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(new.new_notebook(cells=all_cells, metadata=kernel), path)


def build(root, **variables):
    """Start a build of the book in this folder."""
    environment = calm_environment(PYTHONPATH=str(root), **variables)
    command = [sys.executable, str(root / "tools" / "build_book.py")]
    return subprocess.Popen(
        command, cwd=root.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@dataclass
class Stage:
    """What a build of the tiny book said, and what lay there after it."""

    status: int
    out: str
    err: str
    runs: int
    copies: dict
    site: dict
    old_site: bool
    written: list


class TinyBook:
    def __init__(self, folder):
        self.root, self.counter = copy_repository(folder / "repository"), folder / "runs"
        self.counter.touch()
        for path in [*(self.root / "book").glob("*.ipynb"), *(self.root / "book").glob("*.md")]:
            path.unlink()
        (self.root / "_toc.yml").write_text(TOC, encoding="utf-8")
        (self.root / "book" / "index.md").write_text(INDEX, encoding="utf-8")
        self.notebook = self.root / "book" / "tiny.ipynb"

    def sources(self):
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not {"_build", "__pycache__"} & set(path.relative_to(self.root).parts)
        }

    def build(self, **variables):
        before = self.sources()
        process = build(self.root, RUNS_OF_TINY=str(self.counter), **variables)
        out, err = process.communicate(timeout=120)
        after, built = self.sources(), self.root / "_build"
        return Stage(
            status=process.returncode,
            out=out,
            err=err,
            runs=len(self.counter.read_text(encoding="utf-8").splitlines()),
            copies={p.name: p.read_bytes() for p in (built / "executed").glob("*.json")},
            site=snapshot(built / "html"),
            old_site=(built / "html-old" / "index.html").exists(),
            written=[str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)],
        )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return TinyBook(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def failed(tiny):
    """A cell that fails; and options for other tests that must not reach the notebooks."""
    write_notebook(tiny.notebook, COUNT, "1 / 0", "print('never')")
    return tiny.build(PYTEST_ADDOPTS="-k nothing")


@pytest.fixture(scope="module")
def repaired(tiny, failed):
    write_notebook(tiny.notebook, COUNT, NOISE, "print('after all')")
    return tiny.build()


@pytest.fixture(scope="module")
def unchanged(tiny, repaired):
    return tiny.build()


@pytest.fixture(scope="module")
def package_changed(tiny, unchanged):
    with (tiny.root / "speedy_utils" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    return tiny.build()


@pytest.fixture(scope="module")
def reference_broken(tiny, package_changed):
    with (tiny.root / "book" / "index.md").open("a", encoding="utf-8") as file:
        file.write("\nSee {ref}`nowhere-at-all`, {nothing}`here`.\n")
    return tiny.build()


@pytest.fixture(scope="module")
def still_broken(tiny, reference_broken):
    return tiny.build()


def test_a_failing_cell(failed):
    assert failed.status == 1 and failed.runs == 1
    assert "book/tiny.ipynb, cell 3 of 4, failed:" in failed.err
    assert "1 / 0" in failed.err and "ZeroDivisionError: division by zero" in failed.err
    assert "No site was built: a notebook failed; its error is above. Log: _build/notebooks.log" in failed.err
    assert "\x1b[" not in failed.err and "#x1B" not in failed.err
    assert failed.site == {} and failed.copies == {}


def test_a_repaired_cell(repaired):
    assert (repaired.status, repaired.err) == (0, "") and repaired.runs == 2
    assert {"index.html", "book/index.html", "book/tiny.html"} <= repaired.site.keys()
    page = repaired.site["book/tiny.html"].decode()
    assert "after all" in page and "mind the step" in page and len(RUN_TIME.findall(page.encode())) == 1
    assert b"url=book/index.html" in repaired.site["index.html"]
    assert len(repaired.copies) == 1


def test_an_unchanged_book(repaired, unchanged):
    assert (unchanged.status, unchanged.err) == (0, "") and unchanged.runs == repaired.runs
    assert unchanged.out == "[book] nothing changed; the site is _build/html/index.html\n"
    assert unchanged.site == repaired.site and unchanged.copies == repaired.copies


def test_a_changed_package_runs_the_notebooks_again(repaired, package_changed):
    assert (package_changed.status, package_changed.err) == (0, "") and package_changed.runs == repaired.runs + 1
    assert len(package_changed.copies) == 2 and not package_changed.old_site
    first, second = (
        {name: RUN_TIME.sub(b"", data) for name, data in stage.site.items()} for stage in (repaired, package_changed)
    )
    assert first.keys() == second.keys()
    (differs,) = [name for name in first if first[name] != second[name]]
    assert re.fullmatch(r"wheels/speedy_gonzales_book-[\d.]+-py3-none-any\.whl", differs), (
        "runs differ in their outputs"
    )


def test_a_warning_is_an_error(package_changed, reference_broken):
    assert reference_broken.status == 1 and reference_broken.runs == package_changed.runs
    assert re.search(r"book/index\.md:\d+: WARNING: .*nowhere-at-all", reference_broken.err)
    assert "No site was built: Jupyter Book's complaints are above, all of its words in _build/site.log" in (
        reference_broken.err
    )
    assert "The site of an earlier build is kept in _build/html-old." in reference_broken.err
    assert reference_broken.site == {} and reference_broken.old_site


def test_a_warning_is_an_error_each_time(reference_broken, still_broken):
    """Sphinx says what is wrong in a page when it reads it: what it has read of a book with warnings is not kept."""
    assert "nothing" in reference_broken.err
    assert (still_broken.status, still_broken.err) == (1, reference_broken.err)


@pytest.mark.parametrize("stage", ["failed", "repaired", "unchanged", "package_changed", "still_broken"])
def test_only_the_build_folder_is_written_to(stage, request):
    assert request.getfixturevalue(stage).written == []


# ------------------------------------------------------------------------------------------------ the same pages


def change_pages(root):
    """Change a page and a chapter, with its title and an output; what was there, by path."""
    tool = load_tool("build_book", root)
    chapter, page = root / "book" / "traps.ipynb", root / "book" / "glossary.md"
    before = {path: path.read_bytes() for path in (chapter, page)}
    run = tool.places_of_copies({"book/traps": chapter})["book/traps"].read_text(encoding="utf-8")
    record = json.loads(run.replace("# Traps", "# Snares"))
    record["notebook"]["cells"][1]["outputs"] = []
    chapter.write_bytes(before[chapter].replace(b"# Traps", b"# Snares"))
    page.write_bytes(before[page] + "\nÑandú.\n".encode())
    tool.places_of_copies({"book/traps": chapter})["book/traps"].write_text(json.dumps(record), encoding="utf-8")
    return before


def finish(process):
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, ""), out


def test_the_same_commit_builds_the_same_pages(tmp_path):
    """The real book in two places, clocks and languages; runs of this very commit are used again.

    In the second place other pages are built first, and what Sphinx has read of the rest is used again.
    """
    places = [copy_repository(tmp_path / "a"), copy_repository(tmp_path / "another place, with spaces" / "b")]
    settings = [{"TZ": "UTC", "NB_WORKERS": "2"}, {"TZ": "Pacific/Auckland", "LC_ALL": "C", "NB_WORKERS": "1"}]
    runs = ROOT / "_build" / "executed"
    for root in places:
        (root / "_build" / "executed").mkdir(parents=True)
        for path in runs.glob("*.json"):
            (root / "_build" / "executed" / path.name).write_bytes(path.read_bytes())
    before = change_pages(places[1])
    both = [build(root, **own) for root, own in zip(places, settings, strict=True)]
    for process in both:
        finish(process)
    first, changed = (snapshot(root / "_build" / "html") for root in places)
    differs = {name for name in first if first[name] != changed[name]}
    assert {"book/traps.html", "book/glossary.html", "book/function-index.html", "book/index.html"} <= differs
    for path, data in before.items():
        path.write_bytes(data)
        os.utime(path, (0, 0))  # as out of an archive
    finish(build(places[1], **settings[1]))
    log = (places[1] / "_build" / "site.log").read_text(encoding="utf-8")
    assert "0 added, 4 changed, 0 removed" in log  # these two, and two that tell of the chapters

    first, second = (
        {name: RUN_TIME.sub(b"", data) for name, data in snapshot(root / "_build" / "html").items()} for root in places
    )
    assert first.keys() == second.keys() and len(first) > 50
    assert [name for name in first if first[name] != second[name]] == []
    assert [name for name in first if str(tmp_path).encode() in first[name]] == [], "a page tells where it was built"


def test_what_was_printed_in_pieces_is_one_piece():
    """A busy machine sends two prints of a cell as two outputs, an idle one as one."""
    tool = load_tool("build_book")

    def stream(name, text):
        return nbformat.v4.new_output("stream", name=name, text=text)

    table = nbformat.v4.new_output("display_data", data={"text/plain": "x"})
    pieces = [stream("stdout", "a\n"), stream("stdout", "b\n"), stream("stderr", "c\n"), table, stream("stdout", "d\n")]
    whole = [stream("stdout", "a\nb\n"), stream("stderr", "c\n"), table, stream("stdout", "d\n")]
    assert tool.joined(pieces) == whole
    assert tool.joined(whole) == whole


def test_outputs_are_cleaned_of_what_differs_between_runs():
    tool = load_tool("build_book")
    new = nbformat.v4

    def output(data):
        cell = new.new_code_cell(
            "x", id="one", metadata={"execution": {"iopub.status.busy": "2026-01-01"}, "tags": ["a"]}
        )
        cell.outputs = [new.new_output("execute_result", data=data), new.new_output("stream", text=data["text/plain"])]
        return new.new_notebook(cells=[cell], metadata={"language_info": {"name": "python", "version": "3.11.7"}})

    one, two = (
        tool.cleaned(output({
            "text/plain": f"/tmp/ipykernel_{n}/{n}.py:1: UserWarning <object at 0x7f{n}a0b1c2>",
            "text/html": f'<style>#T_{n}ab_row0 {{}}</style><table id="T_{n}ab"><td id="T_{n}ab_row0_col1">#T_100 0x10',
        }))
        for n in ("123", "987")
    )  # fmt: skip
    assert one == two
    assert one.cells[0].outputs[0].data["text/plain"] == "cell:1: UserWarning <object at 0x…>"
    assert one.cells[0].outputs[0].data["text/html"].endswith("#T_100 0x10")
    assert one.cells[0].metadata == {"tags": ["a"]}
    assert one.metadata.language_info == {"name": "python", "pygments_lexer": "ipython3"}


# ------------------------------------------------------------------------------------------------ keys and settings


@pytest.fixture
def copy(tmp_path):
    root = copy_repository(tmp_path / "repository")
    return root, load_tool("build_book", root)


def keys(tool, root):
    return {path.stem: tool.places_of_copies({path.stem: path})[path.stem].name for path in root.glob("book/*.ipynb")}


@pytest.mark.parametrize(
    "name", ["speedy_utils/frontier.py", "speedy_utils/data/published_results.csv", "requirements.txt", "a new file"]
)
def test_what_decides_outputs_runs_every_notebook_again(name, copy):
    root, tool = copy
    before = keys(tool, root)
    path = root / name if name != "a new file" else root / "speedy_utils" / "mini" / "texts" / "nuevo.txt"
    with path.open("a", encoding="utf-8") as file:
        file.write("\n")
    after = keys(tool, root)
    assert before.keys() == after.keys() and all(before[name] != after[name] for name in before)


def test_a_changed_notebook_runs_alone_and_the_scale_counts(copy, monkeypatch):
    root, tool = copy
    before = keys(tool, root)
    path = root / "book" / f"{min(before)}.ipynb"
    path.write_bytes(path.read_bytes() + b"\n")
    after = keys(tool, root)
    assert [name for name in before if before[name] != after[name]] == [min(before)]
    for name in ("README.md", "book/index.md", "tests/conftest.py"):
        (root / name).write_text("changed", encoding="utf-8")
    assert keys(tool, root) == after
    monkeypatch.setenv("SPEEDY_SCALE", "full")
    assert not set(keys(tool, root).values()) & set(after.values())


def test_clocks_run_alone_and_last(copy, monkeypatch):
    root, tool = copy
    assert all((root / f"{name}.ipynb").exists() for name in tool.TIMED)
    ran = []
    monkeypatch.setenv("NB_WORKERS", "2")
    monkeypatch.setattr(tool, "execute", lambda group, copies, workers: ran.append((set(group), workers)))
    monkeypatch.setattr(tool, "drop_old_copies", lambda copies: sys.exit(0))
    with pytest.raises(SystemExit):
        tool.main()
    (first, two), (last, one) = ran
    assert (last, one, two) == (tool.TIMED, 1, 2) and len(first) > 10 and not first & last


def test_only_the_last_runs_are_kept(copy):
    root, tool = copy
    folder = root / "_build" / "executed"
    folder.mkdir(parents=True)
    paths = [folder / f"book--x-{number:016x}.json" for number in range(6)]
    other = folder / f"book--x-y-{0:016x}.json"
    for age, path in enumerate([*paths, other]):
        path.write_text("{}", encoding="utf-8")
        os.utime(path, (1000 - age, 1000 - age))
    tool.drop_old_copies({"book/x": paths[-1]})
    assert sorted(folder.iterdir()) == sorted([paths[0], paths[1], paths[-1], other])


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
@pytest.mark.parametrize("name", ["NB_WORKERS", "NB_TIMEOUT"])
def test_a_bad_number_gets_a_sentence(name, value, copy, monkeypatch, capsys):
    root, tool = copy
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        tool.main()
    assert caught.value.code == 1 and not (root / "_build").exists()
    assert capsys.readouterr().err == f"[book] {name}={value} is not a whole number above zero.\n"


def test_a_page_that_is_not_there_gets_a_sentence(copy, capsys):
    root, tool = copy
    (root / "book" / "about.md").unlink()
    with pytest.raises(SystemExit):
        tool.main()
    assert capsys.readouterr().err == "[book] _toc.yml names pages that do not exist: book/about.\n"
    assert not (root / "_build").exists()


def test_pages_of_a_nested_table_of_contents():
    toc = {"root": "a", "parts": [{"chapters": [{"file": "b.md", "sections": [{"file": "c.ipynb"}]}, {"file": "d"}]}]}
    assert load_tool("build_book").documents(toc) == ["a", "b", "c", "d"]


def test_run_times_stand_on_the_pages(package_changed, tiny):
    (page,) = RUN_TIME.findall(package_changed.site["book/tiny.html"])
    times = json.loads((tiny.root / "_build" / "src" / "run_times.json").read_text(encoding="utf-8"))
    assert list(times) == ["book/tiny"] and f"Runs in {round(times['book/tiny']['seconds'])} s" in page.decode()
    assert b"speedy-run-time" not in package_changed.site["book/index.html"]
