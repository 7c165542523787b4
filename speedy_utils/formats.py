"""The file formats of Spanish benchmarks, read with the standard library alone.

Each reader gives `(examples, report)`: a list of dictionaries, and what was left out or looked odd on the way. What
cannot be read right is a ValueError that names the file and the line (JSON: the path inside it); nothing is guessed.
"""

from __future__ import annotations

import json
import re
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from speedy_utils.errors import listing, unknown_name

Example = dict[str, Any]


@dataclass
class Report:
    """What a reader found in one file. `dropped` counts what was left out; `notes` say what was kept and is odd.

    `repo` and `commit` are set for what came from the Hugging Face Hub: load_task's revision={repo: commit} reads the
    same again.
    """

    path: Path
    format: str
    encoding: str = "UTF-8"
    examples: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    repo: str = ""
    commit: str = ""

    def __str__(self) -> str:
        plural = "s" if self.examples != 1 else ""
        parts = [f"{self.path.name} ({self.format}, {self.encoding}): {self.examples:,} example{plural}"]
        if self.dropped:
            parts.append(f"dropped: {listing(f'{what} ({count:,})' for what, count in self.dropped.items())}")
        return "; ".join([*parts, *self.notes])

    def close(self, examples: Sequence[Example]) -> tuple[list[Example], Report]:
        """`(examples, self)`, counted. Raises ValueError where there are none: a file without examples is a mistake."""
        self.examples = len(examples)
        if not examples:
            found = f"all it has was dropped: {self}" if self.dropped else "is it the right file?"
            raise ValueError(f"{self.path} holds no example of the format {self.format}; {found}")
        return list(examples), self


def fail(path: Path, place: int | str, message: str) -> NoReturn:
    """Raise the ValueError of a broken file; `place` is a line number, or words such as a path inside JSON."""
    raise ValueError(f"{path}, {_where(place)}: {message}")


def _where(place: int | str) -> str:
    return f"line {place}" if isinstance(place, int) else place


def short(value: object, most: int = 40) -> str:
    """`value` as Python writes it, on one line and not longer than about `most` characters."""
    shown = repr(value)
    return shown if len(shown) <= most else f"{shown[:most]}…"


class Labels:
    """Turns what files write into the labels of a task, and says which labels there are where one is unknown."""

    def __init__(self, labels: Sequence[str], spellings: Mapping[str, str] | None = None, kind: str = "label") -> None:
        self.kind = kind
        self.known = {label: label for label in labels} | dict(spellings or {})

    def __contains__(self, written: str) -> bool:
        return written in self.known

    def read(self, written: str, path: Path, line: int | str, hint: str = "") -> str:
        """The label that stands there as `written`."""
        if written not in self.known:
            fail(path, line, unknown_name(self.kind, written[:40], list(self.known)) + hint)
        return self.known[written]


# --- bytes and lines --------------------------------------------------------------------------------------------------

# Whole UTF-8 characters beyond ASCII (a few impossible ones included, which does not matter for counting).
_UTF8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\xfd7zXZ": "xz"}


def read_text(path: str | Path, latin1: bool = False) -> tuple[str, str]:
    """(text, encoding) of a file in UTF-8 or, where `latin1` allows it, Latin-1 (ISO 8859-1).

    The encoding is told by the bytes: text is Latin-1 when it is not UTF-8, has more bytes that cannot be UTF-8 than
    whole UTF-8 characters (else it is UTF-8 that was damaged), and uses no byte that Latin-1 leaves empty. A byte-order
    mark at the start is taken off. Raises FileNotFoundError, or ValueError for what is not a text file.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"There is no file {path}: check the path (here is {Path.cwd()}).") from None
    if not stat.S_ISREG(mode):  # reading a pipe or a device may never end
        what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise ValueError(f"{path} is {what}: give the path of a file.")
    data = path.read_bytes()
    for magic, packer in _PACKED.items():
        if data.startswith(magic):
            raise ValueError(f"{path} is packed with {packer}: unpack it first.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{path} is in UTF-16: save it as UTF-8.")
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise ValueError(f"{path} is empty: fetch or write it again.")
    if (zero := data.find(b"\0")) >= 0:
        fail(path, _line_of(data, zero), "a NUL byte: this is no text file, or it was damaged; fetch it again.")
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError as error:
        first = len(data) - len(error.object) + error.start  # the object lacks the byte-order mark
        cut = error.reason == "unexpected end of data"  # all is UTF-8 but the last character
    whole = _UTF8_CHARACTER.findall(data)
    beyond_ascii = sum(byte > 127 for byte in data)
    if latin1 and not cut and beyond_ascii - sum(map(len, whole)) > len(whole):
        if not (unused := re.search(rb"[\x80-\x9f]", data)):
            return data.decode("latin-1"), "Latin-1"
        first = unused.start()
    wanted = "neither UTF-8 nor Latin-1" if latin1 else "not UTF-8"
    fail(path, _line_of(data, first), f"the byte 0x{data[first]:02x} is {wanted}: fetch it again, or save it as UTF-8.")


def _line_of(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def _lines(text: str) -> list[str]:
    """The lines without their ends (LF or CR LF). str.splitlines would also cut at U+2028, U+0085 and others."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


