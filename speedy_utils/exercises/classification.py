"""Checks of the exercises of *Classification*."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

import speedy_utils as su
from speedy_utils.exercises.answers import (
    NotYet,
    brief,
    evaluation,
    expect,
    mapping,
    number,
    one_of,
    whole_number,
)
from speedy_utils.uncertainty import holm, published_difference, wilson_interval

if TYPE_CHECKING:
    from speedy_utils.evaluation import Evaluation

TASKS = ("mldoc", "pawsx", "xnli")
ROUNDED = 0.001  # relative room for figures rounded to one decimal


def _p_values(task: str, route: str) -> list[float]:
    """Of the differences of all published systems to the ALBETO tiny of a route, on one task."""
    results, sizes = su.published_results(), su.published_test_sizes().set_index("task")["examples"]
    values = results[results["task"] == task].set_index(["system", "route"])["value"]
    others = values.drop(("ALBETO tiny", route))
    reference = values[("ALBETO tiny", route)]
    return [published_difference(value, reference, int(sizes[task])).p_value for value in others]


def exercise_1(my_counts: object) -> str:
    """How many published differences to the fine-tuned ALBETO tiny are beyond chance, for each task."""
    given = mapping(my_counts, TASKS, "my_counts")
    counts = {task: whole_number(given[task], f"my_counts[{task!r}]", 0, 17) for task in TASKS}
    for task in TASKS:
        plain, distilled = _p_values(task, "fine-tuning"), _p_values(task, "distillation")
        what = f"my_counts[{task!r}]"
        mistakes = {
            f"{what} is too high: each difference is tested alone. Correct the p-values with holm first.": sum(
                p < 0.05 for p in plain
            ),
            f"{what} is too low: not every p-value is multiplied by their number (that is Bonferroni's correction). "
            "Holm's does so with the smallest only.": sum(len(plain) * p < 0.05 for p in plain),
            f"{what} compares with the distilled ALBETO tiny; the reference is the fine-tuned one.": sum(
                p < 0.05 for p in holm(distilled)
            ),
        }
        expect(counts[task], sum(p < 0.05 for p in holm(plain)), what, mistakes, tolerance=0)
    return "The largest test set but one tells the least: where all systems are close to the top, size does not help."


def exercise_2(my_balanced: object, tiny_scored: Evaluation) -> str:
    """Balanced accuracy, in per cent, of a run and of the majority baseline."""
    systems = ("ALBETO tiny", "majority")
    given = mapping(my_balanced, systems, "my_balanced")
    values = {name: number(given[name], f"my_balanced[{name!r}]", 0, 100) for name in systems}
    gold, labels = np.array(tiny_scored.references), tiny_scored.task.labels
    most = Counter(gold.tolist()).most_common(1)[0][0]
    for name, predicted in (
        ("ALBETO tiny", np.array(tiny_scored.predictions)),
        ("majority", np.full(len(gold), most)),
    ):
        what = f"my_balanced[{name!r}]"
        right = predicted == gold
        balanced = 100 * np.mean([right[gold == label].mean() for label in labels])
        of_said = 100 * np.mean([right[predicted == label].mean() if label in predicted else 0 for label in labels])
        mistakes = {
            f"{what} is a share; give it in per cent.": balanced / 100,
            f"{what} is the usual accuracy, where each pair counts alike.": 100 * right.mean(),
            f"{what} divides by how often a label was said. Divide by how many pairs have it.": of_said,
        }
        hint = "One share for each gold label, then their plain mean."
        expect(values[name], float(balanced), what, mistakes, tolerance=ROUNDED, hint=hint)
    return (
        "One label all right and the others all wrong: the majority baseline has 100 / K per cent, whatever the data."
    )


def exercise_3(my_turned: object, my_flips: object, tiny_scored: Evaluation) -> str:
    """The predictions that change when the two sentences are exchanged."""
    turned = evaluation(my_turned, "my_turned", "pawsx")
    flips = number(my_flips, "my_flips", low=0)
    if turned.system != tiny_scored.system:
        raise NotYet(f"my_turned is an evaluation of {turned.system}; evaluate the run of {tiny_scored.system}.")
    before, after = tiny_scored.examples, turned.examples
    first, second = list(before["sentence1"]), list(before["sentence2"])
    if list(after["sentence1"]) == first and list(after["sentence2"]) == second:
        raise NotYet(
            "my_turned has its sentences in the old order. rename_columns gives a new data set; hand it to su.evaluate "
            'as data={"test": ...}.'
        )
    if (list(after["sentence1"]), list(after["sentence2"])) != (second, first):
        raise NotYet("my_turned should have exactly the test pairs, the second sentence of each before the first.")
    pairs = list(zip(tiny_scored.predictions, turned.predictions, strict=True))
    changed = sum(one != two for one, two in pairs)
    gained = (turned.metrics["accuracy"] - tiny_scored.metrics["accuracy"]) / 100
    mistakes = {
        "my_flips is a share. How many predictions are there in all?": changed / len(pairs),
        "my_flips is in per cent. Give their number.": 100 * changed / len(pairs),
        "my_flips counts the predictions that stay the same.": len(pairs) - changed,
        "my_flips comes from the two accuracies, where changes for the better and for the worse cancel out. "
        "Compare the predictions one by one.": abs(round(gained * len(pairs))),
        "my_flips is the difference of the accuracies. Compare the predictions one by one.": abs(100 * gained),
    }
    expect(flips, changed, "my_flips", mistakes, tolerance=0)
    return (
        f"{changed} flips, and the accuracy moves by {abs(100 * gained):.1f} points only: for a label that cannot "
        "depend on the order, every flip is one error more on one side."
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _naive_bayes(train: Mapping[str, list], test: Mapping[str, list], columns: Sequence[str]) -> float:
    """The accuracy, in per cent, of the chapter's naive Bayes, with the logarithms in a table."""
    counts = [Counter() for _ in range(3)]
    for column in columns:
        for text, label in zip(train[column], train["label"], strict=True):
            counts[label].update(_words(text))
    known = sorted(set().union(*counts))
    frequency = Counter(train["label"])
    table = {word: np.array([math.log(own[word] + 1) for own in counts]) for word in known}
    totals = np.array([math.log(own.total() + len(known)) for own in counts])
    start = np.array([math.log(frequency[k] / len(train["label"])) for k in range(3)])
    right = 0
    for *texts, label in zip(*(test[column] for column in columns), test["label"], strict=True):
        found = [table[word] - totals for text in texts for word in _words(text) if word in table]
        right += int(np.argmax(np.sum([start, *found], axis=0))) == label
    return 100 * right / len(test["label"])


