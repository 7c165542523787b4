"""Predictions against a loop without batches, scores against the metrics, and tables of errors against brute force."""

import copy
import json
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import chain

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from small_models import FAMILIES, fast_tokenizer, small_encoder

import speedy_utils as su
from speedy_utils import devices, evaluation, metrics
from speedy_utils.encoders import Encoder
from speedy_utils.evaluation import Evaluation, evaluate_encoder, predict, write_predictions
from speedy_utils.preprocessing import Preparation, prepare
from speedy_utils.training import fine_tune, load_run

KINDS = {"classification": "xnli", "tagging": "ner", "question_answering": "sqac"}
each_task = pytest.mark.parametrize("task", KINDS.values())


@cache
def small_data(task, size=24):
    data = su.load_task(task, report=None)
    return DatasetDict({split: data[split].select(range(size)) for split in data})


def made_up(task, predictions, references, **columns):
    """An evaluation with these predictions, whatever model may have made them."""
    columns = columns or {"number": list(range(len(references)))}
    return Evaluation(su.get_task(task), "made up", "test", Dataset.from_dict(columns), predictions, references, 0.5)


# Predictions


@each_task
@pytest.mark.parametrize("family", FAMILIES)
def test_predictions_are_those_of_one_example_at_a_time(task, family):
    encoder = small_encoder(task, family)
    model, tokenizer = encoder.model, encoder.tokenizer
    features = prepare(tokenizer, task, small_data(task)["test"], Preparation(64, 8, 16))
    assert len({len(ids) for ids in features["input_ids"]}) > 1
    expected = []
    with torch.no_grad():
        for row in features:
            inputs = {name: torch.tensor([row[name]]) for name in ("input_ids", "token_type_ids") if name in row}
            found = model(**inputs)
            logits = torch.stack([found.start_logits, found.end_logits], -1) if task == "sqac" else found.logits
            expected.append(logits[0].numpy())
    model.train()
    for tokens in (1, 200, 100_000):
        outputs = predict(model, tokenizer, features, "fp32", tokens)
        assert [row.shape for row in outputs] == [row.shape for row in expected]
        for ours, theirs in zip(outputs, expected, strict=True):
            assert ours == pytest.approx(theirs, abs=1e-5)
        assert model.training  # as it was before
    assert predict(model, tokenizer, features.select([])) == []


def test_a_distilbert_with_the_tokenizer_of_bert():
    """It takes no token types, which that tokenizer makes."""
    encoder, tokenizer = small_encoder("xnli", "distilbert"), copy.deepcopy(fast_tokenizer("WordPiece uncased"))
    assert "token_type_ids" in tokenizer("¿Qué?", "Sí.")
    found, expected = (
        evaluate_encoder(one, su.get_task("xnli"), small_data("xnli")["test"])
        for one in (Encoder(encoder.model, tokenizer, "with types"), encoder)
    )
    assert found.loss == expected.loss


@pytest.mark.parametrize("family", FAMILIES)
def test_the_longest_input_is_as_long_as_the_model_has_positions(family):
    """RoBERTa's table has two rows more, which no token uses."""
    encoder = small_encoder("xnli", family, positions=40)
    assert encoder.longest == 40
    data = Dataset.from_dict({"sentence1": ["mar " * 90], "sentence2": ["azul " * 90], "label": [0]})
    found = evaluate_encoder(encoder, su.get_task("xnli"), data)
    assert found.details["cut"] == 1
    with pytest.raises(ValueError, match=r"^This model reads at most 40 tokens, not 41"):
        evaluate_encoder(encoder, su.get_task("xnli"), data, preparation=Preparation(41))


def test_batches_hold_no_more_tokens_than_they_may(monkeypatch):
    encoder = small_encoder("ner")
    features = prepare(encoder.tokenizer, "ner", small_data("ner")["test"])
    sizes, real = [], evaluation.pad_batch

    def spy(rows, pad_id):
        batch = real(rows, pad_id)
        sizes.append((batch["input_ids"].numel(), len(rows), int(batch["attention_mask"].sum())))
        return batch

    monkeypatch.setattr(evaluation, "pad_batch", spy)
    predict(encoder.model, encoder.tokenizer, features, batch_tokens=200)
    assert all(tokens <= 200 or rows == 1 for tokens, rows, _ in sizes)
    assert sum(rows for _, rows, _ in sizes) == len(features)
    padded, used = sum(tokens for tokens, _, _ in sizes), sum(used for *_, used in sizes)
    assert used == sum(map(len, features["input_ids"]))
    assert padded < 1.3 * used  # like lengths share a batch


