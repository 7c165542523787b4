"""Exported models: every family and kind, both runtimes, against the models they come from."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest
import torch
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient
from scipy.stats import entropy
from small_models import FAMILIES, small_encoder

import speedy_utils as su
from speedy_utils.cli import main
from speedy_utils.evaluation import evaluate_encoder, softmax
from speedy_utils.metrics import find_entities
from speedy_utils.preprocessing import Preparation
from speedy_utils.speed.benchmark import random_encoder
from speedy_utils.speed.export import _has_small_weights, _quantize_onnx, export
from speedy_utils.speed.graph import encoder_graph, product_macs, products
from speedy_utils.speed.int8 import divergence, sensitivity
from speedy_utils.speed.latency import held, random_batch
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
    plain = exported(task, "albert", runtime)[1]
    for precision in ("int8", "int8+bf16") if runtime == "openvino" else ("int8",):
        small = exported(task, "albert", runtime, precision)[1]
        for expected, found in zip(plain.outputs(rows), small.outputs(rows), strict=True):
            assert 0 < np.abs(expected - found).max() < 0.1 * np.abs(expected).max() + 0.02


def test_what_is_not_int8_is_computed_as_asked(exported, monkeypatch):
    import openvino

    # Exporting compiles too, in calls of its own: it comes first.
    predictors = [exported("ner", "albert", "openvino", how)[1] for how in ("fp32", "int8", "int8+bf16")]
    asked = []
    compiled = openvino.Core.compile_model
    monkeypatch.setattr(
        openvino.Core,
        "compile_model",
        lambda self, network, device, options: (asked.append(options), compiled(self, network, device, options))[1],
    )
    for predictor in predictors:
        open_session(predictor.folder, predictor.card, 1)
    assert [options["INFERENCE_PRECISION_HINT"] for options in asked] == ["f32", "f32", "bf16"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not hold a process to cores")
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_session_that_was_measured_on_one_core_leaves_the_process_on_all(runtime, exported):
    """OpenVINO, left to itself, puts the process back on the cores that it had at the session's first run."""
    if len(cores := os.sched_getaffinity(0)) < 2:
        pytest.skip("this process may use one core only")
    predictor, batch = exported("ner", "albert", runtime)[1], random_batch(900, 17, 2)
    session = open_session(predictor.folder, predictor.card, 1)
    with held(1, min(cores)):
        session(*batch)
    session(*batch)
    assert os.sched_getaffinity(0) == cores


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_session_for_one_shape(runtime, exported):
    predictor = exported("ner", "albert", runtime)[1]
    batch = random_batch(900, 17, 2)
    fixed = open_session(predictor.folder, predictor.card, 1, shape=(2, 17))
    assert np.allclose(fixed(*batch), predictor.session(*batch), atol=1e-5)


def in_int8(folder):
    """The names of the products that an export computes in int8."""
    if (folder / "model.onnx").exists():
        import onnx

        nodes = onnx.load(folder / "model.onnx").graph.node
        return {node.name for node in nodes if node.op_type == "MatMulInteger"}
    import openvino

    nodes = openvino.Core().read_model(folder / "model.xml").get_ops()
    return {one.get_friendly_name() for one in nodes if one.get_type_name() == "MatMul" and _has_small_weights(one)}


LAYER = ("queries", "keys", "values", "output", "widen", "narrow")  # its products with weights
EVERY = {"embeddings/projection", "head/labels", *(f"layer{depth}/{name}" for depth in (0, 1) for name in LAYER)}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_parts_that_are_kept(runtime, tmp_path):
    """An ALBERT of two layers, whose weights are the same: what is named stays in fp32, and all else is int8."""
    encoder = small_encoder("ner", "albert", seed=1)
    encoder.model.config.num_hidden_layers = 2
    examples = su.load_task("ner", report=None)["validation"].select(range(10))
    rows = [Row([2, *range(10, 40), 3], [0] * 32, [], [])]

    def made(number, **options):
        folder = export(encoder, tmp_path / str(number), task="ner", runtime=runtime, examples=examples, **options)
        return Predictor(folder, threads=1)

    plain = made("plain")
    assert (plain.card.keep, in_int8(plain.folder)) == ((), set())
    expected = plain.outputs(rows)[0]
    for number, (keep, kept) in enumerate(
        [
            (None, {"embeddings/projection"}),
            ((), set()),
            ("narrow", {"layer0/narrow", "layer1/narrow"}),
            (["layer1/narrow", "head"], {"layer1/narrow", "head/labels"}),
            (["layer0"], {f"layer0/{name}" for name in LAYER}),
            (["scores"], set()),
            (["words", "embeddings", "layer0", "layer1", "head"], EVERY),
        ]
    ):
        found = made(number, precision="int8", keep=keep)
        assert in_int8(found.folder) == EVERY - kept
        assert found.card.keep == {None: ("embeddings",), "narrow": ("narrow",)}.get(
            keep if keep is None or isinstance(keep, str) else "", tuple(keep or ())
        )
        apart = np.abs(found.outputs(rows)[0] - expected).max()
        assert (apart < 1e-5) == (kept == EVERY)
    with pytest.raises(
        ValueError, match=r"no part 'narow': known are words, embeddings, .*, head, layer0 to layer1, and one"
    ):
        made("wrong", precision="int8", keep=["head", "narow"])
    with pytest.raises(ValueError, match="leave keep out, or take precision='int8'"):
        made("wrong", keep=["head"])


