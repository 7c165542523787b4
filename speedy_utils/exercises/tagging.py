"""Checks of the exercises of *Tagging*."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import speedy_utils as su
from speedy_utils.exercises.answers import (
    NotYet,
    brief,
    call,
    evaluation,
    expect,
    function,
    mapping,
    names,
    number,
    same_names,
    whole_number,
)
from speedy_utils.metrics import find_entities

if TYPE_CHECKING:
    from datasets import DatasetDict
    from transformers import PreTrainedTokenizerFast

    from speedy_utils.evaluation import Evaluation

POINTS = 0.06  # absolute room for a difference in points, rounded to one decimal


def _read(data: Mapping[str, Any], task: str, split: str) -> list[tuple[list[str], list[str]]]:
    """The words and the names of the tags of each sentence."""
    labels, columns = su.get_task(task).labels, data[split][:]
    return [
        (tokens, [labels[tag] for tag in tags]) for tokens, tags in zip(columns["tokens"], columns["tags"], strict=True)
    ]


def exercise_1(my_several: object, my_share: object, my_most: object, pos: DatasetDict) -> str:
    """Words with several tags: how many, what share of the running words, and the most frequent."""
    several = number(my_several, "my_several", low=0)
    share = number(my_share, "my_share", low=0)
    if not isinstance(my_most, str):
        raise NotYet(f"my_most should be a word; it is {brief(my_most)}.")

    def count(change: Callable[[str], str], splits: Sequence[str] = ("train",)) -> tuple[Counter, set[str]]:
        tags_of: dict[str, set[str]] = {}
        running: Counter = Counter()
        for split in splits:
            for tokens, tags in _read(pos, "pos", split):
                for token, tag in zip(map(change, tokens), tags, strict=True):
                    tags_of.setdefault(token, set()).add(tag)
                    running[token] += 1
        return running, {word for word, tags in tags_of.items() if len(tags) > 1}

    running, words = count(str.lower)
    right = sum(running[word] for word in words) / running.total()
    if several != len(words):
        (_, unlowered), (_, everywhere) = count(str), count(str.lower, list(pos))
        mistakes = {
            "my_several takes the words as they are written: lower-case them first.": len(unlowered),
            "my_several has looked at all the data; take the training set.": len(everywhere),
            "my_several counts the running words. How many different words are these?": sum(
                running[word] for word in words
            ),
            "my_several is a share. How many words are these?": len(words) / len(running),
        }
        expect(several, len(words), "my_several", mistakes, tolerance=0)
    mistakes = {
        "my_share is a share of the different words; count each word as often as it occurs.": len(words) / len(running),
        "my_share is in per cent; give it between 0 and 1.": 100 * right,
    }
    expect(share, right, "my_share", mistakes, tolerance=0, room=0.005)  # two decimals suffice
    if my_most.lower() not in words:
        tags = "is not in the training set" if my_most.lower() not in running else "has one tag only"
        raise NotYet(f"my_most: {my_most!r} {tags}.")
    if running[my_most.lower()] < max(running[word] for word in words):
        raise NotYet(f"my_most: there is a word with several tags that is more frequent than {my_most!r}.")
    return "Few words are ambiguous, but they are among the most frequent ones."


CLEAR = [
    (["O", "B-PER", "I-PER", "O"], "The name ends with the word before the O."),
    (["B-LOC"], "One word can be a whole name."),
    (["O", "B-ORG", "I-ORG", "I-ORG"], "Here a name reaches to the end of the sentence."),
    (["B-PER", "B-PER", "O"], "Each B- begins a new name, also behind one of the same type."),
    (["B-PER", "I-PER", "B-LOC", "O", "B-LOC", "I-LOC"], "Three names, two of them side by side."),
    (["O", "O"], "There is no name here."),
    ([], "There is nothing here at all."),
]
STRAY = [["O", "I-PER", "O"], ["B-PER", "I-LOC", "I-LOC"], ["I-ORG", "I-ORG"], ["B-PER", "O", "I-PER"]]


def _decode(tags: list[str], strict: bool) -> list[tuple[str, int, int]]:
    """The entities of IOB2 tags. An I- that continues nothing opens an entity or, if strict, is none."""
    found: list[tuple[str, int, int]] = []
    open_: str | None = None
    for place, tag in enumerate(tags):
        position, _, kind = tag.partition("-")
        if position == "I" and kind == open_:
            found[-1] = (kind, found[-1][1], place)
        elif position == "B" or (position == "I" and not strict):
            found.append((kind, place, place))
            open_ = kind
        else:
            open_ = None
    return found


def _entities(answer: object, shown: str) -> list[tuple[str, int, int]]:
    """What a student's function found, sorted by place."""
    shape = f"{shown} should give a list of (type, first word, last word); it gives {brief(answer)}."
    if isinstance(answer, str | Mapping) or not isinstance(answer, Iterable):
        raise NotYet(shape)
    found = []
    for one in answer:
        if isinstance(one, str) or not isinstance(one, Sequence) or len(one) != 3 or not isinstance(one[0], str):
            raise NotYet(shape)
        found.append((one[0], whole_number(one[1], "The first word"), whole_number(one[2], "The last word")))
    return sorted(found, key=lambda entity: entity[1:])


