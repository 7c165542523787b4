"""The notebooks' text: figures come from data, exercises have solutions, nothing is stored that a run produces."""

import re

import nbformat
import pytest
from conftest import NOTEBOOKS

import speedy_utils as su

EXERCISE = ("exercise", "remove-output")  # the site does not show what an open answer gets
LINK, MATH, CODE = r"\]\([^)]*\)", r"\$\$?[^$]*\$\$?", r"`[^`]*`"


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def markdown(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def test_no_figure_is_typed_into_the_text(notebook):
    """Decimal figures in prose are written by code from data; whole numbers (sizes, years) may be typed."""
    typed = []
    for source in markdown(notebook):
        text = re.sub(f"{LINK}|{MATH}|{CODE}", "", source)
        typed += re.findall(r"\d+[.]\d+", text)
    assert typed == []


def test_every_exercise_has_a_cell_and_a_hidden_solution(notebook):
    exercises = len(re.findall(r"^### Exercise \d", "\n".join(markdown(notebook)), re.MULTILINE))
    tags = [tuple(cell.metadata.get("tags", [])) for cell in notebook.cells]
    assert exercises >= 4
    assert tags.count(EXERCISE) == exercises
    assert tags.count(("hide-cell", "solution")) == exercises
    for place, tag in enumerate(tags):
        if tag == EXERCISE:
            assert tags[place + 1] == ("hide-cell", "solution")
            assert "solution of exercise" in notebook.cells[place + 1].metadata["mystnb"]["code_prompt_show"]


def test_the_first_code_installs_and_says_where_it_runs(notebook):
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert 'find_spec("speedy_utils") is None' in first.source
    assert "!{pip} install --quiet" in first.source
    assert first.source.rstrip().endswith(f'su.environment(book="{su.__version__}")')


def test_every_answer_of_the_quiz_is_explained(notebook):
    quiz = "\n".join(markdown(notebook)).split("## Check yourself")[1].split("## Key points")[0]
    answers = re.findall(r"<details><summary>(.+?)</summary>\n\n(.+?)\n\n</details>", quiz, re.DOTALL)
    assert len(answers) >= 6
    assert len(answers) == quiz.count("<summary>")
    assert all(len(explanation) > 30 for _, explanation in answers)