# --- tokens and tags --------------------------------------------------------------------------------------------------


def _is_blank(line: str) -> bool:
    return not line.strip(" \t")


def _need_empty_line(path: Path, lines: Sequence[str]) -> None:
    if not _is_blank(lines[-1]):
        message = "the file ends inside a sentence: fetch it again, or add an empty line at its end if it is whole."
        fail(path, len(lines), message)


def read_columns(
    path: str | Path,
    labels: Sequence[str],
    spellings: Mapping[str, str] | None = None,
    open_end: bool = False,
) -> tuple[list[Example], Report]:
    """Sentences in columns: a token a line, its tag in the last column, an empty line after each sentence.

    CoNLL-2002 (`word TAG` or `word PoS TAG`) and `token<TAB>UPOS` are such files. Tabs separate where the first line
    has one, else runs of spaces; each line has as many columns as the first. Lines that begin with -DOCSTART- and
    sentences without tokens are dropped and counted. `#` is a token like any other: there are no comments.

    `open_end` takes a file that lacks the empty line after its last sentence (as the POS files of XTREME do) with a
    note; otherwise that is an error, since it is how a cut file looks. Tags with B- and I- are read as IOB2: an I- that
    continues no entity is kept and noted, more of them than B- are an error. UTF-8 or Latin-1.
    """
    path = Path(path)
    text, encoding = read_text(path, latin1=True)
    lines = _lines(text)
    report = Report(path, "columns", encoding)
    known = Labels(labels, spellings, "tag")
    examples: list[Example] = []
    tokens: list[str] = []
    tags: list[str] = []
    strays: list[tuple[int, str]] = []
    first: tuple[int, int] | None = None  # the first line with columns, and how many it has
    after_start = False
    separator = " "
    for number, line in enumerate(lines, 1):
        start = re.split("[ \t]", line, maxsplit=1)[0] == "-DOCSTART-"
        if start or _is_blank(line):
            if tokens:
                examples.append({"tokens": tokens, "tags": tags})
                tokens, tags = [], []
            elif not start and not after_start:
                report.dropped["empty sentences"] += 1
            if start:
                report.dropped["-DOCSTART- lines"] += 1
            after_start = start
            continue
        after_start = False
        if first is None:
            separator = "\t" if "\t" in line else " "
        cells = line.split("\t") if separator == "\t" else re.split(" +", line.strip(" "))
        first = first or (number, len(cells))
        if len(cells) < 2:
            fail(path, number, f"one column ({short(line)}): each line needs a token and its tag.")
        if len(cells) != first[1]:
            fail(path, number, f"{_columns(len(cells))}, but line {first[0]} has {first[1]}.")
        if not cells[0].strip():
            fail(path, number, "an empty token: the first column has to be a word.")
        tag = known.read(cells[-1], path, number)
        if is_stray(tag, tags):
            strays.append((number, tag))
        tokens.append(cells[0])
        tags.append(tag)
    if tokens:
        if not open_end:
            _need_empty_line(path, lines)
        report.notes.append("no empty line after the last sentence: whether it is whole cannot be told")
        examples.append({"tokens": tokens, "tags": tags})
    check_iob2(report, examples, strays)
    return report.close(examples)


