"""The readers: counts on real files, round trips, damaged files, and the sentences for bad input."""

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speedy_utils.formats import Report, read_columns, read_conllu, read_json_lines, read_squad, read_text, read_tsv
from speedy_utils.readers import drop_shared_articles, load_task, read_file
from speedy_utils.tasks import ENTITY_TAGS, TASKS, UPOS, get_task

# --- the real files: not part of the repository ---------------------------------------------------------------------


def find_real() -> Path | None:
    """shared/datasets: where SPEEDY_SHARED says, or beside the repository or a folder above it."""
    folders = [Path(os.environ["SPEEDY_SHARED"])] if "SPEEDY_SHARED" in os.environ else []
    folders += [folder / "shared" for folder in Path(__file__).resolve().parents[2:]]
    return next((folder / "datasets" for folder in folders if (folder / "datasets" / "SOURCES.md").is_file()), None)


REAL = find_real()
on_real_files = pytest.mark.skipif(
    REAL is None, reason="No shared/datasets beside the repository: set SPEEDY_SHARED to its folder to test real files."
)


@on_real_files
@pytest.mark.parametrize(
    ("task", "file", "format_", "examples", "dropped", "labels"),
    [
        (
            *("pawsx", "pawsx/dev-es.tsv", "TSV", 1_962, {"rows with 'NS' for a sentence": 38}),
            {"different": 1_153 - 38, "paraphrase": 847},
        ),
        (
            *("xnli", "xnli/dev-es.tsv", "TSV", 2_490, {}),
            {"entailment": 830, "neutral": 830, "contradiction": 830},
        ),
    ],
)
def test_real_classification(task, file, format_, examples, dropped, labels):
    rows, report = read_file(task, REAL / file)
    assert (len(rows), report.examples, report.format, report.encoding) == (examples, examples, format_, "UTF-8")
    assert report.dropped == dropped
    assert Counter(row["label"] for row in rows) == labels
    lines = (REAL / file).read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    spelled = dict(get_task(task).spellings)
    cells = [line.split("\t") for line in lines]
    assert [tuple(row.values()) for row in rows] == [
        (first, second, spelled.get(label, label)) for first, second, label in cells if "NS" not in (first, second)
    ]


@on_real_files
@pytest.mark.parametrize(
    ("task", "file", "sentences", "words", "dropped"),
    [
        ("ner", "ner_conll2002/esp.train", 8_323, 264_715, {}),
        ("ner", "ner_conll2002/esp.testa", 1_915, 52_923, {}),
        ("pos", "pos_ud_ancora/dev-es.tsv", 3_054, 88_625, {}),
        ("pos", "pos_ud_ancora/dev-es.ancora-only.tsv", 1_654, 52_161, {}),
        (
            *("pos", "pos_ud_gsd/es_gsd-ud-dev.conllu", 1_400, 37_154),
            {"lines of multiword tokens, whose words are read": 688},
        ),
    ],
)
def test_real_tagging(task, file, sentences, words, dropped):
    rows, report = read_file(task, REAL / file)
    assert len(rows) == report.examples == sentences
    assert sum(len(row["tokens"]) for row in rows) == sum(len(row["tags"]) for row in rows) == words
    assert report.dropped == dropped
    if "ancora-only" in file:
        assert {tag for row in rows for tag in row["tags"]} == set(UPOS) - {"X"}
        whole, noted = read_file("pos", REAL / "pos_ud_ancora/dev-es.tsv")
        assert rows == whole[: len(rows)]
        assert "no empty line after the last sentence" in str(noted)


@on_real_files
@pytest.mark.parametrize(("file", "entities", "stray"), [("esp.train", 18_797, 221_619), ("esp.testa", 4_351, 30_882)])
def test_real_entities(file, entities, stray):
    """Each file has one I- tag that continues nothing (its B- went to the full stop before): kept, and noted."""
    rows, report = read_file("ner", REAL / "ner_conll2002" / file)
    assert sum(tag.startswith("B-") for row in rows for tag in row["tags"]) == entities
    assert report.notes == [f"I- tags that continue no entity, kept: 1 (the first in line {stray})"]
    scheme = pytest.importorskip("seqeval.scheme", reason="seqeval is not installed: entities counted by B- only.")
    from seqeval.metrics.sequence_labeling import get_entities

    tags = [row["tags"] for row in rows]
    assert sum(map(len, scheme.Entities(tags, scheme.IOB2).entities)) == entities  # strict
    assert len(get_entities(tags)) == entities + 1  # as the CoNLL script counts: the stray one begins an entity


@on_real_files
@pytest.mark.parametrize("file", ["esp.testa", "esp.train"])
def test_real_columns_in_latin1_read_the_same(file, tmp_path):
    """The shared task's own files are in Latin-1; this copy is in UTF-8."""
    source = REAL / "ner_conll2002" / file
    copy = tmp_path / file
    copy.write_bytes(source.read_bytes().decode("utf-8").encode("latin-1"))
    rows, report = read_file("ner", copy)
    assert report.encoding == "Latin-1"
    assert rows == read_file("ner", source)[0]


@on_real_files
def test_real_questions():
    rows, report = read_file("tar", REAL / "tar_xquad/xquad.es.json")
    assert (len(rows), len({row["id"] for row in rows}), report.dropped) == (1_190, 1_190, {})
    assert len({row["context"] for row in rows if row["context"].startswith("\ufeff")}) == 2
    assert all(len(row["answers"]["text"]) == 1 for row in rows)
    tar, tar_report = read_file("tar", REAL / "tar_xquad/dev-v1.1-es_small.json")
    assert len(tar) == 6_583
    assert tar_report.dropped == {"empty answers": 4_080}
    assert sum(len(row["answers"]["text"]) for row in tar) == 21_979 - 4_080
    for row in rows + tar:
        for text, start in zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True):
            assert text.strip() and row["context"][start : start + len(text)] == text


