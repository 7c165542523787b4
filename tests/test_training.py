"""Fine-tuning: what a batch weighs, which weights are kept, and what an interruption leaves behind."""

import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ROOT
from datasets import DatasetDict
from small_models import small_encoder

import speedy_utils as su
from speedy_utils import devices, encoders, files, training
from speedy_utils.evaluation import evaluate_encoder, mean_loss, predict
from speedy_utils.preprocessing import IGNORED, Preparation, pad_batch, prepare
from speedy_utils.training import MicroBatchSampler, Settings, fine_tune, label_loss, load_run

KINDS = {"classification": "pawsx", "tagging": "ner", "question_answering": "sqac"}
SHORT = {"epochs": 2, "learning_rate": 5e-3, "batch_size": 8, "max_length": 64}
each_task = pytest.mark.parametrize("task", KINDS.values())


@cache
def small_data(task, train=24, validation=12):
    data = su.load_task(task, report=None)
    sizes = {"train": train, "validation": validation, "test": 10}
    return DatasetDict({split: data[split].select(range(size)) for split, size in sizes.items()})


def train(task="ner", seed_of_weights=0, family="bert", **options):
    """A short fine-tuning of a small model that starts from the same weights every time."""
    options = SHORT | {"data": small_data(task)} | options
    return fine_tune(small_encoder(task, family, seed=seed_of_weights), task, **options)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def outcome(run):
    """All that a run found out, and its weights."""
    return run.validation, run.history, {name: value.tolist() for name, value in weights(run.encoder.model).items()}


# Loss


def batch_of(task, size, family="bert"):
    encoder = small_encoder(task, family)
    features = prepare(encoder.tokenizer, task, small_data(task)["train"], Preparation(64, 8, 16)).select(range(size))
    return encoder, features


@each_task
def test_micro_batches_have_the_gradient_of_the_whole_batch(task):
    """A mean of the micro-batches' means would not, where they hold unequal numbers of labels."""
    encoder, features = batch_of(task, 12)
    rows, model = list(features), encoder.model.eval()  # without dropout

    def gradient(parts):
        model.zero_grad()
        batches = [pad_batch(part, encoder.tokenizer.pad_token_id) for part in parts]
        numbers = [int(batch["labels"].ne(IGNORED).sum()) for batch in batches]
        for batch in batches:
            labels = batch.pop("labels")
            label_loss(model(**batch), labels, torch.tensor(sum(numbers)), batch["attention_mask"]).backward()
        found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
        return found, numbers

    whole, [all_labels] = gradient([rows])
    assert any(value.abs().max() > 1e-3 for value in whole.values())
    for parts in ([rows[:6], rows[6:]], [rows[:1], rows[1:4], rows[4:]], [[row] for row in rows]):
        pieces, numbers = gradient(parts)
        assert len(set(numbers)) > 1 or len(parts) != 3
        assert sum(numbers) == all_labels
        for name, value in whole.items():
            assert torch.allclose(pieces[name], value, atol=1e-6), name


@each_task
def test_losses_equal_the_cross_entropy_of_all_labels(task):
    """That of training, in one padded batch, and that of validation, whatever the batches were."""
    encoder, features = batch_of(task, 12)
    assert len({len(ids) for ids in features["input_ids"]}) > 1  # there is padding
    batch = pad_batch(list(features), encoder.tokenizer.pad_token_id)
    labels = batch.pop("labels")
    with torch.no_grad():
        loss = label_loss(encoder.model(**batch), labels, None, batch["attention_mask"]).item()
    kind = su.get_task(task).kind
    for tokens in (1, 100, 10_000):
        outputs = predict(encoder.model, encoder.tokenizer, features, batch_tokens=tokens)
        expected = mean_of_labels(outputs, features["labels"], kind)
        assert mean_loss(kind, outputs, features["labels"]) == pytest.approx(expected, abs=1e-6)
        assert loss == pytest.approx(expected, abs=1e-5)