@pytest.mark.parametrize("family", ["albert", "bert"])
def test_eight_bit_weights_are_those_of_the_library(family, tmp_path):
    """ONNX Runtime's own quantiser, run on the same network, gives the same answers to the last bit."""
    import onnx
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    encoder = small_encoder("ner", family, seed=1)
    with torch.no_grad():
        encoder.model.classifier.weight[1] = 0  # an output whose weights have no largest one
    network = encoder_graph(encoder.model, "tagging", pairs=False)
    weighted = [name for name, weighs in products(network).items() if weighs]
    onnx.save(network, tmp_path / "library.onnx")
    _quantize_onnx(network, weighted, tmp_path / "own.onnx")
    quantize_dynamic(
        tmp_path / "library.onnx", tmp_path / "library.onnx", nodes_to_quantize=weighted, weight_type=QuantType.QInt8,
        per_channel=True, extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # joining rounds elsewhere
    own, library = (
        onnxruntime.InferenceSession(tmp_path / name, options, providers=["CPUExecutionProvider"])
        for name in ("own.onnx", "library.onnx")
    )
    batch = dict(zip([one.name for one in own.get_inputs()], random_batch(900, 23, 2), strict=False))
    assert np.array_equal(own.run(None, batch)[0], library.run(None, batch)[0])


def test_a_network_without_the_part_that_is_kept_by_default(exported):
    predictor = exported("ner", "bert", "onnxruntime", "int8")[1]
    assert predictor.card.keep == ()
    assert in_int8(predictor.folder) == EVERY - {"embeddings/projection"} - {f"layer1/{name}" for name in LAYER}


@pytest.mark.parametrize("task", ["mldoc", "xnli", "ner", "mlqa"])
@pytest.mark.parametrize("system", ["ALBETO tiny", "DistilBETO"])
def test_multiplications_are_those_that_are_counted(system, task):
    """By part; what a classifier's last layer does for its first token alone is left out."""
    kind, labels = su.get_task(task).kind, len(su.get_task(task).labels) or 2
    encoder = random_encoder(system, task)
    found = product_macs(encoder_graph(encoder.model, kind, pairs=False), 100)
    counted = su.mac_parts(system, 1, 100, kind, labels)
    sums = {
        "embedding projection": ["embeddings"],
        "attention projections": ["queries", "keys", "values", "output"],
        "attention products": ["scores", "reading"],
        "feed-forward": ["widen", "narrow"],
        "head": ["head"],
    }
    depth = encoder.model.config.num_hidden_layers
    for part, names in sums.items():
        share = sum(count for name, count in found.items() for one in names if one in name.split("/"))
        if kind == "classification" and part in ("feed-forward", "attention products"):
            assert share == pytest.approx(counted[part] * (depth - 1 + 1 / 100) / depth)
        elif kind == "classification" and part == "attention projections":
            assert share == pytest.approx(counted[part] * (depth - 1 + (2 + 2 / 100) / 4) / depth)
        else:
            assert share == counted[part]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_sensitive_part_is_found(runtime):
    """One column of a weight, or one input, that is a thousand times the others leaves few of the 256 steps to them."""
    encoder = small_encoder("ner", "bert", seed=1, hidden=64)
    layer = encoder.model.base_model.encoder.layer[0]
    with torch.no_grad():
        encoder.model.classifier.weight *= 20  # so that the outputs say something
        layer.output.dense.weight *= 5
        layer.intermediate.dense.bias[:2] = 100.0  # a large number among those that the second product reads
        layer.output.dense.weight[:, :2] = 0.0
    data = su.load_task("ner", report=None)
    table = sensitivity(
        encoder, data["test"].select(range(12)), task="ner", runtime=runtime,
        calibration=data["validation"].select(range(12)),
    )  # fmt: skip
    table = table.set_index("part")
    words, scores = (["words"], ["scores"]) if runtime == "openvino" else ([], [])
    assert table.index.tolist() == [
        "all",
        *words,
        "queries",
        "keys",
        "values",
        *scores,
        "output",
        "widen",
        "narrow",
        "head",
    ]
    assert (table["alone"] >= 0).all() and (table["macs"].drop(words) > 0).all() and table["macs"].sum() <= 2
    parts = table.drop("all")
    assert parts["alone"].idxmax() == parts["without"].idxmin() == "narrow"
    assert parts.loc["narrow", "without"] < table.loc["all", "alone"] / 2 < parts.loc["narrow", "alone"]
    one = sensitivity(encoder, data["test"].select(range(3)), task="ner", parts=["head/labels"])
    assert one["part"].tolist() == ["all", "head/labels"]


def test_divergence_by_hand():
    """scipy's entropy of two distributions, over what counts."""
    rng = np.random.default_rng(0)
    rows, others = rng.normal(size=(2, 5, 3))

    def apart(p, q):
        return entropy(softmax(p), softmax(q))

    found = divergence("classification", list(rows), list(others), [0] * 5)
    assert found == pytest.approx(np.mean([apart(p, q) for p, q in zip(rows, others, strict=True)]))
    found = divergence("tagging", [rows], [others], [[-100, 2, -100, 0, -100]])
    assert found == pytest.approx((apart(rows[1], others[1]) + apart(rows[3], others[3])) / 2)
    found = divergence("question_answering", [rows[:, :2]], [others[:, :2]], [[0, 0]])
    assert found == pytest.approx(np.mean([apart(rows[:, n], others[:, n]) for n in (0, 1)]))
    assert divergence("tagging", [rows], [rows], [[0] * 5]) == pytest.approx(0, abs=1e-12)


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
    assert [ids.shape for ids in seen[:5]] == [(1, 30), (2, 9), (1, 9), (2, 4), (1, 4)]  # by powers of two
    assert [ids.shape for ids in seen[5:]] == [(1, 30), (1, 9), (1, 9), (1, 9), (2, 4), (1, 4)]
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


# The package's own evaluation


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("task", TASKS)
def test_an_export_is_scored_as_its_model(task, runtime, exported):
    """In fp32 to the last digit: metrics, predictions, what was cut; the loss and the scores up to rounding."""
    encoder, predictor = exported(task, "albert", runtime)
    examples = su.load_task(task, report=None)["test"].select(range(40))
    expected = evaluate_encoder(encoder, su.get_task(task), examples, preparation=LENGTHS)
    for one in (predictor, predictor.folder, str(predictor.folder)):
        found = su.evaluate(one, data={"test": examples})
        assert (found.system, found.split, found.task) == (encoder.name, "test", su.get_task(task))
        assert found.predictions == expected.predictions and found.references == expected.references
        assert found.metrics == expected.metrics and found.interval() == expected.interval()
        assert found.loss == pytest.approx(expected.loss, rel=1e-7)
        assert found.scores == (None if expected.scores is None else pytest.approx(expected.scores, abs=1e-6))
        assert su.compare(found, expected).difference == 0
        same = {"cut", "words_without_token"} & set(expected.details)
        assert {name: found.details[name] for name in same} == {name: expected.details[name] for name in same}
    assert (found.details["runtime"], found.details["precision"]) == (runtime, "fp32")
    assert runtime in found.details["versions"]


def test_what_cannot_be_scored(exported, tmp_path):
    predictor = exported("ner")[1]
    test = su.load_task("ner", report=None)["test"]
    for options, sentence in (
        ({"task": "pos"}, "was exported for NER, and has no head for POS"),
        ({"precision": "bf16"}, "An export keeps its lengths and its precision"),
        ({"preparation": LENGTHS}, "An export keeps its lengths and its precision"),
        ({"data": {"test": test.select([])}}, "There is no example of NER"),
        ({"split": "exam"}, "Unknown split 'exam'"),
    ):
        with pytest.raises(ValueError, match=sentence):
            su.evaluate(predictor, **{"data": {"test": test}} | options)
    with pytest.raises(ValueError, match="does not hold a finished run"):
        su.evaluate(tmp_path)


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
        status, out, err = called(capfd, *call, "--keep", "head", "layer0/narrow", "--json")
        assert status == 0, err
        assert json.loads(out)["keep"] == ["head", "layer0/narrow"]
        shutil.rmtree(folder)
        status, out, err = called(capfd, *call)
        assert status == 0, err
        assert f"for {runtime} in {precision}" in out and len(out.splitlines()) == 2
        status, out, err = called(capfd, "predict", folder, "Sube la bolsa.")
        assert status == 0 and json.loads(out)["label"] in su.get_task("mldoc").labels
        # The run was trained on few examples, and is not scored on others by mistake.
        status, out, err = called(capfd, "evaluate", folder)
        assert (status, out) == (1, "") and "was trained on other data than there are here" in err
    export(small_encoder("mldoc"), tmp_path / "own", task="mldoc")
    status, out, err = called(capfd, "evaluate", tmp_path / "own")
    assert status == 0, err
    assert out.startswith("small bert, onnxruntime fp32 on MLDoc, test, 480 examples:\n  accuracy")
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
        ({"precision": "int8+bf16"}, "ONNX Runtime computes what is not int8 in fp32"),
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
