"""The tasks from the Hugging Face Hub: where each can be found, and how its rows become examples.

Repositories are renamed, gated and taken down, so each task has several places that are tried in order; the report says
which one answered, and at which commit. Only data files are read (parquet, JSON): nothing that a repository holds is
ever run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from speedy_utils.errors import brief, listing, unknown_name
from speedy_utils.formats import (
    Example,
    Labels,
    Report,
    check_iob2,
    fail,
    found_answers,
    is_stray,
    keep_question,
    read_squad,
    row_example,
    short,
    take,
)
from speedy_utils.hub_files import HubError, Listing, Trouble, fetch, hub_error, list_files, parts
from speedy_utils.tasks import ENTITY_TAGS, Task, get_task

Reading = tuple[list[Example], Report]


@dataclass(frozen=True)
class Place:
    """Where some splits of a task are.

    `config` is the folder of the data set's configuration. `splits` maps our names of the splits to the repository's,
    or to the path of a file of SQuAD JSON. `columns` maps our columns to those of the parquet files; a title may be
    lacking. `names` are the labels in the documented order of their numbers, for files that hold numbers and do not say
    what they stand for.
    """

    repo: str
    config: str
    splits: Mapping[str, str]
    columns: Mapping[str, str] = field(default_factory=dict)
    revision: str = "main"
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.repo} {self.config}".strip() + f" at {self.revision}"


_ALL = {"train": "train", "validation": "validation", "test": "test"}
_HELD_OUT = {"validation": "validation", "test": "test"}
_PAIR = {"sentence1": "sentence1", "sentence2": "sentence2", "label": "label"}
_SQUAD = {name: name for name in ("id", "title", "context", "question", "answers")}
_PARQUET = "refs/convert/parquet"  # the branch in which the hub itself keeps a parquet copy of most data sets

# The order of the class labels on the cards of both POS data sets; "_" stands for multiword tokens.
POS_NAMES = (
    *("NOUN", "PUNCT", "ADP", "NUM", "SYM", "SCONJ", "ADJ", "PART", "DET", "CCONJ", "PROPN", "PRON", "X", "_"),
    *("ADV", "INTJ", "VERB", "AUX"),
)

# "sure": the place, its files and columns are documented on the hub. "guess": something of it is inferred.
PLACES: dict[str, tuple[Place, ...]] = {
    "pawsx": (
        Place("google-research-datasets/paws-x", "es", _ALL, _PAIR),  # sure
        Place("google/xtreme", "PAWS-X.es", _ALL, _PAIR),  # sure; here validation has 1,961 rows
    ),
    "xnli": (
        Place(
            *("facebook/xnli", "es", _ALL, {"sentence1": "premise", "sentence2": "hypothesis", "label": "label"}),
            names=("entailment", "neutral", "contradiction"),
        ),  # sure
    ),
    "pos": (
        # guess: the files are documented, their columns are not
        Place(
            *("universal-dependencies/universal_dependencies", "es_ancora", _ALL),
            *({"tokens": "tokens", "tags": "upos"}, _PARQUET, POS_NAMES),
        ),
        # sure
        Place(
            *("PlanTL-GOB-ES/UD_Spanish-AnCora", "es_ancora", _ALL, {"tokens": "tokens", "tags": "upos_tags"}),
            *("c486fb786fcae671eec849bf13393e0d386d5667", POS_NAMES),
        ),
    ),
    "ner": tuple(
        Place(repo, "es", _ALL, {"tokens": "tokens", "tags": "ner_tags"}, revision, ENTITY_TAGS)
        for repo, revision in (
            ("tomaarsen/conll2002", "main"),  # sure
            ("eriktks/conll2002", _PARQUET),  # guess: the branch, not the columns
        )
    ),
    "mlqa": (
        Place("google/xtreme", "MLQA.es.es", _HELD_OUT, _SQUAD),  # sure
        *(
            # guess: at main there was a script; the pull request turns it into parquet
            Place("facebook/mlqa", config, splits, _SQUAD, revision)
            for config, splits in (("mlqa-translate-train.es", {"train": "train"}), ("mlqa.es.es", _HELD_OUT))
            for revision in ("main", "refs/pr/5", _PARQUET)
        ),
    ),
    "sqac": (
        # sure: a script, which is not run, and these files, which it would read
        Place("PlanTL-GOB-ES/SQAC", "", {"train": "train.json", "validation": "dev.json", "test": "test.json"}),
    ),
    "tar": (
        # guess: that the hub has made the parquet branch
        Place("ccasimiro/squad_es", "v1.1.0", {"train": "train", "validation": "validation"}, _SQUAD, _PARQUET),
        # sure; XQuAD's one split is called validation
        Place("google/xquad", "xquad.es", {"test": "validation"}, _SQUAD),
    ),
}

_MLDOC = (
    "MLDoc is not on the hub, since its texts are Reuters news (corpus RCV2) that need a licence: ask NIST for RCV2, "
    "make the Spanish files with the scripts of github.com/facebookresearch/MLDoc, write them as JSON lines "
    "{'sentence1': text, 'label': 'CCAT' or 'ECAT' or 'GCAT' or 'MCAT'}, and read these with source='files'."
)


def read_hub(
    task: Task | str, splits: Sequence[str], revision: str | Mapping[str, str] | None = None
) -> dict[str, Reading]:
    """{split: (examples, report)} of a task, each split from the first place that has it.

    `revision` is a branch, tag or commit for every repository that is asked, or {repository: revision}. A place gives
    all that is still wanted of its splits, or nothing. The report has `repo` and `commit`, and its notes say both and
    what was tried before. Raises HubError with one sentence when a split is to be had nowhere.
    """
    task = get_task(task)
    if task.name == "mldoc":
        raise HubError(_MLDOC)
    readings: dict[str, Reading] = {}
    tried: list[tuple[Place, Trouble]] = []
    for place in _pinned(PLACES[task.name], revision):
        wanted = [split for split in place.splits if split in splits and split not in readings]
        if not wanted:
            continue
        try:
            found = list_files(place.repo, "dataset", place.revision)
            given = {split: _read_split(task, place, split, found) for split in wanted}
        except Trouble as trouble:
            tried.append((place, trouble))
            if trouble.kind == "disk":  # no other place helps
                break
            continue
        for split, (_, report) in given.items():
            report.repo, report.commit = found.repo, found.commit
            report.notes.insert(0, f"from {place} (commit {found.commit})")
            if found.cached:
                report.notes.append(f"as it is in the cache, since {found.cached}")
            before = [f"{other}: {trouble}" for other, trouble in tried if split in other.splits]
            if before:
                report.notes.append(f"tried before: {'; '.join(before)}")
        readings |= given
    if missing := [split for split in splits if split not in readings]:
        reasons = [(str(place), trouble) for place, trouble in tried if {*place.splits} & {*missing}]
        raise hub_error(f"{task.title} ({listing(missing)})", reasons, "read files of your own with source='files'")
    return {split: readings[split] for split in splits}


def _pinned(places: Sequence[Place], revision: str | Mapping[str, str] | None) -> list[Place]:
    """The places with the revisions that are asked for; two that are then the same count once."""
    repos = list(dict.fromkeys(place.repo for place in places))
    asked = dict.fromkeys(repos, revision) if isinstance(revision, str) else dict(revision or {})
    for repo in asked:
        if repo not in repos:
            raise ValueError(unknown_name("repository", repo, repos))
    pinned = [replace(place, revision=asked.get(place.repo, place.revision)) for place in places]
    return [place for number, place in enumerate(pinned) if place not in pinned[:number]]


# --- one split of one place -------------------------------------------------------------------------------------------


def _read_split(task: Task, place: Place, split: str, found: Listing) -> Reading:
    """A split of the task. Raises Trouble, for broken content too: the next place may be sound."""
    names = _files_of(place, split, found.files)
    paths = fetch(found, names)
    shown = Path(place.repo, names[0])  # what messages name in place of a path deep inside the cache
    report = Report(shown, "parquet")
    try:
        if task.kind == "question_answering" and names[0].endswith(".json"):
            examples, report = read_squad(paths[0])
            report.path = shown
            return examples, report
        rows = _rows(task, place, report, dict(zip(names, paths, strict=True)))
        if task.kind == "classification":
            examples = _sentences(task, rows, report)
        elif task.kind == "tagging":
            examples = _tokens(task, rows, report)
        else:
            examples = _questions(rows, report)
        report.path = shown
        return report.close(examples)
    except (ValueError, KeyError) as error:
        raise Trouble("content", str(error).replace(str(paths[0]), str(shown)).rstrip(".")) from error


def _files_of(place: Place, split: str, files: Sequence[str]) -> list[str]:
    """The files of a split, in order. The hub has three ways of naming them, the oldest with the data set's name."""
    theirs = place.splits[split]
    if theirs.endswith(".json"):
        if theirs not in files:
            raise Trouble("missing", f"the file {theirs} is missing")
        return [theirs]
    folder = re.escape(place.config)
    for pattern in (
        rf"{folder}/{theirs}-\d{{5}}-of-\d{{5}}(-[0-9a-f]+)?\.parquet",
        rf"{folder}/{theirs}/\d{{4}}\.parquet",
        rf"{folder}/[^/]+-{theirs}(-\d{{5}}-of-\d{{5}})?\.parquet",
    ):
        if names := [name for name in files if re.fullmatch(pattern, name)]:
            return parts(names)
    raise Trouble("missing", f"there is no parquet file for {theirs} of {place.config}")


