"""The Hugging Face Hub as a source, against a hub on this machine: the real client libraries, nothing replaced.

What is set here is what HF_ENDPOINT, HF_HOME and HF_HUB_DOWNLOAD_TIMEOUT set when the libraries are imported.
"""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import Fault, Hub
from huggingface_hub import constants

from speedy_utils.formats import Report
from speedy_utils.hub import PLACES, POS_NAMES, read_hub
from speedy_utils.hub_files import HubError, Trouble, parts
from speedy_utils.readers import load_task
from speedy_utils.tasks import ENTITY_TAGS, TASKS, UPOS, get_task

CONNECTIONS: list[str] = []
WATCHING = False


def watch(event: str, arguments: tuple) -> None:
    if WATCHING and event == "socket.connect" and isinstance(arguments[1], tuple):
        CONNECTIONS.append(arguments[1][0])


sys.addaudithook(watch)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub without repositories, an empty cache, and a client that knows no other hub and does not wait for long."""
    global WATCHING
    hub = Hub(tmp_path / "hub")
    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    for name in ("HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    CONNECTIONS.clear()
    WATCHING = True
    yield hub
    WATCHING = False
    hub.close()
    assert set(CONNECTIONS) <= {"127.0.0.1"}, "something was asked beyond this machine"


# --- tiny data in the documented layouts ------------------------------------------------------------------------------


def write(folder: Path, name: str, columns: dict[str, list], features: dict | None = None) -> None:
    """A parquet file as `datasets` writes it, with its features; without them where `features` is None."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if features is None:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table(columns), path)
    else:
        import datasets

        datasets.Dataset.from_dict(columns, features=datasets.Features(features)).to_parquet(path)


def labels(*names: str):
    from datasets import ClassLabel

    return ClassLabel(names=list(names))


def text():
    from datasets import Value

    return Value("string")


def tag_lists(names):
    from datasets import List

    return List(labels(*names))


def squad_features(title: bool = True) -> dict:
    from datasets import List, Value

    answers = {"text": List(text()), "answer_start": List(Value("int32"))}
    return dict.fromkeys(("id", *(["title"] if title else []), "context", "question"), text()) | {"answers": answers}


def question(number: int, title: str = "Lima", context: str = "Lima es la capital.", answers=(("Lima", 0),)) -> dict:
    return {
        **{"id": f"q{number}", "title": title, "context": context, "question": f"¿Qué es {number}?"},
        "answers": {"text": [answer for answer, _ in answers], "answer_start": [start for _, start in answers]},
    }


def as_columns(rows: list[dict], *names: str) -> dict[str, list]:
    return {name: [row[name] for row in rows] for name in names or rows[0]}


def put_pawsx(hub: Hub, repo: str = "google-research-datasets/paws-x", config: str = "es") -> None:
    features = {"sentence1": text(), "sentence2": text(), "label": labels("0", "1")}
    for split in ("train", "validation", "test"):
        rows = [(f"La {split} ríe.", "Ríe.", 1), ("NS", "Algo.", 0), ("Uno.", "Dos.", -1), ("Uno.", " ", 0)]
        rows += [("¿Qué?", "Nada.", 0)]
        columns = dict(zip(features, map(list, zip(*rows, strict=True)), strict=True))
        write(hub.folder("datasets", repo), f"{config}/{split}-00000-of-00001.parquet", columns, features)


def put_xnli(hub: Hub) -> None:
    features = {"premise": text(), "hypothesis": text(), "label": labels("entailment", "neutral", "contradiction")}
    columns = {"premise": ["a", "b", "c"], "hypothesis": ["d", "e", "f"], "label": [2, 1, 0]}
    for split in ("train", "validation", "test"):
        for part in (0, 1):
            write(hub.folder("datasets", "facebook/xnli"), f"es/{split}-0000{part}-of-00002.parquet", columns, features)


POS_ROWS = (["Habla", "del", "de", "el", "mar"], ["VERB", "_", "ADP", "DET", "NOUN"])


def put_pos(hub: Hub, place: int = 0) -> None:
    place = PLACES["pos"][place]
    column = place.columns["tags"]
    tokens, tags = POS_ROWS
    columns = {"tokens": [tokens], column: [[POS_NAMES.index(tag) for tag in tags]]}
    for split in ("train", "validation", "test"):
        name = f"universal_dependencies-{split}" if "convert" in place.revision else f"{split}-00000-of-00001"
        folder = hub.folder("datasets", place.repo, place.revision)
        write(folder, f"es_ancora/{name}.parquet", columns, {"tokens": _texts(), column: tag_lists(POS_NAMES)})


def _texts():
    from datasets import List

    return List(text())


def put_ner(hub: Hub, place: int = 0) -> None:
    place = PLACES["ner"][place]
    columns = {"tokens": [["Ana", "ríe"], []], "ner_tags": [[1, 0], []]}
    for split in ("train", "validation", "test"):
        name = f"{split}/0000" if "convert" in place.revision else f"{split}-00000-of-00001"
        folder = hub.folder("datasets", place.repo, place.revision)
        write(folder, f"es/{name}.parquet", columns, {"tokens": _texts(), "ner_tags": tag_lists(ENTITY_TAGS)})


def put_mlqa(hub: Hub, revision: str = "refs/pr/5") -> None:
    rows = [question(1), question(2)]
    for split in ("validation", "test"):
        folder = hub.folder("datasets", "google/xtreme")
        write(folder, f"MLQA.es.es/{split}-00000-of-00001.parquet", as_columns(rows), squad_features())
    hub.folder("datasets", "facebook/mlqa").joinpath("mlqa.py").write_text("raise SystemExit('never run')")
    columns = as_columns(rows, "context", "question", "answers", "id")
    folder = hub.folder("datasets", "facebook/mlqa", revision)
    write(folder, "mlqa-translate-train.es/train-00000-of-00001.parquet", columns, squad_features(title=False))


