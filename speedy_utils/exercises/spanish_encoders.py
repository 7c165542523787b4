"""Checks of the exercises of *Spanish encoders*."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import speedy_utils as su
from speedy_utils.exercises.answers import NotYet, call, expect, function, mapping, number, one_of, whole_number

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from speedy_utils.mini.texts import Document

ROBERTA_VOCABULARY = 50_262


def exercise_1(
    my_fertility: object,
    my_hardest: object,
    my_easiest: object,
    tokenizers: Mapping[str, Tokenizer],
    held_out: Sequence[Document],
) -> str:
    """Tokens per word of each genre, all its held-out texts together, and the two ends."""
    genres = sorted({document.genre for document in su.load_texts()})
    given = mapping(my_fertility, genres, "my_fertility")
    values = {genre: number(given[genre], f"my_fertility[{genre!r}]", low=0) for genre in genres}
    hardest, easiest = one_of(my_hardest, genres, "my_hardest"), one_of(my_easiest, genres, "my_easiest")
    cased, uncased = tokenizers["WordPiece cased"], tokenizers["WordPiece uncased"]
    right = {}
    for genre in genres:
        what = f"my_fertility[{genre!r}]"
        own = [document.text for document in held_out if document.genre == genre]
        right[genre] = su.tokens_per_word(cased, own)
        if math.isclose(values[genre], right[genre], rel_tol=0.003):  # room for rounding to two decimals
            continue
        every = su.tokens_per_word(cased, [document.text for document in su.load_texts() if document.genre == genre])
        each = [su.tokens_per_word(cased, [text]) for text in own]
        mistakes = {
            f"{what} is words per token: divide the tokens by the words.": 1 / right[genre],
            f"{what} counts all texts of the genre, the training texts too. Take those of held_out.": every,
            f"{what} is that of the uncased tokenizer.": su.tokens_per_word(uncased, own),
            f"{what} is a mean of the documents' own fertilities, where a short text weighs as much as a long one. Put "
            "the texts of a genre together first.": sum(each) / len(each),
        }
        expect(values[genre], right[genre], what, mistakes, tolerance=0.003)
    order = sorted(genres, key=right.__getitem__)
    if (hardest, easiest) == (order[0], order[-1]):
        raise NotYet("my_hardest and my_easiest have changed places: more tokens per word is harder.")
    for name, found, wanted, how in (
        ("my_hardest", hardest, order[-1], "most"),
        ("my_easiest", easiest, order[0], "fewest"),
    ):
        if found != wanted:
            raise NotYet(f"{name} is {found}, but your my_fertility has another genre with the {how} tokens per word.")
    return (
        "Fertility depends on the kind of text; and with two to five documents a genre, neighbours may change places."
    )


def exercise_2(my_wide: object, my_many: object) -> str:
    """The parameters of ALBETO tiny with wide word embeddings, and with RoBERTa's vocabulary."""
    wide, many = whole_number(my_wide, "my_wide", low=1), whole_number(my_many, "my_many", low=1)
    tiny = su.get_system("ALBETO tiny")
    sizes = tiny.architecture
    now = su.count_parameters(tiny)

    def with_(**changes: int) -> int:
        return su.count_parameters(replace(tiny, architecture=replace(sizes, **changes)))

    square = sizes.hidden**2 + sizes.hidden
    projection = sizes.embedding * sizes.hidden + sizes.hidden
    widened = with_(embedding=sizes.hidden)
    mistakes = {
        "my_wide still holds a projection, from 312 to 312: ALBERT builds it even where it is square. Take it off, its "
        "biases too.": widened,
        "my_wide has lost the projection's matrix, but not its biases.": widened - sizes.hidden**2,
        "my_wide widens the word embeddings alone: without a projection the vectors of positions and token types, and "
        "their normalisation, are as wide.": now + sizes.vocabulary * (sizes.hidden - sizes.embedding) - projection,
        "my_wide is ALBETO tiny as it is.": now,
    }
    expect(wide, widened - square, "my_wide", mistakes, tolerance=0)
    mistakes = {
        "my_many adds RoBERTa's vocabulary to ALBETO's; it should take its place.": with_(
            vocabulary=sizes.vocabulary + ROBERTA_VOCABULARY
        ),
        "my_many stores each entry as a vector of 312 numbers; ALBETO tiny stores 128.": now
        + (ROBERTA_VOCABULARY - sizes.vocabulary) * sizes.hidden,
        "my_many has the wide embeddings too. Change one thing at a time.": with_(
            vocabulary=ROBERTA_VOCABULARY, embedding=sizes.hidden
        )
        - square,
        "my_many is ALBETO tiny as it is.": now,
    }
    hint = f"RoBERTa BNE's vocabulary has {ROBERTA_VOCABULARY:,} entries."
    expect(many, with_(vocabulary=ROBERTA_VOCABULARY), "my_many", mistakes, tolerance=0, hint=hint)
    return "The narrow table saves more than half of the model; a larger vocabulary would cost half as much again."


