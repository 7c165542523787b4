"""The assignments for instructors: made from their sources by the tool, and graded by otter-grader's own grader."""

import csv
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import ROOT
from repository import load_tool

import speedy_utils as su

NAMES = sorted(path.stem for path in (ROOT / "assignments").glob("*.ipynb"))
TOOL = load_tool("assignments")
# The points of each question, and which words of the student's text tell what went wrong, for answers that are partly
# right: {function whose cell is replaced: its new source}. One of them is a syntax error, one raises an exception.
HALF_RIGHT = {
    "1-speed-and-score": (
        {
            "paper_score": "def paper_score(values):\n    return round(sum(values) / len(values), 2)",
            "layer_parameters": "def layer_parameters(hidden, intermediate)\n    return 16",
            "table_parameters": "raise RuntimeError('no idea')",
            "frontier": "def frontier(table):\n    return [n for n, a, b in sorted(table, key=lambda row: row[1])\n"
            "            if not any(x >= a and y >= b for m, x, y in table if m != n)]",
        },
        {"q1": 1, "q2": 0, "q3": 0, "q4": 3, "q5": 2, "q6": 3},
        [
            "you have rounded it, and it should be cut",
            "There is no layer_parameters yet: run its cell, and mend the error",
            "There is no table_parameters yet: run its cell, and mend the error",
            "Twins do not beat each other: both stay",
        ],
    ),
    "2-evaluate": (
        {
            "entities": "def entities(tags):\n    from speedy_utils.metrics import find_entities\n"
            "    return find_entities(tags)",
            "entity_scores": "def entity_scores(predicted, gold):\n    each = [(100 * len(p & g) / max(1, len(p)),"
            " 100 * len(p & g) / max(1, len(g)),\n             200 * len(p & g) / max(1, len(p) + len(g))) for p, g in"
            " zip(predicted, gold)]\n    return tuple(np.mean(each, axis=0))",
            "normalise": "def normalise(text:\n    return text",
            "answer_scores": "1 / 0",
            "paired_interval": "def paired_interval(first, second, **options):\n"
            "    bounds = bootstrap_interval(first, seed=1), bootstrap_interval(second, seed=2)\n"
            "    return bounds[0][0] - bounds[1][1], bounds[0][1] - bounds[1][0]",
        },
        {"q1": 2, "q2": 3, "q3": 0, "q4": 0, "q5": 4, "q6": 0},
        ["with strays passed over", "add up first, then divide", "Do both get the same questions?"],
    ),
    "3-distil": (
        {
            "soften": "def soften(logits, temperature):\n    powers = np.exp(logits / temperature)\n"
            "    return powers / powers.sum(axis=1, keepdims=True)",
            "distillation_loss": "def distillation_loss(student, teacher, temperature, counted):\n"
            "    p, q = (soften(one[counted], temperature) for one in (teacher, student))\n"
            "    return (p * (np.log(p) - np.log(q))).sum(axis=1).mean()",
            "whole_loss": "def whole_loss(student, labels, teacher_part, alpha)\n    return 0",
            "first_tokens": "raise KeyError('token')",
            "train_student": "def train_student():\n"
            "    options = dict(data=small, source='mini', seed=1, temperature=2.0)\n"
            "    return su.distill('ALBETO tiny', teacher, 'pos', **options)\n\n"
            "taught = train_student()\n\ndef agreement(first, second):\n"
            "    return 100 * np.mean([np.mean([a == b for a, b in zip(*s)]) for s in zip(first, second)])",
        },
        {"q1": 2, "q2": 2, "q3": 0, "q4": 0, "q5": 3, "q6": 2},
        [
            "subtract each row's maximum first",
            "The factor T² is missing",
            "do not average over sentences",
            "is untagged used?",
        ],
    ),
    "4-speed": (
        {
            "layer_macs": "def layer_macs(n, hidden, intermediate):\n"
            "    return 4 * n * hidden**2 + 2 * n * hidden * intermediate, n * n * hidden",
            "padding_share": "def padding_share(lengths, batch_size):\n    return 0)",
            "times_in_turn": "def times_in_turn(calls, rounds, clock=time.perf_counter):\n    taken = {}\n"
            "    for name, call in calls.items():\n        call()\n        taken[name] = []\n"
            "        for _ in range(rounds):\n            start = clock()\n            call()\n"
            "            taken[name].append(clock() - start)\n    return taken",
            "percentile_ms": "assert False",
            "choose": "def choose(candidates, max_ms, max_mb):\n"
            "    fits = [c for c in candidates if c['ms'] <= max_ms and c['mb'] <= max_mb]\n"
            "    return (max(fits, key=lambda c: c['score'])['name'] if fits else None), len(fits)",
        },
        {"q1": 1, "q2": 0, "q3": 2, "q4": 3, "q5": 0, "q6": 3},
        ["there are two products in attention", "Each function is called once before", "cannot be told from lento"],
    ),
}
API = """
import json, sys
from otter.api import grade_submission

graded = grade_submission(*sys.argv[1:3], quiet=True)
cells = [cell for cell in graded.notebook.cells if cell.cell_type == "code"]
errors = [f"{o.ename}: {o.evalue}" for cell in cells for o in cell.outputs if o.output_type == "error"]
print(json.dumps({"points": {n: t.score for n, t in graded.results.items()}, "of": graded.possible,
                  "errors": errors, "summary": graded.summary()}))
"""


