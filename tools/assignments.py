"""Make what instructors hand out, and grade what comes back.

    python tools/assignments.py [--to FOLDER] [NAME ...]
    python tools/assignments.py --grade NAME [--to FOLDER] SUBMISSION ...

Each notebook in assignments/ is a source in the format of `otter assign`. Of each come into _build/assignments/NAME:

  student/NAME.ipynb    without answers and hidden tests; the public tests are inside, so that this one file is enough
  solution/NAME.ipynb   with the answers, and model answers to the open questions
  autograder.zip        all tests, for `otter run` and what else reads otter-grader's bundles

A bundle by which its own solution does not get full marks is not made. Grading writes grades.csv, and for each
submission a text that says what is wrong, into _build/grades/NAME. It runs the code of each submission on this machine.

Settings (environment variables):
  NB_WORKERS     notebooks that are graded at the same time (2)
  GRADE_TIMEOUT  seconds a submission may take (600)
"""

import argparse
import ast
import csv
import json
import os
import pprint
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import nbformat

ROOT = Path(__file__).resolve().parents[1]
SOURCES, MADE, GRADES = ROOT / "assignments", ROOT / "_build" / "assignments", ROOT / "_build" / "grades"
SETTINGS = {"NB_WORKERS": 2, "GRADE_TIMEOUT": 600}
TESTS_FOLDER = 'tests_dir="tests"'  # where the source looks for its tests, and the student's copy must not
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the date of all files in a bundle: the same source gives the same bytes
CHECKS = """\
# @title The checks behind the questions {{ display-mode: "form" }}
# Run this cell as it is: it writes the checks to where `grader.check` looks for them.
from pathlib import Path
from tempfile import mkdtemp

checks = mkdtemp(prefix="checks-")
for file, lines in {tests}.items():
    Path(checks, file).write_text("\\n".join(lines))
"""


@dataclass(frozen=True)
class Grade:
    """What a submission got: points and possible points by question, the words of its tests, why there are none."""

    points: dict[str, float]
    possible: dict[str, float]
    feedback: str
    failure: str = ""


def say(text: str) -> None:
    print(f"[assignments] {text}", flush=True)


def stop(text: str) -> NoReturn:
    print(f"[assignments] {text}", file=sys.stderr, flush=True)
    sys.exit(1)


def positive(name: str) -> int:
    """A setting that is a whole number above zero."""
    text = os.environ.get(name) or str(SETTINGS[name])
    if not text.isdecimal() or int(text) == 0:
        stop(f"{name}={text} is not a whole number above zero.")
    return int(text)


# ------------------------------------------------------------------------------------------------ making


def make(source: Path, folder: Path) -> None:
    """Everything of one assignment, into a new folder."""
    from otter.assign import main as assign

    raw = folder / "otter"
    try:
        assign(str(source), str(raw), no_pdfs=True, no_run_tests=True)
    except Exception as error:  # otter raises what comes to hand, also plain exceptions
        stop(f"{source.name} is no source that otter can read: {error}")
    tests = {path.name: guarded(path.read_text()) for path in sorted((raw / "student" / "tests").glob("*.py"))}
    for old, new in (("student", "student"), ("autograder", "solution")):
        notebook = nbformat.read(raw / old / source.name, as_version=4)
        if new == "student":
            put_tests_inside(notebook, tests, source)
        for number, cell in enumerate(notebook.cells, 1):
            cell["id"] = f"cell-{number:02d}"  # otter's own differ from run to run
        (folder / new).mkdir()
        text = nbformat.writes(notebook) + "\n"
        (folder / new / source.name).write_text(text, encoding="utf-8", newline="\n")
    pack(next((raw / "autograder").glob("*-autograder_*.zip")), folder / "autograder.zip")
    shutil.rmtree(raw)


def guarded(test: str) -> str:
    """A file of tests in which each function first says which of its arguments are not there.

    otter calls a test with None for what a notebook lacks, because its cell was not run or ended in an error.
    """
    tree = ast.parse(test)
    for function in (part for part in tree.body if isinstance(part, ast.FunctionDef)):
        names = [argument.arg for argument in function.args.args]
        said = [f"There is no {name} yet: run its cell, and mend the error if it shows one." for name in names]
        lines = [f"assert {name} is not None, {text!r}" for name, text in zip(names, said, strict=True)]
        function.body[:0] = ast.parse("\n".join(lines)).body
    return ast.unparse(tree) + "\n"


def put_tests_inside(notebook: nbformat.NotebookNode, tests: dict[str, str], source: Path) -> None:
    """Add the public tests to the notebook, in a cell that is folded away, before the one that looks for them."""
    places = [place for place, cell in enumerate(notebook.cells) if TESTS_FOLDER in cell.source]
    if len(places) != 1:
        stop(f"{source.name} must have one cell with grader = otter.Notebook({TESTS_FOLDER}); it has {len(places)}.")
    starts = notebook.cells[places[0]]
    starts.source = starts.source.replace(TESTS_FOLDER, "tests_dir=checks")
    lines = {name: text.splitlines() for name, text in tests.items()}
    cell = nbformat.v4.new_code_cell(CHECKS.format(tests=pprint.pformat(lines, width=110)))
    cell.metadata = {"cellView": "form", "jupyter": {"source_hidden": True}, "editable": False, "deletable": False}
    notebook.cells.insert(places[0], cell)


