"""A writer that names nothing twice by chance: two people never share a name, nor do a town and a person."""

from __future__ import annotations

from speedy_utils.mini.generator.frames import Writer
from speedy_utils.mini.generator.words import Item


class DistinctWriter(Writer):
    """Draws items that share neither their text nor a part of it (first name, surname, month) with one used before."""

    def item(self, name: str) -> Item:
        """A fresh item of a list; after many attempts one that repeats, where the list has no other."""
        for _ in range(60):
            item = self._draw(name)
            names = {item.text, *item.parts.values()}
            if name == "fecha":
                names.add(item.text.split(" ")[-1])
            if not names & self.used:
                break
        self.used |= names
        return item
