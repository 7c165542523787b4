"""Sentences for what can go wrong, written in one place so that they read alike."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def listing(words: Iterable[object], last: str = "and") -> str:
    """Words as an English enumeration: "a", "a and b", "a, b and c"."""
    *head, tail = [str(word) for word in words]
    return f"{', '.join(head)} {last} {tail}" if head else tail


def nearest(name: object, known: Sequence[str], most: int = 3) -> list[str]:
    """Up to `most` known names that look like `name`, the nearest first, whatever their case."""
    by_folded = {word.casefold(): word for word in known}
    close = difflib.get_close_matches(str(name).casefold(), list(by_folded), n=most, cutoff=0.5)
    return [by_folded[word] for word in close]


def unknown_name(kind: str, name: object, known: Sequence[str]) -> str:
    """One sentence: the name is unknown, and which names come near it (all of them when none does)."""
    names = list(dict.fromkeys(known))
    close = nearest(name, names)
    if close:
        return f"Unknown {kind} {name!r}: did you mean {listing([repr(word) for word in close], 'or')}?"
    return f"Unknown {kind} {name!r}: choose one of {listing(names, 'or')}."


def brief(text: str, most: int = 120) -> str:
    """A text of at most about `most` characters, for a place in a sentence."""
    return text if len(text) <= most else f"{text[:most]}…"