def exercise_4(my_accuracy: object, my_better: object, my_words: object, data: Mapping[str, object]) -> str:
    """What the hypotheses of XNLI give away without their premises."""
    labels = su.get_task("xnli").labels
    accuracy = number(my_accuracy, "my_accuracy", 0, 100)
    better = one_of(my_better, ["yes", "no"], "my_better")
    chosen = mapping(my_words, labels, "my_words")
    for label, word in chosen.items():
        if not isinstance(word, str):
            raise NotYet(f"my_words[{label!r}] should be one word; it is {brief(word)}.")
    train, test = data["xnli"]["train"], data["xnli"]["test"]
    if len(train) > 8000:
        train = train.shuffle(seed=0).select(range(8000))
    train, test = train[:], test[:]  # columns as lists: reading rows one by one is slow
    alone = _naive_bayes(train, test, ["sentence2"])
    if not math.isclose(accuracy, alone, rel_tol=ROUNDED):
        mistakes = {
            "my_accuracy is a share; give it in per cent.": alone / 100,
            "my_accuracy is that of the premises. The hypothesis is sentence2.": _naive_bayes(
                train, test, ["sentence1"]
            ),
            "my_accuracy has seen both sentences. Hide the premise, in training too.": _naive_bayes(
                train, test, ["sentence1", "sentence2"]
            ),
            "my_accuracy is measured on the pairs that the words were counted on. Take the test set.": _naive_bayes(
                train, train, ["sentence2"]
            ),
        }
        hint = 'naive_bayes(train, test, ["sentence2"], 3) gives the predictions.'
        expect(accuracy, alone, "my_accuracy", mistakes, tolerance=ROUNDED, hint=hint)
    most = Counter(train["label"]).most_common(1)[0][0]
    majority = 100 * sum(label == most for label in test["label"]) / len(test["label"])
    low = wilson_interval(alone, len(test["label"])).low
    if (better == "yes") != (low > majority):
        raise NotYet(f"my_better: the interval begins at {low:.1f}; the majority baseline has {majority:.1f}.")
    found = {label: Counter() for label in labels}
    for text, label in zip(train["sentence2"], train["label"], strict=True):
        found[labels[label]].update(set(_words(text)))
    for label, word in chosen.items():
        where = {name: counts[word.lower()] for name, counts in found.items()}
        total = sum(where.values())
        if total < 10:
            raise NotYet(f"{word!r} is in {total} of the training hypotheses: too few to be more than an accident.")
        if 2 * where[label] <= total:
            raise NotYet(f"{word!r} is in {total} hypotheses, but only {where[label]} of them are {label}.")
    return "What can be answered without the question is a habit of those who wrote the data, and no inference."


