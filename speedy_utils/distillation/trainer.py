"""Distillation: a student learns from what one or several teachers say, on the same Trainer as fine-tuning.

The teacher reads each example once (`cache`); for each batch its answers are put into the student's tokens
(`alignment`), and the student's outputs are compared with them (`losses`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from speedy_utils.devices import quiet, threads_for
from speedy_utils.distillation.alignment import Aligned, align
from speedy_utils.distillation.cache import GOLD, TeacherAnswers, ask_teacher, describe_teacher
from speedy_utils.distillation.losses import Distillation, combined_loss
from speedy_utils.encoders import Encoder, load_encoder, rows_of_logits, source_of_scale
from speedy_utils.evaluation import Evaluation, judge, predict, softmax
from speedy_utils.preprocessing import COLUMNS, IGNORED, pad_batch, prepare
from speedy_utils.tasks import Task, get_task
from speedy_utils.training import (
    MINI_SETTINGS,
    OWN_DEPTH,
    Material,
    Run,
    Settings,
    TaskTrainer,
    fingerprint,
    get_name,
    load_run,
    load_student,
    run_once,
    settings_from,
    training_data,
)

if TYPE_CHECKING:
    import datasets

    from speedy_utils.systems import System

Teacher = Run | Encoder | str | Path


class DistillationTrainer(TaskTrainer):
    """The Trainer of tasks with the teacher's answers beside the gold labels in each batch (see `Lessons.collate`)."""

    def __init__(self, *args: Any, distillation: Distillation, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.distillation = distillation

    def batch_loss(
        self,
        outputs: Mapping[str, torch.Tensor],
        targets: Mapping[str, torch.Tensor],
        attention_mask: torch.Tensor,  # `allowed` has what is needed of it
        num_items_in_batch: torch.Tensor,
    ) -> torch.Tensor:
        return distillation_loss(outputs, targets, self.distillation, num_items_in_batch)

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: torch.device) -> torch.Tensor:
        """(2,): rows with a gold label and rows with a teacher's answer, in the whole batch, over all processes."""
        counts = torch.tensor([[int((b["labels"] != IGNORED).sum()), int(b["counted"].sum())] for b in batch_samples])
        total = counts.sum(0).to(device)
        if self.args.world_size > 1:
            total = self.accelerator.reduce(total, "sum")
        return total.clamp(min=1)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        if not np.isfinite(logs.get("loss", 0.0)):
            raise ValueError(
                f"The loss is {logs['loss']} after epoch {round(self.state.epoch)}: take a lower learning rate, "
                "or precision='fp32'."
            )
        super().log(logs, *args, **kwargs)


def distillation_loss(
    outputs: Mapping[str, torch.Tensor],
    targets: Mapping[str, torch.Tensor],
    settings: Distillation,
    totals: torch.Tensor | tuple[None, None] = (None, None),
) -> torch.Tensor:
    """`combined_loss` of a model's outputs and what `Lessons.collate` adds to a batch."""
    return combined_loss(
        rows_of_logits(outputs),
        targets["teacher"],
        targets["labels"],
        settings,
        counted=targets["counted"],
        allowed=targets.get("allowed"),
        totals=tuple(totals),
    )


