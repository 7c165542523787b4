"""Exported models: every family and kind, both runtimes, against the models they come from."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import nbformat
import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient
from small_models import FAMILIES, small_encoder

import speedy_utils as su
from speedy_utils.cli import main
from speedy_utils.evaluation import evaluate_encoder
from speedy_utils.metrics import find_entities
from speedy_utils.preprocessing import Preparation
from speedy_utils.speed.export import export
from speedy_utils.speed.latency import random_batch
from speedy_utils.speed.predictor import Predictor, Row, entities, predict_lines
from speedy_utils.speed.runtimes import open_session

TASKS = ("mldoc", "xnli", "ner", "pos", "mlqa")
RUNTIMES = ("onnxruntime", "openvino")
LENGTHS = Preparation(max_length=40, stride=8, max_question=10)  # so that texts are cut, into pieces and windows


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(encoder, predictor) of a task, family, runtime and precision; each is made once."""
    made = {}

    def get(task, family="bert", runtime="onnxruntime", precision="fp32"):
        key = task, family, runtime, precision
        if key not in made:
            encoder = small_encoder(task, family, seed=1)
            folder = tmp_path_factory.mktemp("exports") / "-".join(key)
            examples = su.load_task(task, report=None)["validation"].select(range(20))
            export(encoder, folder, task=task, runtime=runtime, precision=precision, examples=examples,
                   preparation=LENGTHS)  # fmt: skip
            made[key] = encoder, Predictor(folder, threads=1)
        return made[key]

    return get


def inputs_of(task, examples):
    if task == "mldoc":
        return list(examples["sentence1"])
    if task == "xnli":
        return list(zip(examples["sentence1"], examples["sentence2"], strict=True))
    if task in ("ner", "pos"):
        return [tuple(words) for words in examples["tokens"]]
    return list(zip(examples["question"], examples["context"], strict=True))


def plain(task, answers):
    """Answers in the form of `Evaluation.predictions`."""
    if task == "pos":
        return [[word["tag"] for word in answer["words"]] for answer in answers]
    if task == "ner":
        return [{(one["type"], one["text"]) for one in answer["entities"]} for answer in answers]
    return [answer["answer" if task == "mlqa" else "label"] for answer in answers]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("task", TASKS)
def test_an_export_answers_as_its_model(task, family, runtime, exported):
    encoder, predictor = exported(task, family, runtime)
    examples = su.load_task(task, report=None)["test"].select(range(25))
    expected = evaluate_encoder(encoder, su.get_task(task), examples, preparation=LENGTHS)
    answers = predictor(inputs_of(task, examples))
    gold = expected.predictions
    if task == "ner":
        gold = [
            {(name, " ".join(words[first : last + 1])) for name, first, last in find_entities(tags)}
            for words, tags in zip(examples["tokens"], gold, strict=True)
        ]
    assert plain(task, answers) == gold
    if expected.scores is not None:
        assert np.allclose([answer["score"] for answer in answers], expected.scores, atol=1e-4)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("task", ["mldoc", "ner", "mlqa"])
def test_int8_stays_near(task, runtime, exported):
    """In the outputs, for random weights; what it costs in score is measured on trained models."""
    rows = [Row([2, *range(10, 10 + length), 3], [0] * (length + 2), [], []) for length in (5, 30)]
    plain, small = (exported(task, "albert", runtime, precision)[1] for precision in ("fp32", "int8"))
    for expected, found in zip(plain.outputs(rows), small.outputs(rows), strict=True):
        assert 0 < np.abs(expected - found).max() < 0.1 * np.abs(expected).max() + 0.02


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_session_for_one_shape(runtime, exported):
    predictor = exported("ner", "albert", runtime)[1]
    batch = random_batch(900, 17, 2)
    fixed = open_session(predictor.folder, predictor.card, 1, shape=(2, 17))
    assert np.allclose(fixed(*batch), predictor.session(*batch), atol=1e-5)


def test_all_products_with_weights_are_quantised(exported):
    import onnx

    folder = exported("ner", "albert", "onnxruntime", "int8")[1].folder
    kinds = Counter(node.op_type for node in onnx.load(folder / "model.onnx").graph.node)
    assert kinds["MatMulInteger"] == 6 + 1 + 1  # one layer's, the widening of the embeddings, the head
    assert kinds["MatMul"] == 2  # queries with keys, shares with values


@settings(deadline=None)
@given(st.lists(st.sampled_from(su.get_task("ner").labels), max_size=12))
def test_entities_as_seqeval_finds_them(tags):
    assert set(entities(tags)) == find_entities(tags)
    assert entities(tags) == sorted(entities(tags), key=lambda found: found[1])


