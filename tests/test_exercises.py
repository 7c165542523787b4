"""The exercises: each has its check, wrong answers get sentences that name the mistake, the solutions are right.

Wrong answers and then the solutions are tried in the notebooks themselves, after all their cells, by test_wheel.
"""

import inspect
import json
import re

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import NOTEBOOKS, ROOT
from wrong_answers import wrong_answers

import speedy_utils as su
from speedy_utils.exercises import answers, chapters, exercises
from speedy_utils.exercises.answers import NotYet

CHAPTERS = [path.stem for path in NOTEBOOKS]
CHECKS = [(chapter, number) for chapter in chapters() for number in exercises(chapter)]
STRANGE = {
    "None": None,
    "true": True,
    "nan": float("nan"),
    "zero": 0,
    "negative": -1,
    "huge": 10**30,
    "empty text": "",
    "text": "perro",
    "empty list": [],
    "list of None": [None],
    "empty dict": {},
    "dict": {"perro": "gato"},
    "array": np.zeros((2, 2)),
    "frame": pd.DataFrame({"perro": [1.0]}),
    "function": lambda *answers, **named: None,
    "failing function": lambda: 1 / 0,
    "class": int,
}


def cells_of(chapter):
    """By the exercise's number: the text, the cell for the answer, the solution."""
    notebook = nbformat.read(ROOT / "book" / f"{chapter}.ipynb", as_version=4)
    found = {}
    for place, cell in enumerate(notebook.cells):
        if "exercise" in cell.metadata.get("tags", []):
            (number,) = re.findall(r"^### Exercise (\d+)", notebook.cells[place - 1].source, re.MULTILINE)
            found[int(number)] = notebook.cells[place - 1 : place + 2]
    return found


def call_of(chapter, number):
    names = list(inspect.signature(exercises(chapter)[number]).parameters)
    return f'su.check("{chapter}", {number}, {", ".join(names)})'


def test_every_chapter_has_checks():
    assert chapters() == sorted(CHAPTERS)


@pytest.mark.parametrize("chapter", chapters())
def test_every_exercise_has_a_check_and_the_other_way_round(chapter):
    assert sorted(exercises(chapter)) == sorted(cells_of(chapter))


@pytest.mark.parametrize(("chapter", "number"), CHECKS)
def test_answer_and_solution_end_in_the_check(chapter, number):
    _, answer, solution = cells_of(chapter)[number]
    call = re.sub(r"\s", "", call_of(chapter, number))
    for cell in (answer, solution):
        assert re.sub(r"\s", "", cell.source).replace(",)", ")").endswith(call)
    mine = [name for name in inspect.signature(exercises(chapter)[number]).parameters if name.startswith("my_")]
    assert mine
    for name in mine:
        assert re.search(rf"^(def {name}\(|{name} = \.\.\.)", answer.source, re.MULTILINE), f"no place for {name}"


@pytest.mark.parametrize(("chapter", "number"), CHECKS)
def test_the_places_for_answers_are_open(chapter, number):
    names = list(inspect.signature(exercises(chapter)[number]).parameters)
    verdict = su.check(chapter, number, *[...] * len(names))
    assert not verdict.right and names[0] in str(verdict) and "`...`" in str(verdict)


@pytest.mark.parametrize(("chapter", "number"), CHECKS)
@pytest.mark.parametrize("strange", STRANGE)
def test_a_strange_answer_is_a_sentence(chapter, number, strange):
    """A check reads the answers before it looks at the chapter's own objects, which are None here."""
    names = inspect.signature(exercises(chapter)[number]).parameters
    verdict = su.check(chapter, number, *[STRANGE[strange] if name.startswith("my_") else None for name in names])
    assert not verdict.right
    assert len(verdict.text) > 20 and verdict.text.rstrip()[-1] in ".?!"


@pytest.mark.parametrize(("chapter", "number"), CHECKS)
def test_two_mistakes_at_least_are_named(chapter, number):
    found = [words for given, _, words in wrong_answers(chapter) if given == number]
    assert len(set(found)) >= 2


@pytest.mark.parametrize("chapter", chapters())
def test_the_built_page_shows_right_solutions_and_open_exercises(chapter):
    built = ROOT / "_build" / "src" / "book" / f"{chapter}.ipynb"
    assert built.exists(), "There are no executed notebooks: say make book first (make test does it by itself)."
    verdicts = {"exercise": [], "solution": []}
    for cell in nbformat.read(built, as_version=4).cells:
        for kind in set(verdicts) & set(cell.metadata.get("tags", [])):
            verdicts[kind] += [
                o.data["text/html"] for o in cell.outputs if "speedy-verdict" in json.dumps(o.get("data", {}))
            ]
    count = len(exercises(chapter))
    assert len(verdicts["exercise"]) == len(verdicts["solution"]) == count
    assert all("Not yet" in one for one in verdicts["exercise"])
    assert all("✓ Right" in one for one in verdicts["solution"])


def test_a_wrong_call_is_a_sentence():
    with pytest.raises(ValueError, match="chapter"):
        su.check("tapas", 1, 2)
    with pytest.raises(ValueError, match="has the exercises 1, 2"):
        su.check("speed-and-score", 99, 2)
    with pytest.raises(ValueError, match=r"wants su.check\('speed-and-score', 3, my_tiny, my_beto\)"):
        su.check("speed-and-score", 3, 2)


@pytest.mark.parametrize("strange", STRANGE)
def test_reading_an_answer_gives_it_back_or_says_what_is_wrong(strange):
    value = STRANGE[strange]
    readers = [
        lambda: answers.number(value, "my_x"),
        lambda: answers.whole_number(value, "my_x"),
        lambda: answers.one_of(value, ["perro", "gato"], "my_x"),
        lambda: answers.names(value, ["perro", "gato"], "my_x"),
        lambda: answers.frame(value, ["perro"], "my_x"),
        lambda: answers.mapping(value, ["perro"], "my_x"),
        lambda: answers.call(answers.function(value, "my_x"), "my_x", "perro"),
    ]
    for read in readers:
        try:
            read()
        except NotYet as mistake:
            assert "my_x" in str(mistake)


def test_the_first_of_the_known_mistakes_is_named():
    answers.expect(1.001, 1, "my_x", {})
    with pytest.raises(NotYet, match="upside down"):
        answers.expect(0.5, 2, "my_x", {"It is upside down.": 0.5})
    with pytest.raises(NotYet, match=r"my_x = 3 is too high\. Look again\."):
        answers.expect(3, 2, "my_x", {"It is upside down.": 0.5}, hint="Look again.")


def test_a_verdict_says_in_words_whether_it_is_right():
    right, wrong = su.check("speed-and-score", 4, "ALBETO base"), su.check("speed-and-score", 4, "<b>")
    assert right.right and "Right" in right._repr_html_() and str(right).startswith("✓ Right.")
    assert "Not yet" in wrong._repr_html_() and "<b>&" not in wrong._repr_html_() and "&lt;b&gt;" in wrong._repr_html_()