@on_real_files
def test_real_articles_that_tar_shares_with_xquad(tmp_path, capsys):
    """TAR's dev set has all 48 articles of XQuAD; contexts and most titles were translated apart, ids were not."""
    files = {"validation": REAL / "tar_xquad/dev-v1.1-es_small.json", "test": REAL / "tar_xquad/xquad.es.json"}
    tar, xquad = (read_file("tar", path)[0] for path in files.values())
    assert len({row["id"] for row in tar} & {row["id"] for row in xquad}) == 732
    kept, titles = drop_shared_articles(tar, xquad)
    assert (kept, len(titles)) == ([], 48)

    data = load_task("tar", "files", files)
    assert (data["validation"].num_rows, data["test"].num_rows) == (6_583, 1_190)
    assert capsys.readouterr().out == (
        "validation: dev-v1.1-es_small.json (SQuAD JSON, UTF-8): 6,583 examples; dropped: empty answers (4,080); "
        "articles that are in test too, kept: 48\n"
    )
    with pytest.raises(ValueError, match=r"all 48 articles are in the test set .*nothing is left to train on"):
        load_task("tar", "files", {"train": files["validation"], "test": files["test"]})

    fewer = json.loads(files["test"].read_bytes())
    fewer["data"] = fewer["data"][:3]
    (tmp_path / "test.json").write_text(json.dumps(fewer))
    reports = {}
    paths = {"train": files["validation"], "test": tmp_path / "test.json"}
    data = load_task("tar", "files", paths, report=reports.__setitem__)
    gone = [row for row in tar if row["title"] in ("Super Bowl _ 50", "Varsovia", "Normandos")]
    assert reports["train"].dropped["questions of 3 articles that are in test too"] == len(gone) == 420 + 163 + 79
    assert data["train"].num_rows == reports["train"].examples == 6_583 - len(gone)
    assert not {row["title"] for row in gone} & set(data["train"]["title"])


on_disk = settings(deadline=None)  # a file for each example: how long that takes is the disk's affair

# --- files that the tests write: any example that a format can hold comes back the same -----------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("readers")


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def characters(without=""):
    """Any character of UTF-8 but `without`, Spanish ones often; odd line ends and U+FEFF inside included."""
    everything = st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0\ufeff" + without)
    return st.one_of(st.sampled_from("aeñÑáü¿¡'\"#-,.:{}"), st.sampled_from("\u2028\x85\x0b\x1c\u00a0́"), everything)


def words(without):
    return st.text(characters(without), min_size=1, max_size=8).filter(lambda t: t.strip() and t != "-DOCSTART-")


@st.composite
def tagged(draw, tags, without):
    """Sentences with tags; those of entities are right IOB2."""
    sentences = []
    for _ in range(draw(st.integers(1, 4))):
        found = []
        while not found:
            for _ in range(draw(st.integers(1, 4))):
                tag = draw(st.sampled_from([tag for tag in tags if not tag.startswith("I-")]))
                inside = draw(st.integers(0, 2)) if tag.startswith("B-") else 0
                found += [tag, *[f"I-{tag[2:]}"] * inside]
        sentences.append({"tokens": [draw(words(without)) for _ in found], "tags": found})
    return sentences


def as_columns(sentences, separator="\t", middle=()):
    return "".join(
        "".join(separator.join([token, *middle, tag]) + "\n" for token, tag in zip(*sentence.values(), strict=True))
        + "\n"
        for sentence in sentences
    )


@on_disk
@given(tagged(ENTITY_TAGS, "\t "), st.sampled_from("\t "), st.sampled_from([(), ("NC",)]), st.booleans())
def test_columns_come_back(folder, sentences, separator, middle, crlf):
    text = as_columns(sentences, separator, middle)
    rows, report = read_columns(write(folder / "a", text.replace("\n", "\r\n") if crlf else text), ENTITY_TAGS)
    assert rows == sentences
    assert (report.examples, report.dropped, report.notes) == (len(sentences), {}, [])


@on_disk
@given(tagged(UPOS, "\t"))
def test_tokens_may_have_spaces_where_tabs_separate(folder, sentences):
    assert read_columns(write(folder / "b", as_columns(sentences)), UPOS)[0] == sentences


@on_disk
@given(st.lists(st.text("abcáéíóúüñÁÉÍÓÚÜÑ", min_size=1), min_size=1), st.booleans())
def test_latin1_and_utf8_are_told_apart(folder, tokens, latin1):
    text = as_columns([{"tokens": tokens, "tags": ["X"] * len(tokens)}])
    rows, report = read_columns(write(folder / "c", text.encode("latin-1" if latin1 else "utf-8")), UPOS)
    assert rows == [{"tokens": tokens, "tags": ["X"] * len(tokens)}]
    assert report.encoding == ("Latin-1" if latin1 and not text.isascii() else "UTF-8")