def _strip(text: str) -> str:
    """The text without any mark on a letter."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def _fold(word: str) -> str:
    """The word without accents, its ñ kept."""
    return "".join(c if c in "ñÑ" else _strip(c) for c in unicodedata.normalize("NFC", word))


def _clashes(change: Callable[[str], str], words: set[str]) -> list[int]:
    """The sizes of the groups of different words that `change` makes equal."""
    groups: dict[str, int] = {}
    for word in words:
        key = change(word)
        groups[key] = groups.get(key, 0) + 1
    return [size for size in groups.values() if size > 1]


def exercise_3(my_fold: object, my_left: object) -> str:
    """A function that takes accents off and keeps the ñ, and the collisions that it leaves."""
    fold = function(my_fold, "my_fold")
    cases = [
        ("canción", "The accent has to go."),
        ("pingüino", "The two dots of ü have to go."),
        ("año", "The ñ has to stay."),
        ("ÉPOCA", "Capitals have accents too."),
        ("CAÑÓN", "A capital Ñ stays, beside a capital Ó that loses its accent."),
        (unicodedata.normalize("NFD", "canción"), "Here the accent is a character of its own, behind the o."),
        (unicodedata.normalize("NFD", "niño"), "Here the tilde is a character of its own, behind the n."),
    ]
    for word, hint in cases:
        answer = call(fold, "my_fold", word)
        if not isinstance(answer, str):
            raise NotYet(f"my_fold({word!r}) should give back a word; it gives {answer!r}.")
        if unicodedata.normalize("NFC", answer) != _fold(word):
            if answer.lower() == answer != word and answer == _fold(word).lower():
                hint = "Capitals should stay capitals."
            raise NotYet(f"my_fold({word!r}) gives {answer!r}. {hint}")
    text = [word for document in su.load_texts() for word in re.findall(r"[^\W\d_]+", document.text)]
    lowered, as_written = {word.lower() for word in text}, set(text)
    left, groups = number(my_left, "my_left", low=0), _clashes(_fold, lowered)
    mistakes = {
        "my_left counts the collisions without any marks, where ñ is n. Use your my_fold.": len(
            _clashes(_strip, lowered)
        ),
        "my_left counts the words in the groups. One group is one collision.": sum(groups),
        "my_left looks at the words as they are written. Take `lowered`, as the chapter did.": len(
            _clashes(_fold, as_written)
        ),
    }
    if 0 < left < 1:
        raise NotYet("my_left looks like a share. How many groups of words are there?")
    expect(whole_number(left, "my_left"), len(groups), "my_left", mistakes, tolerance=0)
    return "Few collisions are the ñ's doing, but one of them makes a computer of a milker."


def exercise_4(my_crossed: object, my_characters: object) -> str:
    """Two vocabularies, each on its own kind of text and on the other: open, but some conditions are known."""
    genres = ["recetas", "ciencia"]
    keys = [(learnt, read) for learnt in genres for read in genres]
    given = mapping(my_crossed, keys, "my_crossed")
    values = {key: number(given[key], f"my_crossed[{key}]", low=0) for key in keys}
    amounts = mapping(my_characters, genres, "my_characters")
    sizes = {genre: whole_number(amounts[genre], f"my_characters[{genre!r}]", low=1) for genre in genres}
    if max(values.values()) <= 1:
        raise NotYet("my_crossed holds words per token: divide the tokens by the words.")
    for read in genres:
        other = next(genre for genre in genres if genre != read)
        if values[read, read] >= values[other, read]:
            raise NotYet(
                f"By my_crossed, {read} takes fewer tokens with the vocabulary learnt from {other} than with its own. "
                "The key names first what was learnt from, then what was read."
            )
    if abs(sizes["recetas"] - sizes["ciencia"]) > 0.02 * max(sizes.values()):
        raise NotYet(
            "One vocabulary was learnt from more text than the other: part of what you see is the amount. Cut the "
            "longer text off where the shorter one ends."
        )
    if min(sizes.values()) < 5000:
        raise NotYet("my_characters counts characters, and there are many more than that in the training documents.")
    saved = [1 - values[read, read] / values[other, read] for read, other in zip(genres, reversed(genres), strict=True)]
    return (
        f"Its own vocabulary saves {saved[0]:.0%} on recipes and {saved[1]:.0%} on science. Compare your reasons with "
        "those in the solution."
    )
