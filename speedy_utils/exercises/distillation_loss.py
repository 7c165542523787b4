"""Checks of the exercises of *What a teacher says*."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from speedy_utils.exercises.answers import NotYet, brief, evaluation, expect, mapping, number, one_of

if TYPE_CHECKING:
    import torch
    from datasets import DatasetDict

    from speedy_utils.evaluation import Evaluation

TEACHER = np.array([0.49, 0.49, 0.02])
STUDENTS = {"bets on one": np.array([0.96, 0.02, 0.02]), "spreads": np.array([0.34, 0.33, 0.33])}
NATS = 0.0006  # absolute room for a figure rounded to three decimals
POINTS = 0.06  # and for points of F1, rounded to one


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    """The divergence of q from p in nats, the mean over rows."""
    return float((p * (np.log(p) - np.log(q))).sum(axis=-1).mean())


def exercise_1(my_pq: object, my_qp: object, my_prefers: object) -> str:
    """Both divergences for two students, and which student each prefers."""
    forward, backward = mapping(my_pq, STUDENTS, "my_pq"), mapping(my_qp, STUDENTS, "my_qp")
    values = {
        (name, student): number(given[student], f"{name}[{student!r}]")
        for name, given in (("my_pq", forward), ("my_qp", backward))
        for student in STUDENTS
    }
    ways = ("KL(p||q)", "KL(q||p)")
    prefers = mapping(my_prefers, ways, "my_prefers")
    chosen = {way: one_of(prefers[way], STUDENTS, f"my_prefers[{way!r}]") for way in ways}
    for student, q in STUDENTS.items():
        both = {"my_pq": (TEACHER, q), "my_qp": (q, TEACHER)}
        for name, (first, second) in both.items():
            what = f"{name}[{student!r}]"
            right = _kl(first, second)
            mistakes = {
                f"{what} is the divergence the other way round: the first of the two does the weighting.": _kl(
                    second, first
                ),
                f"{what} is in bits. Take the natural logarithm.": right / np.log(2),
                f"{what} takes the probabilities for logits: kl puts a softmax over what it gets. Give it their "
                "logarithms.": _kl(_softmax(first), _softmax(second)),
                f"{what} has the wrong sign.": -right,
                f"{what} is a cross-entropy. Take the entropy off.": float(-(first * np.log(second)).sum()),
            }
            expect(values[name, student], right, what, mistakes, tolerance=0, room=NATS)
    for way, name in zip(ways, ("my_pq", "my_qp"), strict=True):
        if chosen[way] != min(STUDENTS, key=lambda student: values[name, student]):
            raise NotYet(f"my_prefers[{way!r}]: a small divergence is a good one. Look at {name}.")
    return "KL(p||q) punishes what the student leaves out, KL(q||p) what it adds. Distillation takes the first."


def exercise_2(
    my_kl: object, my_cross_entropy: object, my_gold_at_8: object, many_z: np.ndarray, gold: torch.Tensor
) -> str:
    """A perfectly sure teacher: KL is cross-entropy, and a temperature smooths it."""
    divergence, entropy = number(my_kl, "my_kl"), number(my_cross_entropy, "my_cross_entropy")
    at_8 = number(my_gold_at_8, "my_gold_at_8", 0, 1)
    if not at_8:
        raise NotYet("my_gold_at_8 is 0, and a softmax gives every tag something.")
    labels = np.asarray(gold)
    q = _softmax(many_z)
    p = _softmax(30.0 * np.eye(many_z.shape[1])[labels])
    losses = -np.log(q[np.arange(len(labels)), labels])
    right = float(losses.mean())
    for name, value in (("my_kl", divergence), ("my_cross_entropy", entropy)):
        mistakes = {
            f"{name} is the sum over the words. Take the mean.": float(losses.sum()),
            f"{name} is in bits. Take the natural logarithm.": right / np.log(2),
            f"{name} has the wrong sign.": -right,
            f"{name} is also divided by the number of tags. Add up over tags, then take the mean over words.": right
            / many_z.shape[1],
            f"{name} is the divergence the other way round: the teacher's logits come first.": _kl(q, p),
            f"{name} takes the mean of probabilities, and then the logarithm. First the logarithm.": float(
                -np.log(q[np.arange(len(labels)), labels].mean())
            ),
        }
        hint = "The mean over the rows of many_z, with the gold tags in gold."
        expect(value, right, name, mistakes, tolerance=0, hint=hint, room=NATS)
    odds, others = np.exp(30 / 8), many_z.shape[1] - 1
    mistakes = {
        "my_gold_at_8 is the teacher at temperature 1. Divide its logits by 8 first.": 1.0,
        "my_gold_at_8 is what each of the other tags gets.": 1 / (odds + others),
        "my_gold_at_8 is what all other tags get together.": others / (odds + others),
        "my_gold_at_8 counts one tag too many in the denominator.": odds / (odds + others + 1),
        f"my_gold_at_8 has one other tag in the denominator; there are {others}.": odds / (1 + odds),
    }
    expect(at_8, odds / (odds + others), "my_gold_at_8", mistakes, tolerance=0, room=0.0051)
    return "A sure teacher is a gold label, and a temperature makes label smoothing of it: it says nothing of the word."


def _entropies(said: Sequence[np.ndarray]) -> list[np.ndarray]:
    """In nats, for each word of each sentence."""
    of_all = []
    for logits in said:
        p = np.clip(_softmax(logits.astype(np.float64)), 1e-300, 1)
        of_all.append(-(p * np.log(p)).sum(axis=1))
    return of_all


def exercise_3(
    my_said: object, my_entropy: object, my_surer: object, ner: DatasetDict, said: Sequence[np.ndarray]
) -> str:
    """How sure a teacher is on sentences that it has seen, and on others."""
    if isinstance(my_said, str | Mapping) or not isinstance(my_said, Iterable):
        raise NotYet(f"my_said should be what logits_of gives, an array for each sentence; it is {brief(my_said)}.")
    own = [np.asarray(one) for one in my_said]
    if not own or any(one.ndim != 2 for one in own):
        raise NotYet("my_said should hold an array for each sentence, with a row of logits for each word.")
    splits = ("train", "validation")
    given = mapping(my_entropy, splits, "my_entropy")
    values = {split: number(given[split], f"my_entropy[{split!r}]") for split in splits}
    surer = one_of(my_surer, splits, "my_surer")
    words = {split: sum(map(len, ner[split][:200]["tokens"])) for split in splits}
    rows = sum(map(len, own))
    if rows == words["validation"]:
        raise NotYet("my_said is of the validation sentences, which `said` holds already. Take the training sentences.")
    if rows != words["train"]:
        raise NotYet(
            f"my_said has {rows:,} rows; the first 200 training sentences, ner['train'].select(range(200)), have "
            f"{words['train']:,} words."
        )
    right = {}
    for split, logits in (("train", own), ("validation", said)):
        entropies = _entropies(logits)
        right[split] = float(np.concatenate(entropies).mean())
        what = f"my_entropy[{split!r}]"
        mistakes = {
            f"{what} is in bits. Take the natural logarithm.": right[split] / np.log(2),
            f"{what} is the mean of the sentences' means, where a word of a short sentence weighs more.": float(
                np.mean([each.mean() for each in entropies])
            ),
            f"{what} is the mean of the sentences' sums. Divide by the number of words.": float(
                np.mean([each.sum() for each in entropies])
            ),
            f"{what} has the wrong sign.": -right[split],
            f"{what} is divided by the number of tags too: add up over the tags.": right[split] / logits[0].shape[1],
        }
        expect(values[split], right[split], what, mistakes, tolerance=0.001, room=NATS)
    if surer != min(splits, key=right.__getitem__):
        raise NotYet("my_surer: entropy is doubt. Where is there less of it?")
    return f"The teacher is surer on {surer}: the nearer its answers are to gold labels, the less they add to them."


def exercise_4(my_alone: object, my_helped: object, my_gain: object, scores: Mapping[str, Evaluation]) -> str:
    """A student with few gold labels, alone and with a teacher: open, but the evaluations can be looked at."""
    alone, helped = evaluation(my_alone, "my_alone", "ner"), evaluation(my_helped, "my_helped", "ner")
    gain = number(my_gain, "my_gain", -100, 100)
    student = scores["ALBETO tiny, taught"]
    for name, own in (("my_alone", alone), ("my_helped", helped)):
        if own.system != student.system:
            raise NotYet(f"{name} is an evaluation of {own.system}; the student is {student.system}.")
        for known, other in scores.items():
            if own.predictions == other.predictions:
                raise NotYet(f"{name} has the predictions of the run above ({known}), trained on all the sentences.")
        if own.references != student.references:
            raise NotYet(f"{name} was scored on other sentences than the test set of the runs above.")
    if alone.predictions == helped.predictions:
        raise NotYet(
            "my_alone and my_helped are the same run. For the second one, su.distill takes the text as transfer=."
        )
    right = helped.metrics["f1"] - alone.metrics["f1"]
    mistakes = {
        "my_gain has the wrong sign: with the teacher's help, minus alone.": -right,
        "my_gain is a share; give it in points.": right / 100,
        "my_gain compares with the runs on all sentences. Compare with 400 gold sentences alone.": helped.metrics["f1"]
        - scores["ALBETO tiny, gold labels"].metrics["f1"],
    }
    expect(gain, right, "my_gain", mistakes, tolerance=0, room=POINTS)
    return f"{right:+.1f} points of F1, by one seed. Compare your reasons with those in the solution."