@st.composite
def conllu(draw):
    """(text of a CoNLL-U file, sentences, multiword tokens, empty nodes)."""
    sentences = draw(tagged(UPOS, "\t"))
    lines, spans, nodes = [], 0, 0
    for sentence in sentences:
        lines += ["# text = de el\tmar"] * draw(st.integers(0, 2))
        covered = 0
        size = len(sentence["tokens"])
        for node in range(draw(st.integers(0, 1))):
            lines.append("\t".join([f"0.{node + 1}", "vacío", *"_" * 8]))
            nodes += 1
        for place, (token, tag) in enumerate(zip(*sentence.values(), strict=True), 1):
            if place > covered and place < size and draw(st.booleans()):
                covered = draw(st.integers(place + 1, size))
                lines.append("\t".join([f"{place}-{covered}", "del", *"_" * 8]))
                spans += 1
            lines.append("\t".join([str(place), token, "_", tag, *"_" * 6]))
            for node in range(draw(st.integers(0, 1))):
                lines.append("\t".join([f"{place}.{node + 1}", "vacío", *"_" * 8]))
                nodes += 1
        lines.append("")
    return "\n".join(lines) + "\n", sentences, spans, nodes


@on_disk
@given(conllu())
def test_conllu_comes_back(folder, file):
    text, sentences, spans, nodes = file
    rows, report = read_conllu(write(folder / "d.conllu", text), UPOS)
    assert rows == sentences
    assert report.dropped["lines of multiword tokens, whose words are read"] == spans
    assert report.dropped["empty nodes"] == nodes


PAWSX = get_task("pawsx")
LABELS = dict(labels=PAWSX.labels, spellings=dict(PAWSX.spellings), pair=True, untranslated="NS")
sentences = st.text(characters("\t"), min_size=1, max_size=12).filter(lambda t: t.strip() not in ("", "NS"))
pairs = st.lists(
    st.fixed_dictionaries({"sentence1": sentences, "sentence2": sentences, "label": st.sampled_from(PAWSX.labels)}),
    min_size=1,
    max_size=5,
)
WRITTEN = {"different": "0", "paraphrase": "1"}


@on_disk
@given(pairs, st.sampled_from(["none", "id", "paws", "xnli", "told", "numbers"]), st.booleans(), st.booleans())
def test_tsv_comes_back(folder, rows, layout, written, end):
    order = {
        "none": ("sentence1", "sentence2", "label"),
        "id": ("id", "sentence1", "sentence2", "label"),
        "paws": ("id", "sentence1", "sentence2", "label"),
        "xnli": ("language", "gold_label", "genre", "hypothesis", "premise"),
        "told": ("clase", "uno", "dos"),
        "numbers": ("sentence2", "label", "x", "sentence1"),
    }[layout]
    columns = {
        "told": {"sentence1": "uno", "sentence2": "dos", "label": "clase"},
        "numbers": {"sentence1": 3, "sentence2": 0, "label": 1},
    }.get(layout)
    same = {"premise": "sentence1", "hypothesis": "sentence2", "gold_label": "label"}
    same |= {"uno": "sentence1", "dos": "sentence2", "clase": "label"}
    lines = ["\t".join(order)] if layout in ("paws", "xnli", "told") else []
    for row in rows:
        shown = row | {"label": WRITTEN[row["label"]]} if written else row
        cells = shown | {"id": "7", "x": "", "genre": "", "language": "es"}
        lines.append("\t".join(cells[same.get(name, name)] for name in order))
    text = "\n".join(lines) + "\n" * end
    found, report = read_tsv(write(folder / "e.tsv", text), columns=columns, **LABELS)
    assert found == rows
    assert bool(report.notes) == (not end and layout in ("xnli", "told", "numbers"))


@on_disk
@given(pairs, st.booleans(), st.booleans())
def test_json_lines_come_back(folder, rows, escaped, told):
    names = {"sentence1": "a", "sentence2": "b", "label": "c"} if told else {name: name for name in rows[0]}
    lines = [
        json.dumps({names[key]: text for key, text in row.items()} | {"id": 3}, ensure_ascii=escaped) for row in rows
    ]
    path = write(folder / "f.jsonl", "\n".join(lines) + "\n")
    assert read_json_lines(path, columns=names if told else None, **LABELS)[0] == rows


texts = st.text(characters(), min_size=1, max_size=6).filter(lambda t: t.strip())


@st.composite
def squad(draw):
    """(a SQuAD document, its examples, how many empty answers it has)."""
    articles, examples, empty = [], [], 0
    for _ in range(draw(st.integers(1, 2))):
        title = draw(texts)
        paragraphs = []
        for _ in range(draw(st.integers(1, 2))):
            pieces = draw(st.lists(texts, min_size=1, max_size=3))
            context = draw(st.sampled_from(["", "\ufeff", "🐭 "])) + "".join(pieces)
            items = []
            for _ in range(draw(st.integers(1, 2))):
                name = f"q{len(examples)}"
                answers = []
                for piece in draw(st.lists(st.sampled_from(pieces), min_size=1, max_size=2)):
                    answers.append({"text": piece, "answer_start": context.index(piece)})
                kept = {key: [answer[key] for answer in answers] for key in ("text", "answer_start")}
                for _ in range(draw(st.integers(0, 2))):
                    answers.insert(draw(st.integers(0, len(answers))), {"text": "", "answer_start": -1})
                    empty += 1
                items.append({"id": name, "question": "¿Qué?", "answers": answers})
                examples.append({"id": name, "title": title, "context": context, "question": "¿Qué?", "answers": kept})
            paragraphs.append({"context": context, "qas": items})
        articles.append({"title": title, "paragraphs": paragraphs})
    return {"version": "1.1", "data": articles}, examples, empty


