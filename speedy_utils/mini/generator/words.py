"""Spanish morphology in small: plurals, four-form adjectives, determiners, contractions, numbers in words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_PLAIN = str.maketrans("áéíóú", "aeiou")
DETERMINERS = {
    "el": "el la los las",
    "un": "un una unos unas",
    "este": "este esta estos estas",
    "ese": "ese esa esos esas",
    "aquel": "aquel aquella aquellos aquellas",
    "algún": "algún alguna algunos algunas",
    "ningún": "ningún ninguna ningunos ningunas",
    "otro": "otro otra otros otras",
    "mucho": "mucho mucha muchos muchas",
    "poco": "poco poca pocos pocas",
    "varios": "varios varias varios varias",
    "todo": "todo toda todos todas",
    "cuánto": "cuánto cuánta cuántos cuántas",
    "nuestro": "nuestro nuestra nuestros nuestras",
}
PLURAL_NAMES = {
    "los": "el",
    "unos": "un",
    "estos": "este",
    "esos": "ese",
    "aquellos": "aquel",
    "algunos": "algún",
    "otros": "otro",
    "muchos": "mucho",
    "pocos": "poco",
    "varios": "varios",
    "cuántos": "cuánto",
    "nuestros": "nuestro",
}


@dataclass(frozen=True)
class Item:
    """A word or name of the lexicon: `tag` its part of speech; `stressed_a` says that it takes «el» though feminine."""

    text: str
    gender: str = "m"
    plural: str = ""
    tag: str = "N"
    stressed_a: bool = False
    parts: dict[str, str] = field(default_factory=dict, hash=False, compare=False)


def listed(text: str) -> list[str]:
    """The entries of a list written as one text: parted by `|` where there is one, by spaces otherwise."""
    return text.split("|" if "|" in text else None)


def plural(word: str) -> str:
    """The regular plural of a noun or adjective ("canción" -> "canciones")."""
    if word[-1] in "aeioué":
        return word + "s"
    if word.endswith("z"):
        return word[:-1] + "ces"
    if re.search("[áéíóú][ns]$", word):
        if word.endswith("ís"):
            return word[:-2] + "íses" if word[-3] in "aeo" else word[:-2] + "ises"
        if len(word) > 2 and word[-2] == "í" and word[-3] in "aeo":
            return word + "es"
        return word[:-2] + word[-2:].translate(_PLAIN) + "es"
    return word + "es"


def noun(text: str, gender: str, tag: str = "N") -> Item:
    """`text` is "sol", "examen/exámenes" or "!agua" (feminine with «el»)."""
    stressed = text.startswith("!")
    singular, _, irregular = text.lstrip("!").replace("_", " ").partition("/")
    return Item(singular, gender, irregular or plural(singular), tag, stressed)


def adjective(word: str, gender: str, number: str) -> str:
    """The form of an adjective for gender "m"/"f" and number "s"/"p"."""
    feminine = word
    if word.endswith("o"):
        feminine = word[:-1] + "a"
    elif re.search("(or|ón|án|és)$", word) and word not in ("mejor", "peor", "mayor", "menor", "superior", "interior"):
        feminine = word[:-2] + word[-2:].translate(_PLAIN) + "a"
    form = feminine if gender == "f" else word
    return form if number == "s" else plural(form)


def determiner(name: str, item: Item) -> str:
    """The determiner `name` ("el", "un", "los", "estos"...) in the form that `item` asks for."""
    number = "p" if name in PLURAL_NAMES else "s"
    forms = DETERMINERS[PLURAL_NAMES.get(name, name)].split()
    if item.stressed_a and number == "s" and name in ("el", "un", "algún", "ningún"):
        return forms[0]
    return forms[(item.gender == "f") + 2 * (number == "p")]


_UNITS = listed(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
    "veintiocho veintinueve"
)
_TENS = listed("treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_HUNDREDS = listed(
    "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
)


def in_words(number: int, gender: str = "m", before_noun: bool = True) -> str:
    """A number from 0 to 999,999 in words: "veintiuna" personas, "treinta y un" libros, "mil doscientas" casas."""
    if number >= 1000:
        thousands = "mil" if number < 2000 else in_words(number // 1000, gender) + " mil"
        return thousands if number % 1000 == 0 else thousands + " " + in_words(number % 1000, gender, before_noun)
    if number == 100:
        return "cien"
    if number > 100:
        head = _HUNDREDS[number // 100 - 1]
        head = head[:-2] + "as" if gender == "f" and head.endswith("os") else head
        return head if number % 100 == 0 else head + " " + in_words(number % 100, gender, before_noun)
    if number >= 30:
        head = _TENS[number // 10 - 3]
        return head if number % 10 == 0 else head + " y " + in_words(number % 10, gender, before_noun)
    word = _UNITS[number]
    if word.endswith("uno"):
        if gender == "f":
            return word[:-1] + "a"
        if before_noun:
            return "veintiún" if number == 21 else "un"
    return word


def in_digits(number: int) -> str:
    """1998 -> "1998", 12500 -> "12.500": four figures stand together, more are grouped."""
    return str(number) if number < 10_000 else f"{number:,}".replace(",", ".")


def contract(text: str) -> str:
    """«de el» -> «del», «a el» -> «al», «y» -> «e» and «o» -> «u» where the next sound asks for it."""
    text = re.sub(r"(?<!\{)\b([Dd])e el (?=\S)", r"\1el ", text)
    text = re.sub(r"(?<!\{)\b([Aa]) el (?=\S)", r"\1l ", text)
    text = re.sub(r"(?<!\{)\by (?=(?:\{\w |«)*([IiÍí](?![aeou])|[Hh][ií](?![aeo])))", "e ", text)
    return re.sub(r"(?<!\{)\bo (?=(?:\{\w |«)*([OoÓó]|[Hh][oó]))", "u ", text)


def capitalise(text: str) -> str:
    """Capital letters at the start of sentences."""
    mark = r"[¿¡«—“]*(?:\{\w )?[¿¡«—“]*"
    text = re.sub(rf"^({mark})(\w)", lambda m: m[1] + m[2].upper(), text)
    return re.sub(rf"((?:[.?!…]\}}?»?)\s+{mark})(\w)", lambda m: m[1] + m[2].upper(), text)