def mean_of_labels(outputs, labels, kind):
    """The mean of -log(probability), label by label."""
    losses = []
    for row, label in zip(outputs, labels, strict=True):
        logits = torch.tensor(row)
        if kind == "question_answering":
            pairs = [(logits[:, side], label[side]) for side in (0, 1)]
        elif kind == "tagging":
            pairs = [(logits[place], tag) for place, tag in enumerate(label) if tag != IGNORED]
        else:
            pairs = [(logits, label)]
        losses += [-scores.log_softmax(-1)[place].item() for scores, place in pairs]
    return np.mean(losses)


def test_no_label_no_loss():
    assert np.isnan(mean_loss("tagging", [np.zeros((2, 3))], [[IGNORED, IGNORED]]))


@each_task
def test_the_size_of_micro_batches_does_not_change_what_is_learnt(task):
    """Through the Trainer, with a last batch that is not full; without dropout, which draws other numbers."""
    found = []
    for micro in (8, 4, 1):
        encoder = small_encoder(task, "albert")
        encoder.model.config.classifier_dropout_prob = 0
        for module in encoder.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0
        data = small_data(task, train=21)
        run = fine_tune(encoder, task, data=data, **SHORT | {"micro_batch_size": micro, "learning_rate": 1e-3})
        found.append([row[name] for row in run.history for name in ("train_loss", "loss")])
    assert found[1] == pytest.approx(found[0], rel=1e-3)
    assert found[2] == pytest.approx(found[0], rel=1e-3)


# Batches


def test_batches_are_random_and_sorted_inside():
    rng = np.random.default_rng(0)
    for examples, size in ((100, 16), (64, 8), (5, 8), (1, 1), (33, 32)):
        lengths = rng.integers(1, 1_000, examples).tolist()
        for epoch in range(3):
            orders = []
            for sizes in (lengths, lengths, [7] * examples):
                sampler = MicroBatchSampler(sizes, size, seed=3)
                sampler.set_epoch(epoch)
                orders.append(list(sampler))
            assert orders[0] == orders[1]
            assert sorted(orders[0]) == list(range(examples))
            for start in range(0, examples, size):
                batch, unsorted = orders[0][start : start + size], orders[2][start : start + size]
                assert set(batch) == set(unsorted)  # lengths decide nothing but the order inside
                assert [lengths[place] for place in batch] == sorted((lengths[place] for place in batch), reverse=True)
        assert len(sampler) == examples


def test_orders_differ_by_epoch_and_by_seed():
    orders = set()
    for seed in range(5):
        sampler = MicroBatchSampler([5] * 50, 8, seed)
        for epoch in range(5):
            sampler.set_epoch(epoch)
            orders.add(tuple(sampler))
    assert len(orders) == 25


def test_training_sees_every_example_once_an_epoch(monkeypatch):
    """In the sampler's batches, cut into micro-batches of which the first has the longest."""
    seen = []

    def spy(rows, pad_id):
        seen.append([row["example"] for row in rows])
        return pad_batch(rows, pad_id)

    monkeypatch.setattr(training, "pad_batch", spy)
    run = train("pawsx", data=small_data("pawsx", train=21), micro_batch_size=4, epochs=3)
    lengths = [
        len(ids) for ids in prepare(run.encoder.tokenizer, "pawsx", run.data["train"], Preparation(64))["input_ids"]
    ]
    sampler = MicroBatchSampler(lengths, 8, run.settings.seed)
    expected = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        order = list(sampler)
        expected += [order[start : start + 4] for start in range(0, 21, 4)]
    assert seen == expected


# Seeds


def test_the_same_seed_gives_the_same_run():
    """Two others do not: batches and dropout are others."""
    first, again, other = train(), train(), train(seed=7)
    assert outcome(first) == outcome(again)
    assert outcome(first)[1] != outcome(other)[1]