def through_the_api(notebook, bundle):
    """What otter's Python interface says of a submission, and the errors of its cells."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JUPYTER_PLATFORM_DIRS": "1"}
    command = [sys.executable, "-c", API, str(notebook), str(bundle)]
    done = subprocess.run(command, cwd=notebook.parent, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def half_right(solution, answers, target):
    """The solution with some answers replaced."""
    notebook = nbformat.read(solution, as_version=4)
    for name, source in answers.items():
        (cell,) = [cell for cell in notebook.cells if re.search(rf"^def {name}\(", cell.source, re.MULTILINE)]
        cell.source = source
    nbformat.write(notebook, target)
    return target


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """All assignments as `make assignments` makes them, which grades the solutions too."""
    folder = tmp_path_factory.mktemp("assignments")
    command = [sys.executable, str(ROOT / "tools" / "assignments.py"), "--to", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done


@pytest.fixture(scope="module")
def grades(made, tmp_path_factory):
    """{(name, "empty" or "half"): what the grader found}, all graded once, two at a time."""
    folder, scratch = made[0], tmp_path_factory.mktemp("submissions")

    def grade(case):
        name, kind = case
        bundle = folder / name / "autograder.zip"
        if kind == "empty":
            return through_the_api(folder / name / "student" / f"{name}.ipynb", bundle)
        solution = folder / name / "solution" / f"{name}.ipynb"
        return TOOL.grade_one(half_right(solution, HALF_RIGHT[name][0], scratch / f"{name}.ipynb"), bundle)

    cases = [(name, kind) for name in NAMES for kind in ("empty", "half")]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(cases, pool.map(grade, cases), strict=True))


def read(path):
    return nbformat.read(path, as_version=4)


def questions(name):
    """The configurations of the questions in a source."""
    cells = [cell.source for cell in read(ROOT / "assignments" / f"{name}.ipynb").cells if cell.cell_type == "raw"]
    return [yaml.safe_load(source) for source in cells if source.startswith("# BEGIN QUESTION")]


@pytest.mark.parametrize("name", NAMES)
def test_an_assignment_is_what_the_guide_says(name):
    asked = questions(name)
    by_hand = [question for question in asked if question.get("manual")]
    assert 4 <= len(asked) - len(by_hand) <= 6 and 1 <= len(by_hand) <= 2
    source = read(ROOT / "assignments" / f"{name}.ipynb")
    first = next(cell for cell in source.cells if cell.cell_type == "code")
    assert 'find_spec("speedy_utils") is None' in first.source and first.source.endswith(
        f'su.environment(book="{su.__version__}")'
    )
    rubrics = [cell.source for cell in source.cells if "| Points | What the answer does |" in cell.source]
    assert len(rubrics) == len(by_hand)
    for question, rubric in zip(by_hand, rubrics, strict=True):
        levels = [int(level) for level in re.findall(r"^\| (\d) \|", rubric, re.MULTILINE)]
        assert levels == list(range(question["points"], -1, -1))


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_gets_full_marks(name, made):
    """The tool grades it, and makes nothing if it does not: see the test of that below."""
    folder, done = made
    said = re.search(rf"{name}: (\d+) points by tests in (\d+) questions", done.stdout)
    by_test = [question for question in questions(name) if not question.get("manual")]
    points = sum(sum(p) if isinstance(p, list) else p for p in (question["points"] for question in by_test))
    assert (int(said[1]), int(said[2])) == (points, len(by_test))
    assert done.stderr == "" and len(done.stdout.splitlines()) == len(NAMES) + 1
    assert sorted(path.name for path in (folder / name).iterdir()) == ["autograder.zip", "solution", "student"]


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_submission_gets_nothing_and_is_told_why(name, grades):
    """It runs from the first cell to the last, and each failed test has a sentence."""
    found = grades[name, "empty"]
    assert set(found["points"].values()) == {0} and found["of"] > 0
    assert found["errors"] == []
    failed = found["summary"].count("Test case failed")
    assert failed > 0
    assert len(re.findall(r"^ *AssertionError: \S+ \S+ \S+ \S+", found["summary"], re.MULTILINE)) == failed


@pytest.mark.parametrize("name", NAMES)
def test_a_half_right_submission_gets_part_of_the_marks(name, grades):
    """A syntax error in one answer and an exception in another cost the others nothing."""
    _, points, words = HALF_RIGHT[name]
    found = grades[name, "half"]
    assert found.failure == ""
    assert found.points == pytest.approx(points)
    assert [text for text in words if text not in found.feedback] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_students_copy_gives_nothing_away(name, made):
    folder = made[0] / name
    text = "\n".join(cell.source for cell in read(folder / "student" / f"{name}.ipynb").cells)
    solved = read(folder / "solution" / f"{name}.ipynb")
    answers = [cell for cell in solved.cells if "otter_assign_solution_cell" in cell.metadata.get("tags", [])]
    secret = []
    for cell in answers:
        if cell.cell_type == "markdown":
            secret += cell.source.splitlines()
            continue
        inside = re.findall(r"# BEGIN SOLUTION\n(.*?)# END SOLUTION", cell.source, re.DOTALL)
        secret += [line.strip() for block in inside for line in block.splitlines() if len(line.strip()) > 20]
        secret += [line for line in cell.source.splitlines() if line.endswith("# SOLUTION")]
    assert len(secret) > 10
    assert [line for line in secret if line in text] == []
    assert not re.search("SOLUTION|HIDDEN|hidden=True", text)
    with zipfile.ZipFile(folder / "autograder.zip") as bundle:
        tests = {file: bundle.read(file).decode() for file in bundle.namelist() if file.startswith("tests/")}
    assert sorted(tests) == [f"tests/{q['name']}.py" for q in questions(name) if not q.get("manual")]
    found = [re.findall(r"hidden=(True|False)\)\ndef (\w+)\(", test) for test in tests.values()]
    assert all({"True", "False"} <= {hidden for hidden, _ in functions} for functions in found)
    for hidden, function in (pair for functions in found for pair in functions):
        assert (f"def {function}(" in text) == (hidden == "False")


IN_COLAB = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

Shell = type("Shell", (InteractiveShell,), {"__module__": "google.colab._shell"})
shell = Shell.instance()
found = {}
for path in sys.argv[1:]:
    cells = [cell for cell in json.load(open(path, encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in cells]
    for source in sources:
        if "mkdtemp" in source or "grader = " in source:
            shell.run_cell(source).raise_error()
    result = shell.run_cell('grader.check("q1")')
    result.raise_error()
    found[path] = [shell.user_ns["grader"].interpreter.value.display_name, str(result.result)]
print(json.dumps(found))
"""


