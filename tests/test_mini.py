"""The bundled texts: their format, and how they are split. What they say is for readers to judge."""

import re
import unicodedata
from collections import Counter, defaultdict
from importlib.resources import files

import pytest

import speedy_utils as su
from speedy_utils.mini import Document

GENRES = ["cartas", "ciencia", "conversaciones", "cuentos", "noticias", "opiniones", "recetas", "viajes"]
FILES = {path.name: path for path in files("speedy_utils.mini").joinpath("texts").iterdir()}


def raw(genre):
    return FILES[f"{genre}.txt"].read_bytes().decode("utf-8")


def test_one_file_for_each_genre():
    assert sorted(FILES) == [f"{genre}.txt" for genre in GENRES]
    assert sum(len(path.read_bytes()) for path in FILES.values()) >= 170_000


@pytest.mark.parametrize("genre", GENRES)
def test_format(genre):
    text = raw(genre)
    assert unicodedata.is_normalized("NFC", text)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not text.startswith("\n")
    assert not re.findall(r"\n{3,}", text)
    assert not re.findall(r".*(?:  |[ \t]$|^[ \t]|\t|\r).*", text, re.MULTILINE)
    odd = {c for c in text if c not in "\n " and (c.isspace() or unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn"))}
    assert not odd, "invisible characters"
    for block in text.removesuffix("\n").split("\n\n"):
        assert len(block.split("\n")) >= 2, f"{block!r} has no paragraph"


@pytest.mark.parametrize("genre", GENRES)
def test_marks_come_in_pairs(genre):
    for document in su.load_texts():
        if document.genre == genre:
            for opening, closing in ("¿?", "¡!", "«»", "“”", "()"):
                counts = document.text.count(opening), document.text.count(closing)
                assert counts[0] == counts[1], f"{opening} and {closing} in {document.title!r}"
            depth = 0
            for mark in re.findall("[«»]", document.text):
                depth += 1 if mark == "«" else -1
                assert 0 <= depth <= 2, document.title


@pytest.mark.parametrize("genre", GENRES)
def test_letters_of_spanish(genre):
    text = raw(genre)
    assert set("áéíóúñ¿¡") - set(text) == set()
    known = set("abcdefghijklmnopqrstuvwxyzáéíóúüñªº")
    foreign = Counter(c for c in text if c.isalpha() and c.lower() not in known)
    assert sum(foreign.values()) <= len(text) / 1000, foreign  # names from elsewhere are welcome, other scripts a slip


def test_the_rare_letters_are_there():
    assert set("áéíóúüñÁÉÍÓÚÑ¿¡«»—") <= set("".join(map(raw, GENRES)))


def test_no_sentence_comes_twice():
    places = defaultdict(set)
    for number, document in enumerate(su.load_texts()):
        for sentence in re.split(r"[.!?…:;\n]+", document.text):
            words = tuple(re.findall(r"\w+", sentence.lower()))
            if len(words) > 8:
                places[words].add(number)
    assert len(places) > 1000
    assert not [" ".join(words) for words, found in places.items() if len(found) > 1]


def test_no_title_comes_twice():
    titles = Counter((document.genre, document.title) for document in su.load_texts())
    assert not [title for title, count in titles.items() if count > 1]


def test_documents_are_the_files():
    documents = su.load_texts()
    assert [document.genre for document in documents] == sorted(document.genre for document in documents)
    for genre in GENRES:
        own = [document for document in documents if document.genre == genre]
        assert "\n\n".join(document.text for document in own) + "\n" == raw(genre)
        assert all(document.title and document.paragraphs and all(document.paragraphs) for document in own)
        assert all("\n" not in paragraph for document in own for paragraph in document.paragraphs)


def test_split_is_a_partition_with_every_genre_on_both_sides():
    documents = su.load_texts()
    training, held_out = su.split_texts()
    assert sorted(training + held_out, key=documents.index) == documents
    assert not set(training) & set(held_out)
    assert {d.genre for d in training} == {d.genre for d in held_out} == set(GENRES)
    assert len(held_out) == len(documents) // 5
    assert su.split_texts() == (training, held_out)


@pytest.mark.parametrize("every", [2, 3, 7])
def test_split_of_given_documents(every):
    documents = [Document("g", str(number), ("p",)) for number in range(20)]
    training, held_out = su.split_texts(documents, every)
    assert [int(d.title) for d in held_out] == [n for n in range(20) if n % every == every - 1]
    assert [int(d.title) for d in training] == [n for n in range(20) if n % every != every - 1]
