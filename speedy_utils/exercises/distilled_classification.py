"""Checks of the exercises of *Distilled classification*."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import speedy_utils as su
from speedy_utils.exercises.answers import NotYet, brief, evaluation, expect, number, one_of, run, truth, whole_number

if TYPE_CHECKING:
    import datasets
    import numpy as np
    import pandas as pd

    from speedy_utils.encoders import Encoder
    from speedy_utils.evaluation import Evaluation
    from speedy_utils.training import Run

TUNED, TAUGHT = "gold labels", "the teacher"  # the chapter's two students, by what they learnt from


def exercise_1(
    my_taught_right: object, my_tuned_right: object, my_neither: object, scores: Mapping[str, Evaluation]
) -> str:
    """Of the pairs to which two students give different labels: how often each is right, and how often neither."""
    found = [
        whole_number(my_taught_right, "my_taught_right", 0, 100_000),
        whole_number(my_tuned_right, "my_tuned_right", 0, 100_000),
        whole_number(my_neither, "my_neither", 0, 100_000),
    ]
    if not any(found):
        raise NotYet("No pair at all? Two students of one task give different labels somewhere.")
    tuned, taught, gold = _said(scores)
    differ = tuned != taught
    right_taught, right_tuned = taught == gold, tuned == gold
    expected = [(right & differ).sum() for right in (right_taught, right_tuned, ~right_taught & ~right_tuned)]
    everywhere = [right.sum() for right in (right_taught, right_tuned, ~right_taught & ~right_tuned)]
    if found == [expected[1], expected[0], expected[2]] != expected:
        raise NotYet("The two students have changed places.")
    for name, value, right, total in zip(
        ("my_taught_right", "my_tuned_right", "my_neither"), found, expected, everywhere, strict=True
    ):
        mistakes = {f"{name} counts pairs on which the two students agree, too.": total}
        expect(value, right, name, mistakes, hint=f"The three add up to the {differ.sum()} pairs on which they differ.")
    return (
        f"{differ.sum()} labels differ, and the net gain is {expected[0] - expected[1]:+d}: "
        "a difference of two accuracies hides how much has changed."
    )


def exercise_2(
    my_worst: object,
    my_taught_repeats: object,
    my_tuned_repeats: object,
    p: np.ndarray,
    scores: Mapping[str, Evaluation],
) -> str:
    """The places of three test pairs on which the teacher is wrong and surest, and who repeats its label."""
    import numpy as np

    if isinstance(my_worst, str | Mapping) or not isinstance(my_worst, Iterable):
        raise NotYet(f"my_worst should be a list of three places in test; it is {brief(my_worst)}.")
    places = [whole_number(place, "A member of my_worst", 0) for place in my_worst]
    if len(set(places)) != 3 or len(places) != 3:
        raise NotYet(f"my_worst should be three different places in test; it is {brief(my_worst)}.")
    repeats = {
        TAUGHT: whole_number(my_taught_repeats, "my_taught_repeats", 0, 3),
        TUNED: whole_number(my_tuned_repeats, "my_tuned_repeats", 0, 3),
    }
    tuned, taught, gold = _said(scores)
    if max(places) >= len(gold):
        raise NotYet(f"my_worst has the place {max(places)}, and test only {len(gold)} pairs, counted from 0.")
    labels = np.array(su.get_task("xnli").labels)
    teacher, sure = labels[p.argmax(axis=1)], p.max(axis=1)
    wrong = teacher != gold
    if right := [place for place in places if not wrong[place]]:
        raise NotYet(f"The teacher is right on pair {right[0]}: only those on which it is wrong are asked for.")
    limit = np.sort(sure[wrong])[-3]
    if (sure[places] < limit - 1e-9).any():
        if (sure[places] <= np.sort(sure[wrong])[2] + 1e-9).all():
            raise NotYet("my_worst has the errors of which the teacher is least sure; argsort sorts upwards.")
        of_gold = p[np.arange(len(gold)), [list(labels).index(one) for one in gold]]
        if set(places) == set(np.flatnonzero(wrong)[np.argsort(of_gold[wrong])[:3]].tolist()):
            raise NotYet("These give the gold label the least. The highest probability of the wrong one is asked for.")
        less = min(places, key=lambda place: sure[place])
        raise NotYet(f"Of its error on pair {less} the teacher is {sure[less]:.1%} sure. There are surer errors.")
    for said, other, who, name in (
        (taught, tuned, TAUGHT, "my_taught_repeats"),
        (tuned, taught, TUNED, "my_tuned_repeats"),
    ):
        mistakes = {
            f"{name} counts the other student.": (other[places] == teacher[places]).sum(),
            f"{name} counts all errors. The teacher's own wrong label is asked for.": (said != gold)[places].sum(),
            f"{name} counts where the student is right.": (said == gold)[places].sum(),
        }
        hint = "On how many of the three does it give the label that the teacher gives?"
        expect(repeats[who], (said[places] == teacher[places]).sum(), name, mistakes, hint=hint)
    return (
        f"The taught student repeats {repeats[TAUGHT]} of the three errors, the other {repeats[TUNED]}. "
        "Three pairs are an example, and no rate."
    )


def exercise_3(my_expected: object, my_found: object, effects: pd.DataFrame) -> str:
    """How many of the dials' intervals lie beyond 0: expected by chance if no dial did anything, and found."""
    expected, found = number(my_expected, "my_expected", 0.01, 10_000), whole_number(my_found, "my_found", 0, 10_000)
    count, dials = len(effects), effects["dial"].nunique()
    mistakes = {
        f"my_expected counts the dials. Each has an interval for every task: {count} in all.": 0.05 * dials,
        "my_expected has one side only: an interval at 95% misses 2.5% on either side.": 0.025 * count,
        "my_expected has 95%, the intervals that should hold 0.": 0.95 * count,
        "my_expected takes 5 for 5%.": 5 * count,
        "my_expected is rounded. An expectation need not be a whole number: leave it as it is.": round(0.05 * count),
    }
    expect(expected, 0.05 * count, "my_expected", mistakes, tolerance=0.04, hint="A share of all intervals.")
    above, below = (effects["low"] > 0).sum(), (effects["high"] < 0).sum()
    mistakes = {
        "my_found has the intervals that hold 0. The others are asked for.": count - above - below,
        "my_found lacks the intervals that lie below 0.": above,
        "my_found lacks the intervals that lie above 0.": below,
        "my_found has differences above 0, whatever their interval. Where do low and high lie?": (
            effects["points"] > 0
        ).sum(),
    }
    expect(found, above + below, "my_found", mistakes, hint="Beyond 0 means low above it or high below it.")
    return (
        f"{found} where {expected:.2f} would be there by chance. Rows share runs, so they are not independent: "
        "one lucky run moves several."
    )