def _tempered(scores: np.ndarray, temperature: float) -> np.ndarray:
    """The probability of the predicted one of two labels, all logits divided by the temperature."""
    raised = np.clip(scores, 1e-9, 1 - 1e-9) ** (1 / temperature)
    return raised / (raised + (1 - np.clip(scores, 1e-9, 1 - 1e-9)) ** (1 / temperature))


def _loss(scored: Evaluation, temperature: float) -> float:
    """The mean cross-entropy of two labels at a temperature."""
    right = np.array(scored.predictions) == np.array(scored.references)
    sure = _tempered(np.array(scored.scores), temperature)
    return float(-np.log(np.where(right, sure, 1 - sure)).mean())


def _four(answer: object, name: str) -> list[float]:
    """Four figures in per cent."""
    if isinstance(answer, str | Mapping) or not hasattr(answer, "__len__") or len(answer) != 4:
        raise NotYet(f"{name} should hold four figures, one for each group; it is {brief(answer)}.")
    return [number(value, f"{name}[{place}]", 0, 100) for place, value in enumerate(answer)]


def exercise_5(
    my_sure: object, my_right: object, my_held_out: object, my_temperature: object, tiny_scored: Evaluation
) -> str:
    """How sure and how right four groups of predictions are, and the temperature that joins the two."""
    sure, right = _four(my_sure, "my_sure"), _four(my_right, "my_right")
    held_out = evaluation(my_held_out, "my_held_out", "pawsx", "validation")
    temperature = number(my_temperature, "my_temperature", low=0.01, high=1000)
    if held_out.system != tiny_scored.system:
        raise NotYet(f"my_held_out is an evaluation of {held_out.system}; evaluate the run of {tiny_scored.system}.")
    scores, hits = np.array(tiny_scored.scores), np.array(tiny_scored.predictions) == np.array(tiny_scored.references)
    groups = np.array_split(np.argsort(scores, kind="stable"), 4)
    wanted = {
        "my_sure": (sure, [100 * scores[group].mean() for group in groups], 0.1),
        # Equal scores may be sorted in several ways: an example more or less is no mistake.
        "my_right": (right, [100 * hits[group].mean() for group in groups], 100.1 / len(groups[-1])),
    }
    for name, (given, expected, room) in wanted.items():
        if np.allclose(given, expected, rtol=0, atol=room):
            continue
        if np.allclose(given, expected[::-1], rtol=0, atol=room):
            raise NotYet(f"{name} begins with the surest group. Put the least sure first.")
        if np.allclose(100 * np.array(given), expected, rtol=0, atol=room):
            raise NotYet(f"{name} holds shares; give them in per cent.")
        place = int(np.argmax(np.abs(np.array(given) - expected)))
        raise NotYet(f"{name}[{place}] is off by more than rounding. Sort by scores, then cut into four equal groups.")
    grid = np.geomspace(0.05, 50, 400)
    best = min(grid, key=lambda t: _loss(held_out, t))
    lowest = _loss(held_out, best)
    if _loss(held_out, temperature) > lowest + 0.001:
        if _loss(held_out, 1 / temperature) <= lowest + 0.001:
            raise NotYet("my_temperature is upside down: the logits are divided by T, so the exponent is 1 / T.")
        on_test = min(grid, key=lambda t: _loss(tiny_scored, t))
        if _loss(tiny_scored, temperature) <= _loss(tiny_scored, on_test) + 0.0001:
            raise NotYet("my_temperature was chosen on the test pairs. Choose it on the validation pairs.")
        side = "high" if temperature > best else "low"
        raise NotYet(f"my_temperature is too {side}: another one has a lower loss on the validation pairs.")
    kind = "sure enough" if 0.9 < best < 1.1 else "too sure of itself" if best > 1 else "too cautious"
    return (
        f"The model was {kind}; no label and so no accuracy changes. Compare your reasons with those in the solution."
    )