def test_random_numbers_of_the_caller_go_on_as_if_nothing_had_happened(tmp_path):
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)

    def states():
        name, numbers, *rest = np.random.get_state()
        return random.getstate(), (name, numbers.tolist(), *rest), torch.get_rng_state().tolist()

    before = states()
    train("pawsx", output=tmp_path / "run")
    assert states() == before
    load_run(tmp_path / "run")
    assert states() == before
    with pytest.raises(KeyError), encoders.seeded(5):
        random.random()
        raise KeyError
    assert states() == before
    with encoders.seeded(5):
        drawn = random.random(), np.random.rand(), torch.rand(1).item()
    with encoders.seeded(5):
        assert drawn == (random.random(), np.random.rand(), torch.rand(1).item())


# Which weights are kept


@pytest.mark.parametrize(("task", "select"), [("pawsx", "loss"), ("sqac", "loss"), ("pos", "metric")])
def test_the_kept_weights_are_those_of_the_best_epoch(task, select):
    """The learning rate is too high, or what is to be learnt is wrong: the best epoch is the first, not the last."""
    data, options = small_data(task, train=32, validation=24), {"learning_rate": 0.03}
    encoder = small_encoder(task)
    if task == "pos":
        fine_tune(encoder, task, data=data, **SHORT | {"epochs": 4, "learning_rate": 0.03})
        turned = data["train"].map(lambda row: {"tags": [16 - tag for tag in row["tags"]]})
        data, options = DatasetDict(data | {"train": turned}), {"learning_rate": 3e-3}
    run = fine_tune(encoder, task, data=data, select=select, **SHORT | {"epochs": 4} | options)
    name = run.record["selected_by"]
    assert name == ("loss" if select == "loss" else run.task.score_metric)
    values = [row[name] for row in run.history]
    best = run.history[int(np.argmin(values) if select == "loss" else np.argmax(values))]
    assert [row["epoch"] for row in run.history] == [1, 2, 3, 4]
    assert abs(values[-1] - best[name]) > 1e-2
    assert run.validation == pytest.approx({metric: best[metric] for metric in run.validation}, abs=1e-6)
    again = evaluate_encoder(run.encoder, run.task, run.data["validation"], "validation", run.settings.preparation)
    assert {"loss": again.loss, **again.metrics} == pytest.approx(run.validation, abs=1e-6)


@pytest.mark.parametrize(
    ("select", "rules"),
    [
        ("paper", ["loss"] * 5 + ["f1"] * 3),
        ("loss", ["loss"] * 8),
        ("metric", ["accuracy"] * 3 + ["f1"] * 5),
    ],
)
def test_rules_of_selection(select, rules):
    assert [Settings(select=select).selected_by(task) for task in su.TASKS] == rules


def test_mixed_precision_stays_in_training():
    """Afterwards the model computes in the precision that it is asked for."""
    run = train(precision="bf16", epochs=1)
    assert run.record["precision"] == "bf16"
    same = small_encoder("ner")
    same.model.load_state_dict(run.encoder.model.state_dict())
    test = run.data["test"]
    ours, theirs = (evaluate_encoder(one, run.task, test, precision="fp32").loss for one in (run.encoder, same))
    assert ours == theirs
    assert ours != evaluate_encoder(same, run.task, test, precision="bf16").loss


@pytest.mark.parametrize(("precision", "attention"), [("bf16", "eager"), ("fp32", "sdpa")])
def test_attention_by_precision(precision, attention, monkeypatch):
    """The fused attention goes backwards slowly in bf16 on a CPU; after the training the model has its own again."""
    seen, own = set(), training.TaskTrainer.compute_loss

    def compute_loss(self, model, *args, **kwargs):
        seen.add(model.config._attn_implementation)
        return own(self, model, *args, **kwargs)

    monkeypatch.setattr(training.TaskTrainer, "compute_loss", compute_loss)
    run = train(precision=precision, epochs=1)
    assert seen == {attention}
    assert run.encoder.model.config._attn_implementation == "sdpa"


