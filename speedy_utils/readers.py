"""Tasks as data sets: `load_task` gives the same columns wherever the examples come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import as_file
from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speedy_utils.errors import unknown_name
from speedy_utils.formats import (
    Columns,
    Example,
    Report,
    read_columns,
    read_conllu,
    read_json_lines,
    read_squad,
    read_text,
    read_tsv,
)
from speedy_utils.tasks import Task, get_task

if TYPE_CHECKING:
    import datasets

SPLITS = ("train", "validation", "test")

Reading = tuple[list[Example], Report]


def read_file(
    task: Task | str,
    path: str | Path,
    labels: Mapping[str, str] | None = None,
    columns: Columns | None = None,
) -> Reading:
    """(examples, report) of one file of a task; needs nothing but the standard library.

    The format is told by the name of the file, then by how it begins: CoNLL-U (.conllu) or columns for tagging, JSON
    lines (.jsonl, .json) or TSV for classification, SQuAD JSON for question answering. `labels` maps what the file
    writes to the labels of the task, beside the spellings that the task knows; `columns` is that of `read_tsv`.
    """
    task, path = get_task(task), Path(path)
    if columns is not None and task.kind != "classification":
        raise ValueError(f"columns= is for classification: {task.title} has fixed columns.")
    if task.kind == "question_answering":
        if labels is not None:
            raise ValueError(f"labels= is for classification and tagging: {task.title} has no labels.")
        return read_squad(path)
    for label in (labels or {}).values():
        if label not in task.labels:
            raise ValueError(unknown_name(f"label of {task.title}", label, task.labels))
    spellings = dict(task.spellings) | dict(labels or {})
    if task.kind == "tagging":
        if _is_conllu(path):
            return read_conllu(path, task.labels, spellings)
        # XTREME's POS files have no empty line after the last sentence; CoNLL-2002's files have one.
        return read_columns(path, task.labels, spellings, open_end=task.name == "pos")
    read = read_json_lines if _is_json_lines(path) else read_tsv
    untranslated = "NS" if task.name == "pawsx" else ""  # PAWS-X writes it where a translation is missing
    return read(path, task.labels, spellings, task.pair, columns, untranslated)


def _is_conllu(path: Path) -> bool:
    if path.suffix.lower() == ".conllu":
        return True
    text, _ = read_text(path, latin1=True)
    return re.match("(?:[ \t\r]*\n|#.*\n)*[0-9]+(?:[-.][0-9]+)?(?:\t[^\t\n]*){9}(?:\n|$)", text) is not None


def _is_json_lines(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".json", ".ndjson"):
        return True
    return suffix not in (".tsv", ".txt") and read_text(path, latin1=True)[0].lstrip().startswith("{")


def drop_shared_articles(examples: Sequence[Example], others: Sequence[Example]) -> tuple[list[Example], list[str]]:
    """(the examples whose article is not among `others`, the titles of the articles that were taken out).

    An article is shared as a whole when its title, one of its contexts or one of its question ids is among `others`.
    Ids matter most for TAR and XQuAD: both took them over from SQuAD, but translated titles and contexts apart.
    Titles are compared without case, underscores and runs of spaces; examples without one make an article by context.
    """
    ids = {example["id"] for example in others}
    contexts = {example["context"] for example in others}
    titles = {_plain(example["title"]) for example in others} - {""}
    articles: dict[tuple[str, str], str] = {}  # key -> title, of those that are shared
    for example in examples:
        if example["id"] in ids or example["context"] in contexts or _plain(example["title"]) in titles:
            articles.setdefault(_article(example), example["title"])
    return [example for example in examples if _article(example) not in articles], list(articles.values())


def _plain(title: str) -> str:
    return " ".join(title.replace("_", " ").casefold().split())


def _article(example: Example) -> tuple[str, str]:
    title = _plain(example["title"])
    return (title, "") if title else ("", example["context"])


def _part_from_test(readings: dict[str, Reading]) -> None:
    """Takes articles of the test set out of the training set, and notes those in the validation set.

    The validation set keeps them: TAR's own shares every article with XQuAD, and the paper chose its models by it.
    """
    if "test" not in readings:
        return
    test, _ = readings["test"]
    for split in ("train", "validation"):
        if split not in readings:
            continue
        examples, report = readings[split]
        kept, titles = drop_shared_articles(examples, test)
        if not titles:
            continue
        if split == "validation":
            report.notes.append(f"articles that are in test too, kept: {len(titles):,}")
            continue
        if not kept:
            raise ValueError(
                f"{report.path}: all {len(titles)} articles are in the test set {readings['test'][1].path}, "
                "so nothing is left to train on: give a training set of other articles."
            )
        report.dropped[f"questions of {len(titles):,} articles that are in test too"] += len(examples) - len(kept)
        report.examples = len(kept)
        readings[split] = kept, report


def _from_files(
    task: Task,
    files: Mapping[str, str | Path] | None,
    labels: Mapping[str, str] | None,
    columns: Columns | None,
) -> dict[str, Reading]:
    example = "files={'train': 'my/train/file', 'test': 'my/test/file'}"
    if not isinstance(files, Mapping) or not files:
        raise ValueError(f"The source 'files' needs a path for each split, such as {example}.")
    for split, path in files.items():
        if split not in SPLITS:
            raise ValueError(unknown_name("split", split, SPLITS))
        if not isinstance(path, str | Path):
            raise ValueError(f"The path of {split} is {path!r}: give one path as text or Path, such as in {example}.")
    return {split: read_file(task, files[split], labels, columns) for split in SPLITS if split in files}


def _from_hub(task: Task, revision: str | Mapping[str, str] | None, splits: Sequence[str] | None) -> dict[str, Reading]:
    from speedy_utils.hub import read_hub

    splits = SPLITS if splits is None else splits
    if isinstance(splits, str) or not splits:
        raise ValueError("splits= is a list of names such as ['test'].")
    for split in splits:
        if split not in SPLITS:
            raise ValueError(unknown_name("split", split, SPLITS))
    # TAR's training set is never given with the articles of its test set in it, so that one is read too.
    needed = {*splits, *(["test"] if task.name == "tar" and "train" in splits else [])}
    return read_hub(task, [split for split in SPLITS if split in needed], revision)


def _from_mini(task: Task) -> dict[str, Reading]:
    """The bundled files, read as any others are."""
    with as_file(resources("speedy_utils.mini").joinpath("data", task.name)) as folder:
        paths = {path.stem: path for path in folder.iterdir()}
        return {split: read_file(task, paths[split]) for split in SPLITS}


# Each source gives {split: (examples, report)} for a task and the options of `load_task`.
_SOURCES: dict[str, Callable[..., dict[str, Reading]]] = {"mini": _from_mini, "hub": _from_hub, "files": _from_files}
_OPTIONS = {"hub": ("revision", "splits"), "files": ("files", "labels", "columns")}


def show_dropped(split: str, report: Report) -> None:
    """Prints what was dropped or looks odd in a split, and nothing for one without either."""
    if report.dropped or report.notes:
        print(f"{split}: {report}")


def load_task(
    name: Task | str,
    source: str = "mini",
    files: Mapping[str, str | Path] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    columns: Columns | None = None,
    revision: str | Mapping[str, str] | None = None,
    splits: Sequence[str] | None = None,
    report: Callable[[str, Report], object] | None = show_dropped,
) -> datasets.DatasetDict:
    """A task as `datasets.DatasetDict` with the splits that there are of train, validation, test.

    Columns: classification `sentence1`, `sentence2` (pairs only), `label`; tagging `tokens`, `tags`; question answering
    `id`, `title`, `context`, `question`, `answers` {`text`, `answer_start`}. Labels and tags are ClassLabel, in the
    order of `Task.labels`.

    source="mini" reads the data that come with the package; source="files" reads `files`, {split: path}, in the
    upstream formats; `labels` and `columns` are those of `read_file`. source="hub" fetches the task from the Hugging
    Face Hub, `splits` of it (all three), from the places in `hub.PLACES`; `revision`, one for all or {repository:
    commit}, repeats a run: `Report.repo` and `Report.commit` say what was read. MLDoc is not there. For TAR, articles
    of the test set are taken out of the training set.

    `report` is called with each split and its `Report`; as it is, what was dropped or looks odd is printed. None is
    quiet. Raises ValueError (FileNotFoundError for a missing file) in one sentence that names file and line, and
    HubError in one that names every place that was tried.
    """
    task = get_task(name)
    if source not in _SOURCES:
        raise ValueError(unknown_name("source", source, list(_SOURCES)))
    given = {"files": files, "labels": labels, "columns": columns, "revision": revision, "splits": splits}
    for home, options in _OPTIONS.items():
        for option in options:
            if source != home and given[option] is not None:
                raise ValueError(f"{option}= goes with source={home!r}, not with {source!r}.")
    readings = _SOURCES[source](task, **{option: given[option] for option in _OPTIONS.get(source, ())})
    if task.name == "tar":
        _part_from_test(readings)
        readings = {split: reading for split, reading in readings.items() if splits is None or split in splits}
    for split, (_, found) in readings.items():
        if report is not None:
            report(split, found)
    return to_datasets(task, {split: examples for split, (examples, _) in readings.items()})


def to_datasets(task: Task | str, splits: Mapping[str, Sequence[Example]]) -> datasets.DatasetDict:
    """{split: examples as the readers give them} as a DatasetDict with the features of the task."""
    import datasets

    task = get_task(task)
    features = _features(task)
    made = {}
    for split, examples in splits.items():
        table: dict[str, list[Any]] = {column: [example[column] for example in examples] for column in features}
        if task.kind == "classification":
            table["label"] = [task.labels.index(label) for label in table["label"]]
        elif task.kind == "tagging":
            number = {tag: place for place, tag in enumerate(task.labels)}
            table["tags"] = [[number[tag] for tag in tags] for tags in table["tags"]]
        made[split] = datasets.Dataset.from_dict(table, features=features)
    return datasets.DatasetDict(made)


def _features(task: Task) -> datasets.Features:
    from datasets import ClassLabel, Features, Sequence, Value

    text = Value("string")
    if task.kind == "classification":
        sentences = ("sentence1", "sentence2") if task.pair else ("sentence1",)
        return Features(dict.fromkeys(sentences, text) | {"label": ClassLabel(names=list(task.labels))})
    if task.kind == "tagging":
        return Features({"tokens": Sequence(text), "tags": Sequence(ClassLabel(names=list(task.labels)))})
    answers = {"text": Sequence(text), "answer_start": Sequence(Value("int32"))}
    return Features(dict.fromkeys(("id", "title", "context", "question"), text) | {"answers": answers})