def is_stray(tag: str, before: Sequence[str]) -> bool:
    """Whether the tag is an I- that continues no entity of the tags before it in its sentence."""
    return tag.startswith("I-") and (not before or before[-1] not in (f"B-{tag[2:]}", tag))


def check_iob2(report: Report, examples: Sequence[Example], strays: Sequence[tuple[int | str, str]]) -> None:
    """Notes stray tags, given with their places; more of them than B- tags are a ValueError: that is another scheme."""
    if not strays:
        return
    line, tag = strays[0]
    begun = sum(tag.startswith("B-") for example in examples for tag in example["tags"])
    if len(strays) > begun:
        fail(
            report.path,
            line,
            f"{tag} begins an entity: these tags are not IOB2 (IOB1?); let each entity begin with B-.",
        )
    report.notes.append(f"I- tags that continue no entity, kept: {len(strays):,} (the first in {_where(line)})")


_WORD = re.compile("[1-9][0-9]{0,5}")
_RANGE = re.compile("([1-9][0-9]{0,5})-([1-9][0-9]{0,5})")
_EMPTY_NODE = re.compile("(0|[1-9][0-9]{0,5})[.]([1-9][0-9]{0,5})")


def read_conllu(
    path: str | Path, labels: Sequence[str], spellings: Mapping[str, str] | None = None
) -> tuple[list[Example], Report]:
    """CoNLL-U (https://universaldependencies.org/format.html): the syntactic words of each sentence and their UPOS.

    The line of a multiword token (`18-19 del`) is dropped and counted, its words (`de`, `el`) are read; so a sentence
    has the tokens that the tags belong to, which are not those of the running text. Empty nodes (`8.1`) are dropped
    and counted: they stand for words that are not in the text. Word numbers have to run 1, 2, 3 …, which finds lost
    lines, and each sentence has to end with an empty line, which finds a cut file. UTF-8 only, as the format asks.
    """
    path = Path(path)
    text, encoding = read_text(path)
    lines = _lines(text)
    report = Report(path, "CoNLL-U", encoding)
    known = Labels(labels, spellings, "tag")
    examples: list[Example] = []
    tokens: list[str] = []
    tags: list[str] = []
    span_end = empty = 0  # where the last multiword token ends; the number of the last empty node after this word
    for number, line in enumerate(lines, 1):
        if _is_blank(line):
            if span_end > len(tokens):
                fail(path, number, f"the sentence ends before word {span_end}, the last of its multiword token.")
            if tokens:
                examples.append({"tokens": tokens, "tags": tags})
            else:
                report.dropped["empty sentences"] += 1
            tokens, tags, span_end, empty = [], [], 0, 0
            continue
        if line.startswith("#"):
            if tokens or span_end or empty:
                fail(path, number, "a comment inside a sentence: the empty line before it is missing.")
            continue
        cells = line.split("\t")
        if len(cells) != 10:
            fail(path, number, f"{_columns(len(cells))}, but CoNLL-U has 10, separated by tabs.")
        name, form, tag = cells[0], cells[1], cells[3]
        if not form.strip():
            fail(path, number, "an empty word form.")
        if _WORD.fullmatch(name) and int(name) == len(tokens) + 1:
            tokens.append(form)
            tags.append(known.read(tag, path, number))
            empty = 0
        elif (span := _RANGE.fullmatch(name)) and span_end <= len(tokens) == int(span[1]) - 1 < int(span[2]) - 1:
            span_end = int(span[2])
            report.dropped["lines of multiword tokens, whose words are read"] += 1
        elif (node := _EMPTY_NODE.fullmatch(name)) and (int(node[1]), int(node[2])) == (len(tokens), empty + 1):
            empty += 1
            report.dropped["empty nodes"] += 1
        else:
            fail(path, number, f"the number {short(name)} does not follow word {len(tokens)} of its sentence.")
    _need_empty_line(path, lines)
    return report.close(examples)


# --- classes of sentences and pairs -----------------------------------------------------------------------------------