Row = tuple[str, dict[str, Any]]


def _rows(task: Task, place: Place, report: Report, paths: Mapping[str, Path]) -> Iterator[Row]:
    """(where it stands, {our column: value}) of each row; numbers of labels are turned into their names."""
    from pyarrow import ArrowException, parquet

    labelled = {"classification": "label", "tagging": "tags"}.get(task.kind, "")
    for name, path in paths.items():
        report.path = Path(place.repo, name)
        try:
            schema = parquet.read_schema(path)
            columns = {
                theirs: ours for ours, theirs in place.columns.items() if ours != "title" or theirs in schema.names
            }
            if lacking := [column for column in columns if column not in schema.names]:
                has = f"{report.path} lacks the column {listing(lacking)}"
                raise ValueError(f"{has}: wanted are {listing(columns)}, there are {listing(schema.names)}")
            table = parquet.read_table(path, columns=list(columns))
        except (ArrowException, OSError) as error:
            raise ValueError(f"{report.path} cannot be read as parquet ({type(error).__name__})") from error
        names = _label_names(task, place, schema.metadata, place.columns[labelled], report) if labelled else ()
        table = table.rename_columns([columns[theirs] for theirs in table.column_names])
        number = 0
        for batch in table.to_batches(max_chunksize=10_000):  # not the whole table as Python objects at once
            for row in batch.to_pylist():
                number += 1
                where = f"row {number}"
                if labelled:
                    row[labelled] = _named(row[labelled], names, report, where)
                yield where, row