@on_disk
@given(squad(), st.booleans(), st.sampled_from([None, 2]), st.booleans())
def test_squad_comes_back(folder, made, escaped, indent, mark):
    document, examples, empty = made
    text = json.dumps(document, ensure_ascii=escaped, indent=indent)
    rows, report = read_squad(write(folder / "g.json", "\ufeff" * mark + text))
    assert rows == examples
    assert report.dropped == ({"empty answers": empty} if empty else {})


# --- damage: an error that names file and line, or what a careful reading of the bytes gives ------------------------

SENTENCES = [
    {"tokens": ["Río", "de", "Janeiro"], "tags": ["B-LOC", "I-LOC", "I-LOC"]},
    {"tokens": ["La", "ONU", "—", "ñandú"], "tags": ["O", "B-ORG", "O", "O"]},
    {"tokens": ["Ana"], "tags": ["B-PER"]},
]
NER_FILE = as_columns(SENTENCES, " ", ("NC",)).encode()
POS_FILE = b"El\tDET\nmar\tNOUN\n\nNo\tINTJ\n\xc2\xa1\tPUNCT\nya\tADV\n\nFin\tNOUN\n"
CONLLU_FILE = (
    "# sent_id = 1\n# text = del mar\n"
    + "1-2\tdel\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\t_\tADP\t_\t_\t_\t_\t_\t_\n2\tel\t_\tDET\t_\t_\t_\t_\t_\t_\n"
    + "3\tmár\t_\tNOUN\t_\t_\t_\t_\t_\t_\n3.1\tx\t_\tVERB\t_\t_\t_\t_\t_\t_\n\n"
    + "# sent_id = 2\n1\tSí\t_\tINTJ\t_\t_\t_\t_\t_\t_\n2\t.\t_\tPUNCT\t_\t_\t_\t_\t_\t_\n\n"
).encode()
TSV_FILE = 'Dijo "sí".\tDijo que sí.\t1\nNS\tNo.\t0\nUna «ñ».\t""Otra"" ñ.\t0\n'.encode()
XNLI_FILE = "label\tpremise\thypo\nneutral\tÉl va.\tÉl no va.\ncontradictory\tLlueve mañana.\tNo lloverá.\n".encode()
JSONL_FILE = '{"sentence1": "El índice subió.", "label": "CCAT"}\n{"sentence1": "Ganó", "label": "GCAT"}\n'.encode()
SQUAD_FILE = json.dumps(
    {
        "data": [
            {
                "title": "Mar",
                "paragraphs": [
                    {
                        "context": "\ufeffEl mar es azul.",
                        "qas": [
                            {"id": "1", "question": "¿Qué?", "answers": [{"text": "mar", "answer_start": 4}]},
                            {
                                "id": "2",
                                "question": "¿Cómo?",
                                "answers": [{"text": "", "answer_start": -1}, {"text": "azul", "answer_start": 11}],
                            },
                        ],
                    }
                ],
            }
        ]
    },
    ensure_ascii=False,
).encode()
DAMAGED = {
    "ner": ("a.train", NER_FILE),
    "pos": ("a.tsv", POS_FILE),
    "conllu": ("a.conllu", CONLLU_FILE),
    "pawsx": ("a.tsv", TSV_FILE),
    "xnli": ("a.tsv", XNLI_FILE),
    "mldoc": ("a.jsonl", JSONL_FILE),
    "sqac": ("a.json", SQUAD_FILE),
}
each_format = pytest.mark.parametrize("kind", DAMAGED)


def read_damaged(kind, data, folder):
    """(examples, report), or the sentence of the error."""
    path = write(folder / DAMAGED[kind][0], data)
    try:
        return read_file("pos" if kind == "conllu" else kind, path)
    except ValueError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
        return str(error).removeprefix(str(path))


def carefully(kind, data, report):
    """The examples as a second, plainer reader finds them in bytes that the first one accepted."""
    text = data.decode({"UTF-8": "utf-8-sig", "Latin-1": "latin-1"}[report.encoding])
    if kind == "sqac":
        rows = []
        for article in json.loads(text)["data"]:
            for paragraph in article["paragraphs"]:
                for item in paragraph["qas"]:
                    answers = [answer for answer in item["answers"] if answer["text"].strip()]
                    for answer in answers:
                        assert (
                            paragraph["context"].find(answer["text"], answer["answer_start"]) == answer["answer_start"]
                        )
                    gold = {key: [answer[key] for answer in answers] for key in ("text", "answer_start")}
                    head = {"id": item["id"], "title": article.get("title", ""), "context": paragraph["context"]}
                    rows.append(head | {"question": item["question"], "answers": gold})
        return [row for row in rows if row["answers"]["text"] and row["question"].strip()]
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if kind == "mldoc":
        items = [json.loads(line) for line in lines if line.strip()]
        rows = [{key.strip().casefold(): text for key, text in item.items()} for item in items]
        return [{"sentence1": r["sentence1"], "label": r["label"]} for r in rows if r["sentence1"].strip()]
    if kind in ("pawsx", "xnli"):
        cells = [line.split("\t") for line in lines if line]
        spelled = dict(get_task(kind).spellings)
        rows = [c[-3:] for c in cells] if kind == "pawsx" else [(c[1], c[2], c[0]) for c in cells[1:]]
        return [
            {"sentence1": one, "sentence2": two, "label": spelled.get(label, label)}
            for one, two, label in rows
            if one.strip() and two.strip() and (kind == "xnli" or "NS" not in (one.strip(), two.strip()))
        ]
    rows = [[]]
    separator = "\t" if kind == "conllu" or "\t" in next(line for line in lines if line.strip(" \t")) else " "
    for line in lines:
        cells = [cell for cell in line.split(separator) if cell or separator == "\t"]
        if not line.strip(" \t"):
            rows.append([])
        elif kind != "conllu":
            rows[-1].append((cells[0], cells[-1]))
        elif cells[0].isdigit():
            rows[-1].append((cells[1], cells[3]))
    return [{"tokens": [word for word, _ in row], "tags": [tag for _, tag in row]} for row in rows if row]