# Scores


@each_task
def test_scores_are_those_of_the_metrics(task):
    data = small_data(task)
    encoder = small_encoder(task)
    found = evaluate_encoder(encoder, su.get_task(task), data["test"])
    assert (found.system, found.split, len(found.predictions)) == ("small bert", "test", 24)
    if task == "ner":
        scores = metrics.entity_f1(found.predictions, found.references)
        assert found.references == [[found.task.labels[tag] for tag in tags] for tags in data["test"]["tags"]]
        assert list(found.metrics) == ["f1", "precision", "recall"]
        assert found.details["words_without_token"] == 0
        assert found.scores is None
    elif task == "xnli":
        scores = metrics.accuracy(found.predictions, found.references)
        assert found.references == [found.task.labels[label] for label in data["test"]["label"]]
        assert all(1 / 3 <= score <= 1 for score in found.scores)
        assert found.details["cut"] == 0
    else:
        scores = metrics.squad(found.predictions, found.references)
        assert found.references == [answers["text"] for answers in data["test"]["answers"]]
        assert list(found.metrics) == ["f1", "exact_match", "f1_spanish", "exact_match_spanish"]
        assert all(text in context for text, context in zip(found.predictions, data["test"]["context"], strict=True))
    assert found.metrics == pytest.approx({name: scores[name] for name in found.metrics})
    assert next(iter(found.metrics)) == found.task.score_metric
    summary = json.loads(json.dumps(found.summary(), allow_nan=False))
    assert summary["metrics"] == found.metrics
    assert (summary["task"], summary["examples"], summary["device"][:3]) == (task, 24, "cpu")
    interval = found.interval()
    assert (summary["interval"]["low"], summary["interval"]["high"]) == (interval.low, interval.high)
    assert interval.value == pytest.approx(found.metrics[found.task.score_metric])


def test_the_prediction_is_the_most_probable_label():
    encoder, data = small_encoder("xnli"), small_data("xnli")["test"]
    found = evaluate_encoder(encoder, su.get_task("xnli"), data)
    outputs = predict(encoder.model, encoder.tokenizer, prepare(encoder.tokenizer, "xnli", data, Preparation(128)))
    assert found.predictions == [found.task.labels[row.argmax()] for row in outputs]
    assert found.scores == pytest.approx([torch.tensor(row).softmax(0).max().item() for row in outputs], abs=1e-6)


def test_parts_of_speech_have_the_figure_of_the_paper_and_the_accuracy():
    found = made_up("pos", [["CCONJ", "NOUN"], ["VERB"]], [["SCONJ", "NOUN"], ["NOUN"]])
    scores = metrics.pos(found.predictions, found.references)
    assert found.metrics == pytest.approx({"f1": scores["seqeval_f1"], "accuracy": scores["accuracy"]})


def test_questions_on_one_context_count_together():
    contexts = ["a"] * 9 + ["b"] + ["c"] * 2
    predictions = ["x"] * 9 + ["y"] * 3
    found = made_up("sqac", predictions, [["x"]] * 12, context=contexts)
    counts = found.sample()
    assert (counts.unit, counts.rows.tolist()) == ("contexts", [[9, 9], [0, 1], [0, 2]])
    assert found.interval().examples == 3
    assert found.sample("exact_match").value == pytest.approx(75)
    words = made_up("ner", [["O"]] * 3, [["B-PER"], ["O"], ["O"]])
    assert (words.sample().unit, len(words.sample().rows)) == ("sentences", 3)
    one = made_up("sqac", ["x"], [["x"]], context=["a"])
    assert one.summary()["interval"] is None  # nothing to draw from


