"""A model's predictions on a task, the scores they give, and how to read its errors.

`evaluate` gives an `Evaluation`: metrics, intervals, and each prediction beside its gold answer. The functions that
take one show where a model goes wrong: `confusion_matrix`, `wrong_entities`, `wrong_answers`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speedy_utils import metrics
from speedy_utils.devices import WIDE_ON_CPU, autocast, best_device, describe_device, threads_for
from speedy_utils.encoders import Encoder, check_head, load_encoder, source_of_scale
from speedy_utils.errors import unknown_name
from speedy_utils.metrics import Counts
from speedy_utils.preprocessing import IGNORED, Preparation, best_answers, pad_batch, prepare, tag_words
from speedy_utils.readers import load_task
from speedy_utils.speed.card import is_export
from speedy_utils.tasks import Task, get_task
from speedy_utils.uncertainty import Comparison, Interval, bootstrap, paired_bootstrap

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from speedy_utils.speed.predictor import Predictor
    from speedy_utils.systems import System
    from speedy_utils.training import Run


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one model predicts on one split of one task, and the scores that follow.

    `predictions` holds a label for each example, a list of tags for each sentence, or an answer for each question;
    `references` the gold label, the gold tags, or the list of gold answers. `scores` says how sure the model was: the
    probability of the label (classification), the score of the span (question answering), None for tagging. `loss` is
    the mean over all labels of the split: examples, tagged tokens, or starts and ends of answers. `details` say where
    the figures come from: device, precision, versions, and what was cut or had no token.
    """

    task: Task
    system: str
    split: str
    examples: datasets.Dataset
    predictions: list[Any]
    references: list[Any]
    loss: float
    scores: list[float] | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def counts(self) -> dict[str, Counts]:
        """Each metric of the task as `Counts`, for intervals and tests; the metric of the score comes first."""
        labels = self.task.labels or None
        if self.task.kind == "classification":
            return {"accuracy": metrics.accuracy_counts(self.predictions, self.references, labels)}
        if self.task.kind == "question_answering":
            return {
                name + ending: metrics.answer_counts(self.predictions, self.references, metric=name, rule=rule)
                for rule, ending in (("squad", ""), ("spanish", "_spanish"))
                for name in ("f1", "exact_match")
            }
        if self.task.name == "pos":
            return {
                "f1": metrics.pos_f1_counts(self.predictions, self.references, labels),
                "accuracy": metrics.token_counts(self.predictions, self.references, labels),
            }
        return {
            name: metrics.entity_counts(self.predictions, self.references, labels, metric=name)
            for name in ("f1", "precision", "recall")
        }

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Metric -> score in per cent; the first is the one that enters the paper's score."""
        return {name: counts.value for name, counts in self.counts.items()}

    def sample(self, metric: str | None = None) -> Counts:
        """The counts of one metric (the score's, unless said otherwise) with a row for each independent unit.

        Questions on one context are not independent of each other and count together. Raises ValueError for a metric
        that the task does not have.
        """
        metric = metric or self.task.score_metric
        if metric not in self.counts:
            raise ValueError(unknown_name(f"metric of {self.task.title}", metric, list(self.counts)))
        counts = self.counts[metric]
        if self.task.kind == "question_answering":
            return counts.grouped(self.examples["context"], "contexts")
        return counts

    def interval(self, metric: str | None = None, *, resamples: int = 10_000, seed: int = 0) -> Interval:
        """The bootstrap interval of a metric: what another test set of this size and kind might have given."""
        return bootstrap(self.sample(metric), resamples=resamples, seed=seed)

    def summary(self) -> dict[str, Any]:
        """Everything but the examples, ready for JSON; figures are not rounded."""
        metric = self.task.score_metric
        interval = self.interval() if len(self.sample().rows) > 1 else None
        return {
            "task": self.task.name,
            "system": self.system,
            "split": self.split,
            "examples": len(self.examples),
            "metrics": self.metrics,
            "loss": self.loss,
            "interval": interval and {"metric": metric, "low": interval.low, "high": interval.high,
                                      "level": interval.level, "method": interval.method},
            **self.details,
        }  # fmt: skip