def exercise_4(
    my_student: object,
    my_committee: object,
    my_points: object,
    my_beyond: object,
    taught: Run,
    scores: Mapping[str, Evaluation],
) -> str:
    """A student of two teachers, its evaluation, and its lead over the student of one: is it beyond chance?"""
    student = run(my_student, "my_student")
    committee = evaluation(my_committee, "my_committee", "xnli")
    points = number(my_points, "my_points", -100, 100)
    beyond = truth(my_beyond, "my_beyond")
    teachers = student.record.get("teachers", [])
    if len(set(teachers)) < 2:
        raise NotYet(
            f"my_student had {len(set(teachers))} teacher{'s' * (not teachers)}: give su.distill a list of two."
        )
    for what in ("seed", "epochs", "learning_rate"):
        if getattr(student.settings, what) != getattr(taught.settings, what):
            raise NotYet(f"my_student has another {what} than the student of one teacher: then two things differ.")
    if student.record["identity"]["data"] != taught.record["identity"]["data"]:
        raise NotYet("my_student learnt from other pairs than the student of one teacher: then two things differ.")
    if committee.system != student.record["system"] or committee.split != "test":
        raise NotYet("my_committee should be su.evaluate(my_student), on the test pairs.")
    one = su.compare(committee, scores[TAUGHT])
    mistakes = {
        "my_points has the wrong sign: two teachers minus one is asked for.": -one.difference,
        "my_points compares with the gold-labelled student. Take the one that BETO cased taught.": (
            committee.metrics["accuracy"] - scores[TUNED].metrics["accuracy"]
        ),
        "my_points is a share; points are percentages.": one.difference / 100,
    }
    hint = 'It is the accuracy of my_committee less that of scores["the teacher"].'
    expect(points, one.difference, "my_points", mistakes, hint=hint)
    if beyond != one.beyond_chance:
        raise NotYet(
            "Both read the same pairs, so their difference has an interval of its own: look at "
            "su.compare, not at whether two intervals overlap."
        )
    return (
        "That interval knows other test pairs, but no other seeds and no other tasks. "
        "Compare what you would need with the solution."
    )