# The names that upstream files give our columns: PAWS-X, XNLI 1.0, its translated training files, the hub's copies.
_NAMES = {
    "sentence1": ("sentence1", "premise", "sentence", "text"),
    "sentence2": ("sentence2", "hypothesis", "hypo"),
    "label": ("label", "gold_label"),
}
Columns = Mapping[str, str] | Mapping[str, int]


def _wanted(pair: bool, columns: Columns | None) -> list[str]:
    """The columns an example has. Raises ValueError unless `columns`, where given, says where each of them is."""
    wanted = ["sentence1", "sentence2", "label"] if pair else ["sentence1", "label"]
    if columns is not None:
        if set(columns) != set(wanted):
            has = listing(columns) if columns else "nothing"
            raise ValueError(f"columns has to say where {listing(wanted)} are; it has {has}.")
        if {type(place) for place in columns.values()} not in ({str}, {int}):
            raise ValueError("columns holds names of a header line or numbers counted from 0, one kind for all.")
    return wanted


def _say_columns(wanted: Sequence[str]) -> str:
    shown = ", ".join(f"{name!r}: ..." for name in wanted)
    return f"say where they are with columns={{{shown}}}, by names of the header line or numbers counted from 0"


def _named(wanted: Sequence[str], names: Sequence[str], columns: Columns | None) -> dict[str, str]:
    """Wanted column -> its name in the file, told by `columns` or found by `_NAMES`, where it is there."""
    if columns:
        return {column: name for column, name in columns.items() if name in names}
    by_folded = {name.strip().casefold(): name for name in reversed(names)}
    found = {column: [by_folded[name] for name in _NAMES[column] if name in by_folded] for column in wanted}
    return {column: matches[0] for column, matches in found.items() if matches}


def _layout(
    cells: Sequence[str], wanted: Sequence[str], columns: Columns | None, known: Labels, path: Path, line: int
) -> tuple[dict[str, int], bool]:
    """(wanted column -> its number, whether this row is a header), told by the first row of a file."""
    by_number = columns is not None and all(isinstance(place, int) for place in columns.values())
    named = _named(wanted, cells, None if by_number else columns)
    header = {"sentence1", "label"} <= set(named) or (columns is not None and not by_number)
    if by_number:
        if not all(0 <= place < len(cells) for place in columns.values()):
            fail(path, line, f"{_columns(len(cells))}: the numbers in columns= go from 0 to {len(cells) - 1} here.")
        return dict(columns), header
    if header:
        for column in wanted:
            if column not in named:
                told = f"{columns[column]!r}" if columns else f"a name known for {column}"
                has = short(listing(cells), 120)
                fail(path, line, f"no column has {told}; the header is {has}: {_say_columns(wanted)}.")
        return {column: cells.index(named[column]) for column in wanted}, True
    if len(cells) == len(wanted):
        label_first = len(wanted) == 2 and cells[0] in known  # MLDoc files come as `CCAT<TAB>text` too
        return dict(zip(wanted, (1, 0) if label_first else range(len(wanted)), strict=True)), False
    if len(cells) == 4 and len(wanted) == 3:  # PAWS-X has a running number in front
        return {column: place for place, column in enumerate(wanted, 1)}, False
    fail(
        path,
        line,
        f"{_columns(len(cells))} between tabs, not {len(wanted)} ({listing(wanted)}): {_say_columns(wanted)}.",
    )


def row_example(
    row: dict[str, str], line: int | str, known: Labels, report: Report, untranslated: str
) -> Example | None:
    """The row as an example, or None for one that is dropped, which is counted."""
    if row.pop("language", "es") != "es":
        report.dropped["rows in other languages"] += 1
        return None
    label = known.read(row["label"], report.path, line)
    sentences = [text.strip() for column, text in row.items() if column.startswith("sentence")]
    if untranslated and untranslated in sentences:
        report.dropped[f"rows with {untranslated!r} for a sentence"] += 1
    elif not all(sentences):
        report.dropped["rows with an empty sentence"] += 1
    else:
        return row | {"label": label}
    return None


