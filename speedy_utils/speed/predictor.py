"""Answers from an exported model: Spanish text in, labels, entities or answers out, without torch and transformers.

What makes it fast, besides the runtime: texts of equal length share a batch, the longest first, so that no padding is
computed.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speedy_utils import __version__
from speedy_utils.errors import brief
from speedy_utils.evaluation import softmax
from speedy_utils.preprocessing import (
    best_span,
    characters_read,
    covered,
    cut_question,
    default_tag,
    piece_bounds,
    with_accents,
    word_starts_of,
)
from speedy_utils.speed.card import Card, read_card

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerFast

    from speedy_utils.preprocessing import Preparation
    from speedy_utils.speed.runtimes import Session

# Words and marks as annotated corpora have them: numbers with their separators, letters with their accents.
WORDS = re.compile(r"\d+(?:[.,:]\d+)+|[\w\u0300-\u036f]+|[^\w\s]")
Word = tuple[str, int, int]  # its text, its first character, and the one behind its last


@dataclass(frozen=True)
class Row:
    """What the network reads at once: an input or a part of it, and what is needed to make sense of the outputs."""

    ids: list[int]
    types: list[int]
    starts: list[int]  # tagging: the first token of each word, -1 for none; question answering: characters of tokens
    ends: list[int]


class Predictor:
    """A model in a folder that `export` wrote.

    Calling it with one input gives one answer, with a list of inputs a list of answers:

    - classification: a text (or a pair of texts) -> {"label", "score"}, the score a probability;
    - tagging: a text, or a tuple of words -> {"entities": [{"type", "text", "start", "end", "score"}]} for NER, for
      other tags {"words": [{"tag", "text", "start", "end", "score"}]}; `start` and `end` count characters, in a tuple
      of words as if one space stood between them; the score is the least probability of a word's tag;
    - question answering: (question, context) -> {"answer", "start", "end", "score"}, the score a sum of two logits.

    A text longer than the model is cut (classification) or read in parts (all else). `threads` is for the computation:
    all cores, if it is left out. Raises ValueError in one sentence for a folder that is no export, one that another
    version wrote or that is damaged, and for an input that is none of these.
    """

    def __init__(self, folder: str | Path, *, threads: int | None = None, batch_tokens: int = 1024) -> None:
        self.folder, self.card = Path(folder), read_card(folder)
        self.threads, self.batch_tokens = threads, batch_tokens

    @cached_property
    def session(self) -> Session:
        from speedy_utils.speed.runtimes import open_session

        return open_session(self.folder, self.card, self.threads)

    @cached_property
    def _tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        """One that gives all tokens, and one that cuts (what is asked and read: into windows)."""
        from tokenizers import Tokenizer

        text = (self.folder / "tokenizer.json").read_text(encoding="utf-8")
        whole, cutting = Tokenizer.from_str(text), Tokenizer.from_str(text)
        if self.card.kind == "question_answering":
            cutting.enable_truncation(self.card.max_length, stride=self.card.stride, strategy="only_second")
        else:
            cutting.enable_truncation(self.card.max_length)
        return whole, cutting

    def __call__(self, inputs: Any) -> Any:  # noqa: ANN401 -- one of three kinds of input, or a list of them
        answers = self.predict(inputs if isinstance(inputs, list) else [inputs])
        return answers if isinstance(inputs, list) else answers[0]

    def predict(self, inputs: Sequence[Any]) -> list[dict[str, Any]]:
        """The answers to many inputs, in their order."""
        read = {"classification": self._read_texts, "tagging": self._read_words, "question_answering": self._read_pair}
        answer = {"classification": self._label, "tagging": self._tags, "question_answering": self._span}
        kind = self.card.kind
        checked = [self.checked(one) for one in inputs]
        rows = [read[kind](one) for one in checked]
        outputs = iter(self.outputs([row for own in rows for row in own]))
        return [answer[kind](one, own, [next(outputs) for _ in own]) for one, own in zip(checked, rows, strict=True)]

    def outputs(self, rows: Sequence[Row]) -> list[np.ndarray]:
        """The head's outputs for each row: (labels,), (tokens, labels) or (tokens, 2)."""
        order = sorted(range(len(rows)), key=lambda place: -len(rows[place].ids))
        found: list[Any] = [None] * len(rows)
        start = 0
        while start < len(order):
            length = len(rows[order[start]].ids)
            most = order[start : start + max(1, self.batch_tokens // length)]
            batch = [place for place in most if len(rows[place].ids) == length]
            # OpenVINO prepares itself for each shape that it meets: powers of two keep them few.
            batch = batch[: 1 << (len(batch).bit_length() - 1)]
            start += len(batch)
            ids = np.array([rows[place].ids for place in batch], np.int64)
            types = np.array([rows[place].types for place in batch], np.int64)
            for place, out in zip(batch, self.session(ids, types), strict=True):
                found[place] = out
        return found

    # What `evaluate` wants to know

    @property
    def preparation(self) -> Preparation:
        """The lengths that the card names."""
        from speedy_utils.preprocessing import Preparation

        return Preparation(self.card.max_length, self.card.stride, self.card.max_question)

    def training_tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer as `prepare` takes one, for an evaluation; this alone needs transformers."""
        from tokenizers import Tokenizer
        from transformers import PreTrainedTokenizerFast

        names = ["input_ids", *(["token_type_ids"] if self.card.token_types else [])]
        own = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        return PreTrainedTokenizerFast(tokenizer_object=own, model_input_names=names)

    def describe(self) -> dict[str, Any]:
        """What a figure of this model depends on besides data and weights: runtime, precision, threads, versions."""
        from speedy_utils.speed.runtimes import device_of

        return {
            "device": f"{device_of(self.card)} {platform.machine()}",
            "threads": self.threads,
            "runtime": self.card.runtime,
            "precision": self.card.precision,
            "versions": {
                "python": platform.python_version(),
                "speedy_utils": __version__,
                **{name: version(name) for name in (self.card.runtime, "transformers", "tokenizers")},
            },
        }

    # Reading

    def checked(self, one: Any) -> Any:  # noqa: ANN401
        """The input in one form: a tuple of texts, or for tagging a text and its words."""
        parts = (one,) if isinstance(one, str) else tuple(one) if isinstance(one, list | tuple) else ()
        if not all(isinstance(part, str) for part in parts):
            parts = ()
        for part in parts:
            try:
                part.encode()
            except UnicodeEncodeError:
                raise ValueError(f"A text holds half a character, which is no Unicode: {brief(ascii(part))}.") from None
        if self.card.kind == "tagging":
            if isinstance(one, str):
                return one, [(match[0], *match.span()) for match in WORDS.finditer(one)]
            if parts:
                return _joined(parts)
            raise ValueError(f"Give a text or a tuple of its words, not {brief(repr(one))}.")
        wanted = 2 if self.card.kind == "question_answering" else 1 + self.card.pair
        if len(parts) != wanted:
            what = {1: "a text", 2: "a pair of texts"}[wanted]
            what = "a question and its context" if self.card.kind == "question_answering" else what
            raise ValueError(f"Give {what}, not {brief(repr(one))}.")
        return parts

    def _read_texts(self, texts: tuple[str, ...]) -> list[Row]:
        return [_row(self._tokenizers[1].encode(*texts))]

    def _read_words(self, sentence: tuple[str, list[Word]]) -> list[Row]:
        """The sentence, in pieces between words where it is too long (as `preprocessing.prepare` cuts it)."""
        whole, cutting = self._tokenizers
        texts = [word[0] for word in sentence[1]]
        encoding = whole.encode(texts, is_pretokenized=True)
        if len(encoding.ids) <= self.card.max_length:
            return [_row(encoding, word_starts_of(encoding.word_ids, 0, len(texts)))]
        sizes = np.bincount([word for word in encoding.word_ids if word is not None], minlength=len(texts))
        bounds = piece_bounds(sizes, self.card.max_length - whole.num_special_tokens_to_add(is_pair=False))
        pieces = [(cutting.encode(texts[a:b], is_pretokenized=True), b - a) for a, b in bounds]
        return [_row(piece, word_starts_of(piece.word_ids, 0, size)) for piece, size in pieces]

    def _read_pair(self, pair: tuple[str, str]) -> list[Row]:
        whole, cutting = self._tokenizers
        question, context = pair
        question = cut_question(lambda text: whole.encode(text, add_special_tokens=False).offsets, question,
                                self.card.max_question)  # fmt: skip
        first = cutting.encode(question, context)
        windows = [first, *first.overflowing]
        spans = []
        for window in windows:
            inside = [
                span if part == 1 else None for span, part in zip(window.offsets, window.sequence_ids, strict=True)
            ]
            spans.append(covered(inside, context))
        read = characters_read(spans, context)
        return [
            _row(window, starts, [with_accents(read, end) for end in ends])
            for window, (starts, ends) in zip(windows, spans, strict=True)
        ]

    # Answering

    def _label(self, _: object, __: object, outputs: list[np.ndarray]) -> dict[str, Any]:
        shares = softmax(outputs[0])
        best = int(shares.argmax())
        return {"label": self.card.labels[best], "score": float(shares[best])}

    def _tags(self, sentence: tuple[str, list[Word]], rows: list[Row], outputs: list[np.ndarray]) -> dict[str, Any]:
        text, words = sentence
        default, tagged = default_tag(self.card.labels), []
        for row, logits in zip(rows, outputs, strict=True):
            for place in row.starts:
                if place < 0:  # the tokenizer leaves nothing of this word
                    tagged.append((default, 1.0))
                else:
                    shares = softmax(logits[place])
                    best = int(shares.argmax())
                    tagged.append((self.card.labels[best], float(shares[best])))
        if "O" not in self.card.labels:
            return {
                "words": [
                    {"tag": tag, "text": word, "start": start, "end": end, "score": score}
                    for (word, start, end), (tag, score) in zip(words, tagged, strict=True)
                ]
            }
        found = []
        for name, first, last in entities([tag for tag, _ in tagged]):
            start, end = words[first][1], words[last][2]
            score = min(score for _, score in tagged[first : last + 1])
            found.append({"type": name, "text": text[start:end], "start": start, "end": end, "score": score})
        return {"entities": found}

    def _span(self, pair: tuple[str, str], rows: list[Row], outputs: list[np.ndarray]) -> dict[str, Any]:
        best = {"answer": "", "start": 0, "end": 0, "score": float("-inf")}
        for row, logits in zip(rows, outputs, strict=True):
            first, last, score = best_span(np.array(row.starts), logits.astype(np.float64), self.card.longest_answer)
            if score > best["score"]:
                start, end = row.starts[first], row.ends[last]
                best = {"answer": pair[1][start:end], "start": start, "end": end, "score": score}
        return best


# Files

BLOCK = 2048  # lines that are in memory together, and among which equal lengths are found


def predict_lines(
    predictor: Predictor, lines: Iterable[bytes], json_lines: bool = False, block: int = BLOCK
) -> Iterator[dict[str, Any]]:
    """An answer for each line, in order, with its number from 1 on as `line`; where there is none, `error` says why.

    A line is a text; with `json_lines`, as inputs of two parts need it, a JSON object: {"text"} or {"tokens"} for
    tagging, {"text"} or {"sentence1"} (and {"sentence2"}) for classification, {"question", "context"} for question
    answering. Only `block` lines are held at a time. Raises ValueError where inputs of two parts come as plain lines.
    """
    card = predictor.card
    if not json_lines and (card.pair or card.kind == "question_answering"):
        raise ValueError(f"{card.title} reads two texts at a time: give JSON lines (a file that ends in .jsonl).")
    numbered = enumerate(lines, start=1)
    while few := list(islice(numbered, block)):
        inputs: dict[int, Any] = {}
        errors: dict[int, str] = {}
        for number, line in few:
            try:
                inputs[number] = _input_of_line(card, line, json_lines)
                predictor.checked(inputs[number])
            except ValueError as error:
                inputs.pop(number, None)
                errors[number] = str(error)
        answers = dict(zip(inputs, predictor.predict(list(inputs.values())), strict=True))
        for number, _ in few:
            yield {"line": number} | (answers[number] if number in answers else {"error": errors[number]})


def _input_of_line(card: Card, line: bytes, json_lines: bool) -> Any:  # noqa: ANN401
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"The line is no UTF-8: byte {line[error.start]:#04x} at place {error.start + 1}.") from None
    if not json_lines:
        return text
    try:
        found = json.loads(text)
    except ValueError:
        raise ValueError(f"The line is no JSON: {brief(text, 40)}") from None
    if not isinstance(found, dict):
        raise ValueError(f"The line is no JSON object with named texts: {brief(text, 40)}")
    one = "text" if "text" in found or card.kind == "tagging" else "sentence1"
    names = ["question", "context"] if card.kind == "question_answering" else [one, "sentence2"][: 1 + card.pair]
    if card.kind == "tagging" and "tokens" in found:
        words = found["tokens"]
        return tuple(words) if isinstance(words, list) else words
    for name in names:
        if name not in found:
            raise ValueError(f"The line has no {name!r}: {brief(text, 40)}")
    return found[names[0]] if len(names) == 1 else tuple(found[name] for name in names)


def _row(encoding: Encoding, starts: list[int] = (), ends: list[int] = ()) -> Row:
    return Row(encoding.ids, encoding.type_ids, starts, ends)


def _joined(words: Sequence[str]) -> tuple[str, list[Word]]:
    """Words as a text with a space between them, and where each stands in it."""
    placed, start = [], 0
    for word in words:
        placed.append((word, start, start + len(word)))
        start += len(word) + 1
    return " ".join(words), placed


def entities(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """(type, first word, last word) of each entity, in order, as seqeval's default mode finds them.

    An I- that does not go on what stands before it begins an entity.
    """
    found: list[tuple[str, int, int]] = []
    before = ""
    for place, tag in enumerate(tags):
        mark, _, name = tag.partition("-")
        if mark == "I" and before == name:
            found[-1] = (name, found[-1][1], place)
        elif mark in ("B", "I"):
            found.append((name, place, place))
        before = name if mark in ("B", "I") else ""
    return found