def test_two_systems_on_the_same_examples():
    first = made_up("xnli", ["neutral"] * 20, ["neutral"] * 20)
    second = replace(first, predictions=["neutral"] * 4 + ["entailment"] * 16)
    found = su.compare(first, second)
    assert (found.first, found.second, found.difference) == (100, 20, 80)
    assert found.beyond_chance
    assert su.compare(first, first).difference == 0
    numbered = made_up("sqac", ["x"] * 4, [["x"]] * 4, context=list("abcd"))
    other = made_up("sqac", ["x"] * 4, [["x"]] * 4, context=list("abce"))
    for pair, sentence in (
        ((first, made_up("pawsx", ["paraphrase"], ["paraphrase"])), r"on one task, not on XNLI and PAWS-X\.$"),
        ((numbered, other), r"on the same examples of SQAC, in the same order\.$"),
        ((first, replace(first, examples=first.examples.select(range(19)))), r"on the same examples of XNLI"),
        ((first, replace(first, examples=first.examples.select(range(19, -1, -1)))), r"on the same examples of XNLI"),
    ):
        with pytest.raises(ValueError, match=f"^Two systems are compared {sentence}"):
            su.compare(*pair)
    with pytest.raises(ValueError, match=r"^Unknown metric of XNLI 'f1': choose one of accuracy\.$"):
        su.compare(first, second, "f1")


# Errors


def random_tags(rng, labels, sentences=60):
    """(gold, predicted): the prediction is the gold with some runs of tags taken from another sentence."""
    gold = [[labels[place] for place in rng.integers(len(labels), size=rng.integers(1, 12))] for _ in range(sentences)]
    predicted = [[tag if rng.random() < 0.7 else labels[rng.integers(len(labels))] for tag in tags] for tags in gold]
    return gold, predicted


def test_confusions_equal_those_of_scikit_learn():
    from sklearn.metrics import confusion_matrix

    rng = np.random.default_rng(0)
    for task in ("pos", "ner", "xnli"):
        labels = su.get_task(task).labels
        for used in (labels, labels[::2]):
            gold, predicted = random_tags(rng, used)
            if task == "xnli":
                gold, predicted = list(chain(*gold)), list(chain(*predicted))
            table = su.confusion_matrix(made_up(task, predicted, gold))
            flat = (gold, predicted) if task == "xnli" else (list(chain(*gold)), list(chain(*predicted)))
            assert list(table.index) == list(table.columns) == [name for name in labels if name in used]
            assert (table.to_numpy() == confusion_matrix(*flat, labels=list(table.index))).all()
            assert table.to_numpy().sum() == len(flat[0])
            assert (table.index.name, table.columns.name) == ("gold", "predicted")
    one_sided = su.confusion_matrix(made_up("xnli", ["neutral"], ["contradiction"]))
    assert one_sided.loc["contradiction", "neutral"] == 1
    assert one_sided.to_numpy().sum() == 1
    with pytest.raises(ValueError, match=r"^Question answering has no labels to confuse: see wrong_answers\(\)\.$"):
        su.confusion_matrix(made_up("sqac", ["x"], [["x"]]))


def spans(tags):
    """(type, first, last) of the entities of a sentence, tag by tag: I continues what has its type, else it opens."""
    found, before = [], "O"
    for place, tag in enumerate(tags):
        if tag != "O":
            if tag[0] == "I" and before[2:] == tag[2:]:
                found[-1] = (*found[-1][:2], place)
            else:
                found.append((tag[2:], place, place))
        before = tag
    return found


