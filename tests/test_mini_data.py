"""The bundled data sets: made again byte for byte, well formed, balanced, and test apart from training."""

import csv
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from speedy_utils.mini import generator
from speedy_utils.readers import load_task
from speedy_utils.tasks import TASKS

DATA = Path(generator.__file__).parent.parent / "data"
SPLITS = ("train", "validation", "test")
UPOS = set(
    [
        "ADJ",
        "ADP",
        "ADV",
        "AUX",
        "CCONJ",
        "DET",
        "INTJ",
        "NOUN",
        "NUM",
        "PART",
        "PRON",
        "PROPN",
        "PUNCT",
        "SCONJ",
        "SYM",
        "VERB",
        "X",
    ]
)
QA = ("mlqa", "sqac", "tar")
FILES = sorted(path.relative_to(DATA).as_posix() for path in DATA.glob("*/*") if path.suffix != ".md")


def raw(task, split):
    _, ending, _ = generator.PLAN[task]
    return (DATA / task / f"{split}.{ending}").read_bytes().decode("utf-8")


def table(task, split, header):
    rows = list(csv.reader(raw(task, split).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    if header:
        assert rows.pop(0) == header
    return rows


def columns(text, separator, width):
    """Blocks of rows; comments are left out."""
    assert text.endswith("\n\n")
    for block in text.removesuffix("\n\n").split("\n\n"):
        rows = [line.split(separator) for line in block.split("\n") if not line.startswith("# ")]
        assert all(len(row) == width for row in rows), block
        yield rows


def questions(task, split):
    document = json.loads(raw(task, split))
    assert document["version"] == "1.1"
    for article in document["data"]:
        assert article["title"]
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                yield paragraph["context"], question


def examples(task, split):
    """What must not occur twice, as text."""
    if task == "mldoc":
        return [json.loads(line)["sentence1"] for line in raw(task, split).splitlines()]
    if task == "pawsx":
        return ["\t".join(row[1:3]) for row in table(task, split, ["id", "sentence1", "sentence2", "label"])]
    if task == "xnli":
        return ["\t".join(row[:2]) for row in table(task, split, None)]
    if task == "pos":
        return re.findall("^# text = (.+)$", raw(task, split), re.MULTILINE)
    if task == "ner":
        return [" ".join(row[0] for row in rows) for rows in columns(raw(task, split), " ", 2)]
    return [context + "\t" + question["question"] for context, question in questions(task, split)]


def test_all_files_are_there():
    endings = {task: ending for task, (_, ending, _) in generator.PLAN.items()}
    assert sorted(f"{task}/{split}.{ending}" for task, ending in endings.items() for split in SPLITS) == FILES
    assert all((DATA / task / "README.md").is_file() for task in generator.PLAN)
    assert sum(path.stat().st_size for path in DATA.glob("*/*")) <= 4 * 2**20


@pytest.mark.parametrize("seed", ["0", "4321"])
def test_same_bytes_again(tmp_path, seed):
    command = [sys.executable, "-m", "speedy_utils.mini.generator", "--folder", str(tmp_path)]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(DATA.parents[2])}
    subprocess.run(command, check=True, env=environment)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")) == FILES
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), name
    subprocess.run([*command, "--check"], check=True, env=environment)
    (tmp_path / FILES[0]).write_text("another", encoding="utf-8")
    assert subprocess.run([*command, "--check"], env=environment, capture_output=True).returncode == 1


@pytest.mark.parametrize("name", FILES)
def test_letters(name):
    text = (DATA / name).read_bytes().decode("utf-8")
    assert unicodedata.is_normalized("NFC", text)
    assert not text.startswith("\ufeff")
    assert "\r" not in text
    assert not re.findall(r"[<>\[\]{}|]" if "json" not in name else r"[<>|]", text), "a slot was left open"
    assert "  " not in text
    assert {c for c in text if not c.isascii()} <= set("áéíóúüñÁÉÍÓÚÑ¿¡«»—")


@pytest.mark.parametrize("task", ["mldoc", "pawsx", "xnli", *QA])
@pytest.mark.parametrize("split", SPLITS)
def test_spanish_of_running_text(task, split):
    for text in examples(task, split):
        assert not re.findall(r"\b(?:de|a) el \b", text), text
        assert not re.findall(r"\by (?:[IiÍí](?![aeou])|[Hh]i(?![aeo]))", text), text
        assert not re.findall(r"\bo [Oo]", text), text
        assert not re.findall(r"\b(?:una|la) (?:agua|águila|aula|hacha|ave)\b", text), text
        assert not re.findall(r" [,.;:?!»]", text), text
        for opening, closing in ("¿?", "¡!", "«»"):
            assert text.count(opening) == text.count(closing), text