def exercise_5(
    my_texts: object,
    my_labels: object,
    my_agreement: object,
    teacher: Run,
    probabilities: Callable[[Encoder, datasets.Dataset], np.ndarray],
) -> str:
    """Open: pairs of one's own, what they were meant to be, and how often the teacher agrees."""
    from datasets import Dataset

    if not isinstance(my_texts, Dataset):
        raise NotYet(f"my_texts should be a Dataset, as Dataset.from_dict gives; it is {brief(my_texts)}.")
    if lacking := {"sentence1", "sentence2"} - set(my_texts.column_names):
        raise NotYet(f"my_texts lacks the column {min(lacking)}; it has {my_texts.column_names}.")
    pairs = list(zip(my_texts["sentence1"], my_texts["sentence2"], strict=True))
    if len(set(pairs)) < 6:
        raise NotYet(f"my_texts has {len(set(pairs))} different pairs; write six at least.")
    if any(not isinstance(one, str) or not one.strip() for pair in pairs for one in pair):
        raise NotYet("my_texts has an empty sentence.")
    if isinstance(my_labels, str) or not isinstance(my_labels, Iterable):
        raise NotYet(f"my_labels should be a list of labels, one a pair; it is {brief(my_labels)}.")
    labels = su.get_task("xnli").labels
    meant = [one_of(label, labels, "A member of my_labels") for label in my_labels]
    if len(meant) != len(pairs):
        raise NotYet(f"my_labels has {len(meant)} labels for {len(pairs)} pairs.")
    if missing := [label for label in labels if label not in meant]:
        raise NotYet(f"None of your pairs is meant as {missing[0]}: write all three kinds.")
    agreement = number(my_agreement, "my_agreement", 0, 100)
    examples = my_texts if "label" in my_texts.column_names else my_texts.add_column("label", [0] * len(pairs))
    said = [labels[place] for place in probabilities(teacher.encoder, examples).argmax(axis=1)]
    share = sum(one == other for one, other in zip(said, meant, strict=True)) / len(pairs)
    mistakes = {
        "my_agreement is a percentage; give a share between 0 and 1.": 100 * share,
        "my_agreement is a count; give a share between 0 and 1.": len(pairs) * share,
        "my_agreement is the share on which you disagree.": 1 - share,
    }
    expect(agreement, share, "my_agreement", mistakes, hint="Compare the teacher's likeliest labels with my_labels.")
    return (
        f"The teacher agrees with you on {share:.0%} of {len(pairs)} pairs. What it says of them is what a student "
        "would be taught. Compare your pairs with those in the solution."
    )


def _said(scores: Mapping[str, Evaluation]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The labels of the gold-labelled student, of the taught one, and the gold labels."""
    import numpy as np

    tuned, taught = scores[TUNED], scores[TAUGHT]
    return np.array(tuned.predictions), np.array(taught.predictions), np.array(tuned.references)