# Settings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, not 0."),
        ({"epochs": 2.5}, "epochs must be a whole number of at least 1, not 2.5."),
        ({"batch_size": True}, "batch_size must be a whole number of at least 1, not True."),
        ({"micro_batch_size": 0}, "micro_batch_size must be a whole number of at least 1, not 0."),
        ({"micro_batch_size": 3}, "A batch of 8 cannot be cut into micro-batches of 3."),
        ({"learning_rate": 0}, "A learning rate lies between 0 and 1, such as 3e-5, and is not 0."),
        ({"learning_rate": "3e-5"}, "A learning rate lies between 0 and 1, such as 3e-5, and is not '3e-5'."),
        ({"learning_rate": float("nan")}, "A learning rate lies between 0 and 1, such as 3e-5, and is not nan."),
        ({"weight_decay": -0.1}, "weight_decay must be a number from 0 to 1, not -0.1."),
        ({"warmup": 500}, "warmup must be a number from 0 to 1, not 500."),
        ({"select": "best"}, "Unknown rule of selection 'best': choose one of paper, loss or metric."),
        ({"precision": "fp61"}, "Unknown precision 'fp61': did you mean 'fp16',"),
        ({"precision": "fp16"}, "fp16 is unusably slow on a CPU: take precision='bf16', 'fp32' or 'auto'."),
        ({"seed": -1}, "A seed is a whole number of at least 0 and below 2**32, not -1."),
        ({"seed": None}, "A seed is a whole number of at least 0 and below 2**32, not None."),
        ({"learnign_rate": 1e-3}, "Unknown setting 'learnign_rate': did you mean 'learning_rate'?"),
        ({"max_lenght": 9}, "Unknown setting 'max_lenght': did you mean 'max_length' or 'max_question'?"),
        ({"max_length": 500}, "This model reads at most 128 tokens, not 500: take a smaller max_length."),
        ({"subwords": "last"}, "Unknown choice of subwords 'last': choose one of first or all."),
        (
            {"grid": {"epochs": [1]}},
            "A grid starts every run from the same weights: name a system in place of an encoder",
        ),
        ({"data": None}, "An encoder of your own needs data=, such as data=load_task('ner')."),
    ],
)
def test_bad_settings_get_one_clear_sentence(settings, sentence, monkeypatch):
    monkeypatch.setattr(devices, "best_device", lambda: torch.device("cpu"))
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        train(**settings)
    assert sentence in str(caught.value)


