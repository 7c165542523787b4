"""Text to features, and model outputs back to text, for the three kinds of task.

`prepare` turns the examples of `load_task` into the numbers a model reads and the labels it is trained on. What it
keeps beside them (where each word starts, which characters a token covers) is what `tag_words` and `best_answers` need
to turn outputs into tags and answers again. All of it rests on a fast tokenizer's word numbers and character offsets.
"""

from __future__ import annotations

import shutil
import tempfile
import unicodedata
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speedy_utils.devices import quiet
from speedy_utils.errors import unknown_name
from speedy_utils.systems import check_counts
from speedy_utils.tasks import Task, get_task

if TYPE_CHECKING:
    import datasets
    import torch
    from transformers import PreTrainedTokenizerFast

IGNORED = -100  # the label that torch's cross-entropy leaves out
SUBWORDS = ("first", "all")
COLUMNS = {
    "classification": ("sentence1", "label"),  # and sentence2, for pairs
    "tagging": ("tokens", "tags"),
    "question_answering": ("id", "context", "question", "answers"),
}
IN_MEMORY = 5_000  # examples up to which features stay in memory: 60 MB at most, in windows of 512 tokens
Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Preparation:
    """How text becomes features; lengths count tokens.

    `max_length` is the longest input, special tokens included. A longer sentence (pair) to classify is cut, a longer
    sentence to tag is cut into pieces at words, and a longer context is read through overlapping windows, of which
    neighbours share `stride` tokens. A question is cut after `max_question` tokens. Left out, they are the paper's
    (512, 128) with 64 for the question, or for a model with fewer positions all of them and a quarter each.

    `subwords`: which tokens of a word carry its tag in training, the "first" or "all". With "all", the tokens that
    continue a word tagged B-PER are I-PER (as in the examples of `transformers`). Either way the tag of a word is read
    off its first token. `max_words` drops the words of a sentence behind that many from training; they are always
    scored.
    """

    max_length: int | None = None
    stride: int | None = None
    max_question: int | None = None
    subwords: str = "first"
    max_words: int | None = None

    def __post_init__(self) -> None:
        lengths = {name: value for name, value in vars(self).items() if name != "subwords" and value is not None}
        check_counts(**lengths)
        if self.subwords not in SUBWORDS:
            raise ValueError(unknown_name("choice of subwords", self.subwords, SUBWORDS))

    def for_positions(self, positions: int = 512) -> Preparation:
        """The same with every length filled in, for a model with so many positions.

        Raises ValueError for a `max_length` that the model has no positions for.
        """
        longest = self.max_length or min(512, positions)
        if longest > positions:
            raise ValueError(f"This model reads at most {positions} tokens, not {longest}: take a smaller max_length.")
        return replace(
            self,
            max_length=longest,
            stride=self.stride or max(1, min(128, longest // 4)),
            max_question=self.max_question or max(1, min(64, longest // 4)),
        )


def missing_columns(task: Task, examples: datasets.Dataset) -> list[str]:
    """The columns of `load_task` that are needed for this task and are not there."""
    wanted = [*COLUMNS[task.kind], *(["sentence2"] if task.pair else [])]
    return [name for name in wanted if name not in examples.column_names]


def prepare(
    tokenizer: PreTrainedTokenizerFast, task: Task | str, examples: datasets.Dataset, how: Preparation | None = None
) -> datasets.Dataset:
    """Examples with the columns of `load_task` as features: `input_ids`, `labels` and what belongs to the kind.

    Classification: one feature an example, `labels` its number, `cut` whether it was longer than `max_length`.
    Tagging: one feature or more a sentence, `labels` a tag's number or -100 for each token, `word_starts` the place of
    each word's first token (-1: the tokenizer leaves nothing of this word).
    Question answering: one feature a window, `labels` the first and last token of the first gold answer (both 0, the
    place of [CLS], where the window does not hold it), `starts` and `ends` the characters of the context that each
    token covers (-1 for tokens outside it).
    `example` is the number of the example, `token_type_ids` is there where the model's family has them.

    Raises ValueError for a slow tokenizer, which has no offsets, for a column that is not there, and for lengths that
    leave no room for text.
    """
    task, how = get_task(task), how or Preparation()
    how = how.for_positions(how.max_length or 512)  # `for_positions` of the model's own comes first, where there is one
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(
            f"{type(tokenizer).__name__} is a slow tokenizer without offsets: load a fast one, with AutoTokenizer."
        )
    if missing := missing_columns(task, examples):
        raise ValueError(f"Examples of {task.title} need the column {missing[0]!r}: load them with load_task().")
    make = {"classification": _classify, "tagging": _tag, "question_answering": _ask}[task.kind]
    extra = {"classification": {"pair": task.pair}, "tagging": {"labels": task.labels}}.get(task.kind, {})
    if task.kind == "question_answering":
        room = how.max_length - tokenizer.num_special_tokens_to_add(pair=True) - how.max_question
        if room <= how.stride:
            raise ValueError(
                f"A question of {how.max_question} tokens leaves {max(room, 0)} of {how.max_length} for the context, "
                f"not more than the {how.stride} that windows share: take a larger max_length or a smaller stride."
            )
    elif how.max_length <= tokenizer.num_special_tokens_to_add(pair=task.pair):
        raise ValueError(f"A max_length of {how.max_length} leaves no room for text: take a larger one.")
    with quiet():
        return _map(examples, partial(make, tokenizer=tokenizer, how=how, **extra))


def _map(examples: datasets.Dataset, make: Callable[..., Columns]) -> datasets.Dataset:
    """Features in memory; those of many examples on disk, from where they are read through the memory map.

    Their file is deleted with them. Raises OSError in one sentence where there is no room for it.
    """
    how = {
        "batched": True,
        "with_indices": True,
        "remove_columns": examples.column_names,
        "load_from_cache_file": False,
    }
    if len(examples) <= IN_MEMORY:
        return examples.map(make, **how)
    folder = Path(tempfile.mkdtemp(prefix="speedy-features-"))
    delete = partial(shutil.rmtree, folder, ignore_errors=True)
    try:
        features = examples.map(make, cache_file_name=str(folder / "features.arrow"), **how)
    except OSError as error:
        delete()
        raise OSError(
            f"The features of {len(examples):,} examples cannot be written to {folder.parent} "
            f"({error.strerror or error}): set TMPDIR to a folder with room."
        ) from error
    except BaseException:
        delete()
        raise
    weakref.finalize(features, delete)
    return features


def _keep(encoding: Any, names: Sequence[str] = ("input_ids", "token_type_ids")) -> Columns:  # noqa: ANN401
    return {name: encoding[name] for name in names if name in encoding}


def _classify(
    batch: Columns,
    numbers: list[int],
    tokenizer: PreTrainedTokenizerFast,
    how: Preparation,
    pair: bool,
) -> Columns:
    second = batch["sentence2"] if pair else None
    encoding = tokenizer(batch["sentence1"], second, truncation=True, max_length=how.max_length, padding=False)
    cut = [bool(one.overflowing) for one in encoding.encodings]
    return {**_keep(encoding), "labels": batch["label"], "cut": cut, "example": numbers}


# Tagging


def _tag(
    batch: Columns, numbers: list[int], tokenizer: PreTrainedTokenizerFast, how: Preparation, labels: tuple[str, ...]
) -> Columns:
    inside = _continuations(labels)
    made: Columns = {}
    for number, words, tags in zip(numbers, batch["tokens"], batch["tags"], strict=True):
        for first, behind, encoding in _pieces(tokenizer, words, how.max_length):
            word_ids = [None if word is None else word + first for word in encoding.word_ids()]
            starts = word_starts_of(word_ids, first, behind)
            row = _keep(encoding) | {
                "labels": _token_labels(word_ids, tags, inside, how),
                "word_starts": starts,
                "first_word": first,
                "example": number,
            }
            for name, value in row.items():
                made.setdefault(name, []).append(value)
    return made


def _continuations(labels: Sequence[str]) -> list[int]:
    """For each label, the label of a token that continues its word: I-PER for B-PER, else the same."""
    return [labels.index("I-" + tag[2:]) if tag.startswith("B-") else place for place, tag in enumerate(labels)]


def _pieces(tokenizer: PreTrainedTokenizerFast, words: list[str], max_length: int) -> list[tuple[int, int, Any]]:
    """(first word, the one behind the last, encoding) of a sentence, cut between words where it is too long.

    A single word that is too long keeps the tokens that fit.
    """
    whole = tokenizer(words, is_split_into_words=True, truncation=False)
    if len(whole["input_ids"]) <= max_length:
        return [(0, len(words), whole)]
    sizes = np.zeros(len(words), int)
    for word in whole.word_ids():
        if word is not None:
            sizes[word] += 1
    return [
        (a, b, tokenizer(words[a:b], is_split_into_words=True, truncation=True, max_length=max_length))
        for a, b in piece_bounds(sizes, max_length - tokenizer.num_special_tokens_to_add())
    ]


def piece_bounds(sizes: Sequence[int], room: int) -> list[tuple[int, int]]:
    """(first word, the one behind the last) of each piece of a sentence whose words have so many tokens.

    A piece has at most `room` tokens; a word that has more is a piece of its own.
    """
    pieces, first, used = [], 0, 0
    for place, size in enumerate(sizes):
        if used + size > room and place > first:
            pieces.append((first, place))
            first, used = place, 0
        used += size
    pieces.append((first, len(sizes)))
    return pieces


def word_starts_of(word_ids: Sequence[int | None], first: int, behind: int) -> list[int]:
    """The place of the first token of each word from `first` up to `behind`; -1 for none."""
    starts = [-1] * (behind - first)
    for place, word in enumerate(word_ids):
        if word is not None and starts[word - first] < 0:
            starts[word - first] = place
    return starts


def _token_labels(
    word_ids: Sequence[int | None], tags: Sequence[int], inside: Sequence[int], how: Preparation
) -> list[int]:
    labels, previous = [], None
    for word in word_ids:
        if word is None or (how.max_words is not None and word >= how.max_words):
            labels.append(IGNORED)
        elif word != previous:
            labels.append(tags[word])
        else:
            labels.append(inside[tags[word]] if how.subwords == "all" else IGNORED)
        previous = word
    return labels


def tag_words(
    features: datasets.Dataset, outputs: Sequence[np.ndarray], sizes: Sequence[int], labels: Sequence[str]
) -> tuple[list[list[str]], int]:
    """(the tags of every sentence, the number of words that no token stands for).

    `outputs` holds one array (tokens, labels) for each feature of `prepare`, `sizes` the number of words of each
    sentence. A word of which the tokenizer leaves nothing (an empty string, a lone control character) is tagged O,
    or X where there is no O.
    """
    default = default_tag(labels)
    tags = [[""] * size for size in sizes]
    columns = features.with_format(None).select_columns(["example", "first_word", "word_starts"])
    for row, scores in zip(columns, outputs, strict=True):
        best = scores.argmax(axis=-1)
        for word, place in enumerate(row["word_starts"], row["first_word"]):
            if place >= 0:
                tags[row["example"]][word] = labels[best[place]]
    missing = sum(tag == "" for sentence in tags for tag in sentence)
    return [[tag or default for tag in sentence] for sentence in tags], missing


def default_tag(labels: Sequence[str]) -> str:
    """The tag of a word of which the tokenizer leaves nothing: O, or X where there is no O."""
    return "O" if "O" in labels else "X" if "X" in labels else labels[0]


# Question answering


def _ask(batch: Columns, numbers: list[int], tokenizer: PreTrainedTokenizerFast, how: Preparation) -> Columns:
    def offsets_of(text: str) -> list[tuple[int, int]]:
        return tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]

    questions = [cut_question(offsets_of, question, how.max_question) for question in batch["question"]]
    encoding = tokenizer(
        questions,
        batch["context"],
        truncation="only_second",
        max_length=how.max_length,
        stride=how.stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    made: Columns = {**_keep(encoding), "labels": [], "starts": [], "ends": [], "example": []}
    windows: dict[int, list[tuple[list[int], list[int]]]] = {}
    for window, place in enumerate(encoding["overflow_to_sample_mapping"]):
        offsets = [
            span if part == 1 else None
            for span, part in zip(encoding["offset_mapping"][window], encoding.sequence_ids(window), strict=True)
        ]
        windows.setdefault(place, []).append(covered(offsets, batch["context"][place]))
    for place, spans in windows.items():  # the windows of a context stand together, in the order of the examples
        context, answers = batch["context"][place], batch["answers"][place]
        read = characters_read(spans, context)
        first = behind = 0
        if answers["text"]:
            first, behind = _without_unread(read, answers["answer_start"][0], len(answers["text"][0]))
        for starts, ends in spans:
            ends = [with_accents(read, end) for end in ends]
            made["starts"].append(starts)
            made["ends"].append(ends)
            made["example"].append(numbers[place])
            made["labels"].append(list(_answer_tokens(starts, ends, first, behind)))
    return made


def cut_question(offsets_of: Callable[[str], list[tuple[int, int]]], question: str, most: int) -> str:
    """The question up to its token number `most`, or a little less where that cuts a word or a character."""
    while True:
        offsets = offsets_of(question)
        if len(offsets) <= most:
            return question
        question = question[: min(offsets[most - 1][1], len(question) - 1)]  # always shorter, so this ends


def covered(offsets: Sequence[tuple[int, int] | None], context: str) -> tuple[list[int], list[int]]:
    """First character of each token and the one behind its last, white space around it left out; -1 for none.

    Some tokenizers count the space before a word as part of its first token, others do not.
    """
    starts, ends = [-1] * len(offsets), [-1] * len(offsets)
    for place, span in enumerate(offsets):
        if span is None:
            continue
        start, end = span
        while start < end and context[start].isspace():
            start += 1
        while end > start and context[end - 1].isspace():
            end -= 1
        if start < end:
            starts[place], ends[place] = start, end
    return starts, ends


UNREAD, READ, ACCENT = 0, 1, 2


def characters_read(windows: Sequence[tuple[list[int], list[int]]], context: str) -> bytearray:
    """For each character of the context: READ in one of the windows, ACCENT of the letter before it, or UNREAD.

    A tokenizer that composes letters (ALBERT's, by NFKC) says that e + combining acute stand at the place of the e.
    Other characters are left out altogether: white space, and by BERT's all that is invisible.
    """
    read = bytearray(len(context))
    for starts, ends in windows:
        for start, end in zip(starts, ends, strict=True):
            if start >= 0:
                read[start:end] = bytes([READ]) * (end - start)
    for place in range(1, len(context)):
        if not read[place] and read[place - 1] and unicodedata.combining(context[place]):
            read[place] = ACCENT
    return read


def with_accents(read: bytearray, end: int) -> int:
    """Where a token ends if the accents behind its last letter are part of it; -1 stays -1."""
    while 0 <= end < len(read) and read[end] == ACCENT:
        end += 1
    return end


def _without_unread(read: bytearray, first: int, length: int) -> tuple[int, int]:
    """(first, behind) of an answer without the characters at its ends that no token stands for."""
    behind = first + length
    while first < behind and read[first] == UNREAD:
        first += 1
    while first < behind and read[behind - 1] == UNREAD:
        behind -= 1
    return first, behind


def _answer_tokens(starts: Sequence[int], ends: Sequence[int], first: int, behind: int) -> tuple[int, int]:
    """(first, last) token of the characters from `first` up to `behind`, or (0, 0) if the window does not hold them."""
    inside = [place for place, start in enumerate(starts) if start >= 0]
    if first == behind or not inside or starts[inside[0]] > first or ends[inside[-1]] < behind:
        return 0, 0
    touched = [place for place in inside if ends[place] > first and starts[place] < behind]
    return touched[0], touched[-1]


def best_answers(
    features: datasets.Dataset, outputs: Sequence[np.ndarray], contexts: Sequence[str], longest: int = 30
) -> list[dict[str, Any]]:
    """For each context the answer {"text", "start", "score"}: the span with the highest sum of two scores.

    `outputs` holds one array (tokens, 2) for each feature of `prepare`: how well an answer starts, and ends, at each
    token. All spans of at most `longest` tokens inside the context are compared, over all windows of a context; `start`
    counts characters. A context without a single token gives the empty answer.
    """
    best: list[dict[str, Any]] = [{"text": "", "start": 0, "score": float("-inf")} for _ in contexts]
    columns = features.with_format(None).select_columns(["example", "starts", "ends"])
    for row, scores in zip(columns, outputs, strict=True):
        first, last, score = best_span(np.array(row["starts"]), scores.astype(np.float64), longest)
        number = row["example"]
        if score > best[number]["score"]:
            start, end = row["starts"][first], row["ends"][last]
            best[number] = {"text": contexts[number][start:end], "start": start, "score": score}
    return best


def best_span(starts: np.ndarray, scores: np.ndarray, longest: int) -> tuple[int, int, float]:
    """(first token, last token, score) of the best span; the score is minus infinity where there is none."""
    allowed = starts >= 0
    begin = np.where(allowed, scores[:, 0], -np.inf)
    finish = np.where(allowed, scores[:, 1], -np.inf)
    found = (0, 0, float("-inf"))
    for length in range(min(longest, len(starts))):
        sums = begin[: len(begin) - length] + finish[length:]
        place = int(sums.argmax())
        if sums[place] > found[2]:
            found = (place, place + length, float(sums[place]))
    return found


# Batches


def pad_batch(rows: Sequence[dict[str, Any]], pad_id: int) -> dict[str, torch.Tensor]:
    """Features as tensors of the shape (features, longest): input_ids, attention_mask, token_type_ids, labels.

    Padding is masked, and its label is ignored. `labels` have the shape (features,) for classification and
    (features, 2) for question answering.
    """
    import torch

    longest = max(len(row["input_ids"]) for row in rows)

    def table(name: str, fill: int) -> torch.Tensor:
        return torch.tensor([[*row[name], *[fill] * (longest - len(row[name]))] for row in rows])

    batch = {"input_ids": table("input_ids", pad_id)}
    lengths = torch.tensor([[len(row["input_ids"])] for row in rows])
    batch["attention_mask"] = (torch.arange(longest) < lengths).long()
    if "token_type_ids" in rows[0]:
        batch["token_type_ids"] = table("token_type_ids", 0)
    if "labels" in rows[0]:
        by_token = "word_starts" in rows[0]
        batch["labels"] = table("labels", IGNORED) if by_token else torch.tensor([row["labels"] for row in rows])
    return batch
