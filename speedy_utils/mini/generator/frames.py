"""Frames: a small language for Spanish sentences with slots.

    [a|b|c]          one of the alternatives (they may nest; an empty one is allowed)
    <cosa>           a word of the list `cosa` of the lexicon;  <x=cosa> also keeps it as `x`
    <el x=cosa>      with its determiner;  <los x> the same word again, in the plural
    <x.n>            a part of it (a first name, a surname, the plural)
    <x:o/a>          what agrees with x: masculine/feminine
    <A@x>, <As@x>    an adjective that agrees with x (A thing, M mood, T trait, C colour), singular or plural
    <k=3..20>        a number in figures;  <k.w> in words, <k.wf> feminine words

In tagged frames every word is written `word/T` with T a letter of `TAGS`; slots bring their own tags.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from speedy_utils.mini.generator import lexicon
from speedy_utils.mini.generator.words import (
    DETERMINERS,
    PLURAL_NAMES,
    Item,
    adjective,
    capitalise,
    contract,
    determiner,
    in_digits,
    in_words,
)

SPLITS = ("train", "validation", "test")
PRETRAINING = "pretraining"  # text without labels: the frames of the training split, the words of all splits
LESSONS = "lessons"  # more labelled examples for pretraining: frames and words of the training split
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"<([^<>]*)>")


def owner(index: int, length: int) -> str:
    """Which split the entry of a list belongs to: "" for all of them, else it is seen in that split only."""
    if length < 8:
        return ""
    return {3: "test", 8: "test", 5: "validation"}.get(index % 10, "")


class Writer:
    """Writes examples of one split: draws words and frames that this split may see, from its own seeded source."""

    def __init__(self, task: str, split: str, seed: int = 2024, tagged: bool = False) -> None:
        self.random = random.Random(f"{seed} {task} {split}")
        self.split = split
        self.tagged = tagged
        self.bound: dict[str, Item] = {}
        self.used: set[str] = set()

    def reset(self) -> None:
        """Forget the words of the last example."""
        self.bound, self.used = {}, set()

    def entries(self, entries: Sequence, own: bool | None = None) -> list:
        """What this split may see of a list; with `own`, what no other split sees (True) or what all see (False).

        Pretraining sees all words, as a language model has read the words that a task's training examples lack.
        """
        if self.split == PRETRAINING and lexicon.is_word_list(entries):
            return list(entries)
        owners = [owner(i, len(entries)) for i in range(len(entries))]
        if own is None:
            return [e for e, o in zip(entries, owners, strict=True) if o in ("", self.split)]
        return [e for e, o in zip(entries, owners, strict=True) if o == (self.split if own else "")]

    def pick(self, entries: Sequence, own: float = 0.25) -> object:
        """An entry of a list: outside training, with probability `own` one that training never sees."""
        pool = self.entries(entries, self.split != "train" and self.random.random() < own)
        return self.random.choice(pool or self.entries(entries))

    def sample(self, name: str, count: int) -> list[Item]:
        """`count` different items of a list of the lexicon."""
        found: list[Item] = []
        while len(found) < count:
            item = self.item(name)
            if item.text not in {other.text for other in found}:
                found.append(item)
        return found

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random.random() < probability

    def item(self, name: str) -> Item:
        """A fresh item of a list, not used yet in this example where there is a choice."""
        for _ in range(20):
            item = self._draw(name)
            if item.text not in self.used:
                break
        self.used.add(item.text)
        return item

    def _draw(self, name: str) -> Item:
        span = re.fullmatch(r"(\d+)\.\.(\d+)", name)
        if span:
            return number(self.random.randint(int(span[1]), int(span[2])))
        if name in ("persona", "mujer", "hombre"):
            gender = {"mujer": "f", "hombre": "m"}.get(name) or self.random.choice("mf")
            first = self.pick(lexicon.WOMEN if gender == "f" else lexicon.MEN)
            last = self.pick(lexicon.SURNAMES)
            return person(first, last, gender)
        if name == "fecha":
            month = self.random.randrange(12)
            return Item(f"{self.random.randint(2, 28)} de {lexicon.MONTHS[month]}")
        return self.pick(lexicon.LISTS[name])

    def fill(self, template: str, **bound: Item) -> str:
        """The template with its choices made and its slots filled."""
        self.bound.update(bound)
        while (match := _CHOICE.search(template)) is not None:
            choice = self.random.choice(match[1].split("|"))
            template = template[: match.start()] + choice + template[match.end() :]
        return re.sub(" +", " ", _SLOT.sub(lambda match: self._slot(match[1]), template)).strip()

    def text(self, template: str, **bound: Item) -> str:
        """A filled template as plain text: contracted, with capitals."""
        return tidy(self.fill(template, **bound))

    def _slot(self, slot: str) -> str:
        name, colon, forms = slot.partition(":")
        if colon:
            masculine, feminine = forms.split("/")
            return feminine if self.bound[name].gender == "f" else masculine
        if match := re.fullmatch(r"([AMTC])(s?)@(\w+)", slot):
            return self._adjective(*match.groups())
        words = slot.split(" ")
        article = words[0] if len(words) == 2 and (words[0] in DETERMINERS or words[0] in PLURAL_NAMES) else ""
        reference = words[-1]
        key, equals, source = reference.rpartition("=")
        silent = key.startswith("@")
        key = key.lstrip("@")
        source, dot, part = (source, "", "") if ".." in source else source.partition(".")
        if source in self.bound and not equals:
            item = self.bound[source]
        else:
            item = self.item(source)
            if equals:
                self.bound[key] = item
        if silent:
            return ""
        if dot:
            text = item.parts[part] if part in item.parts else getattr(item, {"pl": "plural"}.get(part, part))
        else:
            text = item.plural if article in PLURAL_NAMES else item.text
        text = self._tag(text, item.tag) if self.tagged else text
        if article:
            form = determiner(article, item)
            text = (f"{form}/D " if self.tagged else form + " ") + text
        return text

    def _adjective(self, kind: str, many: str, name: str) -> str:
        lists = {"A": lexicon.ADJECTIVES, "M": lexicon.MOODS, "T": lexicon.TRAITS, "C": lexicon.COLOURS}
        pool = [word for word in self.entries(lists[kind]) if word not in self.used]
        word = str(self.random.choice(pool))
        self.used.add(word)
        form = adjective(word, self.bound[name].gender, "p" if many else "s")
        return self._tag(form, "A") if self.tagged else form

    def _tag(self, text: str, tag: str) -> str:
        small = {"de": "S", "del": "S", "la": "D", "el": "D", "los": "D", "las": "D", "y": "C"}
        return " ".join(f"{word}/{small.get(word, tag)}" for word in text.split(" "))


def number(value: int) -> Item:
    """A number as an item: `text` in figures, parts `w`, `wf` in words."""
    return Item(
        in_digits(value), "m", "", "M", parts={"w": in_words(value), "wf": in_words(value, "f"), "v": str(value)}
    )


def person(first: str, last: str, gender: str) -> Item:
    """A person as an item: parts `n` (first name), `a` (surname)."""
    return Item(f"{first} {last}", gender, "", "Q", parts={"n": first, "a": last})


def tidy(text: str) -> str:
    """Contractions, spaces and capitals of plain text."""
    text = re.sub(r" +([,.;:?!»])", r"\1", re.sub(" +", " ", text))
    return capitalise(contract(text)).strip()