def test_bad_data_get_one_clear_sentence():
    data = small_data("ner")
    for broken, sentence in (
        ({"train": data["train"]}, "Training on NER needs a split 'validation' with examples; there is none."),
        (
            data | {"train": data["train"].select([])},
            "Training on NER needs a split 'train' with examples; there is none.",
        ),
        (
            data | {"validation": data["validation"].remove_columns("tags")},
            "The split 'validation' of NER lacks the column 'tags': load it with load_task().",
        ),
        (small_data("pawsx"), "The split 'train' of NER lacks the column 'tokens': load it with load_task()."),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
            train(data=DatasetDict(broken))


def test_a_model_with_another_head_gets_one_clear_sentence():
    for task, other in (("ner", "pos"), ("xnli", "pawsx"), ("sqac", "pawsx"), ("pawsx", "sqac")):
        with pytest.raises(ValueError, match=r"^small bert has no head for .*: it is a Bert\w+ with \d+ labels\.$"):
            fine_tune(small_encoder(other), task, data=small_data(task), **SHORT)


def test_settings_of_a_run_that_names_none():
    """The bundled stand-ins have their own; the real models the middle of the paper's grid."""
    assert training.default_settings("ner", "hub") == training.default_settings("sqac", None) == Settings()
    for task in su.TASKS:
        mini = training.default_settings(task, "mini")
        assert mini == training.MINI_SETTINGS[task.kind]
        assert mini != Settings()
    middle = {name: getattr(Settings(), name) for name in su.GRIDS["paper"]}
    assert all(middle[name] in values for name, values in su.GRIDS["paper"].items())


# Grids


def test_the_grid_of_the_paper():
    grid = su.GRIDS["paper"]
    assert grid == {"batch_size": (16, 32, 64), "learning_rate": (1e-5, 2e-5, 3e-5, 5e-5), "epochs": (2, 3, 4)}
    assert np.prod([len(values) for values in grid.values()]) == 36


@pytest.fixture
def loaded(monkeypatch):
    """Small models in place of the paper's systems; the list of what was loaded."""
    made = []

    def load(system, task, *, source, seed, revision, layers):
        made.append(system)
        return small_encoder(task, seed=seed)

    monkeypatch.setattr(training, "load_encoder", load)
    return made


@pytest.mark.parametrize("select", ["loss", "metric"])
def test_a_grid_gives_the_best_run_and_goes_on_where_it_stopped(select, loaded, tmp_path, monkeypatch, capsys):
    grid = {"learning_rate": [5e-3, 1e-2, 1e-6], "subwords": ["first", "all"]}
    options = SHORT | {"data": small_data("ner"), "select": select, "epochs": 1, "output": tmp_path / "grid"}
    train_once, trained = training._train, []

    def third_time_unlucky(*args, **kwargs):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append(args)
        return train_once(*args, **kwargs)

    monkeypatch.setattr(training, "_train", third_time_unlucky)
    with pytest.raises(KeyboardInterrupt):
        fine_tune("BETO cased", "ner", grid=grid, **options)
    assert not (tmp_path / "grid" / "grid.json").exists()
    monkeypatch.setattr(training, "_train", train_once)
    best = fine_tune("BETO cased", "ner", grid=grid, **options)
    assert capsys.readouterr().out.count("it was loaded, not trained again.") == 3
    assert len(loaded) == 4 + 3
    found = json.loads((tmp_path / "grid" / "grid.json").read_text())
    assert found["runs"] == best.record["grid"]
    assert [(row["learning_rate"], row["subwords"]) for row in found["runs"]] == [
        (rate, subwords) for rate in grid["learning_rate"] for subwords in grid["subwords"]
    ]
    name = "loss" if select == "loss" else "f1"
    values = [row[name] for row in found["runs"]]
    assert len(set(values)) > 1
    assert best.validation[name] == (min if select == "loss" else max)(values)
    assert found["best"] == str(best.folder)
    assert load_run(best.folder).validation == best.validation
    fine_tune("BETO cased", "ner", grid=grid, **options)
    assert capsys.readouterr().out.count("it was loaded, not trained again.") == 6
    assert len(loaded) == 7


def test_a_run_that_diverged_never_wins(loaded, monkeypatch):
    runs = iter([float("nan"), 0.7, 0.5, float("nan"), 0.6])
    monkeypatch.setattr(
        training, "run_once", lambda *_: SimpleNamespace(validation={"loss": next(runs)}, record={}, folder=None)
    )
    best = fine_tune("BETO cased", "ner", grid={"seed": [1, 2, 3, 4, 5]}, data=small_data("ner"))
    assert best.validation == {"loss": 0.5}


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        ("papper", "Unknown grid 'papper': did you mean 'paper'?"),
        ({}, "A grid names values for each setting, such as {'learning_rate': [1e-5, 3e-5]}."),
        ({"epochs": []}, "A grid names values for each setting"),
        ({"epochs": 3}, "A grid names values for each setting"),
        ({"select": "loss"}, "A grid names values for each setting"),
        ([1e-5], "A grid names values for each setting"),
        ({"epoch": [1, 2]}, "Unknown setting 'epoch': did you mean 'epochs'?"),
        ({"epochs": [1, 2, 0]}, "epochs must be a whole number of at least 1, not 0."),
    ],
)
def test_a_bad_grid_is_refused_before_anything_is_trained(grid, sentence, loaded):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        fine_tune("BETO cased", "ner", data=small_data("ner"), grid=grid, **SHORT)
    assert sentence in str(caught.value)
    assert not loaded


# Folders