def read_tsv(
    path: str | Path,
    labels: Sequence[str],
    spellings: Mapping[str, str] | None = None,
    pair: bool = False,
    columns: Columns | None = None,
    untranslated: str = "",
) -> tuple[list[Example], Report]:
    """Rows of columns between tabs, with or without a header; quotes are characters like any other.

    A first row that holds known names is a header (`sentence1` or `premise` …, `label` or `gold_label`); without one
    the columns are sentence(s) and label, or label and sentence, or a number in front of a pair. `columns` says
    otherwise: `{"sentence1": "texto", "label": "clase"}` by header, or by numbers from 0. Each row has as many columns
    as the first. Dropped and counted: rows where a sentence is empty or is `untranslated`, rows that are not "es" in a
    column called language, empty lines. UTF-8 or Latin-1.
    """
    wanted = _wanted(pair, columns)
    path = Path(path)
    text, encoding = read_text(path, latin1=True)
    lines = _lines(text)
    report = Report(path, "TSV", encoding)
    known = Labels(labels, spellings)
    examples: list[Example] = []
    places: dict[str, int] = {}
    first = width = 0
    for number, line in enumerate(lines, 1):
        if not line:
            report.dropped["empty lines"] += 1
            continue
        cells = line.split("\t")
        if not places:
            first, width = number, len(cells)
            places, header = _layout(cells, wanted, columns, known, path, number)
            if header:
                if "language" in cells:
                    places["language"] = cells.index("language")
                continue
            if cells[places["label"]] not in known:
                hint = f" If this line names the columns, {_say_columns(wanted)}."
                known.read(cells[places["label"]], path, number, hint)
        if len(cells) != width:
            fail(path, number, f"{_columns(len(cells))}, but line {first} has {width}.")
        row = {column: cells[place] for column, place in places.items()}
        if example := row_example(row, number, known, report, untranslated):
            examples.append(example)
    last_read = max(places, key=places.get)
    if places[last_read] == width - 1 and last_read.startswith("sentence") and not text.endswith("\n"):
        report.notes.append("no line end after the last line: whether its text is whole cannot be told")
    return report.close(examples)


def read_json_lines(
    path: str | Path,
    labels: Sequence[str],
    spellings: Mapping[str, str] | None = None,
    pair: bool = False,
    columns: Mapping[str, str] | None = None,
    untranslated: str = "",
) -> tuple[list[Example], Report]:
    """One JSON object a line, with the keys (or `columns`) and rules of `read_tsv`; other keys do not matter. UTF-8."""
    wanted = _wanted(pair, columns)
    if columns and not all(isinstance(name, str) for name in columns.values()):
        raise ValueError("columns by number are for TSV files: JSON lines need the names of the keys.")
    path = Path(path)
    text, encoding = read_text(path)
    report = Report(path, "JSON lines", encoding)
    known = Labels(labels, spellings)
    examples: list[Example] = []
    named: dict[str, str] = {}
    for number, line in enumerate(_lines(text), 1):
        if _is_blank(line):
            report.dropped["empty lines"] += 1
            continue
        item = _parse_json(line, path, number)
        if not isinstance(item, dict):
            fail(path, number, f"{short(item)} instead of a JSON object with {listing(wanted)}.")
        named = named or _named(wanted, list(item), columns)  # the first line decides, as in a TSV file
        row = {}
        for column in wanted:
            key = named.get(column, (columns or {}).get(column, column))
            if column == "label" and type(item.get(key)) is int:  # PAWS-X as 0 and 1
                item[key] = str(item[key])
            row[column] = take(item, key, str, path, number)
        if isinstance(item.get("language"), str):
            row["language"] = item["language"]
        if example := row_example(row, number, known, report, untranslated):
            examples.append(example)
    return report.close(examples)


# --- questions --------------------------------------------------------------------------------------------------------

_KINDS = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}


_HALF = re.compile("[\ud800-\udfff]")  # JSON can write halves of characters, which no encoding can


class _Twice(dict):
    """A JSON object in which a key stands twice; a plain dict would have lost one of the two in silence."""


