"""Checks of the exercises of *Tagging across tokenizers*."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import speedy_utils as su
from speedy_utils.exercises.answers import (
    NotYet,
    brief,
    call,
    expect,
    function,
    mapping,
    number,
    run,
    truth,
    whole_number,
)

if TYPE_CHECKING:
    import datasets
    import numpy as np

    from speedy_utils.training import Run

    Target = tuple[np.ndarray, np.ndarray]

PAIR = "BETO cased", "ALBETO"
SHARES = "by words", "one too far"


def exercise_1(
    my_same: object,
    my_still: object,
    word_ids: Mapping[str, Sequence[list[int | None]]],
    missed: Mapping[tuple[str, str], Sequence[list[bool]]],
) -> str:
    """Sentences with as many tokens for BETO cased as for ALBETO, and those of them where a word meets another."""
    same, still = whole_number(my_same, "my_same", 1, 1_000_000), whole_number(my_still, "my_still", 0, 1_000_000)
    if still > same:
        raise NotYet("my_still counts among the sentences of my_same, so it cannot be larger.")
    lengths = list(zip(*(map(len, word_ids[name]) for name in PAIR), strict=True))
    alike = [place for place, (one, other) in enumerate(lengths) if one == other]
    mistakes = {
        "my_same has the sentences with different numbers of tokens.": len(lengths) - len(alike),
        "my_same has all sentences: compare the tokens of each, not its words.": len(lengths),
    }
    expect(
        same, len(alike), "my_same", mistakes, hint="Compare the lengths of word_ids of the two, sentence by sentence."
    )
    expected = sum(any(missed[PAIR][place]) for place in alike)
    mistakes = {
        "my_still has the sentences in which no word meets another.": len(alike) - expected,
        "my_still takes ALBETO as the teacher. Here it is the student.": sum(
            any(missed[PAIR[::-1]][place]) for place in alike
        ),
        "my_still counts words; sentences are asked for.": sum(sum(missed[PAIR][place]) for place in alike),
    }
    hint = "In how many of the sentences of my_same does `missed` have a word that is True?"
    expect(still, expected, "my_still", mistakes, hint=hint)
    return "Pieces more in one word and less in the next even out by the end, but not in between."


def exercise_2(my_check_pairs: object) -> str:
    """A function that raises ValueError at the first place where two lists of (sentence, word) differ."""
    guard, name = function(my_check_pairs, "my_check_pairs"), "my_check_pairs"

    def complaint(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> str | None:
        """What it says of two lists; None where it has nothing to say."""
        try:
            found = guard(list(first), list(second))
        except ValueError as error:
            return str(error)
        except Exception as error:  # whatever a student's function raises
            raise NotYet(f"{name} raises {type(error).__name__} ({error}); a ValueError is asked for.") from error
        if found is not None:
            raise NotYet(f"{name} gives back {brief(found)}. It should raise a ValueError where lists differ.")
        return None

    pairs = [(31, word) for word in range(16, 19)]
    wrong = [pairs[0], (58, 23), (64, 5)]  # differs from its second pair on
    said = complaint(pairs, wrong)
    if said is None:
        raise NotYet(f"{name} says nothing of two lists that differ from their second pair on.")
    numbers = {int(one) for one in re.findall(r"\d+", said)}
    if not {31, 17, 58, 23} <= numbers:
        if {18, 64, 5} <= numbers:
            raise NotYet(f"{name} names the last pair that differs: stop at the first.")
        raise NotYet(f"{name} says {brief(said)} of {pairs[1]} with {wrong[1]}: name sentence and word of both.")
    if {64, 5} <= numbers:
        raise NotYet(f"{name} names more than the first pair that differs: {brief(said)}")
    if (said := complaint(pairs, list(pairs))) is not None:
        raise NotYet(f"{name} complains of two equal lists: {brief(said)}")
    if complaint(pairs, pairs[::-1]) is None:
        raise NotYet(f"{name} says nothing of equal words in another order: pairs are made by their places.")
    for longer, first, second in (("second", pairs[:-1], pairs), ("first", pairs, pairs[:-1])):
        if complaint(first, second) is None:
            raise NotYet(f"{name} says nothing where the {longer} list has a word more; zip stops at the shorter one.")
    return "Such a guard costs nothing. Better still is to need none: pair words by their own numbers."


def exercise_3(
    my_one_too_far: object, my_shares: object, by_words: Callable[[Any], Target], lessons: datasets.Dataset
) -> str:
    """Targets put at the token behind a word's first piece, and the shares of words that get their gold tag."""
    import numpy as np

    target = function(my_one_too_far, "my_one_too_far")
    given = mapping(my_shares, SHARES, "my_shares")
    shares = {name: number(value, f"my_shares[{name!r}]", 0, 100) for name, value in given.items()}
    for feature in lessons.select(range(min(4, len(lessons)))):
        logits, counted = by_words(feature)
        name = "my_one_too_far(feature)"
        found = call(target, "my_one_too_far", feature)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise NotYet(f"{name} should give back (logits, counted), as by_words does.")
        moved, marks = np.asarray(found[0]), np.asarray(found[1])
        if moved.shape != logits.shape or marks.shape != counted.shape:
            raise NotYet(
                f"{name} gives the shapes {moved.shape} and {marks.shape}; by_words gives {logits.shape} and "
                f"{counted.shape}."
            )
        marks = marks.astype(bool)
        if (marks == counted).all():
            if (moved == logits).all():
                raise NotYet(f"{name} gives what by_words gives: nothing has moved.")
            raise NotYet(f"{name} moves the logits and leaves `counted` where it was.")
        if (marks == np.roll(counted, -1)).all():
            raise NotYet(f"{name} moves the target one token to the front; it should go one further to the back.")
        if (marks != np.roll(counted, 1)).any():
            raise NotYet(f"`counted` of {name} should be that of by_words, one token further.")
        right = np.roll(logits, 1, axis=0)
        if not np.allclose(moved[marks], right[marks]):
            if np.allclose(moved[marks], logits[marks]):
                raise NotYet(f"{name} moves `counted` and leaves the logits where they were.")
            for axis in (None, 1):
                if np.allclose(moved[marks], np.roll(logits, 1, axis)[marks]):
                    raise NotYet(f"{name} mixes up the tags: np.roll of a table wants axis=0.")
            raise NotYet(f"The logits of {name} should be those of by_words, one token further.")

    hits = dict.fromkeys(SHARES, 0)
    words, asked = 0, dict.fromkeys(SHARES, 0)
    for feature in lessons.select(range(min(200, len(lessons)))):
        gold = np.array(feature["labels"])
        logits, counted = by_words(feature)
        words += (gold >= 0).sum()
        for name, steps in zip(SHARES, (0, 1), strict=True):
            at = (gold >= 0) & np.roll(counted, steps)
            asked[name] += at.sum()
            hits[name] += (at & (np.roll(logits, steps, axis=0).argmax(axis=1) == gold)).sum()
    for name in SHARES:
        what, share = f"my_shares[{name!r}]", hits[name] / words
        mistakes = {
            f"{what} is a percentage; give a share between 0 and 1.": 100 * share,
            f"{what} is the share of words that do not get their gold tag.": 1 - share,
            f"{what} leaves out the words whose first piece has no target. They get no tag, and count.": (
                hits[name] / max(1, asked[name])
            ),
            f"{what} divides by all tokens. Only those with a gold label stand for a word.": hits[name]
            / sum(len(one) for one in lessons.select(range(min(200, len(lessons))))["labels"]),
        }
        hint = "Of the tokens with a gold label in the first 200 of `lessons`."
        expect(shares[name], share, what, mistakes, tolerance=0.01, hint=hint)
    return "Even by words it is below 1: this teacher errs. A perfect one has no such excuse, which makes it a test."