def exercise_2(my_decode: object, my_stray: object, ner_test: Evaluation) -> str:
    """A reader of IOB2 tags, checked on small sentences, and how many entities depend on stray tags."""
    decode = function(my_decode, "my_decode")
    for tags, hint in CLEAR:
        shown, wanted = f"my_decode({tags})", _decode(tags, strict=True)
        found = _entities(call(decode, "my_decode", list(tags)), shown)
        if found == wanted:
            continue
        if found == [(kind, first, last + 1) for kind, first, last in wanted]:
            raise NotYet(f"{shown} gives the word behind the name; the third number is the name's last word.")
        if found == [(kind, first + 1, last + 1) for kind, first, last in wanted]:
            raise NotYet(f"{shown} counts words from 1. Count from 0, as Python does.")
        if [entity[1:] for entity in found] == [entity[1:] for entity in wanted]:
            raise NotYet(f"{shown} gives {brief(found)}. The type is what stands behind B- or I-.")
        raise NotYet(f"{shown} gives {brief(found)}. {hint}")
    styles = []
    for tags in STRAY:
        found = _entities(call(decode, "my_decode", list(tags)), f"my_decode({tags})")
        fits = [style for style in (False, True) if found == _decode(tags, strict=style)]
        if not fits:
            raise NotYet(
                f"my_decode({tags}) gives {brief(found)}. An I- that continues nothing may open a name or be none; it "
                "cannot continue a name of another type, or one that has ended."
            )
        styles.append(fits[0])
    if len(set(styles)) > 1:
        raise NotYet("my_decode treats one stray I- as the beginning of a name and another as none: decide for one.")
    stray = number(my_stray, "my_stray", low=0)
    entities = [(tags, entity) for tags in ner_test.predictions for entity in find_entities(tags)]
    right = sum(tags[first].startswith("I") for tags, (_, first, _) in entities)
    if stray == 0 and right:
        raise NotYet("my_stray: where two readers decide alike, no entity differs. Count those that begin with an I-.")
    mistakes = {
        "my_stray counts all entities. Which of them begin with an I-?": len(entities),
        "my_stray counts all I- tags, those too that continue a name.": sum(
            tag.startswith("I") for tags in ner_test.predictions for tag in tags
        ),
        "my_stray is a share. How many are there?": right / max(1, len(entities)),
    }
    expect(stray, right, "my_stray", mistakes, tolerance=0, hint="Look at ner_test, the first run, alone.")
    style = "strict" if styles[0] else "lenient, as conlleval and seqeval are"
    return f"Your reader is {style}. Two papers that differ in this differ in F1 for the same predictions."


def _tag_lists(scored: Evaluation, task: str, name: str) -> None:
    """Nothing where each word has the name of a tag."""
    labels = set(su.get_task(task).labels)
    if len(scored.predictions) != len(scored.references):
        raise NotYet(f"{name} has {len(scored.predictions)} sentences of {len(scored.references)}.")
    for number_, (tags, gold) in enumerate(zip(scored.predictions, scored.references, strict=True)):
        if len(tags) != len(gold):
            raise NotYet(f"{name}: sentence {number_} has {len(gold)} words and {len(tags)} predicted tags.")
        if unknown := [tag for tag in tags if tag not in labels]:
            raise NotYet(f"{name}: {brief(unknown[0])} is not the name of a tag of {task}.")


def _most(counts: Counter) -> set[str]:
    """The most frequent ones: several where they tie."""
    return {key for key, times in counts.items() if times == max(counts.values())}


