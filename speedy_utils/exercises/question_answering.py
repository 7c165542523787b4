"""Checks of the exercises of *Question answering*."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

import speedy_utils as su
from speedy_utils.exercises.answers import (
    NotYet,
    brief,
    call,
    expect,
    function,
    mapping,
    number,
    one_of,
    whole_number,
)
from speedy_utils.preprocessing import best_span

if TYPE_CHECKING:
    import datasets
    import pandas as pd

    from speedy_utils.training import Run

POINTS = 0.06  # absolute room for an F1 in per cent, rounded to one decimal
LIMITS = (1, 2, 4, 8, 16, 30, 100)


def _list(answer: object, name: str, length: int, what: str) -> list[Any]:
    """A list (or tuple, array, column) of this length."""
    if isinstance(answer, str | Mapping) or not isinstance(answer, Iterable):
        raise NotYet(f"{name} should be a list of {what}; it is {brief(answer)}.")
    given = list(answer)
    if len(given) != length:
        raise NotYet(f"{name} has {len(given)} entries where {length} are expected: {what}.")
    return given


def exercise_1(my_date: object, my_key: object, my_exact: object) -> str:
    """EM and F1 by hand, under two rules."""
    both = "two figures, SQuAD's rule first"
    date, key = _list(my_date, "my_date", 2, both), _list(my_key, "my_key", 2, both)
    values = {
        (name, rule): number(value, f"{name}[{place}]", 0, 100)
        for name, pair in (("my_date", date), ("my_key", key))
        for place, (rule, value) in enumerate(zip(("squad", "spanish"), pair, strict=True))
    }
    exact = whole_number(my_exact, "my_exact", 0, 4)
    answers = {
        "my_date": ("el 9 de marzo de 1822", "marzo de 1822"),
        "my_key": ("una llave de plata", "la llave"),
    }
    for name, (gold, predicted) in answers.items():
        right = {rule: 100 * su.metrics.answer_scores(predicted, [gold], rule)[0] for rule in ("squad", "spanish")}
        for place, (rule, other) in enumerate((("squad", "spanish"), ("spanish", "squad"))):
            words, golds = (su.metrics.normalise_answer(text, rule).split() for text in (predicted, gold))
            common = sum(min(words.count(word), golds.count(word)) for word in set(words))
            what = f"{name}[{place}]"
            drops = (
                "drops a, an and the, and no Spanish article" if rule == "squad" else "drops el, la, un, una and so on"
            )
            mistakes = {
                f"{what} is that of the other rule. This one {drops}.": right[other],
                f"{what} is a share; give it in per cent.": right[rule] / 100,
                f"{what} is the recall.": 100 * common / len(golds),
                f"{what} is the precision.": 100 * common / len(words),
                f"{what} is the plain mean of precision and recall; F1 is the harmonic one.": 50 * common / len(words)
                + 50 * common / len(golds),
            }
            hint = f"This rule {drops}; then count the words of both, and those in common."
            expect(values[name, rule], right[rule], what, mistakes, tolerance=0, hint=hint, room=0.5)
    if exact:
        raise NotYet("my_exact: nowhere are the two answers equal once the articles are gone.")
    return "One predicted date, two figures: a table that does not name its rule cannot be compared with another."


def _windows(
    n: int,
    q: int,
    *,
    specials: int = 3,
    most_question: int = 32,
    rounding: Callable[[float], int] = ceil,
    first: int = 1,
) -> int:
    """W for 128 tokens and stride 32, and its usual mistakes."""
    held = 128 - min(q, most_question) - specials
    return 1 if n <= held else first + rounding((n - held) / (held - 32))


WRONG_WINDOWS: dict[str, Callable[[int, int], int]] = {
    "forgets the special tokens: [CLS] in front, [SEP] behind the question and behind the context.": lambda n, q: (
        _windows(n, q, specials=0)
    ),
    "counts two special tokens; a pair of texts has one more.": lambda n, q: _windows(n, q, specials=2),
    "does not cut the question: 32 tokens of it at the most are read.": lambda n, q: _windows(
        n, q, most_question=10_000
    ),
    "rounds down: what is left over needs a window too.": lambda n, q: _windows(n, q, rounding=int),
    "forgets the first window.": lambda n, q: _windows(n, q, first=0),
    "takes the stride for the step. Here it is what two windows share.": lambda n, q: (
        1 if n <= 125 - min(q, 32) else 1 + ceil((n - 125 + min(q, 32)) / 32)
    ),
    "lets windows stand side by side; they share 32 tokens.": lambda n, q: max(1, ceil(n / (125 - min(q, 32)))),
}


def exercise_2(my_windows: object, my_total: object, cuts: Mapping[int, datasets.Dataset]) -> str:
    """The formula for the number of windows, and what it gives for a test set."""
    formula = function(my_windows, "my_windows")
    cases = [(n, q) for q in (10, 25, 60) for n in (1, 40, 93, 94, 115, 116, 154, 155, 198, 199, 281, 282, 300, 512)]
    found = [whole_number(call(formula, "my_windows", n, q), f"my_windows({n}, {q})") for n, q in cases]
    if found != [_windows(n, q) for n, q in cases]:
        for sentence, wrong in WRONG_WINDOWS.items():
            if found == [wrong(n, q) for n, q in cases]:
                raise NotYet(f"my_windows {sentence}")
        (n, q), value = next(
            (case, value) for case, value in zip(cases, found, strict=True) if value != _windows(*case)
        )
        side = "few" if value < _windows(n, q) else "many"
        held = 125 - min(q, 32)
        raise NotYet(
            f"my_windows({n}, {q}) gives {value}: too {side}. There a window holds {held} tokens of the context, and "
            f"each further one adds {held - 32}."
        )
    total = whole_number(my_total, "my_total", low=0)
    questions = len(set(cuts[32]["example"]))
    mistakes = {
        "my_total counts the questions. Add up their windows.": questions,
        "my_total is that of windows that share one token.": len(cuts[1]),
    }
    expect(total, len(cuts[32]), "my_total", mistakes, tolerance=0, hint="Take the tokens without the special ones.")
    return f"{questions} questions, {total} windows, and the formula knows each of them without a model."


NUMBER, NAME = r"\d[\d.]*", r"[A-ZÁÉÍÓÚÑ][a-záéíóúüñ]+ [A-ZÁÉÍÓÚÑ][a-záéíóúüñ]+"
ASKED = {"cuándo": NUMBER, "cuánto": NUMBER, "quién": NAME}


def _judge_guess(guess: str, word: str, context: str, place: int) -> None:
    """Nothing for what comes first in the context and fits the question word."""
    what = f"my_guesses[{place}]"
    if word not in ASKED:
        if guess:
            raise NotYet(f"{what} is {guess!r}, but the question has {word}: answer with the empty string.")
        return
    match = re.search(ASKED[word], context)
    bare = guess.strip(" .,;:¡!¿?«»\"'()")
    if bare == (match[0].rstrip(".") if match else ""):
        return
    if word == "quién":
        at = context.find(bare) if bare else -1
        capitals = [one[0].isupper() for one in bare.split()]
        if capitals == [True, True] and 0 <= at <= (match.start() if match else len(context)):
            return  # a name that another pattern finds earlier, such as A Coruña
        wanted = "the first two words in a row that begin with a capital"
    else:
        wanted = "the first number of the context, its dots included"
    raise NotYet(f"{what} is {guess!r}. A question with {word} is answered by {wanted}.")


def exercise_3(my_guesses: object, my_mean: object, test: datasets.Dataset, asking: pd.Series) -> str:
    """What the first number and the first name of a text score without reading."""
    if isinstance(my_guesses, str | Mapping) or not isinstance(my_guesses, Iterable):
        raise NotYet(f"my_guesses should be a list of answers; it is {brief(my_guesses)}.")
    guesses = list(my_guesses)
    for place, guess in enumerate(guesses):
        if not isinstance(guess, str):
            raise NotYet(
                f"my_guesses[{place}] should be text, and empty where there is no answer; it is {brief(guess)}."
            )
    score = number(my_mean, "my_mean", 0, 100)
    if len(guesses) != len(test):
        raise NotYet(
            f"my_guesses has {len(guesses)} answers to {len(test)} questions: one for each, empty ones included."
        )
    columns = test[:]
    for place, (guess, word, context) in enumerate(zip(guesses, asking, columns["context"], strict=True)):
        _judge_guess(guess, word, context, place)
    golds = [answers["text"] for answers in columns["answers"]]
    each = {
        (metric, rule): 100 * su.metrics.answer_counts(guesses, golds, metric=metric, rule=rule).rows[:, 0]
        for metric, rule in (("f1", "squad"), ("exact_match", "squad"), ("f1", "spanish"))
    }
    tried = asking.isin(list(ASKED)).to_numpy()
    own = each["f1", "squad"]
    right = own[tried].mean()
    mistakes = {
        "my_mean is the mean over all questions. Take those that have one of the three words.": own.mean(),
        "my_mean leaves out questions with a fitting word where nothing was found; they count, with 0.": own[
            np.array([bool(guess) for guess in guesses])
        ].mean(),
        "my_mean is a share; give it in per cent.": right / 100,
        "my_mean is the exact match.": each["exact_match", "squad"][tried].mean(),
        "my_mean follows MLQA's rule; take SQuAD's.": each["f1", "spanish"][tried].mean(),
    }
    expect(score, float(right), "my_mean", mistakes, tolerance=0, room=POINTS)
    return "The texts name several people and numbers, so the first one is right now and then only: reading is needed."


Span = tuple[int, int, int, float]  # of a window: its question, the answer's characters, its sum of scores


def _spans(features: Mapping[str, list[Any]], outputs: Sequence[np.ndarray], longest: int = 30) -> list[Span]:
    """The best span of each window."""
    found = []
    rows = zip(features["example"], features["starts"], features["ends"], outputs, strict=True)
    for place, starts, ends, scores in rows:
        first, last, value = best_span(np.array(starts), scores.astype(np.float64), longest)
        found.append((place, starts[first], ends[last], value))
    return found


def _answers(spans: Sequence[Span], contexts: Sequence[str], levels: Sequence[float] | None = None) -> list[str]:
    """The answer to each question; its windows are compared by their best sum, less their own level."""
    best = [("", -np.inf)] * len(contexts)
    for (place, first, behind, value), level in zip(spans, levels or [0.0] * len(spans), strict=True):
        if value - level > best[place][1]:
            best[place] = contexts[place][first:behind], value - level
    return [text for text, _ in best]


def exercise_4(
    my_by_limit: object,
    my_longest: object,
    my_split: object,
    features: datasets.Dataset,
    outputs: Sequence[np.ndarray],
    some: datasets.Dataset,
) -> str:
    """How F1 depends on the longest answer that is allowed."""
    given = mapping(my_by_limit, LIMITS, "my_by_limit")
    values = {limit: number(given[limit], f"my_by_limit[{limit}]", 0, 100) for limit in LIMITS}
    longest = whole_number(my_longest, "my_longest", low=1)
    split = one_of(my_split, ["train", "validation", "test"], "my_split")
    columns, made = some[:], features[:]
    golds = [answers["text"] for answers in columns["answers"]]
    for limit in LIMITS:
        scores = su.metrics.squad(_answers(_spans(made, outputs, limit), columns["context"]), golds)
        what = f"my_by_limit[{limit}]"
        mistakes = {
            f"{what} is the exact match.": scores["exact_match"],
            f"{what} is a share; give it in per cent.": scores["f1"] / 100,
            f"{what} follows MLQA's rule; take SQuAD's, squad(...)['f1'].": scores["f1_spanish"],
        }
        expect(values[limit], scores["f1"], what, mistakes, tolerance=0, room=POINTS)
    sizes = [last - first + 1 for first, last in made["labels"] if first]
    mistakes = {
        "my_longest is one token short: both the first and the last belong to the answer.": max(sizes) - 1,
        "my_longest counts words, not tokens.": max(len(answer.split()) for answers in golds for answer in answers),
        "my_longest counts characters, not tokens.": max(len(answer) for answers in golds for answer in answers),
    }
    expect(longest, max(sizes), "my_longest", mistakes, tolerance=0, hint="The labels of `features` are token numbers.")
    if split != "validation":
        reason = (
            "a limit that was chosen there is too good there"
            if split == "test"
            else "the model knows those answers already"
        )
        raise NotYet(f"my_split: {reason}.")
    return (
        "Too low a limit cuts right answers, too high a one lets two good guesses be joined. Choose it on validation."
    )


def exercise_5(
    my_outputs: object,
    my_by_way: object,
    my_needs: object,
    base: Run,
    readings: Mapping[str, su.Preparation],
    some: datasets.Dataset,
) -> str:
    """Three ways to compare windows, from one prediction of the model."""
    ways = ("raw sum", "log-probabilities", "less [CLS]")
    if isinstance(my_outputs, str | Mapping) or not isinstance(my_outputs, Iterable):
        raise NotYet(f"my_outputs should be what predict gives, an array for each window; it is {brief(my_outputs)}.")
    outputs = [np.asarray(one) for one in my_outputs]
    if not outputs or any(one.ndim != 2 or one.shape[1] != 2 for one in outputs):
        raise NotYet("my_outputs should hold an array for each window, with two scores for each of its tokens.")
    given = mapping(my_by_way, ways, "my_by_way")
    values = {way: number(given[way], f"my_by_way[{way!r}]", 0, 100) for way in ways}
    needs = one_of(my_needs, ways, "my_needs")
    windows = su.prepare(base.encoder.tokenizer, "tar", some, readings["128 tokens, sharing 32"])
    made, columns = windows[:], some[:]
    if [len(one) for one in outputs] != [len(ids) for ids in made["input_ids"]]:
        raise NotYet(
            f"my_outputs does not fit the {len(windows)} windows of 128 tokens that share 32, made of "
            "`some`. Prepare with readings['128 tokens, sharing 32']."
        )

    golds = [answers["text"] for answers in columns["answers"]]
    spans, wide = _spans(made, outputs), [one.astype(np.float64) for one in outputs]
    tops = [scores.max(axis=0) for scores in wide]
    logs = [top + np.log(np.exp(scores - top).sum(axis=0)) for scores, top in zip(wide, tops, strict=True)]

    def f1(levels: Sequence[float]) -> float:
        return su.metrics.squad(_answers(spans, columns["context"], levels), golds)["f1"]

    right = {
        "raw sum": f1([0.0] * len(spans)),
        "log-probabilities": f1([float(both.sum()) for both in logs]),
        "less [CLS]": f1([float(scores[0].sum()) for scores in wide]),
    }
    for way in ways:
        what = f"my_by_way[{way!r}]"
        mistakes = {f"{what} is that of {other}.": right[other] for other in ways if other != way}
        mistakes[f"{what} is a share; give it in per cent."] = right[way] / 100
        if way == "less [CLS]":
            mistakes |= {
                f"{what} takes off the start of [CLS] alone; its end belongs to the sum too.": f1(
                    [float(scores[0, 0]) for scores in wide]
                ),
                f"{what} adds the sum of [CLS]; take it off.": f1([-float(scores[0].sum()) for scores in wide]),
            }
        if way == "log-probabilities":
            mistakes[f"{what} normalises the starts alone; ends are a distribution of their own."] = f1(
                [float(both[0]) for both in logs]
            )
        expect(values[way], right[way], what, mistakes, tolerance=0, room=POINTS)
    if needs != "less [CLS]":
        raise NotYet(
            f"my_needs: {needs} means the same whatever the windows of the training were. What is [CLS] for in a "
            "window without the answer?"
        )
    return (
        "Only training with windows that lack the answer gives [CLS] a meaning. Compare your reasons with those in the "
        "solution."
    )