def exercise_4(my_written: object, my_small: object, teacher: Run, held_out: datasets.Dataset) -> str:
    """Which share of the proper nouns the teacher finds, as written and in small letters."""
    given = {
        "my_written": number(my_written, "my_written", 0.0001, 100),
        "my_small": number(my_small, "my_small", 0, 100),
    }
    from datasets import DatasetDict

    from speedy_utils.devices import quiet

    with quiet():
        small = held_out.map(_lower, load_from_cache_file=False)
    shares, precisions, accuracies = {}, {}, {}
    for name, examples in (("my_written", held_out), ("my_small", small)):
        result = su.evaluate(teacher.encoder, "pos", data=DatasetDict(test=examples))
        both = [
            (gold, tag)
            for golds, tags in zip(result.references, result.predictions, strict=True)
            for gold, tag in zip(golds, tags, strict=True)
        ]
        hits = sum(gold == tag == "PROPN" for gold, tag in both)
        shares[name] = hits / sum(gold == "PROPN" for gold, _ in both)
        precisions[name] = hits / max(1, sum(tag == "PROPN" for _, tag in both))
        accuracies[name] = sum(gold == tag for gold, tag in both) / len(both)
    if given == {"my_written": shares["my_small"], "my_small": shares["my_written"]} != shares:
        raise NotYet("The two have changed places.")
    for name, share in shares.items():
        mistakes = {
            f"{name} is a percentage; give a share between 0 and 1.": 100 * share,
            f"{name} is the share that the teacher does not find.": 1 - share,
            f"{name} divides by what the teacher calls PROPN. Divide by what is PROPN.": precisions[name],
            f"{name} is about all words. Only those with the gold tag PROPN are asked for.": accuracies[name],
        }
        expect(given[name], share, name, mistakes, hint="Of the words of held_out with the gold tag PROPN.")
    return (
        f"{shares['my_written']:.0%} with capitals, {shares['my_small']:.0%} without. A student that never sees them "
        "learns to use the words around a name instead, but cannot match the teacher where both readings are possible."
    )