@each_format
def test_the_whole_file_is_read(kind, folder):
    rows, report = read_damaged(kind, DAMAGED[kind][1], folder)
    assert rows == carefully(kind, DAMAGED[kind][1], report)
    assert len(rows) == {"ner": 3, "pos": 3}.get(kind, 2)


@each_format
def test_a_file_cut_at_any_byte(kind, folder):
    """Fewer examples without an error only where nothing can tell: between two of them, or with a note that says so."""
    data = DAMAGED[kind][1]
    whole, _ = read_damaged(kind, data, folder)
    for size in range(len(data)):
        read = read_damaged(kind, data[:size], folder)
        if isinstance(read, str):
            place = r", (line \d+(, column \d+)?|data\S*): ." if size and "holds no example" not in read else " "
            assert re.match(place, read), read
            continue
        rows, report = read
        left = data[:size]
        if "cannot be told" in str(report):
            assert kind in ("pos", "xnli")
            assert rows[:-1] == whole[: len(rows) - 1]
            assert rows == carefully(kind, left, report)
        else:
            boundary = b"\n\n" if kind in ("ner", "pos", "conllu") else b"\n"
            at_boundary = left.endswith(boundary) or data[size:].startswith(b"\n") or kind == "sqac"
            assert at_boundary, left
            assert rows == whole[: len(rows)]
            assert kind != "sqac" or rows == whole


@each_format
def test_flipped_bytes(kind, folder):
    chance = random.Random(kind)
    data = DAMAGED[kind][1]
    accepted = 0
    for _ in range(1_000):
        damaged = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            damaged[chance.randrange(len(data))] = chance.choice((chance.randrange(256), *data))
        read = read_damaged(kind, bytes(damaged), folder)
        if isinstance(read, str):
            assert re.match(r", (line \d+|data|the top level)| (is|holds) ", read), read
        else:
            accepted += 1
            rows, report = read
            assert rows == carefully(kind, bytes(damaged), report), bytes(damaged)
    assert accepted > 20  # or the test says little


@on_disk
@given(st.binary(max_size=60), st.sampled_from(list(DAMAGED)))
def test_any_bytes_end_in_examples_or_a_sentence(folder, data, kind):
    read = read_damaged(kind, data, folder)
    assert isinstance(read, str) or read[0] == carefully(kind, data, read[1])


# --- what formats allow, example by example -------------------------------------------------------------------------


def test_docstart_lines_and_empty_sentences_are_counted(tmp_path):
    text = "-DOCSTART- -DOCSTART- O\n\nHola N O\n\n\n\n-DOCSTART- -X- O O\n\nMar N O\n\n\n"
    rows, report = read_columns(write(tmp_path / "a", text), ENTITY_TAGS)
    assert [row["tokens"] for row in rows] == [["Hola"], ["Mar"]]
    assert report.dropped == {"-DOCSTART- lines": 2, "empty sentences": 3}
    assert str(report) == (
        "a (columns, UTF-8): 2 examples; dropped: -DOCSTART- lines (2) and empty sentences (3)"
    )  # fmt: skip


def test_a_number_sign_is_a_token_in_columns_and_a_comment_in_conllu(tmp_path):
    assert read_columns(write(tmp_path / "a", "# O\n\n"), ENTITY_TAGS)[0] == [{"tokens": ["#"], "tags": ["O"]}]
    word = "1\t#\t_\tSYM\t_\t_\t_\t_\t_\t_\n\n"
    assert read_conllu(write(tmp_path / "b", f"# 1\n{word}"), UPOS)[0] == [{"tokens": ["#"], "tags": ["SYM"]}]


def test_the_format_is_told_by_name_then_by_looking(tmp_path):
    name = {"conllu": "x", "mldoc": "x"}
    for kind, (file, data) in DAMAGED.items():
        path = write(tmp_path / name.get(kind, file), data)
        expected = {
            "ner": "columns",
            "pos": "columns",
            "conllu": "CoNLL-U",
            "mldoc": "JSON lines",
            "sqac": "SQuAD JSON",
        }
        assert read_file("pos" if kind == "conllu" else kind, path)[1].format == expected.get(kind, "TSV")
    assert read_file("mldoc", write(tmp_path / "b.tsv", "{x}\tCCAT\n"))[0] == [{"sentence1": "{x}", "label": "CCAT"}]


def test_mldoc_with_the_label_in_front(tmp_path):
    rows, report = read_file("mldoc", write(tmp_path / "es.train", "MCAT\tLa bolsa subió.\nGCAT\tMCAT\n"))
    assert rows == [{"sentence1": "La bolsa subió.", "label": "MCAT"}, {"sentence1": "MCAT", "label": "GCAT"}]
    assert not report.notes


def test_xnli_of_many_languages_and_other_spellings(tmp_path):
    text = (
        "language\tgold_label\tsentence1_parse\tsentence1\tsentence2\tpairID\n"
        "en\tneutral\t_\tI go.\tI run.\t1\n"
        "es\tcontradictory\t_\tVoy.\tMe quedo.\t1\n"
        "es\tneutral\t_\t \tCorro.\t2\n"
    )
    rows, report = read_file("xnli", write(tmp_path / "a.tsv", text))
    assert rows == [{"sentence1": "Voy.", "sentence2": "Me quedo.", "label": "contradiction"}]
    assert report.dropped == {"rows in other languages": 1, "rows with an empty sentence": 1}
    path = write(tmp_path / "b.tsv", "Voy.\tCorro.\t2\n")
    assert read_file("xnli", path, labels={"2": "contradiction"})[0][0]["label"] == "contradiction"


