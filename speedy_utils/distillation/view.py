"""One example as a student meets it: both tokenizations, what the teacher says, and what the student is asked to match.

Every figure is that of `align`; nothing is computed a second time here but sums over what is left out of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from speedy_utils.distillation.alignment import NO_ANSWER, Aligned, align, movable
from speedy_utils.distillation.cache import ask_teacher
from speedy_utils.evaluation import softmax
from speedy_utils.notebook import TOKEN_STYLE
from speedy_utils.preprocessing import Preparation, prepare
from speedy_utils.tasks import Task, get_task

if TYPE_CHECKING:
    from IPython.display import HTML
    from transformers import PreTrainedTokenizerFast

    from speedy_utils.encoders import Encoder

TAGS_SHOWN = 3  # of each word, those of at least half a per cent
LIKELY = 0.02  # what a start or an end needs to be shown
MOST = 2  # likeliest starts of the teacher that are shown; as many ends, and as many of the student's

Feature = dict[str, Any]


def show_lesson(
    teacher: Encoder,
    student: Encoder,
    task: Task | str,
    example: Mapping[str, Any],
    how: Preparation | None = None,
    temperature: float = 1.0,
) -> HTML:
    """What one example becomes in distillation, as a table to read; `example` is a row of `load_task`.

    Tagging: for each word the pieces of both, and at which of the student's tokens it is asked to match which tags
    (per cent, the likeliest three). Question answering: around the likely answers the tokens of both, each with its
    probability (per cent) as a start and as an end, in one table for each window of the student. What is not aligned
    is named. Both read as in `distill`: as `how` says, as far as their positions go.

    Raises ValueError for a task of texts, where a whole answer belongs to a whole text, and for a teacher or an example
    of another task.
    """
    import datasets
    from IPython.display import HTML

    task = get_task(task)
    if task.kind == "classification":
        raise ValueError(f"A teacher's answer to {task.title} belongs to the whole text: there is nothing to align.")
    examples = datasets.Dataset.from_list([dict(example)])
    how = (how or Preparation()).for_positions(student.longest)
    teacher_how = replace(how, max_length=min(how.max_length, teacher.longest))
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        answer = ask_teacher(teacher, task, examples, teacher_how, cache=folder)[0]
    read = prepare(teacher.tokenizer, task, examples, teacher_how.for_positions(teacher.longest)).with_format(None)
    asked = prepare(student.tokenizer, task, examples, how).with_format(None)
    context = example.get("context", "")
    aligned = [align(task.kind, feature, answer, context, temperature) for feature in asked]
    names = teacher.name, student.name
    if task.kind == "tagging":
        pieces = _word_pieces(teacher.tokenizer, read), _word_pieces(student.tokenizer, asked)
        body = _words(task, example["tokens"], answer, pieces, aligned, names, temperature)
    else:
        strings = [_token_strings(teacher.tokenizer, row) for row in read]
        said = {span: text for texts in reversed(strings) for span, text in texts.items()}
        body = "".join(
            _window(example, answer, said, student.tokenizer, feature, target, names, temperature, (number, len(asked)))
            for number, (feature, target) in enumerate(zip(asked, aligned, strict=True), start=1)
        )
    return HTML(f'{TOKEN_STYLE}{_STYLE}<div class="speedy-lesson">{body}</div>')


def _table(caption: str, head: str, body: str) -> str:
    return (
        f'<div class="speedy-table speedy-tokens"><table><caption>{caption}</caption><thead>{head}</thead>'
        f"{body}</table></div>"
    )


def _box(token: str, kind: str = "") -> str:
    return f'<span class="token{kind}">{escape(token)}</span>'


# Words


def _word_pieces(tokenizer: PreTrainedTokenizerFast, features: Sequence[Feature]) -> dict[int, tuple[int, list[str]]]:
    """For each word that was read: the number of its feature, and its tokens."""
    ends = {tokenizer.sep_token_id, tokenizer.eos_token_id}
    found = {}
    for number, feature in enumerate(features):
        ids = feature["input_ids"]
        begun = [(place, word) for word, place in enumerate(feature["word_starts"], feature["first_word"]) if place > 0]
        borders = [*(place for place, _ in begun), len(ids) - (ids[-1] in ends)]
        for (place, word), behind in zip(begun, borders[1:], strict=True):
            found[word] = number, tokenizer.convert_ids_to_tokens(ids[place:behind])
    return found


def _words(
    task: Task,
    words: Sequence[str],
    answer: np.ndarray,
    pieces: tuple[dict[int, tuple[int, list[str]]], dict[int, tuple[int, list[str]]]],
    aligned: Sequence[Aligned],
    names: tuple[str, str],
    temperature: float,
) -> str:
    rows, before = [], [0, 0]
    parts = [max((number for number, _ in one.values()), default=0) for one in pieces]
    seen = [0] * len(aligned)  # how many tokens of each of the student's features were passed: [CLS] is the first
    for word, text in enumerate(words):
        cells = []
        for side, own in enumerate(pieces):
            number, tokens = own.get(word, (before[side], []))
            new = parts[side] and (word == 0 or number != before[side])
            before[side] = number
            boxes = "".join(_box(token, "" if place else " first") for place, token in enumerate(tokens))
            mark = f"<small>part {number + 1}</small> " if new else ""
            cells.append(f'<td class="pieces" lang="es">{mark}{boxes or "–"}</td>')
        target = "not aligned: the student has no token for it"
        if word in pieces[1]:
            number, tokens = pieces[1][word]
            place = seen[number] + 1
            seen[number] += len(tokens)
            if aligned[number].counted[place]:
                where = f"part {number + 1}, " if parts[1] else ""
                p = softmax(aligned[number].logits[place] / temperature)
                target = f"{where}token {place}: {_likeliest(p, task.labels)}"
            elif np.isnan(answer[word]).any():
                target = "not aligned: the teacher has no token for it"
            else:
                target = "left out by max_words"
        cells.append(f'<td class="text">{escape(target)}</td>')
        rows.append(f'<tr><th scope="row" lang="es">{_visible(text)}</th>{"".join(cells)}</tr>')
    teacher, student = (escape(name) for name in names)
    heads = ("word", f"teacher’s pieces ({teacher})", f"student’s pieces ({student})", "the student is asked to match")
    head = "".join(f'<th scope="col" class="text">{name}</th>' for name in heads)
    caption = "One sentence, cut twice: a word’s tags stand at its first piece"
    return _table(caption, f"<tr>{head}</tr>", f"<tbody>{''.join(rows)}</tbody>")


def _visible(word: str) -> str:
    """A word as HTML; one that nobody can see by the numbers of its characters."""
    if any(character.isprintable() and not character.isspace() for character in word):
        return escape(word)
    return " ".join(f"U+{ord(character):04X}" for character in word)


def _likeliest(p: np.ndarray, labels: Sequence[str]) -> str:
    order = [place for place in np.argsort(-p, kind="stable")[:TAGS_SHOWN] if p[place] >= 0.005]
    return ", ".join(f"{labels[place]} {p[place]:.0%}" for place in order)


# Questions


def _token_strings(tokenizer: PreTrainedTokenizerFast, feature: Feature) -> dict[tuple[int, int], str]:
    """For the characters of each token of the context the token itself; several (the bytes of a letter) are joined."""
    found: dict[tuple[int, int], str] = {}
    tokens = tokenizer.convert_ids_to_tokens(feature["input_ids"])
    for token, *span in zip(tokens, feature["starts"], feature["ends"], strict=True):
        if span[0] >= 0:
            key = span[0], span[1]
            found[key] = f"{found[key]} {token}" if key in found else token
    return found


def _window(
    example: Mapping[str, Any],
    answer: np.ndarray,
    said: Mapping[tuple[int, int], str],
    tokenizer: PreTrainedTokenizerFast,
    feature: Feature,
    target: Aligned,
    names: tuple[str, str],
    temperature: float,
    place: tuple[int, int],
) -> str:
    """The table of one window of the student."""
    context = example["context"]
    told = np.array([softmax(row / temperature) for row in answer[:, 2:].T])  # (2, teacher's tokens)
    asked = np.exp(target.logits.astype(np.float64) / temperature)  # (2, student's tokens); 0 where not allowed
    moved = movable(feature, answer, context)
    spans = answer[:, :2].astype(int)
    starts, ends = np.array(feature["starts"]), np.array(feature["ends"])
    inside = np.flatnonzero(starts >= 0)
    first, behind = starts[inside].min(), ends[inside].max()
    own = [number for number, (a, b) in enumerate(spans) if a < behind and b > first]
    outside = np.setdiff1d(np.arange(len(spans)), own)
    tokens = tokenizer.convert_ids_to_tokens(feature["input_ids"])

    def teachers(numbers: Sequence[int]) -> list[str]:
        return [
            f'<td class="pieces" lang="es">{_box(said[tuple(spans[number])])}</td>'
            + "".join(_figure(told[side, number], moved[side, number]) for side in (0, 1))
            for number in numbers
        ]

    def students(places: Sequence[int]) -> list[str]:
        return [
            f'<td class="pieces" lang="es">{_box(tokens[at])}</td>' + "".join(_figure(p) for p in asked[:, at])
            for at in places
        ]

    def sums(numbers: Sequence[int], places: Sequence[int]) -> str:
        left = f'<td class="pieces">{_many(numbers)}</td>' + "".join(_figure(p) for p in told[:, list(numbers)].sum(1))
        right = f'<td class="pieces">{_many(places)}</td>' + "".join(_figure(p) for p in asked[:, list(places)].sum(1))
        return left + right

    nothing = '<td class="pieces">–</td><td class="number">–</td><td class="number">–</td>'
    left = nothing
    if len(outside):
        left = f'<td class="pieces">{_many(outside)}</td>' + "".join(_figure(p) for p in told[:, outside].sum(1))
    rows = [_row("not in this window", [left], students([NO_ANSWER]))]
    groups = _groups(spans, own, starts, ends, inside)
    shown = _near_answers(groups, told, asked)
    shown |= {number for number, (numbers, _) in enumerate(groups) if not moved[:, numbers].all()}
    skipped: list[tuple[list[int], list[int]]] = []

    def leave_out() -> None:
        if skipped:
            numbers, places = ([n for group in skipped for n in group[side]] for side in (0, 1))
            rows.append(_row("…", [sums(numbers, places)], None))
            skipped.clear()

    for number, group in enumerate(groups):
        if number in shown:
            leave_out()
            covered = [*(tuple(spans[n]) for n in group[0]), *((starts[at], ends[at]) for at in group[1])]
            text = context[min(a for a, _ in covered) : max(b for _, b in covered)]
            rows.append(_row(text, teachers(group[0]) or [nothing], students(group[1]) or [nothing], spanish=True))
        else:
            skipped.append(group)
    leave_out()
    closed = int((~target.allowed[0]).sum())
    closed_cell = f'<td class="pieces" colspan="3">{closed} tokens, not allowed</td>'
    rows.append(
        _row("question, separators, padding", ['<td class="pieces" colspan="3">not allowed</td>'], [closed_cell])
    )
    notes = []
    if not target.counted.all():
        notes.append("This window does not count: less than half of the teacher’s say could be aligned.")
    if not moved[:, own].all():
        notes.append("× marks what is not aligned: the student cuts this token at a border of words.")
    window = f", window {place[0]} of {place[1]}: characters {first} to {behind}" if place[1] > 1 else ""
    caption = f'<q lang="es">{escape(example["question"])}</q>{window}. Per cent. {" ".join(notes)}'.strip()
    teacher, student = (escape(name) for name in names)
    head = (
        '<tr><th scope="col" rowspan="2" class="text">text</th>'
        f'<th scope="colgroup" colspan="3" class="text">teacher: {teacher}</th>'
        f'<th scope="colgroup" colspan="3" class="text">asked of the student: {student}</th></tr><tr>'
        + 2
        * '<th scope="col">token</th><th scope="col" class="number">start</th><th scope="col" class="number">end</th>'
        + "</tr>"
    )
    return _table(caption, head, "".join(rows))


def _figure(p: float, moved: bool = True) -> str:
    strong = f"<strong>{100 * p:.1f}</strong>" if p >= LIKELY else f"{100 * p:.1f}"
    return f'<td class="number">{strong}{"" if moved else " ×"}</td>'


def _many(tokens: Sequence[int]) -> str:
    return f"{len(tokens)} token{'' if len(tokens) == 1 else 's'}"


def _row(text: str, left: list[str], right: list[str] | None, *, spanish: bool = False) -> str:
    """A group of rows: a text, the teacher's tokens beside the student's; right=None: `left` has both."""
    if right is None:
        cells = left
    else:
        height = max(len(left), len(right))
        empty = "<td></td>" * 3
        cells = [(left[n] if n < len(left) else empty) + (right[n] if n < len(right) else empty) for n in range(height)]
    span = f' rowspan="{len(cells)}"' if len(cells) > 1 else ""
    head = f'<th scope="rowgroup"{span} class="text"{" lang=" + chr(34) + "es" + chr(34) if spanish else ""}>'
    body = "".join(f"<tr>{f'{head}{escape(text)}</th>' if n == 0 else ''}{cell}</tr>" for n, cell in enumerate(cells))
    return f"<tbody>{body}</tbody>"


def _groups(
    spans: np.ndarray, own: Sequence[int], starts: np.ndarray, ends: np.ndarray, inside: np.ndarray
) -> list[tuple[list[int], list[int]]]:
    """The tokens that share characters, in the order of the text: (the teacher's numbers, the student's places)."""
    pieces = [(*map(int, spans[number]), 0, int(number)) for number in own]
    pieces += [(int(starts[at]), int(ends[at]), 1, int(at)) for at in inside]
    groups: list[tuple[list[int], list[int]]] = []
    reached = -1
    for start, end, side, number in sorted(pieces):
        if start >= reached:
            groups.append(([], []))
        groups[-1][side].append(number)
        reached = max(reached, end)
    return groups


def _near_answers(groups: Sequence[tuple[list[int], list[int]]], told: np.ndarray, asked: np.ndarray) -> set[int]:
    """Which groups are shown: the likeliest starts and ends of both, and their neighbours."""
    shown = set()
    for side, rows in enumerate((told, asked)):
        for row in rows:
            weight = [row[group[side]].max(initial=0.0) for group in groups]
            order = sorted(range(len(groups)), key=lambda number: -weight[number])
            likely = [number for rank, number in enumerate(order[:MOST]) if weight[number] >= LIKELY or rank == 0]
            shown |= {near for number in likely for near in (number - 1, number, number + 1)}
    shown &= set(range(len(groups)))
    return shown | {number for number in range(len(groups)) if {number - 1, number + 1} <= shown}


_STYLE = """<style>
.speedy-lesson .token.first { border-width: 2px; font-weight: bold; }
.speedy-lesson td.pieces, .speedy-lesson td.text, .speedy-lesson th.text { min-width: 0 !important;
  white-space: normal !important; }
.speedy-lesson td.pieces { min-width: 4.5em !important; }
.speedy-lesson td.text { min-width: 8em !important; }
.speedy-lesson table { border-collapse: collapse; }
@media (max-width: 600px) {
  .speedy-lesson table { font-size: 0.75rem !important; }
  .speedy-lesson table :is(th, td):nth-child(n) { padding: 0.3rem 0.25rem !important; }
  .speedy-lesson td.pieces { min-width: 4em !important; }
  .speedy-lesson .token { overflow-wrap: anywhere; white-space: pre-wrap; }
}
</style>"""