def _parse_json(text: str, path: Path, line: int | None = None) -> Any:  # noqa: ANN401 -- whatever the file holds
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        place = f"line {line or error.lineno}, column {error.colno}"
        message = f"this is no JSON ({error.msg}): the file was cut or damaged; fetch it again."
    except (RecursionError, ValueError) as error:  # nested too deep, or a number of thousands of digits
        place = line or "the whole file"
        message = f"Python cannot read this JSON ({error})."
    fail(path, place, message)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _Twice(plain)


def take(item: Any, key: str, kind: type, path: Path, place: int | str) -> Any:  # noqa: ANN401 -- of that `kind`
    """item[key], which has to be of that kind; a text has to be one that can be written as UTF-8."""
    if not isinstance(item, dict):
        fail(path, place, f"{short(item)} instead of an object with {key!r}.")
    if isinstance(item, _Twice):
        fail(path, place, "a key stands twice in this object.")
    if key not in item:
        fail(path, place, f"{key!r} is missing; there is {short(listing(item), 120) if item else 'nothing'}.")
    value = item[key]
    if type(value) is not kind:
        fail(path, place, f"{key!r} is {short(value)}, not {_KINDS[kind]}.")
    if kind is str and _HALF.search(value):
        fail(path, place, f"{key!r} holds half a character (a lone surrogate).")
    return value


def read_squad(path: str | Path) -> tuple[list[Example], Report]:
    """SQuAD JSON: articles with paragraphs with questions, one example a question.

    Texts stay as they are, a byte-order mark at the start of a context included: `answer_start` counts it. Empty
    answers are dropped and counted, then questions that have no answer left, and questions without text. Each answer
    has to stand at its offset (counted in characters), and ids have to differ. UTF-8 only, as JSON asks.
    """
    path = Path(path)
    text, encoding = read_text(path)
    report = Report(path, "SQuAD JSON", encoding)
    untitled = 0
    examples: list[Example] = []
    seen: dict[str, str] = {}
    for a, article in enumerate(take(_parse_json(text, path), "data", list, path, "the top level")):
        in_article = f"data[{a}]"
        paragraphs = take(article, "paragraphs", list, path, in_article)
        title = take(article, "title", str, path, in_article) if "title" in article else ""
        untitled += not title
        for p, paragraph in enumerate(paragraphs):
            in_paragraph = f"{in_article}.paragraphs[{p}]"
            context = take(paragraph, "context", str, path, in_paragraph)
            for q, item in enumerate(take(paragraph, "qas", list, path, in_paragraph)):
                place = f"{in_paragraph}.qas[{q}]"
                name = take(item, "id", str, path, place)
                question = take(item, "question", str, path, place)
                answers = found_answers(take(item, "answers", list, path, place), context, report, place)
                row = {"id": name, "title": title, "context": context, "question": question, "answers": answers}
                if keep_question(row, seen, report, place):
                    examples.append(row)
    if untitled:
        report.notes.append(f"articles without a title: {untitled:,}")
    return report.close(examples)


def keep_question(row: Example, seen: dict[str, str], report: Report, place: str) -> bool:
    """Whether the question stays; one that is dropped is counted. Its id must not be in `seen`, which then has it."""
    if row["id"] in seen:
        fail(report.path, place, f"the id {short(row['id'])} is also that of {seen[row['id']]}.")
    seen[row["id"]] = place
    if not row["question"].strip():
        report.dropped["questions without text"] += 1
    elif not row["answers"]["text"]:
        report.dropped["questions without an answer"] += 1
    else:
        return True
    return False


def found_answers(items: Sequence[Any], context: str, report: Report, place: str) -> dict[str, list[Any]]:
    """The answers that are not empty, each found at its offset in the context."""
    texts, starts = [], []
    for number, item in enumerate(items):
        where = f"{place}.answers[{number}]"
        text = take(item, "text", str, report.path, where)
        start = take(item, "answer_start", int, report.path, where)
        if not text.strip():
            report.dropped["empty answers"] += 1
            continue
        if start < 0 or not context.startswith(text, start):
            there = short(context[start : start + len(text)]) if start >= 0 else "nothing"
            fail(
                report.path,
                where,
                f"the answer {short(text)} is not at {short(start)} of its context: there is {there}.",
            )
        texts.append(text)
        starts.append(start)
    return {"text": texts, "answer_start": starts}
