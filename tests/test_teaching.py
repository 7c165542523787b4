"""The guide for instructors: whole paths, assignments and exercises that exist, times that nobody typed."""

import json
import re

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import NOTEBOOKS, ROOT, SITE

GUIDE = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
CHAPTERS = {path.stem for path in NOTEBOOKS}
ASSIGNMENTS = sorted(path.stem for path in (ROOT / "assignments").glob("*.ipynb"))
PATHS = ("One lab of two hours", "Four weeks", "Ten weeks")
ROLE = re.compile(r"\{run-time\}`([^`]*)`")


def section(title):
    return re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)[1]


def tables(text):
    """The tables of a text: a list of rows each, the first of them its head."""
    found = re.findall(r"(?:^\|.*\|\n)+", text + "\n", re.MULTILINE)
    lines = [[[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()] for table in found]
    return [[cells for cells in table if not set("".join(cells)) <= {"-"}] for table in lines]


def rows(text):
    """The rows of the first table in a text, without its head."""
    return tables(text)[0][1:]


def linked(text):
    return re.findall(r"\]\(([\w-]+)\.ipynb\)", text)


def test_the_ten_weeks_hold_every_chapter_once_and_in_the_books_order():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [chapter["file"].removeprefix("book/") for part in toc["parts"] for chapter in part["chapters"]]
    weeks = rows(section("Ten weeks"))
    assert [row[0] for row in weeks] == [str(week) for week in range(1, 11)]
    taught = [name for row in weeks for name in linked(row[1])]
    assert sorted(taught) == sorted(CHAPTERS)
    assert taught == sorted(taught, key=names.index)


@pytest.mark.parametrize("path", PATHS)
def test_run_times_are_those_of_the_pages_beside_them(path):
    """Each row's time is that of the chapters it links, the sum below that of all of them."""
    text = section(path)
    for row in rows(text):
        for role in ROLE.findall(" ".join(row)):
            assert role.split() == linked(" ".join(row))
    (total,) = re.findall(r"Computing in all:\s+\{run-time\}`([^`]*)`", text)
    assert total.split() == list(dict.fromkeys(linked("\n".join(map(" ".join, rows(text))))))
    assert not re.search(r"\d (s|seconds|min)\b", text), "a time is typed"


def test_every_week_says_what_it_needs_and_every_estimate_that_it_is_one():
    for path in ("Four weeks", "Ten weeks"):
        when, what = tables(section(path))
        assert when[0] == ["Week", "Pages", "Run time", "Work (estimate)"]
        assert what[0] == ["Week", "Students can then", "They need before", "To hand in"]
        assert [row[0] for row in when] == [row[0] for row in what]
        assert all(re.fullmatch(r"\d+ hours", row[3]) for row in when[1:]) and all(row[1] and row[2] for row in what)


def test_every_assignment_is_there_with_its_points():
    points = {}
    for name in ASSIGNMENTS:
        cells = nbformat.read(ROOT / "assignments" / f"{name}.ipynb", as_version=4).cells
        asked = [yaml.safe_load(c.source) for c in cells if c.source.startswith("# BEGIN QUESTION")]
        worth = [(sum(q["points"]) if isinstance(q["points"], list) else q["points"], "manual" in q) for q in asked]
        points[f"`{name}`"] = [str(sum(p for p, by_hand in worth if by_hand is kind)) for kind in (False, True)]
    table = rows(section("The assignments"))
    assert {row[0]: row[1:3] for row in table} == points
    assert all(linked(row[3]) for row in table)
    for path in ("Four weeks", "Ten weeks"):
        given = re.findall(r"`(\d-[\w-]+)`", "\n".join(row[3] for row in tables(section(path))[1]))
        assert given == ASSIGNMENTS
    assert set(re.findall(r"(?<![\w/.-])\d-[a-z][\w-]+", GUIDE)) == set(ASSIGNMENTS)


def test_every_page_and_exercise_that_is_named_exists():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", GUIDE):
        assert (ROOT / "book" / target).is_file(), target
    table = rows(GUIDE[GUIDE.index("| Chapter | Open exercise |") :])
    assert len(table) > 10
    for chapter, exercise, wanted in table:
        (name,) = linked(chapter)
        cells = nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4).cells
        titles = re.findall(r"^### Exercise \d+: (.+) \(open\)$", "\n".join(c.source for c in cells), re.MULTILINE)
        assert exercise.lower() in [title.lower() for title in titles], f"{name}: {exercise}"
        assert wanted


def test_the_commands_it_gives_are_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{target}:" in makefile for target in re.findall(r"`make ([a-z]+)`", GUIDE))
    assert "torch==" + re.search(r"torch==([\d.]+)", (ROOT / "requirements.txt").read_text())[1] in GUIDE
    tool = (ROOT / "tools" / "assignments.py").read_text(encoding="utf-8")
    assert all(word in tool for word in ("--grade", "GRADE_TIMEOUT", "grades.csv", "_build"))


def test_times_on_the_page_are_the_measured_ones(site):
    times = json.loads((ROOT / "_build" / "src" / "run_times.json").read_text(encoding="utf-8"))
    page = BeautifulSoup((SITE / "book" / "teaching.html").read_text(encoding="utf-8"), "html.parser")
    text = " ".join(page.find("article").get_text(" ").split())
    everything = sum(measured["seconds"] for measured in times.values())
    assert f"Computing in all: {round(everything / 60)} min for each student, at the scale mini" in text
    assert "run-time" not in text
    assert f"| {round(times['book/traps']['seconds'])} s |" in " | ".join(
        cell.get_text(" ", strip=True) for cell in page.find_all("td")
    )