def compare(first: Evaluation, second: Evaluation, metric: str | None = None, *, seed: int = 0) -> Comparison:
    """Is the difference of two models on the same examples larger than chance? The paired bootstrap test.

    Raises ValueError unless both were evaluated on the same task and examples.
    """
    if first.task != second.task:
        raise ValueError(f"Two systems are compared on one task, not on {first.task.title} and {second.task.title}.")
    if first.examples is not second.examples and list(first.examples) != list(second.examples):
        raise ValueError(f"Two systems are compared on the same examples of {first.task.title}, in the same order.")
    return paired_bootstrap(first.sample(metric), second.sample(metric), seed=seed)


def evaluate(
    system: Run | Encoder | Predictor | System | str | Path,
    task: Task | str | None = None,
    *,
    data: datasets.DatasetDict | None = None,
    split: str = "test",
    source: str | None = None,
    preparation: Preparation | None = None,
    route: str | None = None,
    revision: str | None = None,
    precision: str = "auto",
) -> Evaluation:
    """The scores of a model on one split of a task.

    `system` is what `fine_tune` gave back, an `Encoder`, the path of a run's folder, or the name of one of the paper's
    systems: then the model that the authors published for the task is taken from the hub (`route` tells ALBETO tiny's
    two models apart, `revision` pins it). It can also be what `export` wrote, its folder or a `Predictor`: what runs
    then is the fast runtime, on inputs that are made as for the model it came from. `data` are those of `load_task`,
    loaded from `source` ("mini" or "hub"; the hub for a published model, else by the scale) where there are none. The
    preparation is that of the training, for a published model the paper's: 512 tokens, windows that share 128.

    Raises ValueError for a split that is not there or has no example, and for a `preparation` or `precision` of an
    export, which has its own.
    """
    from speedy_utils.speed.predictor import Predictor
    from speedy_utils.training import Run, load_run

    if isinstance(system, Path) or (isinstance(system, str) and Path(system).is_dir()):
        system = Predictor(system) if is_export(system) else load_run(system)
    if isinstance(system, Predictor):
        card = system.card
        task = task or card.task
        if preparation is not None or precision != "auto":
            raise ValueError("An export keeps its lengths and its precision: leave them out, or export anew.")
        came_from = (card.origin or {}).get("source")
        source = source or {"mini": "mini", "hub": "hub", "published": "hub"}.get(came_from)
    elif isinstance(system, Run):
        encoder, task, preparation = system.encoder, task or system.task, preparation or system.settings.preparation
        if get_task(task) == system.task:
            data = system.data if data is None and source is None else data
            source = source or system.source
    elif isinstance(system, Encoder):
        encoder = system
    else:
        if task is None:
            raise ValueError("Which task? Name one, such as in evaluate('ALBETO tiny', 'ner').")
        encoder = load_encoder(system, task, source="published", route=route, revision=revision)
        source = source or "hub"  # a model of the real data
    if task is None:
        raise ValueError("Which task? Name one, such as in evaluate(encoder, 'ner').")
    task = get_task(task)
    if data is None:
        data = load_task(task, source or source_of_scale(), report=None)
        if _is_of_other_data(system, task, data):
            raise ValueError(f"This run of {task.title} was trained on other data than there are here: give data=.")
    if split not in data:
        raise ValueError(unknown_name("split", split, list(data)))
    if isinstance(system, Predictor):
        return evaluate_export(system, task, data[split], split)
    return evaluate_encoder(encoder, task, data[split], split, preparation, precision)