def exercise_3(my_baseline: object, my_difference: object, pos: DatasetDict, pos_test: Evaluation) -> str:
    """The tagger that gives each word its most frequent tag, and its distance to the run."""
    baseline = evaluation(my_baseline, "my_baseline", "pos")
    difference = number(my_difference, "my_difference", low=-100, high=100)
    _tag_lists(baseline, "pos", "my_baseline")
    if baseline.predictions == pos_test.predictions:
        raise NotYet(
            "my_baseline has the predictions of the run. Put yours in with replace(pos_test, predictions=...)."
        )
    if baseline.predictions == baseline.references:
        raise NotYet("my_baseline has the gold tags as predictions: the test set's tags must not be looked at.")
    lowered: dict[str, Counter] = {}
    for tokens, tags in _read(pos, "pos", "train"):
        for token, tag in zip(tokens, tags, strict=True):
            lowered.setdefault(token.lower(), Counter())[tag] += 1
    once = _most(Counter(next(iter(counts)) for counts in lowered.values() if counts.total() == 1))
    for tokens, tags in zip(baseline.examples["tokens"], baseline.predictions, strict=True):
        for token, tag in zip(tokens, tags, strict=True):
            counts = lowered.get(token.lower())
            if tag in (once if counts is None else _most(counts)):
                continue
            if counts is None:
                raise NotYet(
                    f"my_baseline tags {token!r} as {tag}. It is not in the training set: give it the tag that most "
                    "words have which occur there once."
                )
            often = ", ".join(f"{name} {times}" for name, times in counts.most_common(3))
            small = "" if token == token.lower() else f". Look it up as {token.lower()!r}"
            raise NotYet(f"my_baseline tags {token!r} as {tag}; in the training set it has {often}{small}.")
    of_run, own = pos_test.metrics, baseline.metrics
    right = of_run["accuracy"] - own["accuracy"]
    mistakes = {
        "my_difference has the wrong sign: run minus baseline.": -right,
        "my_difference is one of F1. Name the metric: su.compare(..., ..., 'accuracy').": of_run["f1"] - own["f1"],
        "my_difference is one of F1, and baseline minus run. Name the metric: 'accuracy'.": own["f1"] - of_run["f1"],
    }
    if abs(right) > 1:
        mistakes["my_difference is a share; give it in points of per cent."] = right / 100
    expect(difference, right, "my_difference", mistakes, tolerance=0, room=POINTS)
    return "A tagger without any context gets most words right: only what lies above it shows that context is used."


def exercise_4(my_by_list: object, my_wins: object, ner: DatasetDict, ner_test: Evaluation) -> str:
    """The tagger that looks names up in a list, and where it beats the run."""
    by_list = evaluation(my_by_list, "my_by_list", "ner")
    wins = names(my_wins, ["precision", "recall", "f1"], "my_wins")
    _tag_lists(by_list, "ner", "my_by_list")
    if by_list.predictions == by_list.references:
        raise NotYet("my_by_list has the gold tags as predictions: the test set's names must not be looked at.")
    listed: dict[tuple[str, ...], Counter] = {}
    for tokens, tags in _read(ner, "ner", "train"):
        for kind, first, last in find_entities(tags):
            listed.setdefault(tuple(tokens[first : last + 1]), Counter())[kind] += 1
    lowered = {tuple(word.lower() for word in name) for name in listed}
    longest = max(map(len, listed))
    for tokens, tags in zip(by_list.examples["tokens"], by_list.predictions, strict=True):
        expected: dict[tuple[int, int], set[str]] = {}
        place = 0
        while place < len(tokens):
            ends = range(min(len(tokens), place + longest), place, -1)
            end = next((end for end in ends if tuple(tokens[place:end]) in listed), None)
            if end is not None:
                expected[place, end - 1] = _most(listed[tuple(tokens[place:end])])
            place = end or place + 1
        found = {(first, last): kind for kind, first, last in find_entities(tags)}
        for (first, last), kind in sorted(found.items()):
            words = tuple(tokens[first : last + 1])
            text = " ".join(words)
            if (first, last) not in expected:
                if any(a <= first and last <= b for a, b in expected):
                    reason = "that one wins" if words in listed else "its first word gets B-, the others I-"
                    raise NotYet(f"my_by_list marks {text!r}, but a longer stretch with it is on the list: {reason}.")
                if words not in listed and tuple(word.lower() for word in words) in lowered:
                    raise NotYet(f"my_by_list marks {text!r}: compare the words as they are written.")
                raise NotYet(
                    f"my_by_list marks {text!r}, which does not follow from the training set. Behind each name, go on "
                    "with the word after it; a name that follows at once begins with its own B-."
                )
            if kind not in expected[first, last]:
                other = " or ".join(sorted(expected[first, last]))
                raise NotYet(f"my_by_list marks {text!r} as {kind}; in the training set it is most often {other}.")
        if missed := sorted(set(expected) - set(found)):
            text = " ".join(tokens[missed[0][0] : missed[0][1] + 1])
            raise NotYet(f"my_by_list does not mark {text!r}, which is a name of the training set. B- first, then I-.")
    better = {metric for metric in ("precision", "recall", "f1") if by_list.metrics[metric] > ner_test.metrics[metric]}
    same_names(wins, better, "my_wins", "There the run is ahead.", "Look at the three figures again.")
    return "A list knows no context and no new name: a model has to beat it, and a small one need not."