def test_wrong_entities_by_brute_force():
    rng = np.random.default_rng(1)
    for labels in (su.get_task("ner").labels, ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")):
        for _ in range(20):
            gold, predicted = random_tags(rng, labels)
            words = [[f"w{number}.{place}" for place in range(len(tags))] for number, tags in enumerate(gold)]
            found = made_up("ner", predicted, gold, tokens=words)
            expected, right, all_gold, all_predicted = Counter(), 0, 0, 0
            for number, (tags, others) in enumerate(zip(gold, predicted, strict=True)):
                text = words[number]

                def shown(entity, text=text):
                    return (" ".join(text[entity[1] : entity[2] + 1]), entity[0]) if entity else ("", "")

                ours, theirs = spans(tags), spans(others)
                right += len(set(ours) & set(theirs))
                all_gold, all_predicted = all_gold + len(ours), all_predicted + len(theirs)
                missed, invented = ([e for e in a if e not in b] for a, b in ((ours, theirs), (theirs, ours)))
                pairs = [
                    (a, b) for a in missed for b in invented if set(range(a[1], a[2] + 1)) & set(range(b[1], b[2] + 1))
                ]
                pairs += [(a, None) for a in missed if a not in [pair[0] for pair in pairs]]
                pairs += [(None, b) for b in invented if b not in [pair[1] for pair in pairs]]
                for a, b in pairs:
                    error = "invented" if a is None else "missed" if b is None else "wrong boundary"
                    error = "wrong type" if a and b and a[1:] == b[1:] else error
                    expected[number, error, *shown(a), *shown(b), " ".join(text)] += 1
            table = su.wrong_entities(found)
            assert Counter(table.itertuples(index=False, name=None)) == expected
            assert list(table["sentence"]) == sorted(table["sentence"])
            # The entities behind recall and precision: words have numbers, so an entity is its words and its type.
            gold_wrong = set(zip(table["gold"], table["gold_type"], strict=True)) - {("", "")}
            predicted_wrong = set(zip(table["predicted"], table["predicted_type"], strict=True)) - {("", "")}
            assert len(gold_wrong) == all_gold - right
            assert len(predicted_wrong) == all_predicted - right
            assert found.metrics["recall"] == pytest.approx(100 * right / all_gold)
            assert found.metrics["precision"] == pytest.approx(100 * right / all_predicted)


def test_no_wrong_entity_is_an_empty_table():
    found = made_up("ner", [["B-PER"]], [["B-PER"]], tokens=[["Ana"]])
    columns = ["sentence", "error", "gold", "gold_type", "predicted", "predicted_type", "text"]
    assert su.wrong_entities(found).empty
    assert list(su.wrong_entities(found).columns) == columns
    with pytest.raises(ValueError, match=r"^POS has no entities: this is for NER\.$"):
        su.wrong_entities(made_up("pos", [["NOUN"]], [["VERB"]]))


def test_wrong_answers_are_the_worst_first():
    gold = [["Lima"], ["el mar", "mar azul"], ["Quito"], ["tres"], ["la vieja Lima"]]
    predictions = ["Lima.", "mar", "Cuzco", "", "Lima"]
    columns = {name: [f"{name} {number}" for number in range(5)] for name in ("id", "question", "context")}
    found = made_up("sqac", predictions, gold, **columns)
    table = su.wrong_answers(found)
    f1 = [100 * metrics.answer_scores(one, answers, "squad")[0] for one, answers in zip(predictions, gold, strict=True)]
    order = [2, 3, 4, 1]
    assert list(table["id"]) == [f"id {number}" for number in order]
    assert list(table["f1"]) == [f1[number] for number in order] == sorted(table["f1"])
    assert list(table["gold"]) == [gold[number][0] for number in order]
    assert list(table["predicted"]) == [predictions[number] for number in order]
    assert list(table["context"]) == [f"context {number}" for number in order]
    assert list(su.wrong_answers(found, below=60)["id"]) == ["id 2", "id 3", "id 4"]
    with pytest.raises(ValueError, match=r"^NER has no answers: this is for question answering\.$"):
        su.wrong_answers(made_up("ner", [["O"]], [["O"]]))


def test_predictions_in_a_file(tmp_path):
    found = made_up("sqac", ["añil", "x\ny"], [["añil"], ["y"]], id=["a1", "b2"])
    write_predictions(found, tmp_path / "predictions.jsonl")
    lines = (tmp_path / "predictions.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"example": "a1", "gold": ["añil"], "predicted": "añil"},
        {"example": "b2", "gold": ["y"], "predicted": "x\ny"},
    ]
    assert "añil" in lines[0]


# evaluate()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Trained on data of its own, written to a folder, with windows of 48 tokens."""
    options = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "max_length": 48}
    folder = tmp_path_factory.mktemp("runs") / "ner"
    return fine_tune(small_encoder("ner"), "ner", data=small_data("ner"), output=folder, **options)


