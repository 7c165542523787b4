"""Checks of the book's exercises, with no server: an answer is compared, and what is wrong with it is said.

    su.check("speed-and-score", 1, my_speedups)

Each chapter has a module here, named as the chapter with underscores. Its function `exercise_N` takes the answers,
whose names begin with `my_`, and where it needs them objects of the chapter. It returns the sentence that a right
answer deserves, and raises `NotYet` with one that names the mistake.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from importlib import import_module
from pkgutil import iter_modules

from speedy_utils.errors import listing, unknown_name
from speedy_utils.exercises.answers import NotYet

_HELPERS = {"answers"}


@dataclass(frozen=True, repr=False)
class Verdict:
    """What a check says: whether the answer is right, and a sentence on it."""

    right: bool
    text: str

    @property
    def headline(self) -> str:
        return "✓ Right." if self.right else "✗ Not yet."

    def __repr__(self) -> str:
        return f"{self.headline} {self.text}"

    def _repr_html_(self) -> str:
        kind = "right" if self.right else "wrong"
        return f'<p class="speedy-verdict {kind}" role="status"><b>{self.headline}</b> {escape(self.text)}</p>'


def chapters() -> list[str]:
    """The chapters with exercises that can be checked, by the names of their files."""
    return sorted(name.replace("_", "-") for _, name, _ in iter_modules(__path__) if name not in _HELPERS)


def exercises(chapter: str) -> dict[int, Callable[..., str]]:
    """The checks of a chapter by their numbers. Raises ValueError for a chapter that has none."""
    if chapter not in chapters():
        raise ValueError(unknown_name("chapter", chapter, chapters()))
    module = import_module(f"{__name__}.{chapter.replace('-', '_')}")
    found = {name: value for name, value in vars(module).items() if name.startswith("exercise_")}
    return {int(name.removeprefix("exercise_")): value for name, value in found.items()}


def check(chapter: str, number: int, *answers: object) -> Verdict:
    """Look at the answers to an exercise: `check("tagging", 1, my_share)` says what is right or what is wrong.

    Raises ValueError for an exercise that does not exist, and for more or fewer answers than it has.
    """
    known = exercises(chapter)
    if number not in known:
        raise ValueError(f"{chapter} has the exercises {', '.join(map(str, sorted(known)))}, not {number!r}.")
    names = list(inspect.signature(known[number]).parameters)
    if len(answers) != len(names):
        raise ValueError(f"This exercise wants su.check({chapter!r}, {number}, {', '.join(names)}).")
    open_ = [name for name, answer in zip(names, answers, strict=True) if answer is ...]
    if open_:
        one = len(open_) == 1
        text = f"{listing(open_)} {'is' if one else 'are'} still `...`: put your answer{'' if one else 's'} there."
        return Verdict(False, text)
    try:
        return Verdict(True, known[number](*answers))
    except NotYet as mistake:
        return Verdict(False, str(mistake))