TEXTS = [
    "",
    " ",
    "Ana Pérez vive en San José, con 1.500 pingüinos y 3,5 kilos de café.",
    "Cafe\u0301 y an\u0303o: letras que llevan su tilde detra\u0301s",
    "\x00\x07\u200b",
    "🦜" * 30,
    "a" * 300,
    "¿Y?\n\n¡No!\t…",
    "Palabras y más palabras, hasta que no caben. " * 60,
]


@pytest.mark.parametrize("task", TASKS)
def test_any_text_has_an_answer(task, exported):
    """The same one alone and among others, with offsets that are those of the text."""
    predictor = exported(task)[1]
    make = {"xnli": lambda text: (text, "Otra frase."), "mlqa": lambda text: ("¿Quién vive en Quito?", text)}
    inputs = [make.get(task, str)(text) for text in TEXTS]
    answers = predictor(inputs)
    for text, one, answer in zip(TEXTS, inputs, answers, strict=True):
        alone = predictor(one)
        assert alone.keys() == answer.keys()
        for part in answer.get("entities", answer.get("words", [answer] if task == "mlqa" else [])):
            assert text[part["start"] : part["end"]] == part.get("text", part.get("answer"))
        scores = [[part.pop("score") for part in flat(found)] for found in (alone, answer)]
        assert alone == answer
        assert np.allclose(*scores, atol=1e-5)


def flat(answer):
    return answer.get("entities", answer.get("words", [answer]))


def test_words_of_a_text(exported):
    words = exported("pos")[1](TEXTS[2])["words"]
    assert [word["text"] for word in words] == [
        *("Ana", "Pérez", "vive", "en", "San", "José", ",", "con", "1.500", "pingüinos", "y", "3,5", "kilos", "de"),
        *("café", "."),
    ]
    accents = exported("pos")[1](TEXTS[3])["words"]
    assert [word["text"] for word in accents][:4] == ["Cafe\u0301", "y", "an\u0303o", ":"]
    read = exported("pos")[1](("San José", ",", "sí"))["words"]
    assert [(word["text"], word["start"], word["end"]) for word in read] == [
        ("San José", 0, 8),
        (",", 9, 10),
        ("sí", 11, 13),
    ]


@pytest.mark.parametrize("task", ["mldoc", "ner", "mlqa"])
def test_a_hundred_thousand_characters(task, exported):
    text = ("El río Magdalena nace en los Andes y llega al mar Caribe. " * 2000)[:100_000]
    answer = exported(task)[1](("¿Dónde nace?", text) if task == "mlqa" else text)
    assert answer


@pytest.mark.parametrize(
    ("task", "wrong", "sentence"),
    [
        ("mldoc", 5, "Give a text, not 5."),
        ("mldoc", ("a", "b"), r"Give a text, not \('a', 'b'\)\."),
        ("xnli", "una frase sola", "Give a pair of texts, not 'una frase sola'"),
        ("mlqa", "¿Quién?", r"Give a question and its context, not '¿Quién\?'"),
        ("mlqa", ("¿Quién?", None), "Give a question and its context, not"),
        ("ner", {"tokens": []}, "Give a text or a tuple of its words, not"),
        ("ner", "roto \ud83d", "A text holds half a character, which is no Unicode"),
    ],
)
def test_what_is_no_input(task, wrong, sentence, exported):
    with pytest.raises(ValueError, match=sentence):
        exported(task)[1]([wrong])


def test_equal_lengths_share_a_batch_and_nothing_is_padded(exported):
    predictor = exported("mldoc")[1]
    seen = []
    session = predictor.session
    predictor.session = lambda ids, types: (seen.append(ids), session(ids, types))[1]
    try:
        rows = [Row([5 + k] * length, [0] * length, [], []) for k, length in enumerate([4, 9, 4, 9, 9, 30, 4])]
        outputs = predictor.outputs(rows)
        predictor.batch_tokens = 8
        assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(outputs, predictor.outputs(rows), strict=True))
    finally:
        predictor.session, predictor.batch_tokens = session, 1024
    assert [ids.shape for ids in seen[:3]] == [(1, 30), (3, 9), (3, 4)]
    assert [ids.shape for ids in seen[3:]] == [(1, 30), (1, 9), (1, 9), (1, 9), (2, 4), (1, 4)]
    assert all((ids == ids[:, :1]).all() for ids in seen)


