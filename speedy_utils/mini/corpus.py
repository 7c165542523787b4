"""What the mini systems are pretrained on.

Three parts, all from the generator of the bundled data with random numbers of their own, beside the paragraphs of the
bundled texts:

- texts without labels, split name "pretraining": the frames of the training splits, the words of all splits;
- questions about texts, same split name, with the place of their answers;
- lessons: labelled texts, split name "lessons": frames and words of the training splits only.

Real models get from billions of words what the last two teach here in minutes: reading for an answer, and what words do
in a sentence. What a validation or test split has as a whole (sentence, text, context) is taken out. Not so questions:
frames such as «¿Cuándo se fundó?» have no slot, and every split asks them, about contexts of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from importlib import import_module

from speedy_utils.mini import load_texts
from speedy_utils.mini.generator import PLAN, pawsx
from speedy_utils.mini.generator.frames import LESSONS, PRETRAINING

# How many examples of each task are drawn without labels (questions with their answers), and as lessons.
SIZES = {"mldoc": 3000, "pawsx": 5000, "xnli": 8000, "pos": 3000, "ner": 4000, "mlqa": 5000, "sqac": 5000, "tar": 5000}
LESSON_SIZES = {"mldoc": 3000, "pawsx": 8000, "xnli": 12_000, "pos": 3000, "ner": 5000}


@dataclass(frozen=True)
class Text:
    """One input: a text or a pair of texts.

    `answer` is the place (start, end) in `second` of what `first` asks for. A lesson has a `label`, or `words` with
    their `tags`; `first` is then the text that the words make. A paraphrase, or none, also has `roles`: (part, start,
    end, role) of the words that name the two things it is about, as `role_of` numbers them.
    """

    source: str
    first: str
    second: str = ""
    answer: tuple[int, int] | None = None
    label: str = ""
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    roles: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def is_lesson(self) -> bool:
        return bool(self.label or self.tags)

    def without_labels(self) -> Text:
        """The same text with nothing to learn but its words, and where a question's answer stands."""
        return replace(self, label="", words=(), tags=(), roles=())


def _read(task: str, content: str) -> Iterator[Text]:
    """What a file of the generator holds."""
    if task == "mldoc":
        for row in map(json.loads, content.splitlines()):
            yield Text(task, row["sentence1"], label=row["label"])
    elif task in ("pawsx", "xnli"):
        columns = (1, 2) if task == "pawsx" else (0, 1)
        for line in content.splitlines()[task == "pawsx" :]:
            row = line.split("\t")
            yield Text(task, *(row[i] for i in columns), label=row[-1])
    elif task == "pos":
        for block in content.strip().split("\n\n"):
            (text,) = re.findall("^# text = (.+)$", block, re.MULTILINE)
            rows = [line.split("\t") for line in block.split("\n")]
            words = [(row[1], row[3]) for row in rows if row[0].isdigit()]  # not the lines of contractions (3-4 del)
            yield Text(task, text, words=tuple(word for word, _ in words), tags=tuple(tag for _, tag in words))
    elif task == "ner":
        for block in content.strip().split("\n\n"):
            words, tags = zip(*(line.split(" ") for line in block.split("\n")), strict=True)
            yield Text(task, " ".join(words), words=words, tags=tags)
    else:
        for article in json.loads(content)["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    (answer,) = question["answers"]
                    place = answer["answer_start"], answer["answer_start"] + len(answer["text"])
                    yield Text(task, question["question"], paragraph["context"], place)


def generated(task: str, split: str, size: int) -> list[Text]:
    """`size` texts of one task's generator."""
    module = PLAN[task][0]
    generate = import_module(f"speedy_utils.mini.generator.{module}").generate
    seen: set[str] = set()
    return list(_read(task, generate(task, split, size, seen) if module == "qa" else generate(split, size, seen)))


ROLES = 5


def role_of(second_thing: bool, exchanged: bool) -> int:
    """1 to 4: whether a word names the first or the second thing of a pair, and whether the two are exchanged.

    0 is for all other words. To know the role of a word is to know who does what in its sentence; to know whether the
    other sentence says the same of it is to have compared them. The label of a pair alone gives a model too little to
    find out that either matters.
    """
    return 1 + 2 * second_thing + exchanged


def paraphrases(size: int) -> list[Text]:
    """Lessons on paraphrase, with the roles of what they name."""
    found = []
    for sentences, label, fillers in pawsx.examples(LESSONS, size, set()):
        roles = []
        for part, (sentence, things) in enumerate(zip(sentences, fillers, strict=True)):
            stems = [{_stem(word) for word in re.findall(r"\w+", f"{item.text} {item.plural}")} for item in things]
            for match in re.finditer(r"\w+", sentence):
                first, second = (_stem(match[0]) in names for names in stems)
                if first != second:
                    roles.append((part, match.start(), match.end(), role_of(second, not label)))
        found.append(Text("pawsx", *sentences, label=str(label), roles=tuple(roles)))
    return found


def _stem(word: str) -> str:
    """The word without the ending of gender and number: rojo, roja, rojos."""
    return re.sub("(?<=..)(os|as|es|o|a|e|s)$", "", word.lower())


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


@lru_cache(maxsize=1)
def corpus() -> tuple[Text, ...]:
    """The whole corpus, the same every time."""
    forbidden = held_out()
    found = [Text("texts", paragraph) for document in load_texts() for paragraph in document.paragraphs]
    for task, size in SIZES.items():
        found += [text.without_labels() for text in generated(task, PRETRAINING, size)]
    for task, size in LESSON_SIZES.items():
        found += paraphrases(size) if task == "pawsx" else generated(task, LESSONS, size)
    return tuple(text for text in found if not forbidden & set(whole_texts(text)))


def corpus_hash() -> str:
    """SHA-256 of the corpus, its first 16 digits."""
    content = json.dumps([astuple(text) for text in corpus()], ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8")).hexdigest()[:16]


def tokenizer_texts(size: int = 800) -> list[str]:
    """What the tokenizers learn from: the bundled texts and the first `size` examples of each task, each text once."""
    found = [text.text for text in load_texts()]
    for task in SIZES:
        for text in generated(task, PRETRAINING, size):
            found += [text.first, text.second] if text.second else [text.first]
    return list(dict.fromkeys(found))