def put_sqac(hub: Hub) -> None:
    folder = hub.folder("datasets", "PlanTL-GOB-ES/SQAC")
    folder.joinpath("SQAC.py").write_text("raise SystemExit('never run')")
    for number, name in enumerate(("train", "dev", "test")):
        asked = {"id": f"{number}", "question": "¿Qué?", "answers": [{"text": "ñu", "answer_start": 3}]}
        paragraph = {"context": "Un ñu.", "qas": [asked, {**asked, "id": "x", "answers": []}]}
        data = {"data": [{"title": "Ñu", "paragraphs": [paragraph]}]}
        folder.joinpath(f"{name}.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def put_tar(hub: Hub) -> None:
    folder = hub.folder("datasets", "ccasimiro/squad_es", "refs/convert/parquet")
    shared = question(1, "Lima")
    train = [shared, question(2, "Quito", "Quito.", [("Quito", 0)]), question(3, "Quito", "Quito.", [("", 0)])]
    write(folder, "v1.1.0/train/0000.parquet", as_columns(train), squad_features())
    write(folder, "v1.1.0/validation/0000.parquet", as_columns([shared]), squad_features())
    bom = question(1, context="\ufeffLima es la capital.", answers=[("Lima", 1)])
    folder = hub.folder("datasets", "google/xquad")
    columns = as_columns([bom], "id", "context", "question", "answers")
    write(folder, "xquad.es/validation-00000-of-00001.parquet", columns, squad_features(title=False))


PUT = {
    **{"pawsx": put_pawsx, "xnli": put_xnli, "pos": put_pos, "ner": put_ner},
    **{"mlqa": put_mlqa, "sqac": put_sqac, "tar": put_tar},
}


# --- what comes back --------------------------------------------------------------------------------------------------


def load(task: str, **options):
    reports: dict[str, Report] = {}
    return load_task(task, "hub", report=reports.__setitem__, **options), reports


def one_sentence(error: BaseException, *parts: str) -> str:
    """Asserts that a message is one sentence on one line, and that it has the parts."""
    message = str(error)
    assert "\n" not in message and message.endswith("."), message
    assert not re.search(r"\.\s+[A-Z]", message), f"more than one sentence: {message}"
    for part in parts:
        assert part in message, message
    return message


def test_every_task_has_places_but_mldoc():
    assert set(PLACES) == {task.name for task in TASKS} - {"mldoc"}
    for task, places in PLACES.items():
        assert {split for place in places for split in place.splits} == {"train", "validation", "test"}, task


@pytest.mark.parametrize("task", PUT)
def test_loads(task, hub):
    """Columns and features are those of the bundled data; the report has the repository and the commit."""
    PUT[task](hub)
    data, reports = load(task)
    assert list(data) == ["train", "validation", "test"]
    assert data["train"].features == load_task(task, report=None)["train"].features
    for split, report in reports.items():
        place = next(place for place in PLACES[task] if place.repo == report.repo and split in place.splits)
        folder, _ = hub.find("datasets", report.repo, report.commit)
        assert folder is not None and len(report.commit) == 40
        assert report.notes[0].startswith(f"from {place.repo} {place.config}".strip())
        assert report.commit in report.notes[0] and report.path.is_relative_to(report.repo)
        assert report.examples == len(data[split])
    assert not any(request.endswith(".py") for request in hub.requests)


def test_pawsx_drops_what_the_file_readers_drop(hub):
    put_pawsx(hub)
    data, reports = load("pawsx")
    assert data["train"][:] == {
        **{"sentence1": ["La train ríe.", "¿Qué?"], "sentence2": ["Ríe.", "Nada."], "label": [1, 0]}
    }
    assert reports["train"].dropped == {
        **{"rows with 'NS' for a sentence": 1, "rows without a label (-1)": 1, "rows with an empty sentence": 1}
    }


def test_xnli_reads_all_parts_in_order(hub):
    put_xnli(hub)
    data, _ = load("xnli")
    assert data["test"]["sentence1"][:] == list("abcabc")
    assert data["test"]["label"][:] == [2, 1, 0] * 2


@pytest.mark.parametrize("place", [0, 1])
def test_pos_drops_multiword_tokens_and_numbers_tags_anew(place, hub):
    put_pos(hub, place)
    data, reports = load("pos")
    assert data["test"][0]["tokens"] == ["Habla", "de", "el", "mar"]
    assert [UPOS[tag] for tag in data["test"][0]["tags"]] == ["VERB", "ADP", "DET", "NOUN"]
    assert reports["test"].dropped == {"multiword tokens, whose words are read": 1}


@pytest.mark.parametrize("place", [0, 1])
def test_ner_drops_empty_sentences(place, hub):
    put_ner(hub, place)
    data, reports = load("ner")
    assert data["train"][:] == {"tokens": [["Ana", "ríe"]], "tags": [[1, 0]]}
    assert reports["train"].dropped == {"empty sentences": 1}
    assert reports["train"].repo == PLACES["ner"][place].repo


def test_tar_and_xquad(hub):
    """Shared articles leave the training set, empty answers are dropped, offsets count a byte-order mark."""
    put_tar(hub)
    data, reports = load("tar")
    assert data["train"]["id"][:] == ["q2"]
    assert reports["train"].dropped["empty answers"] == 1
    assert reports["train"].dropped["questions of 1 articles that are in test too"] == 1
    answers = data["test"][0]["answers"]
    assert data["test"][0]["context"][answers["answer_start"][0] :].startswith("Lima")
    alone, _ = load("tar", splits=["train"])
    assert list(alone) == ["train"] and alone["train"]["id"][:] == ["q2"]


def test_answers_as_a_list_of_objects(hub):
    put_tar(hub)
    answers = [[{"text": "Lima", "answer_start": 0}]]
    folder = hub.folder("datasets", "google/xquad")
    write(
        *(folder, "xquad.es/validation-00000-of-00001.parquet"),
        {**as_columns([question(1)]), "answers": answers},
    )
    data, _ = load("tar", splits=["test"])
    assert data["test"][0]["answers"] == {"text": ["Lima"], "answer_start": [0]}


def test_mldoc_says_how_to_make_it(hub):
    with pytest.raises(HubError) as caught:
        load("mldoc")
    one_sentence(caught.value, "RCV2", "licence", "source='files'", "sentence1", "MCAT")
    assert hub.requests == []


def test_only_what_is_asked_for_is_fetched(hub):
    put_xnli(hub)
    data, _ = load("xnli", splits=["test"])
    assert list(data) == ["test"]
    assert {Path(request).name[:4] for request in hub.requests if ".parquet" in request} == {"test"}


def test_options_belong_to_their_source(hub):
    for options in ({"revision": "main"}, {"splits": ["test"]}):
        with pytest.raises(ValueError, match="goes with source='hub'"):
            load_task("xnli", **options)
    with pytest.raises(ValueError, match="goes with source='files'"):
        load("xnli", files={"test": "x"})
    with pytest.raises(ValueError, match="Unknown split 'dev'"):
        load("xnli", splits=["dev"])
    with pytest.raises(ValueError, match="list of names"):
        load("xnli", splits="test")
    with pytest.raises(ValueError, match="Unknown repository"):
        load("xnli", revision={"facebook/xnlii": "main"})


# --- several places ---------------------------------------------------------------------------------------------------


def test_next_place_answers_and_it_is_said(hub, capsys):
    put_pawsx(hub, "google/xtreme", "PAWS-X.es")
    data = load_task("pawsx", "hub")
    assert len(data["train"]) == 2
    said = capsys.readouterr().out
    assert "from google/xtreme PAWS-X.es at main" in said
    assert "tried before: google-research-datasets/paws-x es at main: there is no such repository" in said


def test_mlqa_goes_through_the_branches(hub):
    put_mlqa(hub, "refs/convert/parquet")
    _, reports = load("mlqa")
    assert reports["test"].repo == "google/xtreme"
    assert "at refs/convert/parquet" in reports["train"].notes[0]
    before = reports["train"].notes[1]
    assert "at main: there is no parquet file" in before and "at refs/pr/5: there is no such revision" in before
    assert "google/xtreme" not in before


def test_a_place_gives_all_of_its_splits_or_none(hub):
    """Training and test data of two copies could overlap."""
    put_pawsx(hub)
    put_pawsx(hub, "google/xtreme", "PAWS-X.es")
    hub.folder("datasets", "google-research-datasets/paws-x").joinpath("es/test-00000-of-00001.parquet").unlink()
    _, reports = load("pawsx")
    assert {report.repo for report in reports.values()} == {"google/xtreme"}


def test_a_place_with_other_columns_or_labels_is_passed_over(hub):
    put_pawsx(hub)
    put_pawsx(hub, "google/xtreme", "PAWS-X.es")
    folder = hub.folder("datasets", "google-research-datasets/paws-x")
    write(folder, "es/test-00000-of-00001.parquet", {"text1": ["a"], "sentence2": ["b"], "label": [0]})
    _, reports = load("pawsx")
    assert reports["test"].repo == "google/xtreme"
    assert "lacks the column sentence1: wanted are" in str(reports["test"])
    assert "there are text1, sentence2 and label" in str(reports["test"])


def test_all_places_missing_is_one_sentence_with_all_of_them(hub):
    with pytest.raises(HubError) as caught:
        load("mlqa")
    one_sentence(caught.value, "MLQA (train, validation and test)", "source='files'", "google/xtreme MLQA.es.es")
    one_sentence(caught.value, *(f"facebook/mlqa mlqa-translate-train.es at {r}" for r in ("main", "refs/pr/5")))


# --- revisions --------------------------------------------------------------------------------------------------------


def test_a_run_can_be_repeated_after_the_data_changed(hub):
    put_ner(hub)
    before, reports = load("ner")
    commit = reports["test"].commit
    folder = hub.folder("datasets", "tomaarsen/conll2002")
    shutil.copytree(folder, hub.folder("datasets", "tomaarsen/conll2002", commit), dirs_exist_ok=True)
    for split in ("train", "validation", "test"):
        columns = {"tokens": [["Lima"]], "ner_tags": [[5]]}
        name = f"es/{split}-00000-of-00001.parquet"
        write(folder, name, columns, {"tokens": _texts(), "ner_tags": tag_lists(ENTITY_TAGS)})
    changed, reports = load("ner")
    assert changed["test"]["tokens"][:] == [["Lima"]] and reports["test"].commit != commit
    for revision in (commit, {"tomaarsen/conll2002": commit}):
        again, reports = load("ner", revision=revision)
        assert again["test"][:] == before["test"][:] and reports["test"].commit == commit


def test_a_revision_that_is_not_there(hub):
    put_xnli(hub)
    with pytest.raises(HubError) as caught:
        load("xnli", revision="v9")
    one_sentence(caught.value, "facebook/xnli es at v9: there is no such revision", "give a revision=")


# --- faults: one sentence, and a second call works --------------------------------------------------------------------

INFO, GET, HEAD = "GET /api/datasets", "GET /datasets/.*parquet", "HEAD /datasets/.*parquet"
FAULTS = {
    "repository": (Fault("repo", INFO), ["there is no such repository", "source='files'"]),
    "private": (Fault("private", INFO), ["there is no such repository, or it is private", "source='files'"]),
    "token": (Fault("token", INFO), ["the hub answered with HTTP 401", "hf auth login"]),
    "gated": (Fault("gated", HEAD), ["it is gated", "hf auth login"]),
    "gated list": (Fault("gated", INFO), ["it is gated", "hf auth login"]),
    "file": (Fault("file", HEAD), ["the file es/test-00001-of-00002.parquet is missing", "source='files'"]),
    "500": (Fault("error", INFO), ["the hub answered with HTTP 500", "call again"]),
    "500 head": (Fault("error", HEAD), ["the hub answered with HTTP 500", "call again"]),
    "500 file": (Fault("error", GET), ["the hub answered with HTTP 500", "call again"]),
    "stalled": (Fault("stall", INFO), ["no answer in time", "call again"]),
    "no JSON": (Fault("nonsense", INFO), ["the answer was no hub's", "call again"]),
    "cut list": (Fault("cut", INFO, after=10), ["the connection was cut", "call again"]),
    "cut": (Fault("cut", GET, after=100), ["the connection was cut", "call again"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name, hub, monkeypatch):
    """The only place of XNLI fails: one sentence. The fault goes: the same call gives the data."""
    from huggingface_hub import file_download

    # Only the pauses between huggingface_hub's own tries are left out; the tries themselves are made.
    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
    put_xnli(hub)
    fault, said = FAULTS[name]
    hub.faults.append(Fault(fault.kind, fault.pattern, after=fault.after))
    with pytest.raises(HubError) as caught:
        load("xnli", splits=["test"])
    one_sentence(caught.value, "XNLI (test)", "facebook/xnli es at main", *said)
    hub.faults.clear()
    data, _ = load("xnli", splits=["test"])
    assert data["test"]["label"][:] == [2, 1, 0] * 2


def test_one_stumble_is_no_failure(hub, monkeypatch):
    put_xnli(hub)
    hub.faults.append(Fault("error", INFO, times=1))
    hub.faults.append(Fault("cut", GET, times=1, after=100))
    data, _ = load("xnli", splits=["test"])
    assert len(data["test"]) == 6


def test_no_network(hub, monkeypatch):
    """Nothing cached: a sentence. Cached: the data, and a note; a part that is not cached is missed."""
    put_xnli(hub)
    url = hub.url
    load("xnli", splits=["test"])
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    data, reports = load("xnli", splits=["test"])
    assert len(data["test"]) == 6
    assert any("as it is in the cache, since no connection" in note for note in reports["test"].notes)
    with pytest.raises(HubError) as caught:
        load("xnli")
    one_sentence(caught.value, "facebook/xnli", "there is no parquet file for train")
    monkeypatch.setattr(constants, "ENDPOINT", url)
    assert len(load("xnli")[0]["train"]) == 6


@pytest.mark.parametrize("name", ["es/test-00000-of-00002.parquet", "es/test-00001-of-00002.parquet"])
def test_offline(name, hub, monkeypatch):
    put_xnli(hub)
    with monkeypatch.context() as offline:
        offline.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(HubError) as caught:
            load("xnli", splits=["test"])
        one_sentence(caught.value, "facebook/xnli", "offline mode is on", "unset HF_HUB_OFFLINE")
        assert hub.requests == []
    _, reports = load("xnli", splits=["test"])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    data, again = load("xnli", splits=["test"])
    assert len(data["test"]) == 6 and again["test"].commit == reports["test"].commit
    assert len(load("xnli", splits=["test"], revision=again["test"].commit)[0]["test"]) == 6
    next(Path(constants.HF_HUB_CACHE).rglob(name)).unlink()
    with pytest.raises(HubError) as caught:
        load("xnli", splits=["test"])
    one_sentence(caught.value, "parts of it are missing")


def test_a_download_that_was_cut_leaves_no_half_of_a_split(hub, monkeypatch):
    """In the oldest naming nothing says how many parts there are, so the first comes last."""
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
    put_tar(hub)
    folder = hub.folder("datasets", "ccasimiro/squad_es", "refs/convert/parquet")
    write(folder, "v1.1.0/train/0001.parquet", as_columns([question(9, "Cuzco")]), squad_features())
    hub.faults.append(Fault("error", "GET .*train/0000"))
    with pytest.raises(HubError):
        read_hub("tar", ["train"])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError) as caught:
        read_hub("tar", ["train"])
    one_sentence(caught.value, "parts of it are missing")


def test_parts():
    assert parts(["a-00001-of-00002.parquet", "a-00000-of-00002.parquet"])[0] == "a-00000-of-00002.parquet"
    assert parts(["a-test.parquet"]) == ["a-test.parquet"]
    for names in (["t/0001.parquet"], ["a-00000-of-00002.parquet"], ["t/0000.parquet", "t/0002.parquet"]):
        with pytest.raises(Trouble):
            parts(names)


@pytest.mark.parametrize(
    ("task", "columns", "said"),
    [
        ("xnli", {"premise": ["a"], "hypothesis": ["b"], "label": ["odd"]}, ["row 1: Unknown label 'odd'"]),
        ("xnli", {"premise": ["a"], "hypothesis": ["b"], "label": [7]}, ["row 1: there is no label of number 7"]),
        ("xnli", {"premise": ["a"], "hypothesis": [None], "label": [0]}, ["row 1: 'sentence2' is None, not a text"]),
        ("xnli", {"premise": ["a"], "label": [0]}, ["lacks the column hypothesis", "there are premise and label"]),
        ("tar", as_columns([question(1, answers=[("Lima", 3)])]), ["row 1.answers[0]: the answer 'Lima' is not at 3"]),
        ("tar", as_columns([question(1), question(1)]), ["row 2: the id 'q1' is also that of row 1"]),
        ("tar", as_columns([question(1, answers=[])]) | {"answers": [{"text": ["a"], "answer_start": []}]},
         ["row 1: 1 answers, but 0 offsets"]),
    ],
)  # fmt: skip
def test_broken_rows(task, columns, said, hub):
    put_xnli(hub)
    repo, name = ("facebook/xnli", "es/test-00000-of-00002") if task == "xnli" else ("google/xquad", "xquad.es/")
    name = f"{name}validation-00000-of-00001.parquet" if task == "tar" else f"{name}.parquet"
    write(hub.folder("datasets", repo), name, columns)
    with pytest.raises(HubError) as caught:
        load(task, splits=["test"])
    one_sentence(caught.value, f"{repo}/{name}", *said)


def test_labels_that_are_not_the_tasks(hub):
    put_ner(hub)
    folder = hub.folder("datasets", "tomaarsen/conll2002")
    columns = {"tokens": [["Ana"]], "ner_tags": [[1]]}
    features = {"tokens": _texts(), "ner_tags": tag_lists(["O", "B-PERSON"])}
    write(folder, "es/test-00000-of-00001.parquet", columns, features)
    with pytest.raises(HubError) as caught:
        load("ner", splits=["test"])
    one_sentence(caught.value, "the column ner_tags of tomaarsen/conll2002/es/test", "B-PERSON", "wanted are O, B-PER")


def test_numbers_without_names_mean_the_documented_order(hub):
    put_xnli(hub)
    for part in (0, 1):
        columns = {"premise": ["a"], "hypothesis": ["b"], "label": [part]}
        write(hub.folder("datasets", "facebook/xnli"), f"es/test-0000{part}-of-00002.parquet", columns)
    assert load("xnli", splits=["test"])[0]["test"]["label"][:] == [0, 1]


def test_no_parquet_and_broken_json(hub):
    put_xnli(hub)
    name = "es/test-00001-of-00002.parquet"
    hub.folder("datasets", "facebook/xnli").joinpath(name).write_bytes(b"PAR1 not really")
    with pytest.raises(HubError) as caught:
        load("xnli", splits=["test"])
    one_sentence(caught.value, f"facebook/xnli/{name} cannot be read as parquet")
    put_sqac(hub)
    hub.folder("datasets", "PlanTL-GOB-ES/SQAC").joinpath("dev.json").write_text('{"data": [')
    with pytest.raises(HubError) as caught:
        load("sqac")
    message = one_sentence(caught.value, "PlanTL-GOB-ES/SQAC/dev.json, line 1", "no JSON")
    assert str(constants.HF_HUB_CACHE) not in message


ELSEWHERE = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from speedy_utils.hub import read_hub
from speedy_utils.hub_files import HubError
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
try:
    read_hub("pawsx", ["test"])
except HubError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
readings = read_hub("pawsx", ["test"])
print(len(readings["test"][0]), "datasets" in sys.modules, "torch" in sys.modules)
import datasets
print(datasets.load_dataset("facebook/xnli", "es", split="test")["label"][:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's size for a process.")
def test_disk_full_and_settings_of_the_environment(hub, tmp_path):
    """In a process of its own, set up by the environment alone.

    Nothing that reads data needs torch; and `load_dataset` finds its way through these repositories too, else what the
    tests here show would mean little.
    """
    put_pawsx(hub)
    put_pawsx(hub, "google/xtreme", "PAWS-X.es")
    put_xnli(hub)
    config = "configs:\n- config_name: es\n  data_files:\n  - split: test\n    path: es/test-*\n"
    hub.folder("datasets", "facebook/xnli").joinpath("README.md").write_text(f"---\n{config}---\n")
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        **{"env": environment, "capture_output": True, "text": True, "timeout": 120},
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    said, count, elsewhere = done.stdout.splitlines()
    one_sentence(HubError(said), "the disk is full", "free some space", "HF_HOME")
    assert "google/xtreme" not in said  # no other place would help
    assert count == "2 False False"
    assert elsewhere == str([2, 1, 0] * 2)


# --- models -----------------------------------------------------------------------------------------------------------

FAMILIES = {
    "bert": "WordPiece cased",
    "distilbert": "WordPiece uncased",
    "albert": "SentencePiece unigram",
    "roberta": "byte-level BPE",
}
CLASSES = {
    **{"bert": "BertTokenizer", "distilbert": "DistilBertTokenizer"},
    **{"albert": "AlbertTokenizer", "roberta": "RobertaTokenizer"},
}
TEXTS = ["El ñandú corre por la pampa.", "¿Dónde está Lima?", "La niña y el niño ríen mucho."] * 3


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """{family: (a function that makes a model of a kind, the folder of its tokenizer)}, all of them very small."""
    import torch
    import transformers

    from speedy_utils import systems
    from speedy_utils.tokenization import train_tokenizer

    made = {}
    for family, kind in FAMILIES.items():
        trained = train_tokenizer(kind, TEXTS, 320)
        folder = tmp_path_factory.mktemp(family)
        specials = {
            "albert": {"unk_token": "<unk>", "pad_token": "<pad>", "cls_token": "[CLS]", "sep_token": "[SEP]"},
            "roberta": {"unk_token": "<unk>", "pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>"},
        }.get(family, {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"})
        # As on the hub, where the configuration leaves out what the file says.
        trained.save(str(folder / "tokenizer.json"))
        settings = specials | {"tokenizer_class": CLASSES[family]}
        folder.joinpath("tokenizer_config.json").write_text(json.dumps(settings))
        row = next(system for system in systems.SYSTEMS if system.family == family)
        config = systems.build_config(row)
        small = {"vocab_size": trained.get_vocab_size(), "max_position_embeddings": 64}
        if family == "distilbert":
            small |= {"dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2}
        else:
            small |= {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        config.update(small | ({"embedding_size": 8} if family == "albert" else {}))

        def make(head: str, names: list[str] | None = None, config=config):
            torch.manual_seed(0)
            own = type(config).from_dict(config.to_dict())
            own.id2label = dict(enumerate(names or ["LABEL_0", "LABEL_1"]))
            own.label2id = {name: number for number, name in own.id2label.items()}
            model = getattr(transformers, f"AutoModelFor{head}").from_config(own).eval()
            for name, weight in model.named_parameters():
                if name.endswith("bias"):  # zeros as they are made: their order could not be told
                    torch.nn.init.normal_(weight, std=0.2)
            return model

        made[family] = make, folder
    return made


def put_model(hub, repo, tiny, family, head="MaskedLM", names=None, binary=False, half=False):
    make, tokenizer = tiny[family]
    model = make(head, names)
    if half:
        model.half()
    folder = hub.folder("models", repo)
    shutil.copytree(tokenizer, folder, dirs_exist_ok=True)
    if binary:
        import torch

        model.config.save_pretrained(folder)
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    else:
        model.save_pretrained(folder)
    return model


@pytest.mark.parametrize(
    ("family", "repo", "binary"),
    [
        ("bert", "dccuchile/bert-base-spanish-wwm-cased", False),
        ("distilbert", "dccuchile/distilbert-base-spanish-uncased", True),
        ("albert", "dccuchile/albert-tiny-spanish", False),
        ("roberta", "PlanTL-GOB-ES/roberta-base-bne", False),
    ],
)
def test_load_pretrained(family, repo, binary, hub, tiny, capsys):
    import torch

    from speedy_utils.hub_models import load_pretrained

    source = put_model(hub, repo, tiny, family, binary=binary, half=True)
    inside = source.base_model.float().state_dict()
    capsys.readouterr()
    warnings = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())
    logger = logging.getLogger("transformers")
    logger.addHandler(handler)
    for kind, names in (("classification", ["a", "b", "c"]), ("tagging", ENTITY_TAGS), ("question_answering", ())):
        model, tokenizer = load_pretrained(repo, kind, names)
        commit = hub.commit(hub.folder("models", repo))
        captured = capsys.readouterr()
        assert captured.out == f"{repo}: {repo} at main (commit {commit})\n"
        assert "Loading weights" not in captured.err and warnings == []
        assert model.config._commit_hash == commit and model.name_or_path == tokenizer.name_or_path == repo
        loaded = model.base_model.state_dict()
        shared = [name for name in loaded if "pooler" not in name]
        assert len(shared) > 5 and all(torch.equal(loaded[name], inside[name]) for name in shared)
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
        if names:
            assert list(model.config.id2label.values()) == list(names)
            assert model.config.label2id == {name: number for number, name in enumerate(names)}
        batch = tokenizer(
            [["El", "ñandú"]] if kind == "tagging" else ["El ñandú"],
            is_split_into_words=kind == "tagging",
            return_tensors="pt",
        )
        with torch.inference_mode():
            output = model(**{key: value for key, value in batch.items() if key != "token_type_ids"})
        if kind == "question_answering":
            assert output.start_logits.shape == batch["input_ids"].shape
        else:
            assert output.logits.shape[-1] == len(names)
        pieces = "".join(tokenizer.convert_ids_to_tokens(batch["input_ids"][0]))
        assert "ñandú" in pieces.replace("Ã±", "ñ").replace("Ãº", "ú").replace("#", "")
        assert ("El" in pieces) == (family in ("bert", "roberta"))  # the others lower-case
        if kind == "tagging":
            assert [word for word in dict.fromkeys(batch.word_ids(0)) if word is not None] == [0, 1]
            if family == "roberta":  # split or not, the first word has its space
                assert pieces.startswith("<s>Ġ") and batch["input_ids"].tolist() == tokenizer(["El ñandú"])["input_ids"]
        elif family == "roberta":
            assert pieces.startswith("<s>E")  # as in the file
    logger.removeHandler(handler)
    assert not any("safetensors-convert" in request or "discussions" in request for request in hub.requests)


def test_a_twin_answers_for_a_model_that_is_gone(hub, tiny):
    from speedy_utils.hub_models import load_pretrained

    said = []
    put_model(hub, "BSC-LT/roberta-base-bne", tiny, "roberta")
    model, _ = load_pretrained("PlanTL-GOB-ES/roberta-base-bne", "classification", ["a", "b"], report=said.append)
    assert model.name_or_path == "BSC-LT/roberta-base-bne"
    assert "tried before: PlanTL-GOB-ES/roberta-base-bne at main: there is no such repository" in said[0]


class Trap:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_not_run(hub, tiny, tmp_path):
    import torch

    from speedy_utils.hub_models import load_pretrained

    repo, trap = "dccuchile/distilbert-base-spanish-uncased", tmp_path / "sprung"
    put_model(hub, repo, tiny, "distilbert", binary=True)
    path = hub.folder("models", repo) / "pytorch_model.bin"
    torch.save({"distilbert.x": Trap(trap)}, path)
    with pytest.raises(HubError) as caught:
        load_pretrained(repo, "classification", ["a", "b"])
    one_sentence(caught.value, repo, "its files cannot be loaded")
    assert not trap.exists()
    torch.load(path, weights_only=False)
    assert trap.exists()  # it would have run


def test_code_of_a_repository_is_not_run(hub, tiny, tmp_path):
    from speedy_utils.hub_models import load_pretrained

    repo, trap = "dccuchile/albert-tiny-spanish", tmp_path / "sprung"
    put_model(hub, repo, tiny, "albert")
    folder = hub.folder("models", repo)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoConfig": "strange.Strange"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "strange.py").write_text(f"import os\nos.mkdir({str(trap)!r})\n")
    with pytest.raises(HubError) as caught:
        load_pretrained(repo, "classification", ["a", "b"])
    one_sentence(caught.value, repo, "its files cannot be loaded")
    assert not any("strange.py" in request for request in hub.requests)
    for path in Path(constants.HF_HUB_CACHE).rglob("config.json"):  # fetched by something else
        shutil.copy(folder / "strange.py", path.parent)
    with pytest.raises(HubError):
        load_pretrained(repo, "classification", ["a", "b"])
    assert not trap.exists()


def test_models_that_cannot_be_had(hub, tiny, monkeypatch):
    from huggingface_hub import file_download

    from speedy_utils.hub_models import load_pretrained

    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
    repo = "dccuchile/albert-tiny-spanish"
    arguments = (repo, "classification", ["a", "b"])

    def fails(*said):
        with pytest.raises(HubError) as caught:
            load_pretrained(*arguments)
        one_sentence(caught.value, f"The model {repo}", f"{repo} at main", *said)

    fails("there is no such repository", "give the id of another repository")
    folder = hub.folder("models", repo)
    folder.joinpath("README.md").write_text("x")
    fails("the file config.json is missing")
    put_model(hub, repo, tiny, "albert")
    weights = (folder / "model.safetensors").rename(folder / "flax_model.msgpack")
    fails("it has neither model.safetensors nor pytorch_model.bin, only", "flax_model.msgpack")
    weights.rename(folder / "model.safetensors")
    hub.faults.append(Fault("cut", "GET .*safetensors", after=100))
    fails("the connection was cut", "call again")
    hub.faults.clear()
    load_pretrained(*arguments)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    said = []
    load_pretrained(*arguments, report=said.append)
    assert "as it is in the cache, since offline mode is on" in said[0]


def test_a_file_of_another_architecture_is_refused(hub, tiny):
    """transformers would give the encoder random weights, and print a table."""
    from speedy_utils.hub_models import load_pretrained

    repo = "dccuchile/albert-tiny-spanish"
    put_model(hub, repo, tiny, "albert")
    other, _ = tiny["bert"]
    folder = hub.folder("models", repo)
    from safetensors.torch import save_file

    save_file({name: weight.contiguous() for name, weight in other("TokenClassification").state_dict().items()},
              folder / "model.safetensors")  # fmt: skip
    with pytest.raises(HubError) as caught:
        load_pretrained(repo, "tagging", ["a", "b"])
    one_sentence(caught.value, repo, "lack parts of the encoder: albert.embeddings")


def test_a_trained_head_is_not_renamed(hub, tiny):
    from speedy_utils.hub_models import load_pretrained

    repo = "someone/trained"
    put_model(hub, repo, tiny, "albert", "SequenceClassification", ["no", "yes"])
    load_pretrained(repo, "classification", ["no", "yes"])
    for labels in (["yes", "no"], ["a", "b"]):
        with pytest.raises(HubError) as caught:
            load_pretrained(repo, "classification", labels)
        one_sentence(caught.value, repo, "it has a trained head, for other labels: no and yes")


def test_labels_of_a_new_head(hub):
    from speedy_utils.hub_models import load_pretrained

    for kind, names in (("classification", ["a"]), ("tagging", ["a", "a"]), ("classification", "ab")):
        with pytest.raises(ValueError, match="two or more different names"):
            load_pretrained("a/b", kind, names)
    with pytest.raises(ValueError, match="has no labels"):
        load_pretrained("a/b", "question_answering", ["a", "b"])
    with pytest.raises(ValueError, match="Unknown kind of task"):
        load_pretrained("a/b", "qa", [])
    assert hub.requests == []


# --- the paper's models -----------------------------------------------------------------------------------------------


def test_published_addresses(hub):
    """The addresses in the README of the paper, for all systems and tasks."""
    from speedy_utils.hub_models import load_published
    from speedy_utils.systems import SYSTEMS

    tails = {"mlqa": "qa-mlqa", "sqac": "qa-sqac", "tar": "qa-tar"}
    for system in SYSTEMS:
        for task in TASKS:
            with pytest.raises(HubError) as caught:
                load_published(system, task)
            word = {"fine-tuning": "finetuned", "distillation": "distilled"}[system.route]
            stem = system.hub_id.split("/")[1]
            repo = f"dccuchile/{stem}-{word}-{tails.get(task.name, task.name)}"
            one_sentence(caught.value, system.name, repo, "there is no such repository", "load_pretrained")
    with pytest.raises(HubError) as caught:
        load_published("BERTIN", "sqac")
    assert "dccuchile/bertin-roberta-base-spanish-finetuned-qa-sqac" in str(caught.value)


def logits(model, tokenizer):
    import torch

    batch = tokenizer("El ñandú corre.", return_tensors="pt")
    batch.pop("token_type_ids", None)
    with torch.inference_mode():
        return model(**batch).logits


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("head", ["SequenceClassification", "TokenClassification"])
def test_outputs_are_put_into_the_order_of_the_task(family, head, hub, tiny):
    import torch

    from speedy_utils.hub_models import load_published

    system = {"bert": "BETO cased", "distilbert": "DistilBETO", "albert": "ALBETO base", "roberta": "BERTIN"}[family]
    name = "xnli" if head == "SequenceClassification" else "ner"
    task = get_task(name)
    names = [label.upper() for label in reversed(task.labels)]
    stem = {"bert": "bert-base-spanish-wwm-cased", "distilbert": "distilbert-base-spanish-uncased",
            "albert": "albert-base-spanish", "roberta": "bertin-roberta-base-spanish"}[family]  # fmt: skip
    repo = f"dccuchile/{stem}-finetuned-{name}"
    source = put_model(hub, repo, tiny, family, head, names)
    model, tokenizer, answered = load_published(system, name)
    assert answered == repo
    torch.testing.assert_close(logits(model, tokenizer), logits(source, tokenizer).flip(-1))
    assert list(model.config.id2label.values()) == list(task.labels)
    assert model.num_labels == model.config.num_labels == len(task.labels)


def test_label_order():
    from speedy_utils.hub_models import label_order

    assert label_order("xnli", ["contradiction", "Entailment", "NEUTRAL"]) == [1, 2, 0]
    assert label_order("pawsx", ["1", "0"]) == [1, 0]
    assert label_order("pawsx", ["0", "1"]) == label_order("pawsx", ["LABEL_0", "LABEL_1"]) == [0, 1]
    assert label_order("ner", [f"LABEL_{number}" for number in range(9)]) == list(range(9))
    numbered = label_order("pos", [f"LABEL_{number}" for number in range(18)])
    assert [POS_NAMES[number] for number in numbered] == list(UPOS)
    assert numbered == label_order("pos", POS_NAMES)
    for names in (["entailment", "neutral"], ["a", "b", "c"], ["entailment", "neutral", "neutral"], ["LABEL_0"], []):
        with pytest.raises(ValueError, match="not one for each label of XNLI"):
            label_order("xnli", names)
    with pytest.raises(ValueError, match="not one for each label of NER"):
        label_order("ner", [*ENTITY_TAGS, "_"])


def test_pos_loses_the_output_of_multiword_tokens(hub, tiny):
    import torch

    from speedy_utils.hub_models import load_published

    source = put_model(hub, "dccuchile/albert-base-spanish-finetuned-pos", tiny, "albert", "TokenClassification",
                       [f"LABEL_{number}" for number in range(18)])  # fmt: skip
    model, tokenizer, _ = load_published("ALBETO base", "pos")
    kept = [POS_NAMES.index(tag) for tag in UPOS]
    torch.testing.assert_close(logits(model, tokenizer), logits(source, tokenizer)[..., kept])


def test_both_spellings_of_a_distilled_model(hub, tiny):
    from speedy_utils.hub_models import load_published

    said = []
    fine, distilled = (f"dccuchile/albert-tiny-spanish-{word}-qa-tar" for word in ("finetuned", "distilled"))
    put_model(hub, fine, tiny, "albert", "QuestionAnswering")
    assert load_published("ALBETO tiny", "tar", report=said.append)[2] == fine
    assert load_published("ALBETO tiny", "tar", "distillation", report=said.append)[2] == fine
    assert "beware" not in said[0] and "beware: the fine-tuned model has that name too" in said[1]
    assert f"tried before: {distilled} at main: there is no such repository" in said[1]
    put_model(hub, distilled, tiny, "albert", "QuestionAnswering")
    assert load_published("ALBETO tiny (distillation)", "tar", report=said.append)[2] == distilled
    assert load_published("ALBETO tiny", "tar", "fine-tuning", report=said.append)[2] == fine
    assert all("beware" not in line and "tried" not in line for line in said[2:])
    put_model(hub, "dccuchile/albert-base-8-spanish-finetuned-ner", tiny, "albert", "TokenClassification", ENTITY_TAGS)
    assert load_published("ALBETO base-8", "ner", report=said.append)[2].endswith("-finetuned-ner")
    assert "beware" not in said[-1]
    hub.faults.append(Fault("error", "GET /api/models/.*distilled"))
    with pytest.raises(HubError) as caught:  # the other name is no answer to a hub that stumbles
        load_published("ALBETO tiny", "tar", "distillation", "0" * 40)
    one_sentence(caught.value, distilled, "HTTP 500", "call again")
    assert fine not in str(caught.value)


def test_published_models_that_do_not_fit(hub, tiny):
    from speedy_utils.hub_models import load_published

    repo = "dccuchile/albert-base-spanish-finetuned-xnli"
    put_model(hub, repo, tiny, "albert", "SequenceClassification", ["yes", "no", "maybe"])
    with pytest.raises(HubError) as caught:
        load_published("ALBETO base", "xnli")
    one_sentence(
        caught.value, repo, "its outputs are yes, no and maybe", "not one for each label of XNLI".replace("not ", "")
    )
    put_model(hub, repo, tiny, "albert", "MaskedLM")
    with pytest.raises(HubError) as caught:
        load_published("ALBETO base", "xnli")
    one_sentence(caught.value, repo, "it is no trained model, without", "classifier")
    with pytest.raises(ValueError, match="The paper has no ALBETO base by distillation, only by fine-tuning"):
        load_published("ALBETO base", "xnli", "distillation")
    with pytest.raises(ValueError, match="Unknown route"):
        load_published("ALBETO base", "xnli", "distilling")


# --- the whole path ---------------------------------------------------------------------------------------------------


def test_training_and_evaluation_with_models_and_data_of_the_hub(hub, tiny, capsys, tmp_path):
    """The functions of the chapters with source="hub", and the paper's published model beside the own run."""
    import speedy_utils as su

    put_ner(hub)
    put_model(hub, "dccuchile/albert-tiny-spanish", tiny, "albert")
    put_model(hub, "dccuchile/albert-tiny-spanish-finetuned-ner", tiny, "albert", "TokenClassification", ENTITY_TAGS)
    run = su.fine_tune("ALBETO tiny", "ner", source="hub", epochs=1, batch_size=2, output=tmp_path / "run")
    assert run.encoder.origin["repo"] == "dccuchile/albert-tiny-spanish"
    assert run.encoder.origin["commit"] == hub.commit(hub.folder("models", "dccuchile/albert-tiny-spanish"))
    assert "at main (commit" in capsys.readouterr().err
    own = su.evaluate(run)
    again = su.evaluate(tmp_path / "run")
    assert own.predictions == again.predictions and own.metrics == again.metrics
    published = su.evaluate("ALBETO tiny", "ner", source="hub")
    assert len(published.predictions) == len(own.predictions) > 0
    assert published.references == own.references
