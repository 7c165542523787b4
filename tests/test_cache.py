"""The teacher's answers on disk: read once, whole or not at all, never those of something else."""

import copy
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from small_models import small_encoder

import speedy_utils as su
from speedy_utils.distillation import cache as caches
from speedy_utils.distillation.alignment import teacher_answers
from speedy_utils.distillation.cache import ask_teacher
from speedy_utils.evaluation import predict
from speedy_utils.preprocessing import Preparation, prepare

KINDS = {"classification": "pawsx", "tagging": "ner", "question_answering": "sqac"}
HOW = Preparation(max_length=64, stride=16, max_question=16)
each_task = pytest.mark.parametrize("task", KINDS.values())


@pytest.fixture
def reads(monkeypatch):
    """How many features a teacher has read."""
    read = []

    def spy(model, tokenizer, features, *options):
        read.append(len(features))
        return predict(model, tokenizer, features, *options)

    monkeypatch.setattr(caches, "predict", spy)
    return read


def examples_of(task, size=20):
    return su.load_task(task, report=None)["train"].select(range(size))


def ask(task, folder, *, size=20, how=HOW, teacher=None, **options):
    teacher = teacher or small_encoder(task)
    return ask_teacher(teacher, su.get_task(task), examples_of(task, size), how, "fp32", folder, **options)


def equal(one, other):
    return len(one) == len(other) and all(np.array_equal(one[i], other[i], equal_nan=True) for i in range(len(one)))


@each_task
def test_answers_are_those_of_the_teacher_example_by_example(task, tmp_path, monkeypatch):
    teacher, examples = small_encoder(task), examples_of(task)
    features = prepare(teacher.tokenizer, task, examples, HOW)
    outputs = predict(teacher.model, teacher.tokenizer, features)
    sizes = [len(tokens) for tokens in examples["tokens"]] if "tokens" in examples.column_names else [0] * len(examples)
    expected = teacher_answers(su.get_task(task).kind, features, outputs, sizes)
    for chunk in (3, 7, 2048):
        monkeypatch.setattr(caches, "CHUNK", chunk)
        found = ask(task, tmp_path / str(chunk))
        assert len(found) == len(expected) == 20
        for number, answer in enumerate(expected):
            assert found[number].shape == answer.shape
            assert np.allclose(found[number], answer, atol=1e-5, equal_nan=True)


@each_task
def test_a_teacher_reads_once(task, tmp_path, reads):
    first = ask(task, tmp_path)
    assert len(reads) == 1 and not first.reused
    again = ask(task, tmp_path)
    assert len(reads) == 1 and again.reused
    assert equal(first, again) and first.bytes == again.bytes > 20 * 8
    assert isinstance(again.values, np.memmap)


def changed_weights(teacher):
    with torch.no_grad():
        next(teacher.model.parameters())[0, 0] += 1e-6


@pytest.mark.parametrize("part", ["weights", "configuration", "tokenizer", "examples", "preparation", "task"])
def test_what_an_answer_depends_on_asks_the_teacher_again(part, tmp_path, reads):
    ask("pawsx", tmp_path)
    teacher, options = small_encoder("pawsx"), {}
    if part == "weights":
        changed_weights(teacher)
    elif part == "configuration":
        teacher.model.config.layer_norm_eps = 0.1
    elif part == "tokenizer":
        teacher.tokenizer = copy.deepcopy(teacher.tokenizer)  # other tests share it
        teacher.tokenizer.model_input_names = ["input_ids", "attention_mask"]
    elif part == "examples":
        options["size"] = 19
    elif part == "preparation":
        options["how"] = Preparation(max_length=32)
    if part == "task":
        ask("mldoc", tmp_path)
    else:
        ask("pawsx", tmp_path, teacher=teacher, **options)
    assert len(reads) == 2
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2


def test_gold_labels_are_not_looked_at(tmp_path, reads):
    ask("pawsx", tmp_path)
    flipped = examples_of("pawsx").map(lambda row: {"label": 1 - row["label"]})
    ask_teacher(small_encoder("pawsx"), su.get_task("pawsx"), flipped, HOW, "fp32", tmp_path)
    assert len(reads) == 1