@pytest.mark.parametrize("task", list(generator.PLAN))
def test_sizes_and_no_example_twice(task):
    found = [examples(task, split) for split in SPLITS]
    assert tuple(map(len, found)) == generator.PLAN[task][2]
    everything = [text for split in found for text in split]
    # texts of POS may agree where their tags do not; there the sentences themselves must still differ between splits
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("split", SPLITS)
def test_mldoc(split):
    rows = [json.loads(line) for line in raw("mldoc", split).splitlines()]
    assert all(list(row) == ["sentence1", "label"] for row in rows)
    counts = Counter(row["label"] for row in rows)
    assert set(counts) == {"CCAT", "ECAT", "GCAT", "MCAT"}
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("split", SPLITS)
def test_pawsx(split):
    rows = table("pawsx", split, ["id", "sentence1", "sentence2", "label"])
    assert [row[0] for row in rows] == [str(i + 1) for i in range(len(rows))]
    assert {row[3] for row in rows} == {"0", "1"}
    assert sum(row[3] == "1" for row in rows) == round(0.44 * len(rows))
    overlap = {"0": [], "1": []}
    for _, one, two, label in rows:
        assert one != two
        words = set(re.findall(r"\w+", one.lower())), set(re.findall(r"\w+", two.lower()))
        overlap[label].append(len(words[0] & words[1]) / len(words[0] | words[1]))
    assert all(sum(values) / len(values) > 0.6 for values in overlap.values())


@pytest.mark.parametrize("split", SPLITS)
def test_xnli(split):
    rows = table("xnli", split, None)
    assert all(len(row) == 3 and all(row) for row in rows)
    counts = Counter(row[2] for row in rows)
    assert set(counts) == {"entailment", "neutral", "contradiction"}
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("split", SPLITS)
def test_pos(split):
    seen = Counter()
    texts = examples("pos", split)
    for text, rows in zip(texts, columns(raw("pos", split), "\t", 10), strict=True):
        number, spelled, covered = 0, "", 0
        for row in rows:
            space = "" if row[9] == "SpaceAfter=No" else " "
            if "-" in row[0]:
                first, last = map(int, row[0].split("-"))
                assert first == number + 1
                assert last > first
                assert row[3] == "_"
                covered = last
                spelled += row[1] + space
                continue
            number += 1
            assert row[0] == str(number)
            assert row[3] in UPOS
            seen[row[3]] += 1
            if number > covered:
                spelled += row[1] + space
        assert spelled.strip() == text
    assert len(seen) >= 15 if split == "train" else len(seen) >= 14


@pytest.mark.parametrize("split", SPLITS)
def test_ner(split):
    entities = Counter()
    for rows in columns(raw("ner", split), " ", 2):
        before = "O"
        for _, tag in rows:
            assert re.fullmatch("O|[BI]-(?:PER|ORG|LOC|MISC)", tag)
            if tag.startswith("I-"):
                assert before[2:] == tag[2:], rows
            entities[tag] += tag.startswith("B-")
            before = tag
    assert all(entities[f"B-{kind}"] >= 20 for kind in ("PER", "ORG", "LOC", "MISC"))


def test_ner_names_are_ambiguous():
    kinds = {}
    for rows in columns(raw("ner", "train"), " ", 2):
        for word, tag in rows:
            kinds.setdefault(word, set()).add(tag.split("-")[-1])
    assert len([word for word, tags in kinds.items() if len(tags - {"O"}) > 1]) >= 40


@pytest.mark.parametrize("task", QA)
@pytest.mark.parametrize("split", SPLITS)
def test_answers_stand_at_their_offsets(task, split):
    identifiers = []
    for context, question in questions(task, split):
        identifiers.append(question["id"])
        assert re.fullmatch("¿.+[?]", question["question"])
        (answer,) = question["answers"]
        start, text = answer["answer_start"], answer["text"]
        assert text == text.strip() != ""
        assert context[start : start + len(text)] == text
        assert not context[:start][-1:].isalnum()
        assert not context[start + len(text) :][:1].isalnum()
    assert len(set(identifiers)) == len(identifiers)


def test_some_contexts_are_long():
    assert sum(len(context.split()) > 150 for context, _ in questions("sqac", "train")) >= 50


@pytest.mark.parametrize("task", list(generator.PLAN))
def test_test_has_frames_and_words_of_its_own(task):
    words = [set(re.findall(r"\w+", " ".join(examples(task, split)))) for split in ("train", "test")]
    assert len(words[1] - words[0]) >= 40


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_load_task_reads_them(task):
    splits = load_task(task, report=None)
    assert {split: len(rows) for split, rows in splits.items()} == dict(
        zip(SPLITS, generator.PLAN[task.name][2], strict=True)
    )