def _label_names(
    task: Task, place: Place, metadata: Mapping[bytes, bytes] | None, column: str, report: Report
) -> tuple[str, ...]:
    """What the numbers of a column stand for: as the file says (`datasets` writes it there), or as is documented."""
    stored = json.loads((metadata or {}).get(b"huggingface", b"{}"))
    feature = stored.get("info", {}).get("features", {}).get(column)
    while isinstance(feature, dict) and "names" not in feature:  # a list of labels holds their description inside
        feature = feature.get("feature")
    names = tuple(feature["names"]) if isinstance(feature, dict) else place.names
    known = {*task.labels, *dict(task.spellings), *(["_"] if task.name == "pos" else [])}
    if unknown := [name for name in names if name not in known]:
        has = f"the column {column} of {report.path} has the labels {brief(listing(unknown))}"
        raise ValueError(f"{has}, wanted are {listing(task.labels)}")
    return names


def _named(value: Any, names: Sequence[str], report: Report, where: str) -> Any:  # noqa: ANN401 -- whatever a file holds
    """Numbers, in a list or alone, by their names; -1 (no label) and texts as they are."""
    if isinstance(value, list):
        return [_named(item, names, report, where) for item in value]
    if type(value) is not int or value == -1:
        return value
    if not names:
        return str(value)  # a spelling of the task, or an unknown label by and by
    if not 0 <= value < len(names):
        fail(report.path, where, f"there is no label of number {value}, only 0 to {len(names) - 1}.")
    return names[value]


def _sentences(task: Task, rows: Iterator[Row], report: Report) -> list[Example]:
    known = Labels(task.labels, dict(task.spellings))
    examples = []
    for where, row in rows:
        if row["label"] == -1:
            report.dropped["rows without a label (-1)"] += 1
            continue
        texts = {column: take(row, column, str, report.path, where) for column in row}
        # The same rules as for files; PAWS-X writes NS where a translation is missing.
        if example := row_example(texts, where, known, report, "NS" if task.name == "pawsx" else ""):
            examples.append(example)
    return examples


def _tokens(task: Task, rows: Iterator[Row], report: Report) -> list[Example]:
    known = Labels(task.labels, dict(task.spellings), "tag")
    examples: list[Example] = []
    strays: list[tuple[str, str]] = []
    for where, row in rows:
        tokens, tags = (take(row, column, list, report.path, where) for column in ("tokens", "tags"))
        if len(tokens) != len(tags):
            fail(report.path, where, f"{len(tokens)} tokens, but {len(tags)} tags.")
        example: Example = {"tokens": [], "tags": []}
        for token, written in zip(tokens, tags, strict=True):
            if not isinstance(token, str) or not token.strip():
                fail(report.path, where, f"the token {short(token)} is no word.")
            if written == "_" and task.name == "pos":
                report.dropped["multiword tokens, whose words are read"] += 1
                continue
            tag = known.read(str(written), report.path, where)
            if is_stray(tag, example["tags"]):
                strays.append((where, tag))
            example["tokens"].append(token)
            example["tags"].append(tag)
        if example["tokens"]:
            examples.append(example)
        else:
            report.dropped["empty sentences"] += 1
    check_iob2(report, examples, strays)
    return examples


def _questions(rows: Iterator[Row], report: Report) -> list[Example]:
    examples = []
    seen: dict[str, str] = {}
    for where, row in rows:
        row["title"] = row.get("title") or ""
        texts = {column: take(row, column, str, report.path, where) for column in _SQUAD if column != "answers"}
        answers = row["answers"]
        if isinstance(answers, dict):  # {"text": [...], "answer_start": [...]}, the usual form
            columns = [take(answers, key, list, report.path, where) for key in ("text", "answer_start")]
            if len(columns[0]) != len(columns[1]):
                fail(report.path, where, f"{len(columns[0])} answers, but {len(columns[1])} offsets.")
            answers = [{"text": text, "answer_start": start} for text, start in zip(*columns, strict=True)]
        example = texts | {"answers": found_answers(answers, texts["context"], report, where)}
        if keep_question(example, seen, report, where):
            examples.append(example)
    return examples
