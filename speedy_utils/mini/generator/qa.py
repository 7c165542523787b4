"""Question answering over short texts of our own, in three styles: encyclopaedia, press and letters, translated manual.

A family has sentences, in which {k ...} marks the answer `k`, and questions with the key of their answer. The sentences
between the first and the last may change places, so that neither the position nor the type of a phrase gives it away.
"""

from __future__ import annotations

import json
import re

from speedy_utils.mini.generator.distinct import DistinctWriter
from speedy_utils.mini.generator.frames import Writer, tidy
from speedy_utils.mini.generator.qa_families import FAMILIES, FILLERS, Family

_MARK = re.compile(r"\{(\w) ([^{}]*)\}")
_BINDING = re.compile(r"<(\w+)=(\d+\.\.\d+|\w+)")
QUESTIONS = 8


def unmark(marked: str) -> tuple[str, dict[str, tuple[int, str]]]:
    """Text without marks, and for each key where its answer starts and what it is."""
    text, answers, end = "", {}, 0
    for match in _MARK.finditer(marked):
        text += marked[end : match.start()]
        answers[match[1]] = (len(text), match[2])
        text += match[2]
        end = match.end()
    return text + marked[end:], answers


def paragraph(writer: Writer, task: str, family: Family) -> tuple[str, str, list[tuple[str, int, str]]]:
    """Title, context, and the questions with the start and the text of their answers."""
    writer.reset()
    first, *middle, last = family.sentences
    for name, source in _BINDING.findall(" ".join(family.sentences)):
        writer.bound[name] = writer.item(source)
    writer.random.shuffle(middle)
    sentences = [_again(writer, sentence) for sentence in (first, *middle, last)]
    title = tidy(_again(writer, family.title))
    questions = [(tidy(_again(writer, question)), key) for question, key in family.questions]
    if task == "sqac" and writer.chance(0.3):
        extra = [_again_free(writer, frame) for frame in writer.random.sample(writer.entries(FILLERS[task]), 7)]
        place = writer.random.randint(1, len(sentences) - 1)
        sentences[place:place] = extra
    elif writer.chance(0.4):
        sentences.insert(
            writer.random.randint(1, len(sentences) - 1), _again_free(writer, str(writer.pick(FILLERS[task])))
        )
    context, answers = unmark(tidy(" ".join(sentences)))
    chosen = writer.random.sample(questions, min(QUESTIONS, len(questions)))
    return title, context, [(question, *answers[key]) for question, key in chosen]


def _again(writer: Writer, template: str) -> str:
    """The template filled with what is bound already: `<p=persona>` does not draw a second time."""
    return writer.fill(_BINDING.sub(r"<\1", template))


def _again_free(writer: Writer, template: str) -> str:
    bound, writer.bound = writer.bound, {}
    text = writer.fill(template)
    writer.bound = bound
    return text


def generate(task: str, split: str, size: int, seen: set[str]) -> str:
    """The file of a split in SQuAD 1.1 JSON, an article for each text."""
    writer = DistinctWriter(task, split)
    articles: list[dict] = []
    count = 0
    while count < size:
        family = writer.pick(FAMILIES[task], own=0.15)
        title, context, questions = paragraph(writer, task, family)
        # No article of another split: `seen` has its title, where titles differ at all.
        if context in seen or (title in seen and "<" in family.title):
            continue
        seen.add(context)
        items = []
        for question, start, answer in questions[: size - count]:
            count += 1
            items.append(
                {
                    "id": f"{task}-{split}-{count:04d}",
                    "question": question,
                    "answers": [{"text": answer, "answer_start": start}],
                }
            )
        articles.append({"title": title, "paragraphs": [{"context": context, "qas": items}]})
    seen |= {article["title"] for article in articles}
    return json.dumps({"version": "1.1", "data": articles}, ensure_ascii=False, separators=(",", ":")) + "\n"
