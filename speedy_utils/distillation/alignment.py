"""What a teacher says, put into the terms of a student that cuts the same text into other tokens.

A teacher's answer to an example is stored without its tokens: for a text one row of logits, for a sentence one row a
word, for a question the characters at which an answer may start and end, each with a logit. From that, `align` makes
what the student is asked to match, feature by feature, with a mask of what could not be aligned.

The rules, one for each kind of task:

- classification: example by example;
- tagging: word by word, at the first token of each word that both have read;
- question answering: character by character. A start belongs to the student's token in which its character lies, an
  end likewise. Where a token of the teacher joins what the student cuts apart at a border of words ("(1990" and "(",
  "1990"), nobody can say which part was meant: such a token is not aligned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from speedy_utils.evaluation import softmax

if TYPE_CHECKING:
    import datasets

NO_ANSWER = 0  # the token that stands for "not in this window", as in the labels of `prepare`


@dataclass(frozen=True)
class Aligned:
    """What a student is asked to match in one feature.

    `logits` has the shape (labels,) for classification, (tokens, labels) for tagging, (2, tokens) for the starts and
    ends of answers; `counted` says which of its rows were aligned (a single one for classification), and `allowed`,
    for question answering, at which tokens an answer may be (the context, and the token for no answer).
    """

    logits: np.ndarray
    counted: np.ndarray
    allowed: np.ndarray | None = None


def teacher_answers(
    kind: str, features: datasets.Dataset, outputs: Sequence[np.ndarray], sizes: Sequence[int]
) -> list[np.ndarray]:
    """What the teacher says of each example, without its tokens.

    `features` and `outputs` are what `prepare` and `predict` give, `sizes` the number of words of each sentence (for
    other kinds only its length matters). One array for each example: (labels,); (words, labels), NaN for a word that
    was not read; or (tokens, 4): first character, the one behind the last, logit as a start, logit as an end. Where
    several windows hold a token its highest logits count, as in the search for the best span over all windows.
    """
    if kind == "classification":
        answers: list[Any] = [None] * len(sizes)
        for number, output in zip(features["example"], outputs, strict=True):
            answers[number] = output.astype(np.float32)
        return answers
    if kind == "tagging":
        return _word_rows(features, outputs, sizes)
    return _span_rows(features, outputs, len(sizes))


def _word_rows(features: datasets.Dataset, outputs: Sequence[np.ndarray], sizes: Sequence[int]) -> list[np.ndarray]:
    labels = outputs[0].shape[-1]
    answers = [np.full((size, labels), np.nan, np.float32) for size in sizes]
    columns = features.with_format(None).select_columns(["example", "first_word", "word_starts"])
    for row, output in zip(columns, outputs, strict=True):
        for word, place in enumerate(row["word_starts"], row["first_word"]):
            if place >= 0:
                answers[row["example"]][word] = output[place]
    return answers


def _span_rows(features: datasets.Dataset, outputs: Sequence[np.ndarray], examples: int) -> list[np.ndarray]:
    found: list[dict[tuple[int, int], np.ndarray]] = [{} for _ in range(examples)]
    columns = features.with_format(None).select_columns(["example", "starts", "ends"])
    for row, output in zip(columns, outputs, strict=True):
        tokens = found[row["example"]]
        for key, logits in zip(zip(row["starts"], row["ends"], strict=True), output, strict=True):
            if key[0] >= 0:
                tokens[key] = np.maximum(tokens[key], logits) if key in tokens else logits
    return [
        np.array([(*key, *logits) for key, logits in sorted(tokens.items())], np.float32).reshape(-1, 4)
        for tokens in found
    ]


def align(
    kind: str, feature: dict[str, Any], answer: np.ndarray, context: str = "", temperature: float = 1.0
) -> Aligned:
    """What a student is asked to match in one feature of `prepare`, from the teacher's answer to its example.

    For question answering `context` is the text; the teacher's probabilities at this temperature are moved, and the
    logits are those that give them back at the same temperature. A window that holds only part of the teacher's mass
    gives the rest to the token for no answer; starts and ends get the same share, since an answer that is cut in two is
    in neither window. Rows of which less than half of the teacher's mass could be aligned do not count.
    """
    if kind == "classification":
        return Aligned(answer, np.array(True))
    if kind == "tagging":
        return _align_words(feature, answer)
    return _align_spans(feature, answer, context, temperature)


def _align_words(feature: dict[str, Any], answer: np.ndarray) -> Aligned:
    tokens = len(feature["input_ids"])
    logits, counted = np.zeros((tokens, answer.shape[1]), np.float32), np.zeros(tokens, bool)
    places = np.array(feature["word_starts"])
    rows = answer[feature["first_word"] : feature["first_word"] + len(places)]
    # A label of -100 marks what the settings leave out of the loss, such as words behind `max_words`.
    known = (places >= 0) & (np.array(feature["labels"])[places] >= 0) & ~np.isnan(rows).any(axis=1)
    logits[places[known]], counted[places[known]] = rows[known], True
    return Aligned(logits, counted)


def _align_spans(feature: dict[str, Any], answer: np.ndarray, context: str, temperature: float) -> Aligned:
    starts, ends = np.array(feature["starts"]), np.array(feature["ends"])
    inside = np.flatnonzero(starts >= 0)
    # Two tokens may share a character (the bytes of one letter; the sign of a word's start and its first letter): an
    # answer starts at the first of them and ends at the last.
    token_at = np.full((2, len(context)), -1)
    for side, order in enumerate((inside[::-1], inside)):
        for place in order:
            token_at[side, starts[place] : ends[place]] = place
    edges = answer[:, 0].astype(int), answer[:, 1].astype(int) - 1
    probabilities = np.zeros((2, len(starts)))
    kept = np.zeros(2)
    for side, clear in enumerate(movable(feature, answer, context)):
        mass = softmax(answer[:, 2 + side] / temperature)
        kept[side] = mass[clear].sum()
        places = token_at[side, edges[side]]
        moved = clear & (places >= 0)
        np.add.at(probabilities[side], places[moved], mass[moved])
    within = probabilities.sum(axis=1)
    share = min(1.0, (within / np.maximum(kept, 1e-12)).min())  # adding up can give a little more than 1
    probabilities *= (share / np.maximum(within, 1e-12))[:, None]
    probabilities[:, NO_ANSWER] += 1 - share
    allowed = starts >= 0
    allowed[NO_ANSWER] = True
    with np.errstate(divide="ignore"):
        targets = np.log(probabilities) * temperature
    return Aligned(targets.astype(np.float32), np.full(2, (kept >= 0.5).all()), np.tile(allowed, (2, 1)))


def movable(feature: dict[str, Any], answer: np.ndarray, context: str) -> np.ndarray:
    """(2, tokens of the teacher): which starts and which ends have one place only among the student's tokens.

    Those have not that the student cuts apart at a border of words.
    """
    starts, ends = np.array(feature["starts"]), np.array(feature["ends"])
    first, behind = answer[:, 0].astype(int), answer[:, 1].astype(int)
    return np.array([~_cut_inside(first, behind, cuts[starts >= 0], context) for cuts in (starts, ends)])


def _cut_inside(first: np.ndarray, behind: np.ndarray, cuts: np.ndarray, text: str) -> np.ndarray:
    """For each span of characters whether one of the cuts lies inside it where an answer may start or end.

    That is anywhere but between two letters or digits.
    """
    letters = np.array([character.isalnum() for character in text], bool)
    borders = np.zeros(len(text) + 1, bool)
    borders[cuts] = True
    borders[1:-1] &= ~(letters[1:] & letters[:-1])
    before = np.concatenate([[0], np.cumsum(borders)])  # before[i]: how many of the borders are below i
    return before[behind] > before[first + 1]