def test_a_run_is_written_whole_and_loaded_again(tmp_path, capsys):
    folder = tmp_path / "runs" / "ner"
    run = train(output=folder)
    assert capsys.readouterr() == ("", "")  # silent, so that a notebook shows the same every time
    names = {path.name for path in folder.iterdir()}
    assert {"run.json", "predictions-validation.jsonl", "model.safetensors", "config.json", "tokenizer.json"} <= names
    assert [path.name for path in folder.parent.iterdir()] == ["ner"]  # no scratch folder is left
    read = {path.name: path.read_bytes() for path in folder.iterdir()}
    for loaded in (load_run(folder), load_run(str(folder)), train(output=folder, seed_of_weights=3)):
        assert loaded.validation == run.validation
        assert loaded.history == run.history
        assert loaded.settings == run.settings
        assert loaded.record["identity"] == json.loads(json.dumps(run.record["identity"]))
        features = prepare(loaded.encoder.tokenizer, "ner", run.data["test"], loaded.settings.preparation)
        ours, theirs = (predict(one.model, one.tokenizer, features) for one in (run.encoder, loaded.encoder))
        assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))
        assert loaded.encoder.model.config.id2label[1] == "B-PER"
    assert capsys.readouterr().out == f"{folder} holds this run already: it was loaded, not trained again.\n"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == read
    lines = [json.loads(line) for line in (folder / "predictions-validation.jsonl").read_text().splitlines()]
    assert [line["gold"] for line in lines] == [
        [run.task.labels[tag] for tag in tags] for tags in run.data["validation"]["tags"]
    ]