def _is_of_other_data(system: object, task: Task, data: datasets.DatasetDict) -> bool:
    """Whether a run, or what was exported of one, was chosen on another validation split, as far as that is known."""
    from speedy_utils.speed.predictor import Predictor
    from speedy_utils.training import Run, fingerprint

    if isinstance(system, Run):
        return task == system.task and system.is_of_other_data(data)
    if not isinstance(system, Predictor) or system.card.task != task.name or system.card.data is None:
        return False
    return "validation" in data and fingerprint(data["validation"]) != system.card.data["validation"]


def evaluate_export(predictor: Predictor, task: Task, examples: datasets.Dataset, split: str = "test") -> Evaluation:
    """`evaluate` for an exported model and one split; a stand-in's runs on one thread, unless it has a number."""
    card = predictor.card
    if not len(examples):
        raise ValueError(f"There is no example of {task.title} to evaluate on.")
    if (card.kind, card.pair, card.labels) != (task.kind, task.pair, task.labels):
        raise ValueError(f"{predictor.folder} was exported for {card.title}, and has no head for {task.title}.")
    if predictor.threads is None and (card.origin or {}).get("source") == "mini":
        predictor = type(predictor)(predictor.folder, threads=1)
    features, outputs = feature_outputs(predictor, task, examples)
    return _assess(card.system, task, examples, features, split, outputs, predictor.describe())


def evaluate_encoder(
    encoder: Encoder,
    task: Task,
    examples: datasets.Dataset,
    split: str = "test",
    preparation: Preparation | None = None,
    precision: str = "auto",
) -> Evaluation:
    """`evaluate` for a model in hand and one split; the model ends on the device where it was run."""
    if not len(examples):
        raise ValueError(f"There is no example of {task.title} to evaluate on.")
    check_head(encoder, task)
    how = (preparation or Preparation()).for_positions(encoder.longest)
    features = prepare(encoder.tokenizer, task, examples, how)
    return judge(encoder, task, examples, features, split, precision)


def feature_outputs(
    predictor: Predictor, task: Task, examples: datasets.Dataset
) -> tuple[datasets.Dataset, list[np.ndarray]]:
    """The features of `prepare` for an exported model, and what it gives for each: as `predict` for one in PyTorch."""
    from speedy_utils.speed.predictor import Row

    features = prepare(predictor.training_tokenizer(), task, examples, predictor.preparation)
    columns = features.select_columns(["input_ids", *(["token_type_ids"] if predictor.card.token_types else [])])
    rows = [Row(one["input_ids"], one.get("token_type_ids") or [0] * len(one["input_ids"]), [], []) for one in columns]
    return features, predictor.outputs(rows)


def judge(
    encoder: Encoder,
    task: Task,
    examples: datasets.Dataset,
    features: datasets.Dataset,
    split: str,
    precision: str = "auto",
    outputs: Sequence[np.ndarray] | None = None,
) -> Evaluation:
    """The evaluation of examples whose features, or even `outputs`, are made already, as once an epoch in training."""
    with threads_for(encoder.origin):
        if outputs is None:
            outputs = predict(encoder.model.to(best_device()), encoder.tokenizer, features, precision)
        details = describe_device(encoder.model, precision)
    return _assess(encoder.name, task, examples, features, split, outputs, details)


def _assess(
    name: str,
    task: Task,
    examples: datasets.Dataset,
    features: datasets.Dataset,
    split: str,
    outputs: Sequence[np.ndarray],
    details: dict[str, Any],
) -> Evaluation:
    """Outputs as predictions, beside their gold answers."""
    scores = None
    if task.kind == "classification":
        predictions: list[Any] = [task.labels[int(row.argmax())] for row in outputs]
        references: list[Any] = [task.labels[label] for label in examples["label"]]
        scores = [float(softmax(row).max()) for row in outputs]
        details["cut"] = sum(features["cut"])
    elif task.kind == "tagging":
        references = [[task.labels[tag] for tag in tags] for tags in examples["tags"]]
        predictions, details["words_without_token"] = tag_words(
            features, outputs, [len(tags) for tags in references], task.labels
        )
    else:
        answers = best_answers(features, outputs, examples["context"])
        predictions, scores = [answer["text"] for answer in answers], [answer["score"] for answer in answers]
        references = [answers["text"] for answers in examples["answers"]]
    loss = mean_loss(task.kind, outputs, features["labels"])
    return Evaluation(task, name, split, examples, predictions, references, loss, scores, details)


