"""The metrics of the eight tasks, each beside the form in which the paper printed it.

Two layers. `accuracy`, `entity_f1`, `pos` and `squad` take predictions and give a dict of scores. Each rests on a
function that ends in `_counts`: it reduces every example to the few numbers that its metric adds up. Whoever has those
can score any selection of examples by adding rows, and that is what makes the intervals and tests of `uncertainty.py`
fast. Every score is in per cent, from 0 to 100. Bad input raises ValueError in one sentence.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from speedy_utils.errors import unknown_name

if TYPE_CHECKING:
    import evaluate

Label = int | str
Sentences = Sequence[Sequence[str]]  # the tags of every sentence
Entity = tuple[str, int, int]  # type, first and last position
Answers = Sequence[str] | Mapping[str, object] | str  # the gold answers of one question


# Counts: what a metric adds up


@dataclass(frozen=True, eq=False)
class Counts:
    """What a metric needs to know of each example; adding rows and applying `formula` scores any set of examples.

    `rows` has the shape (examples, columns). The first column is what is right; the last depends on the references
    alone, so that two systems scored on the same examples agree in it. `formula` turns totals of the shape
    (…, columns) into scores of the shape (…), in per cent. `unit` says what one row is, in the plural.
    """

    rows: np.ndarray
    formula: Callable[[np.ndarray], np.ndarray]
    unit: str = "examples"

    @property
    def value(self) -> float:
        """The score over all examples, in per cent."""
        return float(self.formula(self.rows.sum(axis=0)))

    def grouped(self, groups: Sequence[Hashable], unit: str = "groups") -> Counts:
        """The same score with one row for each group of examples: questions on one context, sentences of one text.

        `groups` names the group of every example. Examples of one group are rarely independent of each other; an
        interval or a test on the groups does not take them to be. Raises ValueError for a length that does not fit.
        """
        names = list(groups)
        if len(names) != len(self.rows):
            raise ValueError(f"There are {len(names)} group names for {len(self.rows)} {self.unit}: give one for each.")
        places: dict[Hashable, int] = {}
        index = [places.setdefault(name, len(places)) for name in names]
        rows = np.zeros((len(places), self.rows.shape[1]))
        np.add.at(rows, index, self.rows)
        return Counts(rows, self.formula, unit)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole in per cent, 0 where whole is 0 (as seqeval has it)."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return 100 * np.divide(part, whole, out=np.zeros_like(whole), where=whole != 0)


def share_right(totals: np.ndarray) -> np.ndarray:
    """right / all, of the columns (right, all)."""
    return _share(totals[..., 0], totals[..., 1])


def precision(totals: np.ndarray) -> np.ndarray:
    """right / predicted, of the columns (right, predicted, gold)."""
    return _share(totals[..., 0], totals[..., 1])


def recall(totals: np.ndarray) -> np.ndarray:
    """right / gold, of the columns (right, predicted, gold)."""
    return _share(totals[..., 0], totals[..., 2])


def f1(totals: np.ndarray) -> np.ndarray:
    """2 right / (predicted + gold), of the columns (right, predicted, gold): the harmonic mean of the two above."""
    return _share(2 * totals[..., 0], totals[..., 1] + totals[..., 2])


_SPAN_FORMULAS = {"f1": f1, "precision": precision, "recall": recall}


# Classification


def accuracy_counts(
    predictions: Sequence[Label], references: Sequence[Label], labels: Iterable[Label] | None = None
) -> Counts:
    """Rows (right, 1), one for each example; a label is an integer or a string, the same kind on both sides.

    With `labels`, a label that is not among them is an error; without, any is allowed.
    """
    predictions, references = _pairs(predictions, references, "examples")
    _check_labels({"predictions": predictions, "references": references}, labels)
    right = [float(p == r) for p, r in zip(predictions, references, strict=True)]
    return Counts(np.column_stack([right, np.ones(len(right))]), share_right)


def accuracy(
    predictions: Sequence[Label], references: Sequence[Label], labels: Iterable[Label] | None = None
) -> dict[str, float]:
    """{"accuracy"}: the share of examples whose label is right, in per cent."""
    return {"accuracy": accuracy_counts(predictions, references, labels).value}


# Tagging


def token_counts(predictions: Sentences, references: Sentences, labels: Iterable[str] | None = None) -> Counts:
    """Rows (right tags, tags), one for each sentence: the accuracy of tags."""
    predictions, references = _tag_pairs(predictions, references, labels)
    rows = [
        (sum(p == r for p, r in zip(predicted, gold, strict=True)), len(gold))
        for predicted, gold in zip(predictions, references, strict=True)
    ]
    return Counts(np.array(rows, float), share_right, "sentences")


def entity_counts(
    predictions: Sentences,
    references: Sentences,
    labels: Iterable[str] | None = None,
    *,
    metric: str = "f1",
    entity_type: str | None = None,
) -> Counts:
    """Rows (right, predicted, gold) entities, one for each sentence.

    `metric` is "f1", "precision" or "recall"; `entity_type` keeps the entities of one type ("PER"). An entity is right
    when type, first and last word are. See `entity_f1` for how entities are read off the tags.
    """
    if metric not in _SPAN_FORMULAS:
        raise ValueError(unknown_name("metric", metric, list(_SPAN_FORMULAS)))
    predictions, references = _tag_pairs(predictions, references, labels, entities=True)
    rows = _entity_rows(_entities(predictions), _entities(references), references)
    if entity_type is not None and entity_type not in rows:
        known = sorted(rows)
        raise ValueError(unknown_name("entity type", entity_type, known) if known else "There is no entity to count.")
    chosen = list(rows.values()) if entity_type is None else [rows[entity_type]]
    return Counts(sum(chosen, np.zeros((len(references), 3))), _SPAN_FORMULAS[metric], "sentences")


def entity_f1(predictions: Sentences, references: Sentences, labels: Iterable[str] | None = None) -> dict[str, object]:
    """{"f1", "precision", "recall", "types"}: entities as seqeval finds them, all types together and each by itself.

    Tags are "O", "B-PER", "I-PER", … one list for each sentence. seqeval's default mode is used, which the paper used
    and which follows the conlleval script of CoNLL-2002: a tag I-PER that continues nothing opens an entity. What has
    no entity to divide by is 0. `types` maps a type to its precision, recall, f1 and support (gold entities).
    """
    predictions, references = _tag_pairs(predictions, references, labels, entities=True)
    rows = _entity_rows(_entities(predictions), _entities(references), references)
    totals = {name: part.sum(axis=0) for name, part in rows.items()}
    every = sum(totals.values(), np.zeros(3))
    types = {name: _span_scores(part) | {"support": int(part[2])} for name, part in sorted(totals.items())}
    return {**_span_scores(every), "types": types}


def pos_f1_counts(predictions: Sentences, references: Sentences, labels: Iterable[str] | None = None) -> Counts:
    """Rows (right, predicted, gold) of what seqeval takes for entities in bare tags: the paper's POS figure; see `pos`.

    seqeval reads all sentences as one sequence, and the tag "X" at the start of a sentence can then reach back into
    the one before. What it finds is counted for the sentence where it ends, so the sum is exactly seqeval's.
    """
    predictions, references = _tag_pairs(predictions, references, labels)
    return Counts(_entity_sum(_entities(predictions), _entities(references), references), f1, "sentences")


def pos(predictions: Sentences, references: Sentences, labels: Iterable[str] | None = None) -> dict[str, object]:
    """{"accuracy", "seqeval_f1", "difference", "hidden"}: the accuracy of tags beside the paper's figure for POS.

    The paper's F1 comes from seqeval on bare UPOS tags. seqeval expects "B-PER" and takes a tag's first letter for the
    position and the rest for the type: NOUN is the type OUN, SCONJ and CCONJ are both CONJ, neighbours with one type
    melt into one entity. So it forgives SCONJ for CCONJ, and charges an error inside a run of nouns for the whole run:
    it can lie above the accuracy or below. `difference` is seqeval_f1 - accuracy in points. `hidden` lists wrong tags
    inside an entity that seqeval counts as right, the most frequent first: [{"gold", "predicted", "count"}].
    """
    predictions, references = _tag_pairs(predictions, references, labels)
    predicted, gold = _entities(predictions), _entities(references)
    share = token_counts(predictions, references).value
    paper = float(f1(_entity_sum(predicted, gold, references).sum(axis=0)))
    confusions = _hidden_confusions(predicted & gold, predictions, references)
    hidden = [
        {"gold": right, "predicted": wrong, "count": count}
        for (right, wrong), count in sorted(confusions.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {"accuracy": share, "seqeval_f1": paper, "difference": paper - share, "hidden": hidden}


def _span_scores(totals: np.ndarray) -> dict[str, float]:
    return {name: float(formula(totals)) for name, formula in _SPAN_FORMULAS.items()}


def _entities(sentences: list[list[str]]) -> set[Entity]:
    """(type, first, last) of what seqeval finds; positions run through all sentences, with one more behind each.

    These are the rules of seqeval's default mode, for tags of any kind. They are written out here because seqeval is
    not to be had as a wheel, and the pip of a reader (Colab's, for one) need not be able to build it.
    """
    found, first, before, kind_before = set(), 0, "O", ""
    for place, tag in enumerate([*(tag for sentence in sentences for tag in [*sentence, "O"]), "O"]):
        mark, kind = tag[0], tag[1:].split("-", maxsplit=1)[-1] or "_"
        other = kind != kind_before
        if before in "ES" or (before in "BI" and mark in "BSO") or (before not in "O." and other):
            found.add((kind_before, first, place - 1))
        if mark in "BS" or (before in "ESO" and mark in "EI") or (mark not in "O." and other):
            first = place
        before, kind_before = mark, kind
    return found


def find_entities(tags: Sequence[str]) -> set[Entity]:
    """(type, first word, last word) of each entity in one sentence's tags, as seqeval's default mode finds them."""
    return _entities([list(tags)])


def _sentence_of(sentences: list[list[str]]) -> list[int]:
    """The sentence of each position that `_entities` counts."""
    return [number for number, sentence in enumerate(sentences) for _ in range(len(sentence) + 1)]


def _entity_rows(predicted: set[Entity], gold: set[Entity], sentences: list[list[str]]) -> dict[str, np.ndarray]:
    """Type -> rows (right, predicted, gold) for each sentence, by the sentence where an entity ends."""
    sentence_of = _sentence_of(sentences)
    rows: dict[str, np.ndarray] = {}
    for column, found in enumerate((predicted & gold, predicted, gold)):
        for name, _, last in found:
            if name not in rows:
                rows[name] = np.zeros((len(sentences), 3))
            rows[name][sentence_of[last], column] += 1
    return rows


def _entity_sum(predicted: set[Entity], gold: set[Entity], sentences: list[list[str]]) -> np.ndarray:
    """The rows of all types together."""
    return sum(_entity_rows(predicted, gold, sentences).values(), np.zeros((len(sentences), 3)))


def _hidden_confusions(
    right: set[Entity], predictions: list[list[str]], references: list[list[str]]
) -> Counter[tuple[str, str]]:
    """(gold, predicted) -> how many wrong tags lie inside `right`, the entities that seqeval counts as right."""
    sentence_of = _sentence_of(references)
    flat_gold = [tag for sentence in references for tag in [*sentence, "O"]]
    flat_predicted = [tag for sentence in predictions for tag in [*sentence, "O"]]
    hidden: Counter[tuple[str, str]] = Counter()
    for _, first, last in right:
        for place in range(first, last + 1):
            same_sentence = sentence_of[place] == sentence_of[last]  # see `pos_f1_counts` for the tag "X"
            if same_sentence and flat_gold[place] != flat_predicted[place]:
                hidden[flat_gold[place], flat_predicted[place]] += 1
    return hidden


# Question answering


@dataclass(frozen=True)
class AnswerRule:
    """How a script makes answers comparable: the articles it drops, and whether it knows punctuation beyond ASCII."""

    articles: tuple[str, ...]
    unicode_punctuation: bool


# "squad" is the rule of SQuAD v1.1's evaluate-v1.1.py, made for English, which the paper's figures use. In Spanish it
# drops the preposition "a" and keeps ¿ ¡ « ». "spanish" is MLQA's mlqa_evaluation_v1.py with the language es.
ANSWER_RULES = {
    "squad": AnswerRule(("a", "an", "the"), unicode_punctuation=False),
    "spanish": AnswerRule(("un", "una", "unos", "unas", "el", "la", "los", "las"), unicode_punctuation=True),
}


def normalise_answer(text: str, rule: str = "spanish") -> str:
    """The answer as a script compares it: lower case, then no punctuation, then no articles, single spaces.

    The order matters and is that of both scripts. An article goes when no letter, digit or underscore touches it. A
    combining mark is none of these, so the "la" of a decomposed "lá" counts as an article, as in MLQA's script: data
    and predictions should be in the same Unicode form.
    """
    chosen = _rule(rule)
    kept = "".join(letter for letter in text.lower() if not _is_punctuation(letter, chosen))
    return " ".join(re.sub(rf"\b(?:{'|'.join(chosen.articles)})\b", " ", kept).split())


def answer_scores(prediction: str, gold: Answers, rule: str = "spanish") -> tuple[float, float]:
    """(F1, exact match) of one answer, each from 0 to 1 and each the best over the gold answers.

    F1 counts the words that both answers share, as often as both have them. As in the official scripts, two answers
    with no word left are an exact match with an F1 of 0.
    """
    answers = _gold_answers(gold)
    words = normalise_answer(prediction, rule).split()
    golds = [normalise_answer(answer, rule).split() for answer in answers]
    return max(_word_f1(words, other) for other in golds), float(words in golds)


def answer_counts(
    predictions: Sequence[str], answers: Sequence[Answers], *, metric: str = "f1", rule: str = "spanish"
) -> Counts:
    """Rows (score, 1), one for each question; `metric` is "f1" or "exact_match", `rule` one of `ANSWER_RULES`.

    The gold answers of a question are a list of strings, the dict {"text": […]} that data sets have, or one string.
    An unanswered question is the empty string, and is scored like any other.
    """
    metrics = ("f1", "exact_match")
    if metric not in metrics:
        raise ValueError(unknown_name("metric", metric, metrics))
    scores = _answer_rows(predictions, answers, rule)[:, metrics.index(metric)]
    return Counts(np.column_stack([scores, np.ones(len(scores))]), share_right, "questions")


def squad(predictions: Sequence[str], answers: Sequence[Answers]) -> dict[str, float]:
    """{"f1", "exact_match", "f1_spanish", "exact_match_spanish"}: means over the questions.

    The first two follow SQuAD v1.1's rule, as in the paper; the others MLQA's rule for Spanish. See `ANSWER_RULES`.
    """
    names = {"squad": ("f1", "exact_match"), "spanish": ("f1_spanish", "exact_match_spanish")}
    scores: dict[str, float] = {}
    for rule, keys in names.items():
        means = 100 * _answer_rows(predictions, answers, rule).mean(axis=0)
        scores |= dict(zip(keys, means.tolist(), strict=True))
    return scores


def _rule(name: str) -> AnswerRule:
    if name not in ANSWER_RULES:
        raise ValueError(unknown_name("rule", name, list(ANSWER_RULES)))
    return ANSWER_RULES[name]


def _is_punctuation(letter: str, rule: AnswerRule) -> bool:
    """ASCII punctuation (which has symbols such as $ and +), and for MLQA the Unicode categories P…"""
    return letter in string.punctuation or (rule.unicode_punctuation and unicodedata.category(letter).startswith("P"))


def _word_f1(words: list[str], gold: list[str]) -> float:
    shared = (Counter(words) & Counter(gold)).total()
    return 2 * shared / (len(words) + len(gold)) if shared else 0.0


def _gold_answers(gold: Answers) -> list[str]:
    answers = gold.get("text", ()) if isinstance(gold, Mapping) else gold
    return [answers] if isinstance(answers, str) or not isinstance(answers, Iterable) else list(answers)


def _answer_rows(predictions: Sequence[str], answers: Sequence[Answers], rule: str) -> np.ndarray:
    """(F1, exact match) for each question, from 0 to 1, of the shape (questions, 2)."""
    _rule(rule)
    predictions, answers = _pairs(predictions, answers, "questions")
    rows = []
    for number, (prediction, gold) in enumerate(zip(predictions, answers, strict=True)):
        golds = _gold_answers(gold)
        if not golds:
            raise ValueError(f"Question {number} has no gold answer: drop it before scoring.")
        for text in (prediction, *golds):
            if not isinstance(text, str):
                raise ValueError(f"Question {number} has the answer {text!r}: an answer is a string, if need be ''.")
        rows.append(answer_scores(prediction, golds, rule))
    return np.array(rows)


# Checks


def _plain(values: Iterable) -> list:
    """A list with Python's own numbers, from a list, an array, a tensor or a column."""
    values = values.tolist() if hasattr(values, "tolist") else list(values)
    return [value.item() if isinstance(value, np.generic) else value for value in values]


def _pairs(predictions: Iterable, references: Iterable, unit: str) -> tuple[list, list]:
    """Both as lists, of one length and not empty."""
    predictions, references = _plain(predictions), _plain(references)
    if len(predictions) != len(references):
        raise ValueError(f"There are {len(predictions)} predictions for {len(references)} {unit}: give one for each.")
    if not references:
        raise ValueError(f"There are no {unit} to score.")
    return predictions, references


def _check_labels(sides: Mapping[str, list], labels: Iterable[Label] | None) -> None:
    """Each side holds integers or strings, both the same, and with `labels` only known ones."""
    for side, values in sides.items():
        for number, value in enumerate(values):
            if not isinstance(value, int | str):
                what = f"{side}[{number}] is {value!r:.40}"
                raise ValueError(f"{what}: a label is an integer or a string, for logits their argmax.")
    kinds = {side: {"strings" if isinstance(v, str) else "integers" for v in values} for side, values in sides.items()}
    if len(set().union(*kinds.values())) > 1:
        described = ", ".join(f"{side} has {' and '.join(sorted(kind))}" for side, kind in kinds.items())
        raise ValueError(f"Labels are all integers or all strings, but {described}.")
    _check_known(sides, labels)


def _check_known(sides: Mapping[str, list], labels: Iterable[Label] | None) -> None:
    if labels is None:
        return
    known = set(labels)
    for side, values in sides.items():
        for number, value in enumerate(values):
            if value not in known:
                raise ValueError(unknown_name(f"label in {side}[{number}]", value, sorted(map(str, known))))


def _tag_pairs(
    predictions: Sentences, references: Sentences, labels: Iterable[str] | None, *, entities: bool = False
) -> tuple[list[list[str]], list[list[str]]]:
    """Both as lists of lists of tags, sentence by sentence of one length; with `entities` only O, B-…, I-…, E-…, S-…"""
    predictions, references = _pairs(predictions, references, "sentences")
    known = None if labels is None else set(labels)
    sides = {"predictions": predictions, "references": references}
    for side, sentences in sides.items():
        for number, sentence in enumerate(sentences):
            if isinstance(sentence, str) or not isinstance(sentence, Iterable):
                raise ValueError(f"{side}[{number}] is {sentence!r:.40}: give a list of tags for each sentence.")
            sentences[number] = _plain(sentence)
            for tag in sentences[number]:
                _check_tag(tag, f"{side}[{number}]", known, entities)
    for number, (predicted, gold) in enumerate(zip(predictions, references, strict=True)):
        if len(predicted) != len(gold):
            raise ValueError(f"Sentence {number} has {len(predicted)} predicted tags for {len(gold)} words.")
    if not any(references):
        raise ValueError("There are no words to score: every sentence is empty.")
    return predictions, references


def _check_tag(tag: object, where: str, known: set[str] | None, entities: bool) -> None:
    if not isinstance(tag, str) or not tag:
        raise ValueError(f"{where} has the tag {tag!r}: a tag is its name, not its number and not empty.")
    if known is not None and tag not in known:
        raise ValueError(unknown_name(f"tag in {where}", tag, sorted(known)))
    if entities and tag != "O" and tag[:2] not in ("B-", "I-", "E-", "S-"):
        raise ValueError(f"{where} has the tag {tag!r}, which is not O, B-… or I-…: parts of speech are for pos().")


# Modules for the library evaluate

METRIC_MODULES = ("accuracy", "entity_f1", "pos", "squad_es")


def load_metric(name: str) -> evaluate.EvaluationModule:
    """One of `METRIC_MODULES` as a module of the library evaluate, read from this package without a network.

    Its `compute` calls the function above that it is named for (squad_es: `squad`). `evaluate.combine` takes several.
    Raises ValueError for another name.
    """
    if name not in METRIC_MODULES:
        raise ValueError(unknown_name("metric", name, METRIC_MODULES))
    from importlib.resources import as_file, files

    import evaluate

    with as_file(files("speedy_utils").joinpath("evaluate_modules", name)) as folder:
        return evaluate.load(str(folder), keep_in_memory=True)  # no files, so no locks between processes