@dataclass
class Lessons:
    """What the student is asked to match on some examples: features, and the answers of one or several teachers.

    `features` have the numbers of the examples in `example`; those from `labelled` on have no gold label. `answers`
    holds for each teacher what it says of all examples, `contexts` for question answering their texts. `seen` and
    `left_out` count the rows (texts, words, starts and ends) that had a place for a teacher's answer in a batch, and
    those among them that could not be aligned.
    """

    task: Task
    features: datasets.Dataset
    contexts: datasets.Dataset | None
    answers: list[Answers]
    weights: list[float]
    temperature: float
    labelled: int
    pad_id: int
    seen: int = 0
    left_out: int = 0

    def target(self, feature: dict[str, Any]) -> Aligned:
        """What the student is asked to match in one feature: the weighted mean of its teachers' logits.

        Where their answers start and end is told by different tokens, the teachers' probabilities are averaged in the
        student's tokens instead.
        """
        number = feature["example"]
        given = [answers[number] for answers in self.answers]
        context = "" if self.contexts is None else self.contexts[number]["context"]
        place = partial(align, self.task.kind, feature, context=context, temperature=self.temperature)
        if len(given) == 1:
            return place(given[0])
        if self.task.kind != "question_answering":
            return place(np.average(given, axis=0, weights=self.weights).astype(np.float32))
        if all(np.array_equal(one[:, :2], given[0][:, :2]) for one in given):
            logits = np.average([one[:, 2:] for one in given], axis=0, weights=self.weights)
            return place(np.hstack([given[0][:, :2], logits]).astype(np.float32))
        aligned = [place(one) for one in given]
        rows = [[softmax(row / self.temperature) for row in one.logits] for one in aligned]
        with np.errstate(divide="ignore"):
            logits = np.log(np.average(rows, axis=0, weights=self.weights)) * self.temperature
        return replace(
            aligned[0], logits=logits.astype(np.float32), counted=np.all([one.counted for one in aligned], axis=0)
        )

    def collate(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """`pad_batch` with `teacher` (logits), `counted` and, for question answering, `allowed` (see `losses`)."""
        batch = pad_batch(rows, self.pad_id)
        targets = [self.target(row) for row in rows]
        for row, target in zip(rows, targets, strict=True):
            places = sum(at >= 0 for at in row["word_starts"]) if "word_starts" in row else target.counted.size
            self.seen += places
            self.left_out += places - int(target.counted.sum())
        longest = batch["input_ids"].shape[1]
        if self.task.kind == "question_answering":
            batch["teacher"] = _padded([target.logits for target in targets], longest, axis=1)
            batch["allowed"] = _padded([target.allowed for target in targets], longest, axis=1)
            batch["counted"] = torch.from_numpy(np.stack([target.counted for target in targets]))
        elif self.task.kind == "tagging":
            batch["teacher"] = _padded([target.logits for target in targets], longest, axis=0)
            batch["counted"] = _padded([target.counted for target in targets], longest, axis=0)
        else:
            batch["teacher"] = torch.from_numpy(np.stack([target.logits for target in targets]))
            batch["counted"] = torch.ones(len(rows), dtype=torch.bool)
        batch["labels"][[row["example"] >= self.labelled for row in rows]] = IGNORED
        return batch

    def loss(self, outputs: Sequence[np.ndarray], settings: Distillation) -> float:
        """The loss of a student's outputs (see `predict`) over all rows, not a mean of batch means."""
        sums, counts = np.zeros(2), np.zeros(2)
        parts = [replace(settings, gold_weight=weight) for weight in (1.0, 0.0)]  # gold labels, then the teacher
        for feature, output in zip(self.features, outputs, strict=True):
            batch = self.collate([feature])
            logits = torch.from_numpy(output.T if self.task.kind == "question_answering" else output)[None]
            masks = {"counted": batch["counted"], "allowed": batch.get("allowed"), "totals": (1, 1)}
            counts += [int((batch["labels"] != IGNORED).sum()), int(batch["counted"].sum())]
            sums += [combined_loss(logits, batch["teacher"], batch["labels"], p, **masks).item() for p in parts]
        gold, taught = sums / np.maximum(counts, 1)
        return float(settings.gold_weight * gold + (1 - settings.gold_weight) * taught)


class Answers:
    """One teacher's answers to the labelled examples and, behind them, to those that only the teacher labels."""

    def __init__(self, parts: Sequence[TeacherAnswers]) -> None:
        self.parts = parts

    def __getitem__(self, number: int) -> np.ndarray:
        for part in self.parts:
            if number < len(part):
                return part[number]
            number -= len(part)
        raise IndexError(number)


def _padded(arrays: Sequence[np.ndarray], longest: int, axis: int) -> torch.Tensor:
    """Arrays of unequal length along one axis as one tensor; what is added is zero."""
    shape = list(arrays[0].shape)
    shape[axis] = longest
    whole = np.zeros((len(arrays), *shape), arrays[0].dtype)
    for place, array in enumerate(arrays):
        whole[place][(slice(None),) * axis + (slice(array.shape[axis]),)] = array
    return torch.from_numpy(whole)


# Distilling

# The settings of the authors' own runs (their README; recipe and grid as published): 50 epochs at most, by the loss.
PAPER = Settings(
    epochs=50, learning_rate=5e-5, weight_decay=0.01, max_grad_norm=0.0, patience=11, distillation=Distillation()
)


def default_settings(task: Task | str, source: str | None) -> Settings:
    """The paper's settings, and for stand-ins those of their fine-tuning, so that the two can be compared."""
    if source != "mini":
        return PAPER
    return replace(MINI_SETTINGS[get_task(task).kind], distillation=Distillation())


def distill(
    student: System | str | Encoder,
    teacher: Teacher | Sequence[Teacher],
    task: Task | str,
    *,
    layers: int | None = None,
    data: datasets.DatasetDict | None = None,
    transfer: datasets.Dataset | Sequence[Any] | None = None,
    teacher_weights: Sequence[float] | None = None,
    source: str | None = None,
    cache: str | Path | None = None,
    output: str | Path | None = None,
    progress: bool = False,
    revision: str | None = None,
    **settings: Any,  # noqa: ANN401 -- the fields of Settings, Preparation and Distillation
) -> Run:
    """Trains a student on what a teacher says, keeps the best epoch's weights, and gives back the run.

    `student` and `source` are as in `fine_tune`; `layers` takes another depth than the system's own, such as ALBETO
    base with 3 layers. `teacher` is what `fine_tune` or `distill` gave back, the folder of a run, an `Encoder`, the
    name of a system (then the model that the authors fine-tuned for the task comes from the hub), or a list of these:
    of several, the logits are averaged, with `teacher_weights` unless each counts the same. Teacher and student may
    have different tokenizers. The student may read other lengths too; the preparation is that of both.

    `data` has the columns of `load_task` and the splits train and validation; `transfer` is more text that only the
    teacher labels: a data set with the columns of the task's texts, or a list of texts (of lists of words for tagging).
    The teacher's answers are kept in the folder `cache` and read once for all later runs (see `ask_teacher`).

    `loss=`, `temperature=` and `gold_weight=` are those of `Distillation`, the other settings those of `fine_tune`, and
    so are `output`, `progress` and `revision`. The validation's figures have the `distillation_loss` beside the loss of
    the gold labels. The record says what the teachers read, what was kept already, and how many rows could not be
    aligned. Works under `accelerate launch`, with the batch shared by the processes.

    Raises ValueError in one sentence for bad settings or data, for a teacher of other labels, and for a loss that is
    not a number.
    """
    task = get_task(task)
    own = isinstance(student, Encoder)
    source = None if own else source or source_of_scale()
    chosen = settings_from(default_settings(task, source), settings)
    if chosen.distillation.loss == "mse" and task.kind == "question_answering":
        raise ValueError(
            "For question answering the teacher's probabilities are moved, not its logits: take loss='kl'."
        )
    if own and layers is not None:
        raise ValueError(OWN_DEPTH)
    data = training_data(task, data, source)
    teachers = [_load_teacher(one, task) for one in (teacher if isinstance(teacher, list | tuple) else [teacher])]
    weights = _weights(teacher_weights, len(teachers))
    more = None if transfer is None else _without_gold(task, transfer, data["train"])
    known = [describe_teacher(one) for one in teachers]
    identity = {
        "system": get_name(student),
        "layers": layers,
        "source": source,
        "revision": revision,
        "teachers": [{"name": one.name, **own} for one, own in zip(teachers, known, strict=True)],
        "teacher_weights": weights,
        "transfer": None if more is None else fingerprint(more),
    }
    material = partial(_teacher_material, teachers=teachers, known=known, weights=weights, transfer=more, cache=cache)
    return run_once(
        partial(load_student, student, task, source, chosen.seed, revision, layers),
        task,
        data,
        chosen,
        identity,
        None if output is None else Path(output),
        progress,
        material,
    )


def _load_teacher(teacher: Teacher, task: Task) -> Encoder:
    if isinstance(teacher, Run):
        return teacher.encoder
    if isinstance(teacher, Encoder):
        return teacher
    if isinstance(teacher, Path) or Path(teacher).is_dir():
        return load_run(teacher).encoder
    return load_encoder(teacher, task, source="published", route="fine-tuning")


def _weights(given: Sequence[float] | None, teachers: int) -> list[float]:
    """A weight for each teacher; they add up to 1."""
    if not teachers:
        raise ValueError("Who teaches? Give a teacher, or a list of them.")
    weights = [1.0] * teachers if given is None else [float(weight) for weight in given]
    if len(weights) != teachers or min(weights) < 0 or not 0 < sum(weights) < float("inf"):
        raise ValueError(f"teacher_weights are {teachers} numbers of at least 0, one for each teacher, not {given!r}.")
    return [weight / sum(weights) for weight in weights]


def _without_gold(task: Task, transfer: datasets.Dataset | Sequence[Any], train: datasets.Dataset) -> datasets.Dataset:
    """Text that only the teacher labels, with the columns of `train` and empty gold labels."""
    import datasets

    shown = [name for name in (*COLUMNS[task.kind], *(["sentence2"] if task.pair else [])) if name not in GOLD]
    if not isinstance(transfer, datasets.Dataset):
        if len(shown) > 1:
            raise ValueError(f"Texts of {task.title} have the columns {' and '.join(shown)}: give a datasets.Dataset.")
        transfer = datasets.Dataset.from_dict({shown[0]: list(transfer)})
    if missing := [name for name in shown if name not in transfer.column_names and name != "id"]:
        raise ValueError(f"The text that the teacher is to label lacks the column {missing[0]!r}.")
    if not len(transfer):
        raise ValueError("There is no text for the teacher to label: leave transfer= out, or give some.")

    def fill(row: dict[str, Any], number: int) -> dict[str, Any]:
        empty = {"label": 0, "tags": [0] * len(row.get("tokens", ())), "answers": {"text": [], "answer_start": []}}
        full = {"id": f"transfer-{number}", "title": "", **row, **empty}
        return {name: full[name] for name in train.column_names}

    with quiet():
        return transfer.map(
            fill,
            with_indices=True,
            remove_columns=transfer.column_names,
            features=train.features,
            load_from_cache_file=False,
        )


def _teacher_material(
    student: Encoder,
    task: Task,
    data: datasets.DatasetDict,
    settings: Settings,
    *,
    teachers: Sequence[Encoder],
    known: Sequence[dict[str, str]],
    weights: list[float],
    transfer: datasets.Dataset | None,
    cache: str | Path | None,
) -> Material:
    """Examples with what the teachers say of them."""
    import datasets

    def lessons(parts: list[datasets.Dataset]) -> tuple[Lessons, list[TeacherAnswers]]:
        asked = [[ask(*one, part) for part in parts] for one in zip(teachers, known, strict=True)]
        examples = datasets.concatenate_datasets(parts) if len(parts) > 1 else parts[0]
        found = Lessons(
            task,
            prepare(student.tokenizer, task, examples, settings.preparation),
            examples.select_columns(["context"]) if task.kind == "question_answering" else None,
            [Answers(one) for one in asked],
            weights,
            settings.distillation.temperature,
            len(parts[0]),
            student.tokenizer.pad_token_id,
        )
        return found, [answers for one in asked for answers in one]

    def ask(teacher: Encoder, own: dict[str, str], examples: datasets.Dataset) -> TeacherAnswers:
        # The teacher reads as the student does, or as much of it as it can.
        how = replace(settings.preparation, max_length=min(settings.preparation.max_length, teacher.longest))
        return ask_teacher(teacher, task, examples, how, settings.precision, cache, own)

    train, read = lessons([data["train"], *([] if transfer is None else [transfer])])
    held_out, read_too = lessons([data["validation"]])

    def validate() -> tuple[Evaluation, dict[str, float]]:
        with threads_for(student.origin):
            outputs = predict(student.model, student.tokenizer, held_out.features, settings.precision)
        found = judge(student, task, data["validation"], held_out.features, "validation", settings.precision, outputs)
        return found, {
            "loss": found.loss,
            "distillation_loss": held_out.loss(outputs, settings.distillation),
            **found.metrics,
        }

    def facts() -> dict[str, Any]:
        answers = [*read, *read_too]
        return {
            "teachers": [teacher.name for teacher in teachers],
            "transfer": 0 if transfer is None else len(transfer),
            "cache": {
                "examples": sum(map(len, answers)),
                "reused": sum(len(one) for one in answers if one.reused),
                "bytes": sum(one.bytes for one in answers),
            },
            "rows": {"seen": train.seen, "not_aligned": train.left_out},
        }

    trainer = partial(DistillationTrainer, distillation=settings.distillation)
    return Material(train.features, train.collate, validate, trainer, facts)