def test_a_predictor_needs_no_torch(exported):
    """Nor transformers, nor anything else that takes a second to import."""
    folder = exported("ner", "albert")[1].folder
    program = (
        "import sys\nfrom speedy_utils.speed.predictor import Predictor\n"
        f"print(Predictor({str(folder)!r})('Ana vive en Lima.'))\n"
        "heavy = 'torch transformers datasets pandas pyarrow matplotlib sklearn scipy seqeval'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def test_in_a_notebook_nothing_shows():
    """NNCF's progress would: as an empty display each time."""
    code = """
import tempfile
import speedy_utils as su

su.environment()  # which silences a warning of tqdm
examples = su.load_task("ner", "mini", report=None)["validation"].select(range(3))
encoder = su.load_encoder("ALBETO tiny", "ner", source="mini")
with tempfile.TemporaryDirectory() as folder:
    su.export(encoder, folder, task="ner", runtime="openvino", precision="int8", examples=examples);
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    assert notebook.cells[0].outputs == []


# Files and the shell


def called(capfd, *arguments):
    """(exit status, stdout, stderr) of a call."""
    capfd.readouterr()
    return main([str(argument) for argument in arguments]), *capfd.readouterr()


def test_a_file_is_answered_line_by_line(exported, tmp_path, capfd):
    """What cannot be read has a sentence in its place, and the rest of the file is still answered."""
    folder = exported("ner")[1].folder
    file = tmp_path / "texts.txt"
    lines = [b"\xef\xbb\xbfAna vive en Lima.\n", b"\n", b"roto \xff\n", b"\x07\r\n", "y niños".encode()]
    file.write_bytes(b"".join(lines))
    status, out, err = called(capfd, "predict", folder, "--file", file, "--threads", "1")
    answers = [json.loads(line) for line in out.splitlines()]
    assert status == 1 and err == "speedy: 1 of 5 lines have no answer; beside their numbers stands why.\n"
    assert [answer["line"] for answer in answers] == [1, 2, 3, 4, 5]
    assert answers[2] == {"line": 3, "error": "The line is no UTF-8: byte 0xff at place 6."}
    assert answers[0] == {"line": 1} | exported("ner")[1]("Ana vive en Lima.")
    status, out, _ = called(capfd, "predict", folder, "Ana vive en Lima.", "--threads", "1")
    assert (status, json.loads(out)) == (0, exported("ner")[1]("Ana vive en Lima."))


def test_json_lines(exported, tmp_path, capfd):
    folder = exported("mlqa")[1].folder
    file = tmp_path / "questions.jsonl"
    good = {"question": "¿Quién vive en Lima?", "context": "Ana vive en Lima."}
    rows = [good, {"question": "¿Quién?"}, [1], {"question": "¿Quién?", "context": 3}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{\n", encoding="utf-8")
    status, _, err = called(capfd, "predict", folder, "--file", file, "--output", tmp_path / "answers.jsonl")
    assert status == 1 and "4 of 5 lines have no answer" in err
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert "answer" in answers[0]
    for answer, sentence in zip(
        answers[1:],
        (
            "The line has no 'context'",
            "no JSON object",
            "Give a question and its context, not",
            "The line is no JSON: {",
        ),
        strict=True,
    ):
        assert sentence in answer["error"]
    for wrong, sentence in (
        (["--file", tmp_path / "questions.txt"], "MLQA reads two texts at a time: give JSON lines"),
        ([], "Give a text, or a file with --file FILE"),
        (["¿Quién?"], "Give a question and its context, not '¿Quién?'"),
    ):
        (tmp_path / "questions.txt").write_text("¿Quién?\n", encoding="utf-8")
        status, out, err = called(capfd, "predict", folder, *wrong)
        assert (status, out) == (1, "") and sentence in err


@pytest.mark.parametrize(
    ("task", "row", "same"),
    [
        ("mldoc", {"text": "Sube la bolsa."}, "Sube la bolsa."),
        ("mldoc", {"sentence1": "Sube la bolsa."}, "Sube la bolsa."),
        ("xnli", {"sentence1": "Llueve.", "sentence2": "Hace sol."}, ("Llueve.", "Hace sol.")),
        ("ner", {"tokens": ["Ana", "vive"]}, ("Ana", "vive")),
        ("pos", {"text": "Ana vive"}, "Ana vive"),
    ],
)
def test_names_in_json_lines(task, row, same, exported):
    predictor = exported(task)[1]
    (answer,) = predict_lines(predictor, [json.dumps(row).encode()], json_lines=True)
    assert answer == {"line": 1} | predictor(same)


def test_only_a_block_of_lines_is_held(exported):
    read = []
    lines = (read.append(number) or b"Ana vive en Lima.\n" for number in range(40))
    answers = predict_lines(exported("ner")[1], lines, block=8)
    for number, answer in enumerate(answers):
        assert answer["line"] == number + 1
        assert len(read) <= (number // 8 + 1) * 8
    assert len(read) == 40


def test_export_in_the_shell(tmp_path, capfd):
    few = su.load_task("mldoc", report=None)
    data = few.__class__({split: part.select(range(12)) for split, part in few.items()})
    run = su.fine_tune("ALBETO tiny", "mldoc", data=data, source="mini", epochs=1, output=tmp_path / "run")
    for runtime, precision in (("onnxruntime", "int8"), ("openvino", "int8")):
        folder = tmp_path / runtime
        call = ["export", run.folder, "--output", folder, "--runtime", runtime, "--precision", precision]
        status, out, err = called(capfd, *call)
        assert status == 0, err
        assert f"for {runtime} in {precision}" in out and len(out.splitlines()) == 2
        status, out, err = called(capfd, "predict", folder, "Sube la bolsa.")
        assert status == 0 and json.loads(out)["label"] in su.get_task("mldoc").labels
    status, _, err = called(capfd, *call)
    assert status == 1 and "is not empty: export into a new folder" in err
    status, _, err = called(capfd, "export", tmp_path, "--output", tmp_path / "new")
    assert status == 1 and "does not hold a finished run" in err


# Folders


def test_folders_that_are_no_export(exported, tmp_path):
    folder = exported("mldoc")[1].folder
    with pytest.raises(ValueError, match=r"^[^\n]+ is no exported model: it has no export.json[^\n]+$"):
        Predictor(tmp_path)
    for name, content, sentence in (
        ("export.json", "{", "export.json is damaged: export the model again"),
        ("export.json", "[]", r"was exported by another version \(format None, this one reads 1\)"),
        ("export.json", '{"format": 1}', "export.json is damaged"),
        ("tokenizer.json", "{}", "tokenizer.json is changed since the model was exported"),
        ("model.onnx", None, "model.onnx is missing since the model was exported"),
    ):
        copy = tmp_path / f"copy-{name}-{len(str(content))}"
        shutil.copytree(folder, copy)
        (copy / name).unlink()
        if content is not None:
            (copy / name).write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=rf"^[^\n]*{sentence}[^\n]*$"):
            Predictor(copy)
    later = tmp_path / "later"
    shutil.copytree(folder, later)
    card = json.loads((later / "export.json").read_text())
    (later / "export.json").write_text(json.dumps(card | {"format": 2}))
    with pytest.raises(ValueError, match=r"another version \(format 2, this one reads 1\): export it again"):
        Predictor(later)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"runtime": "onnx"}, "Unknown runtime 'onnx': did you mean 'onnxruntime'"),
        ({"precision": "int4"}, "Unknown precision 'int4'"),
        ({"runtime": "openvino", "precision": "int8"}, "int8 for OpenVINO needs real examples of the task"),
        ({"task": "pos"}, "small bert has no head for POS"),
        ({"task": None}, "Which task is this model for"),
        ({"preparation": Preparation(max_length=500)}, "This model reads at most 128 tokens, not 500"),
    ],
)
def test_what_cannot_be_exported(options, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence):
        export(small_encoder("ner"), tmp_path / "out", **{"task": "ner"} | options)
    assert not list(tmp_path.iterdir())


def test_a_library_that_is_missing(exported, tmp_path, monkeypatch, capfd):
    folder = exported("mldoc")[1].folder
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    status, out, err = called(capfd, "predict", folder, "Hola.")
    assert (status, out) == (1, "")
    assert err == (
        "speedy: This model was exported for onnxruntime, which is not installed: pip install onnxruntime.\n"
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"Exporting needs onnx: pip install 'speedy-gonzales-book\[fast\]'"):
        export(small_encoder("ner"), tmp_path / "out", task="ner")


def test_a_full_folder_and_another_network_are_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear Ana")
    with pytest.raises(ValueError, match="is not empty: export into a new folder"):
        export(small_encoder("ner"), tmp_path, task="ner")
    other = small_encoder("ner")
    other.model.config.hidden_act = "silu"
    with pytest.raises(ValueError, match="A model with the activation 'silu' cannot be exported"):
        export(other, tmp_path / "new", task="ner")
    other = small_encoder("ner")
    other.model.classifier.register_forward_hook(lambda module, inputs, output: output + 1)
    with pytest.raises(RuntimeError, match="The exported network of small bert differs from the model by"):
        export(other, tmp_path / "new", task="ner")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_run_brings_its_task_lengths_and_examples(tmp_path):
    data = su.load_task("ner", report=None)
    few = data.__class__({split: part.select(range(24)) for split, part in data.items()})
    run = su.fine_tune(small_encoder("ner"), "ner", data=few, epochs=1, max_length=24, output=tmp_path / "run")
    for number, model in enumerate((run, tmp_path / "run")):
        predictor = Predictor(export(model, tmp_path / f"out{number}"))
        assert (predictor.card.task, predictor.card.max_length) == ("ner", 24)
    predictor = Predictor(export(run, tmp_path / "small", runtime="openvino", precision="int8"))
    assert predictor.card.calibration["inputs"] >= 24  # some sentences are read in parts
    readme = (tmp_path / "small" / "README.md").read_text(encoding="utf-8")
    assert "openvino in int8" in readme and "B-PER" in readme