def test_another_run_is_not_overwritten(tmp_path):
    folder = tmp_path / "run"
    train("pawsx", output=folder, epochs=1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for options, difference in (
        ({"learning_rate": 1e-4}, "its settings.learning_rate is 0.005, here it is 0.0001; take another folder"),
        ({"max_length": 32}, "its settings.preparation.max_length is 64, here it is 32"),
        ({"seed": 1}, "its settings.seed is 42, here it is 1"),
        ({"data": small_data("pawsx", train=25)}, "its data.train is '"),
        ({"family": "albert"}, "its system is 'small bert', here it is 'small albert'"),
    ):
        with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
            train("pawsx", output=folder, **{"epochs": 1} | options)
        assert f"{folder} holds another run: {difference}" in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_empty_folder_is_filled_and_a_strange_one_refused(tmp_path):
    train("pawsx", output=tmp_path, epochs=1)
    assert load_run(tmp_path).task.name == "pawsx"
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("mine")
    with pytest.raises(
        ValueError, match=r"own does not hold a finished run \(FileNotFoundError\): give the folder that"
    ):
        train("pawsx", output=tmp_path / "own")
    assert (tmp_path / "own" / "thesis.txt").read_text() == "mine"


def interrupt_after(monkeypatch, calls, name="judge"):
    """Ctrl-C in the middle of a run: when `name` is called once more than `calls` times."""
    real, left = getattr(training, name), iter(range(calls))

    def interrupted(*args, **kwargs):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(training, name, interrupted)


@pytest.mark.parametrize("epochs", [0, 1, 2, 3])
def test_an_interrupted_run_goes_on_and_ends_the_same(epochs, tmp_path, monkeypatch):
    """After so many finished epochs of three; dropout and batches go on as they would have."""
    whole = train(epochs=3)
    folder = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(patch, epochs)
        train(epochs=3, output=folder)
    assert not folder.exists()
    assert bool(list(tmp_path.glob("run.unfinished/checkpoint-*"))) == (epochs > 0)
    steps = spy_on_steps(monkeypatch)
    run = train(epochs=3, output=folder)
    assert len(steps) == 3 * (3 - epochs)
    assert outcome(run) == outcome(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def spy_on_steps(monkeypatch):
    steps, real = [], training.TaskTrainer.training_step

    def spy(self, *args, **kwargs):
        steps.append(1)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(training.TaskTrainer, "training_step", spy)
    return steps


def test_nothing_is_lost_when_the_end_is_interrupted(tmp_path, monkeypatch):
    """All epochs are done and the folder is not written yet: the next call trains nothing, and finds the best epoch.

    Even if it is started in another folder than the first, which had a relative name for its own.
    """
    options = {"learning_rate": 0.3, "select": "loss"}  # so high that the second epoch is worse than the first
    whole = train("pawsx", **options)
    assert whole.history[0]["loss"] < whole.history[1]["loss"] - 1e-2
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.chdir(tmp_path)
        interrupt_after(patch, 0, "write_predictions")
        train("pawsx", output="run", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["run.unfinished"]
    steps = spy_on_steps(monkeypatch)
    assert outcome(train("pawsx", output=tmp_path / "run", **options)) == outcome(whole)
    assert not steps


KILLED = """
import os, signal
from datasets import DatasetDict
from test_training import train, training
real, calls = training.judge, []
def judge(*args, **kwargs):
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **kwargs)
training.judge = judge
os.chdir({folder!r})
train(epochs=3, output="run")
"""


def test_a_killed_run_goes_on_from_its_last_epoch(tmp_path, monkeypatch):
    """Also if it was killed while it wrote, and the newest checkpoint is torn."""
    code = KILLED.format(folder=str(tmp_path))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])}
    environment["OMP_NUM_THREADS"] = str(torch.get_num_threads())  # sums of floats depend on it
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=300, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["run.unfinished"]
    torn = tmp_path / "run.unfinished" / "checkpoint-999"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"\0" * 100)
    (torn / "trainer_state.json").write_text('{"epoch": 2.0, "log_his')
    steps = spy_on_steps(monkeypatch)
    run = train(epochs=3, output=tmp_path / "run")
    assert len(steps) == 6
    assert outcome(run) == outcome(train(epochs=3))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_another_run_left_unfinished_is_not_taken(tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(patch, 1)
        train(output=tmp_path / "run")
    with pytest.raises(
        ValueError, match=r"run\.unfinished holds another run: its settings\.epochs is 2, here it is 3;"
    ):
        train(output=tmp_path / "run", epochs=3)
    assert list(tmp_path.glob("run.unfinished/checkpoint-*"))


def test_bad_settings_leave_no_trace_that_would_be_in_the_way(tmp_path):
    with pytest.raises(ValueError, match="leaves 0 of 8 for the context"):
        train("sqac", output=tmp_path / "run", max_length=8, max_question=9)
    train("sqac", output=tmp_path / "run", epochs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    train("pawsx", output=folder, epochs=1)
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    import shutil

    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_broken_folder_gets_one_clear_sentence(copied):
    record = json.loads((copied / "run.json").read_text())
    for broken in (
        *('{"identity"', "", "[]", '"run"', "null", "{}"),
        *(
            json.dumps({name: value for name, value in record.items() if name != gone})
            for gone in ("origin", "history")
        ),
        json.dumps(record | {"settings": record["settings"] | {"epochs": 0}}),
        json.dumps(record | {"settings": record["settings"] | {"preparation": 3}}),
        json.dumps(record | {"identity": {"task": "nerd"}}),
    ):
        (copied / "run.json").write_text(broken)
        with pytest.raises(
            ValueError, match=r"^[^\n]+ does not hold a finished run \(\w+\): give the folder that fine_tune"
        ):
            load_run(copied)
    with pytest.raises(ValueError, match="nowhere does not hold a finished run"):
        load_run(copied / "nowhere")


class Trap:
    """Pickled, it writes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_not_opened(copied, tmp_path):
    (copied / "model.safetensors").unlink()
    (copied / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "executed")))
    with pytest.raises(ValueError, match=r"does not hold a finished run \(OSError\)"):
        load_run(copied)
    torch.save({"weight": Trap(tmp_path / "executed")}, copied / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"does not hold a finished run \(OSError\)"):
        load_run(copied)
    assert not (tmp_path / "executed").exists()
    pickle.loads(pickle.dumps(Trap(tmp_path / "executed")))
    assert (tmp_path / "executed").exists()  # the trap works


# Precision


def wide(name="DistilBETO"):
    return SimpleNamespace(config=su.build_config(name))


ON_CPUS = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")


@pytest.mark.parametrize("instructions", ON_CPUS)
@pytest.mark.parametrize(
    ("device", "fact", "model", "chosen"),
    [
        ("cuda", (6, 1), wide(), "fp32"),  # Pascal
        ("cuda", (7, 0), wide(), "fp16"),  # Volta
        ("cuda", (7, 5), wide(), "fp16"),  # Turing: the T4
        ("cuda", (8, 0), wide(), "bf16"),  # Ampere
        ("cuda", (8, 9), wide(), "bf16"),
        ("cuda", (9, 0), wide(), "bf16"),
        ("cuda", (8, 0), SimpleNamespace(config=SimpleNamespace(hidden_size=16)), "bf16"),  # width is a CPU's matter
        ("cpu", True, wide(), "bf16"),
        ("cpu", True, wide("ALBETO tiny"), "bf16"),
        ("cpu", True, SimpleNamespace(config=SimpleNamespace(hidden_size=255)), "fp32"),
        ("cpu", False, wide(), "fp32"),
        ("mps", True, wide(), "fp32"),
    ],
)
def test_precision_by_itself(device, fact, model, chosen, instructions, monkeypatch):
    monkeypatch.setattr(devices, "best_device", lambda: torch.device(device))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: fact)
    for name in ON_CPUS:
        monkeypatch.setattr(torch.cpu, name, lambda here=name == instructions: here and fact, raising=False)
    assert devices.choose_precision(model) == chosen
    for precision in ("fp32", "bf16"):
        assert devices.choose_precision(model, precision) == precision
    if device == "cpu":
        with pytest.raises(ValueError, match="fp16 is unusably slow on a CPU"):
            devices.choose_precision(model, "fp16")
        for name in ON_CPUS:
            monkeypatch.delattr(torch.cpu, name)
        assert devices.choose_precision(model) == "fp32"
    else:
        assert devices.choose_precision(model, "fp16") == "fp16"


def test_the_first_device_there_is(monkeypatch):
    for cuda, mps, device in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=cuda: there)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=mps: there)
        assert devices.best_device().type == device


def test_micro_batches_by_device(monkeypatch):
    for device, sizes in (("cpu", {64: 16, 32: 8, 16: 16, 30: 30, 34: 34}), ("cuda", {64: 64, 32: 32, 16: 16})):
        monkeypatch.setattr(training, "best_device", lambda name=device: torch.device(name))
        assert {size: training._micro_batch_size(size, 1) for size in sizes} == sizes
        shares = [8 if device == "cpu" else 16, 8, 4]
        assert [training._micro_batch_size(32, number) for number in (2, 4, 8)] == shares


# Files


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "file.txt"
    files.write_whole(path, "antes ñ\n")
    assert path.read_bytes() == "antes ñ\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644
    with pytest.raises(UnicodeEncodeError):
        files.write_whole(path, "después \ud83d")
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        files.write_whole(path, "después")
    assert [(path.name, path.read_text("utf-8")) for path in path.parent.iterdir()] == [("file.txt", "antes ñ\n")]
    files.write_json(path, {"ñ": [1, 0.1]})
    assert json.loads(path.read_text("utf-8")) == {"ñ": [1, 0.1]}
    assert "ñ" in path.read_text("utf-8")


def test_a_folder_is_filled_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "deep" / "folder"
    with pytest.raises(KeyboardInterrupt), files.whole_folder(folder) as scratch:
        (scratch / "a").write_text("a")
        raise KeyboardInterrupt
    assert list((tmp_path / "deep").iterdir()) == []
    with files.whole_folder(folder) as scratch:
        (scratch / "a").write_text("a")
        assert not folder.exists()
    assert [path.name for path in folder.iterdir()] == ["a"]
    with pytest.raises(OSError, match="not empty"), files.whole_folder(folder) as scratch:
        (scratch / "b").write_text("b")
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert list((tmp_path / "deep").iterdir()) == [folder]


def test_stand_ins_run_on_one_thread_and_others_on_all():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with devices.threads_for({"source": "mini"}):
            assert torch.get_num_threads() == 1
        with devices.threads_for({"source": "hub"}):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