def test_json_labels_may_be_numbers(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"sentence1": "Sí.", "sentence2": "Así es.", "label": 1}\n')
    assert read_file("pawsx", path)[0][0]["label"] == "paraphrase"


def test_questions_without_an_answer_are_counted(tmp_path):
    document = json.loads(SQUAD_FILE)
    items = document["data"][0]["paragraphs"][0]["qas"]
    items[1]["answers"] = items[1]["answers"][:1]
    items.append({"id": "3", "question": " ", "answers": items[0]["answers"]})
    rows, report = read_squad(write(tmp_path / "a.json", json.dumps(document)))
    assert [row["id"] for row in rows] == ["1"]
    assert report.dropped == {"empty answers": 1, "questions without an answer": 1, "questions without text": 1}


def question(name, title, context):
    return {"id": name, "title": title, "context": context, "question": "¿?", "answers": {}}


def test_shared_articles_are_taken_out_whole():
    ours = [
        *(question("1", "El_Mar", "a"), question("2", "el  mar", "b")),
        *(question("3", "Río", "c"), question("4", "Río", "d")),
        *(question("5", "", "e"), question("6", "", "e"), question("7", "", "f")),
        *(question("8", "Sol", "g"), question("9", "Sol", "h")),
    ]
    theirs = [
        question("x", "el mar", "z"),
        question("4", "River", "y"),
        question("6", "", "w"),
        question("v", "S", "h"),
    ]
    kept, titles = drop_shared_articles(ours, theirs)
    assert [row["id"] for row in kept] == ["7"]
    assert titles == ["El_Mar", "Río", "", "Sol"]
    assert drop_shared_articles(ours, []) == (ours, [])


# --- load_task --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def valid(folder):
    """A file of each task."""
    made = {"mldoc": JSONL_FILE, "pawsx": TSV_FILE, "xnli": XNLI_FILE, "pos": POS_FILE, "ner": NER_FILE}
    made |= dict.fromkeys(("mlqa", "sqac", "tar"), SQUAD_FILE)
    suffix = {"mldoc": "jsonl", "mlqa": "json", "sqac": "json", "tar": "json"}
    return {task: write(folder / f"{task}.{suffix.get(task, 'tsv')}", data) for task, data in made.items()}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_load_task_gives_the_columns_of_the_design(task, valid):
    files = {"test": str(valid[task.name]), "train": valid[task.name]}
    if task.name == "tar":
        del files["train"]
    data = load_task(task.name, source="files", files=files, report=None)
    assert list(data) == [split for split in ("train", "validation", "test") if split in files]
    table = data["test"]
    rows, _ = read_file(task, valid[task.name])
    assert table.num_rows == len(rows)
    if task.kind == "classification":
        assert table.column_names == ["sentence1", *["sentence2"] * task.pair, "label"]
        assert tuple(table.features["label"].names) == task.labels
        found = [row | {"label": task.labels[row["label"]]} for row in table]
    elif task.kind == "tagging":
        assert table.column_names == ["tokens", "tags"]
        assert tuple(table.features["tags"].feature.names) == task.labels
        found = [row | {"tags": [task.labels[tag] for tag in row["tags"]]} for row in table]
    else:
        assert table.column_names == ["id", "title", "context", "question", "answers"]
        found = list(table)
    assert found == rows


def test_labels_have_the_order_of_the_hub():
    assert [len(task.labels) for task in TASKS] == [4, 2, 3, 17, 9, 0, 0, 0]
    assert get_task("xnli").labels == ("entailment", "neutral", "contradiction")
    assert get_task("ner").labels[:3] == ("O", "B-PER", "I-PER")
    assert [PAWSX.labels.index(dict(PAWSX.spellings)[number]) for number in "01"] == [0, 1]
    assert tuple(sorted(UPOS)) == UPOS
    assert [task.name for task in TASKS if task.pair] == ["pawsx", "xnli"]
    assert all(label in task.labels for task in TASKS for _, label in task.spellings)


def test_what_is_dropped_is_shown_unless_told_otherwise(valid, capsys):
    files = {"train": valid["pawsx"]}
    load_task("pawsx", "files", files)
    assert capsys.readouterr().out == (
        "train: pawsx.tsv (TSV, UTF-8): 2 examples; dropped: rows with 'NS' for a sentence (1)\n"
    )
    load_task("xnli", "files", {"train": valid["xnli"]})  # nothing to say
    load_task("pawsx", "files", files, report=None)
    reports = {}
    load_task("pawsx", "files", files, report=reports.__setitem__)
    assert capsys.readouterr().out == ""
    assert isinstance(reports["train"], Report)
    assert reports["train"].dropped.total() == 1