def exercise_5(
    my_labels: object, my_percent: object, tokenizers: Mapping[str, PreTrainedTokenizerFast], ner: DatasetDict
) -> str:
    """How many labels count in the loss with the first piece or with all, and what share belongs to names."""
    choices = ("first", "all")
    labels, per_cent = mapping(my_labels, choices, "my_labels"), mapping(my_percent, choices, "my_percent")
    sizes = {choice: whole_number(labels[choice], f"my_labels[{choice!r}]", low=1) for choice in choices}
    parts = {choice: number(per_cent[choice], f"my_percent[{choice!r}]", 0, 100) for choice in choices}
    train = _read(ner, "ner", "train")
    words = sorted({word for tokens, _ in train for word in tokens})
    # WordPiece cuts each word by itself, so each needs to be cut once only.
    cut = tokenizers["BETO cased"]([[word] for word in words], is_split_into_words=True, add_special_tokens=False)
    size_of = {word: len(ids) for word, ids in zip(words, cut["input_ids"], strict=True)}
    counted, inside, opening = Counter(), Counter(), Counter()
    for tokens, tags in train:
        for token, tag in zip(tokens, tags, strict=True):
            for choice, size in (("first", 1), ("all", size_of[token])):
                counted[choice] += size
                inside[choice] += size * (tag != "O")
                opening[choice] += size * tag.startswith("B-")
    every = counted["all"] + 2 * len(train)  # with the marks at the beginning and the end
    for choice in choices:
        what = f"my_labels[{choice!r}]"
        mistakes = {
            f"{what} counts the labels -100 too. Leave them out.": every,
            f"{what} counts sentences.": len(train),
            f"{what} is that of the other choice.": counted["all" if choice == "first" else "first"],
            f"{what} counts the labels of names alone; my_percent asks for those.": inside[choice],
        }
        expect(sizes[choice], counted[choice], what, mistakes, tolerance=0.0002)
        what, right = f"my_percent[{choice!r}]", 100 * inside[choice] / counted[choice]
        mistakes = {
            f"{what} is a share; give it in per cent.": right / 100,
            f"{what} divides by all labels, -100 included.": 100 * inside[choice] / every,
            f"{what} leaves out the words of names that do not come first: I- belongs to a name too.": 100
            * opening[choice]
            / counted[choice],
            f"{what} is the share of the labels O.": 100 - right,
        }
        expect(parts[choice], right, what, mistakes, tolerance=0, room=POINTS)
    return 'With "all", names weigh more in the loss, those most that the tokenizer knows least.'


def exercise_6(
    my_cased: object, my_uncased: object, my_fall: object, cased_test: Evaluation, uncased_test: Evaluation
) -> str:
    """Two runs on a test set without capitals: open, but the evaluations can be looked at."""
    cased, uncased = evaluation(my_cased, "my_cased", "ner"), evaluation(my_uncased, "my_uncased", "ner")
    fall = number(my_fall, "my_fall", low=-100, high=100)
    for name, own, run in (("my_cased", cased, cased_test), ("my_uncased", uncased, uncased_test)):
        if own.system != run.system:
            raise NotYet(f"{name} is an evaluation of {own.system}; the run of {run.system} is wanted.")
        tokens, wanted = own.examples["tokens"][:], run.examples["tokens"][:]
        if tokens == wanted:
            raise NotYet(
                f"{name} has read the words as they are written. Lower-case them, and hand them over as data=."
            )
        if tokens != [[word.lower() for word in words] for words in wanted]:
            raise NotYet(f"{name} should have read exactly the words of the test set, in small letters.")
    score = {name: one.metrics["f1"] for name, one in (("before", cased_test), ("after", cased), ("other", uncased))}
    right = score["before"] - score["after"]
    mistakes = {
        "my_fall has the wrong sign: what was there before, minus what is left.": -right,
        "my_fall compares the two runs. Compare the cased run with itself, before and after.": abs(
            score["other"] - score["after"]
        ),
        "my_fall is the F1 that is left.": score["after"],
        "my_fall is a share of what was there before; give points.": right / max(score["before"], 1e-9),
        "my_fall is per cent of what was there before; give points.": 100 * right / max(score["before"], 1e-9),
    }
    expect(fall, right, "my_fall", mistakes, tolerance=0, room=POINTS)
    ahead = "ahead of" if score["other"] > score["after"] else "behind"
    return (
        f"The run that never saw capitals is now {ahead} the cased one, {score['other']:.1f} to {score['after']:.1f}. "
        "Compare your reasons with those in the solution."
    )