def pack(found: Path, target: Path) -> None:
    """otter's bundle again: in a fixed order, without dates, its tests guarded."""
    with zipfile.ZipFile(found) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name.startswith("tests/"):
                content = guarded(content.decode()).encode()
            new.writestr(zipfile.ZipInfo(name, LONG_AGO), content, zipfile.ZIP_DEFLATED)


def check(source: Path, folder: Path) -> Grade:
    """The grade of the solution; stops unless it is full marks."""
    grade = grade_one(folder / "solution" / source.name, folder / "autograder.zip")
    if grade.failure or grade.points != grade.possible:
        print(grade.feedback, file=sys.stderr)
        stop(f"Nothing was made: the solution of {source.name} does not get full marks. {grade.failure}".rstrip())
    return grade


def make_all(names: Sequence[str], target: Path) -> None:
    """The chosen assignments: all are put in place, or none."""
    sources = [SOURCES / f"{name}.ipynb" for name in names]
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".new-") as scratch:
        folders = [Path(scratch) / source.stem for source in sources]
        for source, folder in zip(sources, folders, strict=True):
            folder.mkdir()
            make(source, folder)
        with ThreadPoolExecutor(positive("NB_WORKERS")) as pool:
            grades = list(pool.map(check, sources, folders))
        for folder, grade in zip(folders, grades, strict=True):
            place = target / folder.name
            if place.exists():
                place.replace(Path(scratch) / f"{folder.name}-old")
            folder.replace(place)
            points = f"{sum(grade.possible.values()):g} points by tests in {len(grade.possible)} questions"
            say(f"{place.relative_to(ROOT) if place.is_relative_to(ROOT) else place}: {points}")


# ------------------------------------------------------------------------------------------------ grading


def grade_one(submission: Path, bundle: Path) -> Grade:
    """Run a submission in a process of its own and read what otter found."""
    environment = os.environ | {"JUPYTER_PLATFORM_DIRS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    limit = positive("GRADE_TIMEOUT")
    with tempfile.TemporaryDirectory(prefix="grade-") as scratch:
        copy = Path(scratch) / "submission.ipynb"  # a name that no test file has, whatever it was called
        shutil.copyfile(submission, copy)
        command = [sys.executable, "-m", "otter", "run", "--no-logo", "-a", str(bundle.resolve()), "-o", scratch]
        process = subprocess.Popen(
            [*command, str(copy)],
            cwd=scratch,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            words, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)  # the kernel too
            process.kill()
            process.communicate()
            return Grade({}, {}, "", f"It ran for more than {limit} s.")
        found = Path(scratch) / "results.json"
        if process.returncode or not found.exists():
            last = [line.strip() for line in words.splitlines() if line.strip()][-1:]
            return Grade({}, {}, words, f"It could not be run: {''.join(last)}")
        tests = json.loads(found.read_text(encoding="utf-8"))["tests"]
    scored = {test["name"]: test for test in tests if "max_score" in test}
    if not scored:
        return Grade({}, {}, "\n".join(test["output"] for test in tests), "Its kernel ended before the tests.")
    feedback = "\n\n".join(test["output"] for test in scored.values())
    points = {name: test["score"] for name, test in scored.items()}
    return Grade(points, {name: test["max_score"] for name, test in scored.items()}, feedback)


def grade_all(name: str, submissions: Sequence[Path], target: Path) -> None:
    """Grade submissions to one assignment; a table and a text for each."""
    bundle = MADE / name / "autograder.zip"
    if not bundle.is_file():
        stop(f"There is no bundle for {name} yet: say make assignments first.")
    absent = [str(path) for path in submissions if not path.is_file()]
    if absent or not submissions:
        stop(f"There is no file {', '.join(absent)}." if absent else "Which submissions? Give their files.")
    with ThreadPoolExecutor(positive("NB_WORKERS")) as pool:
        grades = list(pool.map(lambda path: grade_one(path, bundle), submissions))
    target.mkdir(parents=True, exist_ok=True)
    questions = list(dict.fromkeys(question for grade in grades for question in grade.possible))
    rows = [["submission", *questions, "total", "possible", "failure"]]
    for path, grade in zip(submissions, grades, strict=True):
        sums = [f"{sum(column.values()):g}" for column in (grade.points, grade.possible)]
        rows.append([str(path), *(f"{grade.points.get(q, 0):g}" for q in questions), *sums, grade.failure])
        text = target / f"{str(path).replace(os.sep, '--')}.txt"
        text.write_text(f"{grade.failure}\n{grade.feedback}\n".lstrip(), encoding="utf-8")
        say(f"{path}: {grade.failure or f'{sums[0]} of {sums[1]}'}")
    scratch = target / "grades.csv.new"
    with scratch.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    scratch.replace(target / "grades.csv")
    say(f"the table is {target / 'grades.csv'}; open questions are not in it")


def main() -> int:
    start = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="NAME", help="assignments to make (all), or submissions to grade")
    parser.add_argument("--grade", metavar="NAME", help="grade submissions to this assignment")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write there instead of below _build")
    options = parser.parse_args()
    known = sorted(path.stem for path in SOURCES.glob("*.ipynb"))
    asked = [options.grade] if options.grade else options.words
    for name in asked:
        if name not in known:
            stop(f"There is no assignment {name}: there are {', '.join(known)}.")
    if options.grade:
        target = options.to or GRADES / options.grade
        grade_all(options.grade, [Path(word) for word in options.words], target.resolve())
        return 0
    make_all(options.words or known, (options.to or MADE).resolve())
    say(f"done in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