def test_reading_needs_the_standard_library_only(valid):
    code = (
        "import sys; from speedy_utils.readers import read_file\n"
        f"read_file('pawsx', {str(valid['pawsx'])!r}); read_file('tar', {str(valid['tar'])!r})\n"
        "print(*{name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'__main__'})"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["speedy_utils"]


# --- bad input: one sentence that says where and what ----------------------------------------------------------------

ITEM = '{"data": [{"title": "T", "paragraphs": [{"context": "El mar", "qas": [%s]}]}]}'
WORD = "1\tmar\t_\tNOUN\t_\t_\t_\t_\t_\t_\n"


@pytest.mark.parametrize(
    ("task", "file", "content", "sentence"),
    [
        ("ner", "a", b"", " is empty"),
        ("ner", "a", b"\n \n", " is empty"),
        ("mldoc", "a.tsv", b"\xef\xbb\xbf\n", " is empty"),
        ("ner", "a", b"Hola O\n\nMar\0 O\n\n", ", line 3: a NUL byte"),
        ("ner", "a", "Hola O\n\n".encode("utf-16"), " is in UTF-16: save it as UTF-8."),
        ("ner", "a.gz", b"\x1f\x8b\x08\0", " is packed with gzip: unpack it first."),
        ("ner", "a", "ñ O\ná O\n".encode() + b"\xff O\n\n", ", line 3: the byte 0xff is neither UTF-8 nor Latin-1"),
        ("ner", "a", b"caf\xe9 O\n\x93s\xed\x94 O\n\n", ", line 2: the byte 0x93 is neither UTF-8 nor Latin-1"),
        ("ner", "a", b"Hola N O\nmar O\n\n", ", line 2: 2 columns, but line 1 has 3."),
        ("ner", "a", b"Hola\n\n", ", line 1: one column ('Hola')"),
        ("ner", "a", b"Hola O\n\tO\n\n", ", line 2: one column ('\\tO'): each line needs a token and its tag."),
        ("ner", "a", b"Hola\tO\n\tO\n\n", ", line 2: an empty token"),
        ("ner", "a", b"Ana B-PRE\n\n", ", line 1: Unknown tag 'B-PRE': did you mean 'B-PER'"),
        ("ner", "a", b"Ana B-PER\n", ", line 1: the file ends inside a sentence"),
        ("ner", "a", b"Ana I-PER\n\nRio I-LOC\n\n", ", line 1: I-PER begins an entity: these tags are not IOB2"),
        ("ner", "a", b"-DOCSTART- O\n\n", " holds no example of the format columns; all it has was dropped"),
        ("pos", "a", b"mar\tNOUM\n", ", line 1: Unknown tag 'NOUM': did you mean 'NUM' or 'NOUN'?"),
        ("pos", "a.conllu", WORD[:-3] + "\n\n", ", line 1: 9 columns, but CoNLL-U has 10"),
        ("pos", "a.conllu", "# a\n" + WORD + WORD, ", line 3: the number '1' does not follow word 1 of its sentence."),
        ("pos", "a.conllu", "2" + WORD[1:] + "\n", ", line 1: the number '2' does not follow word 0"),
        ("pos", "a.conllu", "1-3" + WORD[1:] + WORD + "\n", ", line 3: the sentence ends before word 3"),
        ("pos", "a.conllu", WORD + "# b\n" + WORD, ", line 2: a comment inside a sentence"),
        ("pos", "a.conllu", WORD, ", line 1: the file ends inside a sentence"),
        ("pos", "a.conllu", WORD.replace("mar", "") + "\n", ", line 1: an empty word form."),
        ("pos", "a.conllu", WORD.replace("NOUN", "_") + "\n", ", line 1: Unknown tag '_': choose one of ADJ, ADP"),
        ("pos", "a.conllu", WORD.encode() + b"\n" + b"\xf1\n", ", line 3: the byte 0xf1 is not UTF-8"),
        (
            "pawsx",
            "a.tsv",
            "Sí.\tNo.\t2\n",
            ", line 1: Unknown label '2': choose one of different, paraphrase, 0 or 1.",
        ),
        ("pawsx", "a.tsv", "Sí.\tNo.\t1\nSí.\tNo.\n", ", line 2: 2 columns, but line 1 has 3."),
        ("pawsx", "a.tsv", "Sí.,No.,1\n", ", line 1: 1 column between tabs, not 3 (sentence1, sentence2 and label)"),
        (
            "pawsx",
            "a.tsv",
            "id\tsentence1\tlabel\n",
            ", line 1: no column has a name known for sentence2; the header is",
        ),
        ("pawsx", "a.tsv", "id\tsentence1\tsentence2\tlabel\n", " holds no example of the format TSV; is it the right"),
        ("pawsx", "a.tsv", "uno\tdos\tclase\n", "If this line names the columns, say where they are with columns="),
        ("pawsx", "a.tsv", "NS\tNo.\t1\n", " holds no example of the format TSV; all it has was dropped"),
        ("xnli", "a.tsv", "Sí.\tNo.\tneutral\nSí.\tNo.\tneutra\n", ", line 2: Unknown label 'neutra': did you mean"),
        ("mldoc", "a.tsv", b"CCAT\tVa.\nGCAT\tSali\xc3", ", line 2: the byte 0xc3 is neither UTF-8 nor Latin-1"),
        ("mldoc", "a.jsonl", '{"sentence1": "Sí", "label": "CCAT"}\n{"sent', ", line 2, column 2: this is no JSON"),
        ("mldoc", "a.jsonl", "[1]\n", ", line 1: [1] instead of a JSON object with sentence1 and label."),
        ("mldoc", "a.jsonl", '{"sentence1": "Sí"}', ", line 1: 'label' is missing; there is 'sentence1'."),
        (
            *("mldoc", "a.jsonl", '{"text": "a", "label": "CCAT"}\n{"sentence": "b", "label": "CCAT"}\n'),
            ", line 2: 'text' is missing; there is 'sentence and label'.",
        ),
        ("mldoc", "a.jsonl", '{"text": 3, "label": "CCAT"}', ", line 1: 'text' is 3, not a text."),
        ("mldoc", "a.jsonl", '{"text": "a", "label": "CCAT", "text": "b"}', ", line 1: a key stands twice"),
        ("mldoc", "a.jsonl", '{"text": "\\ud83d", "label": "CCAT"}', ", line 1: 'text' holds half a character"),
        ("mldoc", "a.jsonl", "[" * 200_000, ", line 1: Python cannot read this JSON"),
        ("tar", "a.json", '{"data": [\n{"title"', ", line 2, column 9: this is no JSON"),
        ("tar", "a.json", "[]", ", the top level: [] instead of an object with 'data'."),
        ("tar", "a.json", '{"version": 1}', ", the top level: 'data' is missing; there is 'version'."),
        ("tar", "a.json", '{"data": []}', " holds no example of the format SQuAD JSON; is it the right file?"),
        ("tar", "a.json", '{"data": [{}]}', ", data[0]: 'paragraphs' is missing; there is nothing."),
        ("tar", "a.json", ITEM % "3", ", data[0].paragraphs[0].qas[0]: 3 instead of an object with 'id'."),
        (
            *("tar", "a.json", ITEM % '{"id": "1", "question": "¿?", "answers": [{"text": "mar", "answer_start": 2}]}'),
            ", data[0].paragraphs[0].qas[0].answers[0]: the answer 'mar' is not at 2 of its context: there is ' ma'.",
        ),
        (
            *(
                "tar",
                "a.json",
                ITEM % '{"id": "1", "question": "¿?", "answers": [{"text": "mar", "answer_start": -3}]}',
            ),
            ".answers[0]: the answer 'mar' is not at -3 of its context: there is nothing.",
        ),
        (
            *(
                "tar",
                "a.json",
                ITEM % '{"id": "1", "question": "¿?", "answers": [{"text": "r", "answer_start": true}]}',
            ),
            ".answers[0]: 'answer_start' is True, not a whole number.",
        ),
        (
            *("tar", "a.json", ITEM % ", ".join(['{"id": "1", "question": "¿?", "answers": []}'] * 2)),
            ", data[0].paragraphs[0].qas[1]: the id '1' is also that of data[0].paragraphs[0].qas[0].",
        ),
    ],
)
def test_a_bad_file_gets_one_clear_sentence(task, file, content, sentence, tmp_path):
    path = write(tmp_path / file, content)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        load_task(task, "files", {"train": path})
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("task", "options", "sentence"),
    [
        ("nerd", {}, "Unknown task 'nerd': did you mean 'ner'?"),
        ("ner", {"source": "file"}, "Unknown source 'file': did you mean 'files'?"),
        ("ner", {"files": {}}, "The source 'files' needs a path for each split, such as files={'train'"),
        ("ner", {"files": None}, "The source 'files' needs a path for each split"),
        ("ner", {"files": "esp.train"}, "The source 'files' needs a path for each split"),
        ("ner", {"files": {"tren": "x"}}, "Unknown split 'tren': did you mean 'train' or"),
        ("ner", {"files": {"dev": "x"}}, "Unknown split 'dev': choose one of train, validation or test."),
        ("ner", {"files": {"train": ["x"]}}, "The path of train is ['x']: give one path as text or Path"),
        ("ner", {"columns": {"label": 1}}, "columns= is for classification: NER has fixed columns."),
        ("tar", {"labels": {"a": "b"}}, "labels= is for classification and tagging: TAR / XQuAD has no labels."),
        ("ner", {"labels": {"b-per": "PER"}}, "Unknown label of NER 'PER': did you mean 'I-PER' or 'B-PER'?"),
        (
            "xnli",
            {"columns": {"label": 1}},
            "columns has to say where sentence1, sentence2 and label are; it has label.",
        ),
        ("mldoc", {"columns": {"sentence1": 0, "label": "b"}}, "one kind for all."),
        ("mldoc", {"columns": {"sentence1": 0, "label": 1}}, "JSON lines need the names of the keys."),
        (
            "mldoc",
            {"columns": {"sentence1": "a", "label": "b"}},
            "line 1: 'a' is missing; there is 'sentence1 and label'",
        ),
        (
            "pawsx",
            {"columns": {"sentence1": 0, "sentence2": 1, "label": 3}},
            "3 columns: the numbers in columns= go from 0",
        ),
        (
            "pawsx",
            {"columns": {"sentence1": "a", "sentence2": "b", "label": "c"}},
            "line 1: no column has 'a'; the header",
        ),
    ],
)
def test_a_bad_call_gets_one_clear_sentence(task, options, sentence, valid):
    options = {"source": "files", "files": {"train": valid.get(task, "x")}} | options
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        load_task(task, **options)
    assert sentence in str(caught.value)


def test_files_need_the_source_files(monkeypatch, valid):
    monkeypatch.setitem(load_task.__globals__["_SOURCES"], "mini", dict)
    with pytest.raises(ValueError, match=r"files= goes with source='files', not with 'mini'\."):
        load_task("ner", "mini", {"train": valid["ner"]})


def test_a_missing_file_a_folder_and_a_pipe(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*nowhere: check the path \(here is "):
        read_file("ner", tmp_path / "nowhere")
    file = write(tmp_path / "a", NER_FILE)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_file("ner", file / "b")
    with pytest.raises(ValueError, match="is a folder: give the path of a file"):
        read_file("ner", tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
        with pytest.raises(ValueError, match="is not a regular file"):
            read_text(tmp_path / "pipe")