def test_the_one_file_is_enough_in_colab_too(made, tmp_path):
    """There otter knows no notebook's file; it needs a folder of tests, which the notebook makes itself."""
    files = [made[0] / name / "student" / f"{name}.ipynb" for name in NAMES]
    command = [sys.executable, "-c", IN_COLAB, *map(str, files)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for interpreter, said in found.values():
        assert interpreter == "Google Colab"
        assert "q1 results:" in said and "yet: run its cell" in said


def test_the_same_source_makes_the_same_bytes(made, tmp_path):
    name = NAMES[0]
    TOOL.make(ROOT / "assignments" / f"{name}.ipynb", tmp_path)
    for file in (f"student/{name}.ipynb", f"solution/{name}.ipynb", "autograder.zip"):
        assert (tmp_path / file).read_bytes() == (made[0] / name / file).read_bytes()


# ------------------------------------------------------------------------------------------------ the tool itself


CONFIG = "# ASSIGNMENT CONFIG\ninit_cell: false\nexport_cell: false\ntests:\n  files: true\n  ok_format: false"
START = 'import otter\n\ngrader = otter.Notebook(tests_dir="tests")'
ANSWER = "def double(number):\n    # BEGIN SOLUTION\n    return {} * number\n    # END SOLUTION"
TESTS = [
    'def test_two(double):\n    assert double(2) == 4, f"Twice 2 is 4, not {double(2)}."',
    '# HIDDEN\ndef test_three(double):\n    assert double(3) == 6, f"Twice 3 is 6, not {double(3)}."',
]


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The tool in a place of its own, with one assignment of one question; gives a writer of its source."""
    for name in ("SOURCES", "MADE", "GRADES"):
        monkeypatch.setattr(TOOL, name, tmp_path / name.lower())
    TOOL.SOURCES.mkdir()

    def write(factor=2, start=START):
        cells = [("raw", CONFIG), ("code", start), ("raw", "# BEGIN QUESTION\nname: q1\npoints: 2")]
        cells += [("markdown", "Double it."), ("raw", "# BEGIN SOLUTION"), ("code", ANSWER.format(factor))]
        cells += [("raw", "# END SOLUTION"), ("raw", "# BEGIN TESTS"), *(("code", test) for test in TESTS)]
        cells += [("raw", "# END TESTS"), ("raw", "# END QUESTION")]
        make = {"raw": nbformat.v4.new_raw_cell, "code": nbformat.v4.new_code_cell}
        make["markdown"] = nbformat.v4.new_markdown_cell
        kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
        notebook = nbformat.v4.new_notebook(cells=[make[kind](text) for kind, text in cells], metadata=kernel)
        nbformat.write(notebook, TOOL.SOURCES / "tiny.ipynb")

    return write


def run(monkeypatch, capsys, *words):
    """Exit status and words of the tool."""
    monkeypatch.setattr(sys, "argv", ["assignments.py", *map(str, words)])
    try:
        status = TOOL.main()
    except SystemExit as stopped:
        status = stopped.code
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_solution_that_fails_its_tests_makes_nothing(tiny, monkeypatch, capsys):
    tiny()
    assert run(monkeypatch, capsys)[0] == 0
    before = {path: path.read_bytes() for path in TOOL.MADE.rglob("*") if path.is_file()}
    tiny(factor=3)
    status, _, err = run(monkeypatch, capsys)
    assert status == 1
    assert "Nothing was made: the solution of tiny.ipynb does not get full marks." in err
    assert "Twice 3 is 6, not 9." in err
    assert {path: path.read_bytes() for path in TOOL.MADE.rglob("*") if path.is_file()} == before


def test_a_whole_class_is_graded_whatever_some_hand_in(tiny, monkeypatch, capsys, tmp_path):
    """Right, renamed, saved by Colab; half right; killing its kernel; no notebook at all."""
    tiny()
    assert run(monkeypatch, capsys)[0] == 0
    student = read(TOOL.MADE / "tiny" / "student" / "tiny.ipynb")
    answers = {
        "Ana Núñez (2)": "def double(number):\n    return number + number",
        "half": "def double(number):\n    return 4",
        "killed": "import os\nos._exit(1)",
    }
    files = []
    for name, answer in answers.items():
        notebook = nbformat.from_dict(student)
        (cell,) = [cell for cell in notebook.cells if "def double" in cell.source or cell.get("mark")]
        cell.source, cell["metadata"] = answer, {"id": "x1", "outputId": "y2"}
        notebook.metadata = {"colab": {"provenance": []}, "kernelspec": notebook.metadata.kernelspec}
        files.append(tmp_path / f"{name}.ipynb")
        nbformat.write(notebook, files[-1])
        cell.source = "def double(number):\n    ..."
    files.append(tmp_path / "photo.ipynb")
    files[-1].write_bytes(b"\x89PNG")
    status, _, err = run(monkeypatch, capsys, "--grade", "tiny", *files)
    assert (status, err) == (0, "")
    with (TOOL.GRADES / "tiny" / "grades.csv").open(encoding="utf-8", newline="") as file:
        table = {row["submission"]: row for row in csv.DictReader(file)}
    found = [(table[str(path)]["q1"], table[str(path)]["total"], table[str(path)]["failure"]) for path in files]
    assert found[0] == ("2", "2", "") and found[1] == ("1", "1", "")
    assert found[2][:2] == ("0", "0") and "Kernel died" in found[2][2]
    assert found[3][:2] == ("0", "0") and found[3][2].startswith("It could not be run: ")
    texts = {path.name: path.read_text(encoding="utf-8") for path in (TOOL.GRADES / "tiny").glob("*.txt")}
    assert len(texts) == len(files)
    assert "Twice 3 is 6, not 4." in next(text for name, text in texts.items() if "half" in name)


def test_what_never_ends_is_ended(tmp_path, monkeypatch):
    """Also its kernel, where the machine was fast enough to start one."""
    pid = tmp_path / "pid"
    source = f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\nwhile True:\n    pass"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), tmp_path / "endless.ipynb")
    with zipfile.ZipFile(tmp_path / "autograder.zip", "w") as bundle:
        bundle.writestr("otter_config.json", "{}")
        bundle.writestr("tests/q1.py", 'OK_FORMAT = False\nname = "q1"\npoints = 1\n')
    monkeypatch.setenv("GRADE_TIMEOUT", "8")
    grade = TOOL.grade_one(tmp_path / "endless.ipynb", tmp_path / "autograder.zip")
    assert (grade.points, grade.failure) == ({}, "It ran for more than 8 s.")
    process = Path("/proc", pid.read_text()) if pid.exists() and Path("/proc").is_dir() else tmp_path / "none"
    end = time.monotonic() + 60
    while process.exists() and time.monotonic() < end:
        time.sleep(0.2)
    assert not process.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--grade", "tiny", "nobody.ipynb"], "There is no bundle for tiny yet: say make assignments first."),
        (["large"], "There is no assignment large: there are tiny."),
        (["--grade", "large", "x.ipynb"], "There is no assignment large: there are tiny."),
    ],
)
def test_a_wrong_word_gets_a_sentence(words, sentence, tiny, monkeypatch, capsys):
    tiny()
    assert run(monkeypatch, capsys, *words) == (1, "", f"[assignments] {sentence}\n")


def test_a_source_that_cannot_be_made_gets_a_sentence(tiny, monkeypatch, capsys):
    tiny(start="import otter")
    status, _, err = run(monkeypatch, capsys)
    assert status == 1 and "must have one cell with grader = otter.Notebook" in err
    notebook = read(TOOL.SOURCES / "tiny.ipynb")
    notebook.cells = notebook.cells[:-1]
    notebook.cells.insert(3, nbformat.v4.new_raw_cell("# BEGIN QUESTION\nname: q2"))
    nbformat.write(notebook, TOOL.SOURCES / "tiny.ipynb")
    status, _, err = run(monkeypatch, capsys)
    assert status == 1 and "tiny.ipynb is no source that otter can read" in err
    assert not [path for path in TOOL.MADE.rglob("*") if path.is_file()]
