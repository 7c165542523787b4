"""Distilling: the same as fine-tuning where it must be, and what only a teacher brings."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from small_models import small_encoder
from test_training import SHORT, small_data, weights

import speedy_utils as su
from speedy_utils.distillation.losses import Distillation
from speedy_utils.distillation.trainer import distill, distillation_loss
from speedy_utils.evaluation import predict
from speedy_utils.training import Settings, fine_tune, load_run

KINDS = {"classification": "pawsx", "tagging": "ner", "question_answering": "sqac"}
each_task = pytest.mark.parametrize("task", KINDS.values())


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Models this small lose time to threads, most of all where other tests run beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SPEEDY_CACHE", str(tmp_path / "cache"))


def teacher_of(task, family="roberta", seed=5):
    """Random, but with opinions: logits of a few units."""
    teacher = small_encoder(task, family, seed=seed)
    head = getattr(teacher.model, "classifier", None) or teacher.model.qa_outputs
    with torch.no_grad():
        for parameter in head.parameters():
            if parameter.dim() == 2:
                parameter.mul_(40)
    return teacher


def teach(task, teacher=None, *, student=0, family="albert", **options):
    options = SHORT | {"data": small_data(task)} | options
    encoder = small_encoder(task, family, seed=student)
    for part in encoder.model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0  # its random numbers depend on how a batch is cut
    return distill(encoder, teacher or teacher_of(task), task, **options)


def alike(one, other):
    """Whether two runs learnt the same, to rounding.

    Weights are no measure: some, such as a bias added to all places of a window, change no output, and the optimizer
    turns the rounding of their gradients into steps of full length.
    """
    losses = [
        [(row["train_loss"], row["loss"], row["distillation_loss"]) for row in run.history] for run in (one, other)
    ]
    return np.allclose(*losses, rtol=1e-3, atol=1e-5)


def same_weights(one, other, tolerance=0.0):
    one, other = weights(one.encoder.model), weights(other.encoder.model)
    return all(torch.allclose(one[name], other[name], rtol=0, atol=tolerance) for name in one)


# What is learnt


@pytest.mark.parametrize("task", ["pawsx", "ner"])
def test_gold_labels_alone_are_fine_tuning(task):
    """Step for step, where the gold labels have the same rows to choose among."""
    same = {"select": "metric", "weight_decay": 0.1, "max_grad_norm": 0.5}
    taught = teach(task, gold_weight=1.0, **same)
    student = small_encoder(task, "albert")
    student.model.dropout.p = 0.0
    tuned = fine_tune(student, task, data=small_data(task), **SHORT, **same)
    assert same_weights(taught, tuned, 1e-6)
    assert taught.validation["loss"] == pytest.approx(tuned.validation["loss"], abs=1e-6)


@each_task
def test_a_student_comes_nearer_to_its_teacher(task):
    run = teach(task, epochs=6)
    losses = [row["distillation_loss"] for row in run.history]
    assert len(losses) == 6
    assert min(losses) < 0.9 * losses[0]
    assert run.validation["distillation_loss"] == pytest.approx(min(losses), abs=1e-6)


@each_task
def test_micro_batches_change_nothing(task):
    whole = teach(task, micro_batch_size=8, gold_weight=0.3, temperature=2.0)
    parts = teach(task, micro_batch_size=2, gold_weight=0.3, temperature=2.0)
    assert alike(whole, parts)
    assert not alike(whole, teach(task, gold_weight=0.3, temperature=1.0))


@each_task
def test_the_same_seed_gives_the_same_student(task):
    one, other = teach(task), teach(task)
    assert same_weights(one, other)
    assert (one.validation, one.history) == (other.validation, other.history)
    assert not same_weights(one, teach(task, seed=7))


@each_task
@pytest.mark.parametrize("gold_weight", [0.0, 0.4])
def test_the_loss_of_validation_is_that_of_one_batch_with_all_examples(task, gold_weight, monkeypatch):
    from speedy_utils.distillation import trainer

    made = []
    collect = trainer.Lessons.loss
    monkeypatch.setattr(trainer.Lessons, "loss", lambda self, *rest: made.append(self) or collect(self, *rest))
    run = teach(task, gold_weight=gold_weight, temperature=2.0)
    lessons = made[-1]
    batch = lessons.collate(list(lessons.features))
    targets = {name: batch.pop(name) for name in ("labels", "teacher", "counted", "allowed") if name in batch}
    settings = Distillation(temperature=2.0, gold_weight=gold_weight)
    with torch.no_grad():
        expected = distillation_loss(run.encoder.model.eval()(**batch), targets, settings).item()
    assert run.validation["distillation_loss"] == pytest.approx(expected, abs=1e-5)


def test_patience_stops_and_the_best_weights_are_the_measured_ones():
    run = teach("ner", epochs=12, learning_rate=0.3, patience=2)
    losses = [row["distillation_loss"] for row in run.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 2 < 12
    assert run.validation["distillation_loss"] == losses[best]
    found = su.evaluate(run, split="validation")
    assert found.metrics == {name: run.validation[name] for name in found.metrics}


# Teachers


@each_task
def test_a_teacher_counts_once_however_often_it_is_named(task):
    one, other = teacher_of(task), teacher_of(task, "bert", seed=6)
    alone = teach(task, one)
    assert alike(alone, teach(task, [one, one]))
    assert alike(alone, teach(task, [one, other], teacher_weights=[3, 0]))
    both = teach(task, [one, other])
    assert not alike(alone, both)
    assert alike(both, teach(task, [other, one], teacher_weights=[2, 2]))


def test_two_teachers_give_the_mean_of_their_logits(monkeypatch):
    from speedy_utils.distillation import trainer

    seen = []
    collate = trainer.Lessons.collate
    monkeypatch.setattr(trainer.Lessons, "collate", lambda self, rows: seen.append((self, rows)) or collate(self, rows))
    teachers = [teacher_of("pawsx"), teacher_of("pawsx", "bert", seed=6)]
    teach("pawsx", teachers, teacher_weights=[1, 3])
    lessons, rows = seen[0]
    data = small_data("pawsx")["train"]
    for row, logits in zip(rows, collate(lessons, rows)["teacher"], strict=True):
        one = data.select([row["example"]])
        given = []
        for teacher in teachers:
            features = su.prepare(teacher.tokenizer, "pawsx", one, su.Preparation(max_length=64))
            given.append(predict(teacher.model, teacher.tokenizer, features)[0])
        assert np.allclose(logits, 0.25 * given[0] + 0.75 * given[1], atol=1e-4)


@each_task
@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_teacher_with_another_tokenizer_and_fewer_positions(task, family):
    """The teacher reads shorter windows than the student; what cannot be aligned is masked and counted."""
    teacher = small_encoder(task, family, positions=48)
    run = teach(task, teacher, max_length=96, stride=12, max_question=12)
    assert run.settings.preparation.max_length == 96
    rows = run.record["rows"]
    assert rows["seen"] > 0 and rows["not_aligned"] < 0.2 * rows["seen"]
    assert np.isfinite(run.validation["distillation_loss"])


@each_task
def test_text_without_labels_is_learnt_from_the_teacher_alone(task):
    """Whatever labels it came with."""
    data = small_data(task)
    text = data["test"]
    run = teach(task, transfer=text, gold_weight=0.5)
    assert run.record["transfer"] == 10
    assert run.record["cache"]["examples"] == 24 + 10 + 12
    gold = {"pawsx": "label", "ner": "tags", "sqac": "answers"}[task]
    bare = text.remove_columns([gold])
    again = teach(task, transfer=bare, gold_weight=0.5)
    assert same_weights(run, again)
    assert again.record["cache"]["reused"] == 46
    assert not same_weights(run, teach(task, gold_weight=0.5))


def test_text_without_labels_may_be_a_list():
    assert teach("ner", transfer=[["Lima", "es", "grande"], ["Vino", "Ana"]]).record["transfer"] == 2
    assert teach("mldoc", transfer=["Lima es grande.", "Vino Ana."]).record["transfer"] == 2


@pytest.mark.parametrize("system", ["ALBETO base", "BETO cased", "DistilBETO"])
def test_a_student_takes_the_depth_that_it_is_given(system):
    run = distill(system, teacher_of("ner"), "ner", layers=2, data=small_data("ner"), epochs=1)
    assert run.encoder.model.config.num_hidden_layers == 2
    assert run.encoder.name == f"{system} with 2 layers (mini)"
    whole = su.load_encoder(system, "ner")
    if system != "ALBETO base":
        assert run.encoder.model.num_parameters() < whole.model.num_parameters()
        with pytest.raises(ValueError, match=f"{system} has {whole.model.config.num_hidden_layers} layers, and no"):
            su.load_encoder(system, "ner", layers=9)
    else:
        assert run.encoder.model.num_parameters() == whole.model.num_parameters()
        assert su.load_encoder(system, "ner", layers=9).model.config.num_hidden_layers == 9


def test_a_shallow_albeto_base_is_the_papers():
    """At mini, ALBETO base-4 has two layers."""
    own, cut = su.load_encoder("ALBETO base-4", "ner", seed=3), su.load_encoder("ALBETO base", "ner", seed=3, layers=2)
    features = su.prepare(own.tokenizer, "ner", small_data("ner")["test"])
    pairs = zip(*(predict(one.model, one.tokenizer, features) for one in (own, cut)), strict=True)
    assert all(np.allclose(one, other, atol=1e-6) for one, other in pairs)
    how = {"data": small_data("ner"), "source": "mini", "seed": 3, "epochs": 1}
    assert same_weights(
        su.fine_tune("ALBETO base-4", "ner", **how), su.fine_tune("ALBETO base", "ner", layers=2, **how)
    )
    with pytest.raises(ValueError, match="layers= is for a system by its name"):
        su.fine_tune(cut, "ner", layers=1, **how)


# Folders


def test_a_run_folder_is_loaded_and_never_mixed(tmp_path, capsys):
    folder = tmp_path / "run"
    run = teach("ner", output=folder, temperature=2.0)
    assert same_weights(run, load_run(folder))
    assert load_run(folder).settings == run.settings
    assert run.settings.distillation == Distillation(temperature=2.0)
    assert same_weights(run, teach("ner", output=folder, temperature=2.0, student=3))
    assert "it was loaded, not trained again." in capsys.readouterr().out
    for options, what in (
        ({"temperature": 3.0}, "its settings.distillation.temperature is 2.0, here it is 3.0"),
        ({"teacher": teacher_of("ner", seed=9), "temperature": 2.0}, "its teachers is"),
        ({"transfer": [["Lima"]], "temperature": 2.0}, "its transfer is None"),
    ):
        with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
            teach("ner", **({"output": folder} | options))
        assert what in str(caught.value)
    record = json.loads((folder / "run.json").read_text())
    assert record["teachers"] == ["small roberta"]
    assert record["rows"]["seen"] > 0


def test_a_teacher_may_be_a_run_or_its_folder(tmp_path):
    data = small_data("ner")
    taught = fine_tune(small_encoder("ner"), "ner", data=data, output=tmp_path / "teacher", **SHORT)
    by_run, by_path, by_name = (teach("ner", who) for who in (taught, taught.folder, str(taught.folder)))
    assert same_weights(by_run, by_path, 1e-6) and same_weights(by_run, by_name, 1e-6)
    assert by_path.record["cache"]["reused"] == 36


# What cannot work


def broken_student():
    student = small_encoder("ner", "albert")
    with torch.no_grad():
        next(student.model.parameters()).fill_(float("nan"))
    return student


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"teacher": []}, "Who teaches? Give a teacher, or a list of them."),
        ({"teacher_weights": [1, 1]}, "teacher_weights are 1 numbers of at least 0, one for each teacher"),
        ({"teacher_weights": [0]}, "teacher_weights are 1 numbers of at least 0"),
        ({"teacher_weights": [-1]}, "teacher_weights are 1 numbers of at least 0"),
        ({"temperature": 0}, "A temperature is a positive number, such as 2, and not 0."),
        ({"gold_weight": 2}, "gold_weight is the share of the gold labels, from 0 to 1, and not 2."),
        ({"loss": "KL"}, "Unknown distillation loss 'KL': did you mean 'kl'?"),
        ({"loss": "mse", "temperature": 2}, "has no temperature"),
        ({"temprature": 2}, "Unknown setting 'temprature': did you mean 'temperature'?"),
        ({"layers": 2}, "layers= is for a system by its name"),
        ({"transfer": []}, "There is no text for the teacher to label"),
        ({"patience": 0}, "patience must be a whole number of at least 1, not 0."),
        ({"max_grad_norm": -1}, "max_grad_norm must be a number of at least 0, not -1."),
        ({"student": broken_student}, "The loss is nan after epoch 1: take a lower learning rate"),
        ({"batch_size": 6, "micro_batch_size": 4}, "A batch of 6 cannot be cut into micro-batches of 4."),
    ],
)
def test_what_cannot_work_is_one_sentence(options, sentence):
    options = {"teacher": teacher_of("ner"), "data": small_data("ner"), **SHORT, **options}
    student = options.pop("student", small_encoder)("ner") if "student" not in options else options.pop("student")()
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        distill(student, options.pop("teacher"), "ner", **options)
    assert sentence in str(caught.value)


def test_more_sentences():
    with pytest.raises(ValueError, match="probabilities are moved, not its logits"):
        teach("sqac", loss="mse")
    with pytest.raises(ValueError, match=r"lacks the column 'sentence2'"):
        teach("pawsx", transfer=small_data("pawsx")["test"].select_columns(["sentence1"]))
    with pytest.raises(ValueError, match="Texts of PAWS-X have the columns sentence1 and sentence2"):
        teach("pawsx", transfer=["uno"])
    with pytest.raises(ValueError, match="An encoder of your own needs data="):
        distill(small_encoder("ner"), teacher_of("ner"), "ner")
    with pytest.raises(ValueError, match="Unknown setting 'temperature'"):
        fine_tune(small_encoder("ner"), "ner", data=small_data("ner"), temperature=2)
    with pytest.raises(ValueError, match="has no head for NER"):
        teach("ner", teacher_of("pos"))
    assert Settings().distillation is None
    with pytest.raises(ValueError, match="keeps its depth"):
        su.load_encoder("ALBETO base", "ner", source="published", layers=3)


# Several processes

LAUNCHED = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from test_distillation import teach
from accelerate import PartialState
task, folder = sys.argv[1:]
run = teach(task, output=folder, cache=folder + "-cache")
state = PartialState()  # each its own file: on one standard output their words can mix
said = f"{state.num_processes} processes, {run.validation['distillation_loss']}"
Path(f"{folder}-{state.process_index}.txt").write_text(said)
"""


@each_task
def test_two_processes_make_the_student_of_one(task, tmp_path):
    """`accelerate launch`: each step sees the same batch, shared by the processes."""
    script = tmp_path / "script.py"
    script.write_text(LAUNCHED)
    places = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = os.environ | {"PYTHONPATH": places, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    # With --cpu accelerate starts processes by MPI alone; --multi_gpu is torchrun, here on the processor.
    options = "--multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no"
    options += " --main_process_ip 127.0.0.1 --main_process_port 0"
    launch = [sys.executable, "-m", "accelerate.commands.launch", *options.split()]
    command = [*launch, str(script), task, str(tmp_path / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = [(tmp_path / f"run-{process}.txt").read_text() for process in range(2)]
    assert first == second and first.startswith("2 processes, ")
    together, alone = load_run(tmp_path / "run"), teach(task)
    assert alike(together, alone)
    assert not (tmp_path / "run.unfinished").exists()
    assert together.settings == alone.settings
