"""The text that the mini systems are pretrained on.

Four parts: the paragraphs of the bundled texts; sentences and pairs of sentences from the generator of the bundled
data under the split name "pretraining" (its own random numbers, the frames of the training splits, the words of all
splits; no label is kept); questions about texts, from the same generator, with the place of their answers; pairs that
belong together or do not. What a validation or test split has as a whole (sentence, text, context) is taken out. Not
so questions: frames such as «¿Cuándo se fundó?» have no slot, and every split asks them, about contexts of its own.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import lru_cache
from importlib import import_module

from speedy_utils.mini import load_texts
from speedy_utils.mini.generator import PLAN
from speedy_utils.mini.generator.frames import PRETRAINING

# How many examples of each source are drawn.
SIZES = {"mldoc": 3000, "pawsx": 5000, "xnli": 8000, "pos": 3000, "ner": 4000, "mlqa": 5000, "sqac": 5000, "tar": 5000}


@dataclass(frozen=True)
class Text:
    """One input: a text or a pair of texts.

    `answer` is the place (start, end) in `second` of what `first` asks for; `together` says of a pair whether its texts
    belong together.
    """

    source: str
    first: str
    second: str = ""
    answer: tuple[int, int] | None = None
    together: bool | None = None


def _read(task: str, content: str) -> Iterator[Text]:
    """What a file of the generator holds, without its labels."""
    if task == "mldoc":
        yield from (Text(task, json.loads(line)["sentence1"]) for line in content.splitlines())
    elif task in ("pawsx", "xnli"):
        rows = [line.split("\t") for line in content.splitlines()]
        columns = (1, 2) if task == "pawsx" else (0, 1)
        yield from (Text(task, *(row[i] for i in columns)) for row in rows[task == "pawsx" :])
    elif task == "pos":
        yield from (Text(task, sentence) for sentence in re.findall("^# text = (.+)$", content, re.MULTILINE))
    elif task == "ner":
        for block in content.strip().split("\n\n"):
            yield Text(task, " ".join(line.split(" ")[0] for line in block.split("\n")))
    else:
        for article in json.loads(content)["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    (answer,) = question["answers"]
                    place = answer["answer_start"], answer["answer_start"] + len(answer["text"])
                    yield Text(task, question["question"], paragraph["context"], place)


def generated(task: str, split: str = PRETRAINING, size: int | None = None) -> list[Text]:
    """The texts of one task's generator; for the bundled splits what is in their files."""
    module, _, sizes = PLAN[task]
    generate = import_module(f"speedy_utils.mini.generator.{module}").generate
    if size is None:
        size = SIZES[task] if split == PRETRAINING else sizes[("train", "validation", "test").index(split)]
    seen: set[str] = set()
    return list(_read(task, generate(task, split, size, seen) if module == "qa" else generate(split, size, seen)))


def whole_texts(text: Text) -> tuple[str, ...]:
    """The parts of an example that no held-out split may share: everything but a question."""
    if text.answer is not None:
        return (text.second,)
    return (text.first, text.second) if text.second else (text.first,)


def held_out() -> frozenset[str]:
    """All sentences, texts and contexts of the validation and test splits."""
    from speedy_utils.mini.generator import files

    found: set[str] = set()
    for name, content in files().items():
        task, _, split = name.partition("/")
        if not split.startswith("train"):
            for text in _read(task, content):
                found.update(whole_texts(text))
    return frozenset(found)


def paired(texts: list[Text], seed: int = 0) -> list[Text]:
    """Pairs of texts, half of them as they belong together, half with the second part of another pair of their source.

    A pair is what the corpus has as one, or a text of several sentences cut in two. The next sentence prediction of
    BERT (Devlin et al. 2019): a model has to compare what the two are about, and whom they name.
    """
    source, pairs = random.Random(f"pairs {seed}"), []
    by_source: dict[str, list[tuple[str, str]]] = {}
    for text in texts:
        first, second = text.first, text.second
        if not second:
            sentences = re.split(r"(?<=[.?!]) (?=[A-ZÁÉÍÓÚÑ¿¡«])", first)
            if len(sentences) < 2:
                continue
            first, second = (" ".join(part) for part in (sentences[::2], sentences[1::2]))
        by_source.setdefault(text.source, []).append((first, second))
    for found in by_source.values():
        for first, second in found:
            together = source.random() < 0.5
            other = second
            while not together and other == second:
                other = source.choice(found)[1]
            pairs.append(Text("pairs", first, other, together=together))
    return pairs


@lru_cache(maxsize=1)
def corpus() -> tuple[Text, ...]:
    """The whole corpus, the same every time."""
    forbidden = held_out()
    found = [Text("texts", paragraph) for document in load_texts() for paragraph in document.paragraphs]
    for task in SIZES:
        found += generated(task)
    found = [text for text in found if not forbidden & set(whole_texts(text))]
    pairs = paired([text for text in found if text.source in ("mldoc", "pawsx", "xnli", "texts")])
    return (*found, *(pair for pair in pairs if not forbidden & set(whole_texts(pair))))


def corpus_hash() -> str:
    """SHA-256 of the corpus, its first 16 digits."""
    content = json.dumps([astuple(text) for text in corpus()], ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8")).hexdigest()[:16]


def tokenizer_texts(size: int = 800) -> list[str]:
    """What the tokenizers learn from: the bundled texts and the first `size` examples of each task, each text once."""
    found = [text.text for text in load_texts()]
    for task in SIZES:
        for text in generated(task, size=size):
            found += [text.first, text.second] if text.second else [text.first]
    return list(dict.fromkeys(found))