def predict(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    features: datasets.Dataset,
    precision: str = "auto",
    batch_tokens: int | None = None,
) -> list[np.ndarray]:
    """The outputs (logits) for each feature, in order, padding taken off.

    One array a feature: (labels,) for classification, (tokens, labels) for tagging, (tokens, 2) for the start and end
    of answers. Features of like length share a batch of at most `batch_tokens` tokens, so that little is padded: 4096,
    but 512 for a wide model on a CPU, where padding costs more than a larger batch wins.
    """
    import torch

    if batch_tokens is None:
        on_cpu, width = model.device.type == "cpu", getattr(model.config, "hidden_size", 0)
        batch_tokens = 512 if on_cpu and width >= WIDE_ON_CPU else 4096

    lengths = [len(ids) for ids in features["input_ids"]]
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    wanted = [name for name in ("input_ids", "token_type_ids") if name in features.column_names]
    inputs = features.select_columns(wanted)
    outputs: list[np.ndarray | None] = [None] * len(lengths)
    was_training = model.training
    model.eval()
    start = 0
    with torch.inference_mode(), autocast(model, precision):
        while start < len(order):
            places = order[start : start + max(1, batch_tokens // max(1, lengths[order[start]]))]
            batch = pad_batch([inputs[place] for place in places], tokenizer.pad_token_id)
            found = model(**{name: value.to(model.device) for name, value in batch.items()})
            if "start_logits" in found:
                logits = torch.stack([found.start_logits, found.end_logits], dim=-1)
            else:
                logits = found.logits
            for place, row in zip(places, logits.float().cpu().numpy(), strict=True):
                outputs[place] = row if row.ndim == 1 else row[: lengths[place]].copy()
            start += len(places)
    model.train(was_training)
    return outputs


def mean_loss(kind: str, outputs: Sequence[np.ndarray], labels: Sequence[Any]) -> float:
    """The cross-entropy (in nats) of all labels that count, added up and divided by their number.

    `outputs` and `labels` are those of `predict` and `prepare` for this kind of task. A mean of batch means would weigh
    a label by the size of its batch, and could not be compared between batch sizes.
    """
    total = count = 0.0
    for row, label in zip(outputs, labels, strict=True):
        # Each row is one distribution: over labels, or for the start and end of an answer over the tokens.
        rows = row.T if kind == "question_answering" else np.atleast_2d(row)
        wanted = np.atleast_1d(label)
        kept = wanted != IGNORED
        if kept.any():
            rows, wanted = rows[kept].astype(np.float64), wanted[kept]
            top = rows.max(axis=1, keepdims=True)
            logs = rows - top - np.log(np.exp(rows - top).sum(axis=1, keepdims=True))
            total -= float(logs[np.arange(len(wanted)), wanted].sum())
            count += len(wanted)
    return total / count if count else float("nan")


def softmax(row: np.ndarray) -> np.ndarray:
    """Logits of one row as probabilities, in double precision."""
    shifted = np.exp(row.astype(np.float64) - row.max())
    return shifted / shifted.sum()


# Reading errors


def confusion_matrix(evaluation: Evaluation) -> pd.DataFrame:
    """How often each gold label (row) was predicted as each label (column); words for tagging, examples otherwise.

    Labels that occur on neither side are left out. Raises ValueError for question answering, which has no labels.
    """
    import pandas as pd

    if evaluation.task.kind == "question_answering":
        raise ValueError("Question answering has no labels to confuse: see wrong_answers().")
    gold, predicted = evaluation.references, evaluation.predictions
    if evaluation.task.kind == "tagging":
        gold, predicted = list(chain.from_iterable(gold)), list(chain.from_iterable(predicted))
    names = [name for name in evaluation.task.labels if name in set(gold) | set(predicted)]
    table = pd.DataFrame(0, index=pd.Index(names, name="gold"), columns=pd.Index(names, name="predicted"))
    place = {name: number for number, name in enumerate(names)}
    cells = np.zeros((len(names), len(names)), int)
    np.add.at(cells, ([place[name] for name in gold], [place[name] for name in predicted]), 1)
    return table + cells


def wrong_entities(evaluation: Evaluation) -> pd.DataFrame:
    """Every entity that is not in both the gold tags and the predicted ones: sentence, kind of error, words, context.

    Kinds: "wrong type" (same words), "wrong boundary" (overlapping words; one row for each pair), "missed" and
    "invented". Columns: sentence (its number), error, gold, gold_type, predicted, predicted_type, text.
    """
    import pandas as pd

    if evaluation.task.name != "ner":
        raise ValueError(f"{evaluation.task.title} has no entities: this is for NER.")
    rows = []
    for number, (gold_tags, tags) in enumerate(zip(evaluation.references, evaluation.predictions, strict=True)):
        gold, found = metrics.find_entities(gold_tags), metrics.find_entities(tags)
        missed, invented = sorted(gold - found, key=lambda e: e[1]), sorted(found - gold, key=lambda e: e[1])
        paired = set()
        for one in missed:
            others = [other for other in invented if other[1] <= one[2] and one[1] <= other[2]]
            paired.update(others)
            for other in others or [None]:
                same_words = other is not None and other[1:] == one[1:]
                error = "missed" if other is None else "wrong type" if same_words else "wrong boundary"
                rows.append((number, error, one, other))
        rows += [(number, "invented", None, other) for other in invented if other not in paired]

    def words(number: int, entity: tuple[str, int, int] | None) -> str:
        return "" if entity is None else " ".join(evaluation.examples[number]["tokens"][entity[1] : entity[2] + 1])

    return pd.DataFrame(
        [
            (number, error, words(number, one), one[0] if one else "", words(number, other), other[0] if other else "",
             " ".join(evaluation.examples[number]["tokens"]))
            for number, error, one, other in rows
        ],
        columns=["sentence", "error", "gold", "gold_type", "predicted", "predicted_type", "text"],
    )  # fmt: skip


def wrong_answers(evaluation: Evaluation, below: float = 100.0) -> pd.DataFrame:
    """The questions whose F1 (SQuAD's rule, per cent) is under `below`, the worst first.

    Columns: id, question, gold, predicted, f1, context; `gold` is the first gold answer.
    """
    import pandas as pd

    if evaluation.task.kind != "question_answering":
        raise ValueError(f"{evaluation.task.title} has no answers: this is for question answering.")
    rows = [
        (example["id"], example["question"], gold[0], answer, 100 * metrics.answer_scores(answer, gold, "squad")[0],
         example["context"])
        for example, gold, answer in zip(
            evaluation.examples, evaluation.references, evaluation.predictions, strict=True
        )
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["id", "question", "gold", "predicted", "f1", "context"])
    return frame[frame["f1"] < below].sort_values("f1", kind="stable").reset_index(drop=True)


def write_predictions(evaluation: Evaluation, path: Path) -> None:
    """One JSON line for each example: its number (or id), the gold answer and the prediction."""
    from speedy_utils.files import write_whole

    ids = evaluation.examples["id"] if "id" in evaluation.examples.column_names else range(len(evaluation.examples))
    lines = [
        json.dumps({"example": number, "gold": gold, "predicted": predicted}, ensure_ascii=False)
        for number, gold, predicted in zip(ids, evaluation.references, evaluation.predictions, strict=True)
    ]
    write_whole(path, "".join(line + "\n" for line in lines))