def _lower(example: dict[str, Any]) -> dict[str, list[str]]:
    return {"tokens": [token.lower() for token in example["tokens"]]}


def exercise_5(my_masters: object, my_pupils: object, my_same_order: object) -> str:
    """Open: teachers of several families and their students: does the better teacher have the better student?"""
    runs = {}
    for answer, name in ((my_masters, "my_masters"), (my_pupils, "my_pupils")):
        if not isinstance(answer, Mapping):
            raise NotYet(f"{name} should be a dict of runs by the teachers' names; it is {brief(answer)}.")
        runs[name] = {key: run(one, f"{name}[{key!r}]") for key, one in answer.items()}
    same_order = truth(my_same_order, "my_same_order")
    masters, pupils = runs["my_masters"], runs["my_pupils"]
    if set(masters) != set(pupils) or len(masters) < 2:
        raise NotYet("my_masters and my_pupils should have the same names, two at least.")
    if len({one.record["system"] for one in masters.values()}) < 2:
        raise NotYet("All teachers are of one family; take two that differ.")
    for name, pupil in pupils.items():
        if pupil.record.get("teachers") != [masters[name].record["system"]]:
            raise NotYet(f"my_pupils[{name!r}] was not taught by my_masters[{name!r}].")
    for what, values in {
        "system": {one.record["system"] for one in pupils.values()},
        "sentences": {one.record["identity"]["data"]["train"] for one in pupils.values()},
        "epochs": {one.settings.epochs for one in pupils.values()},
        "seeds": {one.settings.seed for one in pupils.values()},
    }.items():
        if len(values) > 1:
            raise NotYet(f"The students differ in more than their teachers: their {what} should be the same.")
    first, second = (sorted(one, key=lambda name, runs=one: runs[name].validation["f1"]) for one in (masters, pupils))
    if same_order != (first == second):
        raise NotYet(
            f"From the lowest F1 to the highest the teachers are {', '.join(first)}, and by their students "
            f"{', '.join(second)}. Is that the same order?"
        )
    lost = sum(one.record["rows"]["not_aligned"] for one in pupils.values())
    return (
        f"Words that could not be aligned: {lost}. One seed is an example: "
        "repeat it with two more, and compare your reasons with those in the solution."
    )