def cut(path):
    os.truncate(path, path.stat().st_size - 2)  # JSON may do without its last line end


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", [caches.VALUES, caches.STARTS, caches.RECORD])
@pytest.mark.parametrize("damage", [cut, flip, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_damaged_answers_are_made_anew(name, damage, tmp_path, reads, capsys):
    first = ask("ner", tmp_path)
    expected = [first[number].copy() for number in range(len(first))]
    damage(first.folder / name)
    again = ask("ner", tmp_path)
    assert len(reads) == 2 and not again.reused
    assert all(np.array_equal(again[i], value, equal_nan=True) for i, value in enumerate(expected))
    assert "cannot be used" in capsys.readouterr().err
    assert ask("ner", tmp_path).reused


def test_foreign_answers_are_not_taken(tmp_path, reads, capsys):
    """A folder under the right name, whole, with the answers of another teacher."""
    first, other = ask("pawsx", tmp_path), ask("pawsx", tmp_path, teacher=small_encoder("pawsx", seed=1))
    expected = [first[number].copy() for number in range(len(first))]
    shutil.rmtree(first.folder)
    shutil.copytree(other.folder, first.folder)
    again = ask("pawsx", tmp_path)
    assert not again.reused and len(reads) == 3
    assert all(np.array_equal(again[i], value) for i, value in enumerate(expected))
    assert "they are answers to something else" in capsys.readouterr().err


def test_nothing_is_left_when_a_teacher_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(caches, "CHUNK", 5)
    calls = iter(range(3))

    def fails(*options):
        if next(calls) == 2:
            raise OSError(28, "No space left on device")
        return predict(*options)

    monkeypatch.setattr(caches, "predict", fails)
    with pytest.raises(OSError, match=r"cannot be kept in .*No space left on device\): give cache=") as caught:
        ask("ner", tmp_path)
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_answers_that_are_not_numbers_are_refused(tmp_path):
    teacher = small_encoder("pawsx")
    with torch.no_grad():
        next(teacher.model.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match=r"gives answers that are not numbers, between the examples 1 and 20"):
        ask("pawsx", tmp_path, teacher=teacher)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_teacher_of_other_labels_is_refused_and_another_order_put_right(tmp_path):
    with pytest.raises(ValueError, match="has no head for MLDoc"):
        ask("mldoc", tmp_path, teacher=small_encoder("pawsx"))
    strange = small_encoder("xnli")
    strange.model.config.id2label = {0: "positive", 1: "negative", 2: "neutral"}
    with pytest.raises(ValueError, match=r"small bert cannot teach XNLI: its outputs are"):
        ask("xnli", tmp_path, teacher=strange)
    plain, turned = small_encoder("xnli"), small_encoder("xnli")
    labels = su.get_task("xnli").labels
    order = [2, 0, 1]  # output i stands for labels[order[i]]
    turned.model.config.id2label = {i: labels[number] for i, number in enumerate(order)}
    with torch.no_grad():
        for parameter in (turned.model.classifier.weight, turned.model.classifier.bias):
            parameter.copy_(parameter[torch.tensor(order)].clone())
    one, other = ask("xnli", tmp_path, teacher=plain), ask("xnli", tmp_path, teacher=turned)
    assert all(np.allclose(one[number], other[number], atol=1e-6) for number in range(20))


PROCESS = """
import sys
from speedy_utils.distillation import cache as caches
from test_cache import ask, predict

caches.CHUNK = 2
def slow(*options):
    print("read", flush=True)
    return predict(*options)
caches.predict = slow
print("ready", len(ask("ner", sys.argv[1])), flush=True)
"""


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"},
    )


def test_two_processes_on_one_cache_read_once_and_a_killed_one_leaves_nothing(tmp_path):
    killed = start(tmp_path)
    assert killed.stdout.readline() == "read\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    both = [start(tmp_path), start(tmp_path)]
    printed = [process.communicate(timeout=120)[0].split("\n") for process in both]
    assert sorted(lines.count("read") for lines in printed) == [0, 10]
    assert all("ready 20" in lines for lines in printed)
    assert ask("ner", tmp_path).reused