def test_a_run_an_encoder_and_a_folder_are_evaluated_alike(run):
    data = small_data("ner")
    expected = su.evaluate(run)
    assert expected.examples is run.data["test"]
    preparation = run.settings.preparation
    for found in (
        su.evaluate(run, "ner"),
        su.evaluate(run, su.get_task("ner")),
        su.evaluate(run.encoder, "ner", data=data, preparation=preparation),
        su.evaluate(run.folder, data=data),
        su.evaluate(str(run.folder), "ner", data=data),
        su.evaluate(load_run(run.folder), data=data),
    ):
        assert found.predictions == expected.predictions
        assert found.references == expected.references
        assert found.loss == pytest.approx(expected.loss)
        assert found.metrics == expected.metrics
    validation = su.evaluate(run, split="validation")
    assert {"loss": validation.loss, **validation.metrics} == pytest.approx(run.validation)


def test_data_come_from_where_the_run_had_them(run, monkeypatch):
    """A run that was loaded knows the source of its task; for another task it says nothing."""
    asked = []

    def load(task, source, report):
        asked.append((task.name, source))
        return small_data(task.name)

    monkeypatch.setattr(evaluation, "load_task", load)
    monkeypatch.setattr(evaluation, "source_of_scale", lambda: "by scale")
    loaded = load_run(run.folder)
    loaded.source = "hub"
    su.evaluate(loaded)
    su.evaluate(loaded, "ner")
    su.evaluate(loaded, source="mini")
    su.evaluate(run.encoder, "ner")
    su.evaluate(run)
    su.evaluate(run, source="mini")
    assert asked == [("ner", name) for name in ("hub", "hub", "mini", "by scale", "mini")]


def test_bad_calls_get_one_clear_sentence(run, tmp_path):
    data = small_data("ner")
    for call, sentence in (
        (lambda: su.evaluate(run, split="tset"), "Unknown split 'tset': did you mean 'test'"),
        (lambda: su.evaluate(run.encoder), "Which task? Name one, such as in evaluate(encoder, 'ner')."),
        (lambda: su.evaluate("ALBETO tiny"), "Which task? Name one, such as in evaluate('ALBETO tiny', 'ner')."),
        (lambda: su.evaluate(run, "nerd"), "Unknown task 'nerd': did you mean 'ner'?"),
        (
            lambda: su.evaluate(run, data=DatasetDict({"test": data["test"].select([])})),
            "There is no example of NER to evaluate on.",
        ),
        (lambda: su.evaluate(tmp_path), "does not hold a finished run (FileNotFoundError)"),
        (lambda: su.evaluate(run, data=small_data("xnli")), "Examples of NER need the column 'tokens'"),
        (
            lambda: su.evaluate(run, "pos", data=small_data("pos")),
            "small bert has no head for POS: it is a BertForTokenClassification with 9 labels.",
        ),
        (lambda: su.evaluate(run, precision="fp23"), "Unknown precision 'fp23': did you mean"),
    ):
        with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
            call()
        assert sentence in str(caught.value)


def test_a_model_that_diverged_has_a_summary_too():
    encoder = small_encoder("sqac")
    with torch.no_grad():
        encoder.model.qa_outputs.weight.fill_(float("nan"))
    found = evaluate_encoder(encoder, su.get_task("sqac"), small_data("sqac")["test"])
    assert found.metrics["f1"] == 0
    assert np.isnan(found.loss)
    assert set(found.predictions) == {""}


@pytest.mark.skipif(devices.best_device().type != "cpu", reason="a GPU wants large batches")
@pytest.mark.parametrize(("width", "most"), [(devices.WIDE_ON_CPU, 512), (devices.WIDE_ON_CPU - 4, 4096)])
def test_a_wide_model_reads_in_small_batches_on_a_cpu(width, most):
    """A hundred pairs of some forty tokens."""
    encoder = small_encoder("pawsx", hidden=width)
    features = prepare(encoder.tokenizer, "pawsx", su.load_task("pawsx", report=None)["test"].select(range(100)))
    sizes = []
    encoder.model.register_forward_pre_hook(
        lambda _, args, kwargs: sizes.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    predict(encoder.model, encoder.tokenizer, features)
    assert most / 2 < max(sizes) <= most
