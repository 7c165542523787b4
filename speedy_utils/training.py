"""Fine-tuning on `transformers.Trainer`: one function for the three kinds of task.

Two things differ from the Trainer as it comes. Batches are drawn at random and then cut into micro-batches of like
length, so that little is padded and nothing else about the batch changes. And the validation loss is the mean over all
labels of the split, not a mean of batch means.
"""

from __future__ import annotations

import gc
import hashlib
import itertools
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import broadcast_object_list
from torch.nn.functional import cross_entropy
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainingArguments

from speedy_utils.devices import (
    PRECISIONS,
    attention_for_training,
    best_device,
    choose_precision,
    describe_device,
    processes,
    quiet,
    threads_for,
)
from speedy_utils.distillation.losses import Distillation
from speedy_utils.encoders import (
    Encoder,
    check_head,
    load_encoder,
    load_folder,
    name_labels,
    rows_of_logits,
    seeded,
    source_of_scale,
)
from speedy_utils.errors import unknown_name
from speedy_utils.evaluation import Evaluation, judge, write_predictions
from speedy_utils.files import UNFINISHED, whole_folder, write_json
from speedy_utils.preprocessing import IGNORED, Preparation, missing_columns, pad_batch, prepare
from speedy_utils.readers import load_task
from speedy_utils.systems import System, check_counts, get_system
from speedy_utils.tasks import Task, get_task, lower_is_better

if TYPE_CHECKING:
    import datasets

# Each training begins with a full collection of garbage, which would search all that is imported: 0.2 s of the 0.7 s
# that a small training takes.
gc.freeze()

SELECTIONS = ("paper", "loss", "metric")
# The grid of the paper's fine-tuning (batch size, learning rate, epochs). Its ALBETO xxlarge on XNLI, which the grid
# does not fit, used learning rates from 1e-6 to 5e-6 and batches of 4.
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "paper": {"batch_size": (16, 32, 64), "learning_rate": (1e-5, 2e-5, 3e-5, 5e-5), "epochs": (2, 3, 4)},
}


@dataclass(frozen=True)
class Settings:
    """What decides the outcome of a run, beside the model and the data.

    `learning_rate` falls to 0 in a straight line, after rising over the share `warmup` of all steps. `select` says
    which epoch's weights are kept, and which run of a grid: the one with the lowest validation "loss", with the best
    validation "metric" (that of the task's score), or the "paper"'s rule: F1 for question answering, loss elsewhere,
    and with a teacher always the loss, which is then that of the distillation.
    With `patience` the training stops after so many epochs that brought nothing better. Gradients longer than
    `max_grad_norm` are shortened to it, with 0 none. `micro_batch_size` examples are computed at a time; it changes
    speed and memory, not what is learnt. `distillation` says what a student is asked to match, where it has a teacher.
    """

    epochs: int = 3
    learning_rate: float = 3e-5
    batch_size: int = 16
    weight_decay: float = 0.0
    warmup: float = 0.0
    select: str = "paper"
    seed: int = 42
    precision: str = "auto"
    patience: int | None = None
    max_grad_norm: float = 1.0
    micro_batch_size: int | None = None
    preparation: Preparation = field(default_factory=Preparation)
    distillation: Distillation | None = None

    def __post_init__(self) -> None:
        check_counts(epochs=self.epochs, batch_size=self.batch_size)
        if self.patience is not None:
            check_counts(patience=self.patience)
        if self.micro_batch_size is not None:
            check_counts(micro_batch_size=self.micro_batch_size)
            if self.batch_size % self.micro_batch_size:
                raise ValueError(
                    f"A batch of {self.batch_size} cannot be cut into micro-batches of {self.micro_batch_size}."
                )
        if self.select not in SELECTIONS:
            raise ValueError(unknown_name("rule of selection", self.select, SELECTIONS))
        if self.precision not in PRECISIONS:
            raise ValueError(unknown_name("precision", self.precision, PRECISIONS))
        if not _is_number(self.learning_rate) or not 0 < self.learning_rate < 1:
            raise ValueError(f"A learning rate lies between 0 and 1, such as 3e-5, and is not {self.learning_rate!r}.")
        for name in ("weight_decay", "warmup"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= 1:
                raise ValueError(f"{name} must be a number from 0 to 1, not {value!r}.")
        if not _is_number(self.max_grad_norm) or not self.max_grad_norm >= 0:
            raise ValueError(f"max_grad_norm must be a number of at least 0, not {self.max_grad_norm!r}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise ValueError(f"A seed is a whole number of at least 0 and below 2**32, not {self.seed!r}.")

    def selected_by(self, task: Task) -> str:
        """ "loss", with a teacher "distillation_loss", or the name of the metric that decides for this task."""
        if self.distillation is not None and self.select != "metric":
            return "distillation_loss"
        by_loss = self.select == "loss" or (self.select == "paper" and task.kind != "question_answering")
        return "loss" if by_loss else task.score_metric


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(eq=False)
class Run:
    """A finished fine-tuning: the model with its best weights, and what happened on the way.

    `validation` are the metrics of the kept weights on the validation split, `history` has a row for each epoch
    (epoch, train_loss, loss and the metrics on the validation split), `record` says where the run comes from.
    """

    task: Task
    encoder: Encoder
    settings: Settings
    source: str | None
    data: datasets.DatasetDict | None
    validation: dict[str, float]
    history: list[dict[str, float]]
    record: dict[str, Any]
    folder: Path | None = None

    def is_of_other_data(self, data: datasets.DatasetDict) -> bool:
        """Whether the run was chosen on another validation split than this one, as far as that can be told."""
        known = self.record["identity"]["data"]["validation"]
        return "validation" in data and fingerprint(data["validation"]) != known


# Batches


class MicroBatchSampler(torch.utils.data.Sampler[int]):
    """Every example once, in random batches; inside a batch the longest come first.

    Cut into micro-batches of consecutive examples, a batch holds exactly the examples that a random batch would, and
    little padding. Sorting more than a batch at a time would pad less and learn less, since a step would then see
    sentences of one length only. `set_epoch` makes the order of an epoch depend on the seed and the epoch alone.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        for start in range(0, len(order), self.batch_size):
            yield from sorted(order[start : start + self.batch_size], key=lambda place: -self.lengths[place])

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch


TARGETS = ("labels", "teacher", "counted", "allowed")  # what a batch holds beside the inputs of the model


def label_loss(
    outputs: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    num_items_in_batch: torch.Tensor | int | None = None,
    attention_mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross-entropy summed over the labels that count and divided by the number of labels in the whole batch.

    `labels` have the shape (examples,), (examples, tokens), or (examples, 2) for the starts and ends of answers. The
    division is by the batch and not by the micro-batch: a label weighs the same wherever it was computed. An answer is
    chosen among the tokens of its window, so what `attention_mask` (examples, tokens) marks as padding is no choice.
    """
    logits = rows_of_logits(outputs)
    if "start_logits" in outputs and attention_mask is not None:
        logits = logits.masked_fill(attention_mask[:, None] == 0, -torch.inf)
    total = cross_entropy(logits.float().flatten(0, -2), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (labels.ne(IGNORED).sum() if num_items_in_batch is None else num_items_in_batch)


class TaskTrainer(Trainer):
    """The Trainer with micro-batches of like length, and with `validate` in place of its own evaluation.

    `validate` takes the epoch's model and gives the metrics of the validation split; they are logged as eval_….
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        lengths: Sequence[int],
        batch_size: int,
        validate: Callable[[], dict[str, float]],
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, compute_loss_func=label_loss, **kwargs)  # so the Trainer divides by nothing itself
        self.sampler = MicroBatchSampler(lengths, batch_size, self.args.seed)
        self.validate = validate

    def _get_train_sampler(self, train_dataset: object = None) -> MicroBatchSampler:
        return self.sampler

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        targets = {name: inputs.pop(name) for name in TARGETS if name in inputs}
        outputs = model(**inputs)
        loss = self.batch_loss(outputs, targets, inputs["attention_mask"], num_items_in_batch)
        loss = loss * self.accelerator.num_processes  # each has a part of the sum, and their gradients are averaged
        return (loss, outputs) if return_outputs else loss

    def batch_loss(
        self,
        outputs: Mapping[str, torch.Tensor],
        targets: Mapping[str, torch.Tensor],
        attention_mask: torch.Tensor,
        num_items_in_batch: torch.Tensor | int | None,
    ) -> torch.Tensor:
        return label_loss(outputs, targets["labels"], num_items_in_batch, attention_mask)

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        found = {f"eval_{name}": value for name, value in self.validate().items()}
        self.log(found)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
        return found


# Fine-tuning

OWN_DEPTH = "layers= is for a system by its name: give an encoder of your own the depth you want."


def default_settings(task: Task | str, source: str | None) -> Settings:
    """The settings of a run that names none: the middle of the paper's grid, and for the stand-ins what suits them."""
    if source != "mini":
        return Settings()
    return MINI_SETTINGS[get_task(task).kind]


MINI_SETTINGS: dict[str, Settings] = {
    "classification": Settings(epochs=2, learning_rate=1e-3, batch_size=16, weight_decay=0.01, warmup=0.1),
    "tagging": Settings(epochs=4, learning_rate=1e-3, batch_size=16, weight_decay=0.01, warmup=0.1),
    "question_answering": Settings(epochs=2, learning_rate=1e-3, batch_size=16, weight_decay=0.01, warmup=0.1),
}


def fine_tune(
    system: System | str | Encoder,
    task: Task | str,
    *,
    data: datasets.DatasetDict | None = None,
    source: str | None = None,
    grid: str | Mapping[str, Sequence[float]] | None = None,
    output: str | Path | None = None,
    progress: bool = False,
    revision: str | None = None,
    layers: int | None = None,
    **settings: Any,  # noqa: ANN401 -- the fields of Settings
) -> Run:
    """Trains a system on a task, keeps the best epoch's weights, and gives back the run.

    `system` is one of the paper's, loaded from `source` ("mini" or "hub"; by the scale unless said otherwise), or an
    `Encoder` of your own, which is trained in place. `layers` takes another depth than the system's own. `data` has the
    columns of `load_task` and the splits train and validation. Further arguments are the fields of `Settings`
    (`epochs=`, `learning_rate=`, `seed=` …), which differ by source and kind of task where they are left out;
    `max_length=`, `stride=`, `subwords=` and the other fields of `Preparation` are taken too.

    `grid` trains once for each combination of its values and keeps the best run by the rule of `select`; "paper" is
    the paper's own. `output` is a folder for the run: model, tokenizer, settings, seed, versions, metrics, predictions.
    It is written whole or not at all; an interrupted run goes on from its last epoch, and a finished one is loaded. A
    folder that holds a run of other settings or data is refused. `progress` shows a bar.

    The same seed gives the same run on the same machine with the same number of threads. Raises ValueError for bad
    settings or data in one sentence.
    """
    task = get_task(task)
    own = isinstance(system, Encoder)
    if own and layers is not None:
        raise ValueError(OWN_DEPTH)
    source = None if own else source or source_of_scale()
    chosen = settings_from(default_settings(task, source), settings)
    data = training_data(task, data, source)
    folder = None if output is None else Path(output)
    identity = {"system": get_name(system), "source": source, "revision": revision}
    if layers is not None:
        identity["layers"] = layers

    def run(settings: Settings, folder: Path | None) -> Run:
        load = partial(load_student, system, task, source, settings.seed, revision, layers)
        return run_once(load, task, data, settings, identity, folder, progress)

    if grid is None:
        return run(chosen, folder)
    if own:
        raise ValueError("A grid starts every run from the same weights: name a system in place of an encoder.")
    return _search(run, task, chosen, _grid(grid), folder)


def get_name(system: System | str | Encoder) -> str:
    return system.name if isinstance(system, Encoder) else get_system(system).name


def load_student(
    system: System | str | Encoder,
    task: Task,
    source: str | None,
    seed: int,
    revision: str | None,
    layers: int | None = None,
) -> Encoder:
    """The encoder to train: one of your own as it is, or a system with a new head."""
    if isinstance(system, Encoder):
        return system
    return load_encoder(system, task, source=source, seed=seed, revision=revision, layers=layers)


def settings_from(defaults: Settings, given: Mapping[str, Any]) -> Settings:
    """The defaults with the fields that were given: their own, and those of the parts that they have."""
    parts = {name: part for name in ("preparation", "distillation") if (part := getattr(defaults, name)) is not None}
    known = [name for name in Settings.__dataclass_fields__ if name != "distillation" or name in parts]
    own = {name: given[name] for name in known if name in given}
    for name, part in parts.items():
        fields = part.__dataclass_fields__
        known += fields
        if inner := {field: given[field] for field in fields if field in given}:
            own[name] = replace(own.get(name, part), **inner)
    for name in given:
        if name not in known:
            raise ValueError(unknown_name("setting", name, known))
    return replace(defaults, **own)


def training_data(task: Task, data: datasets.DatasetDict | None, source: str | None) -> datasets.DatasetDict:
    """The data, or else those of the source (None: there is none), with what training needs of them.

    Raises ValueError for a split or a column that is not there.
    """
    if data is None:
        if source is None:
            raise ValueError("An encoder of your own needs data=, such as data=load_task('ner').")
        data = load_task(task, source, **({"report": None} if source == "mini" else {}))
    for split in ("train", "validation"):
        if split not in data or not len(data[split]):
            raise ValueError(f"Training on {task.title} needs a split {split!r} with examples; there is none.")
        if missing := missing_columns(task, data[split]):
            raise ValueError(
                f"The split {split!r} of {task.title} lacks the column {missing[0]!r}: load it with load_task()."
            )
    return data


@dataclass(frozen=True)
class Material:
    """What a training reads, and how it is judged.

    `features` are those of `prepare`, `collate` makes a batch of some of them. `validate` gives the evaluation on the
    validation split with its figures, the loss included. `trainer` is the class that trains, `facts` go into the
    record of the run once it is over.
    """

    features: datasets.Dataset
    collate: Callable[[list[dict[str, Any]]], dict[str, torch.Tensor]]
    validate: Callable[[], tuple[Evaluation, dict[str, float]]]
    trainer: Callable[..., TaskTrainer] = TaskTrainer
    facts: Callable[[], dict[str, Any]] = dict


def gold_material(encoder: Encoder, task: Task, data: datasets.DatasetDict, settings: Settings) -> Material:
    """Examples with their gold labels."""
    train = prepare(encoder.tokenizer, task, data["train"], settings.preparation)
    held_out = prepare(encoder.tokenizer, task, data["validation"], settings.preparation)

    def validate() -> tuple[Evaluation, dict[str, float]]:
        found = judge(encoder, task, data["validation"], held_out, "validation", settings.precision)
        return found, {"loss": found.loss, **found.metrics}

    return Material(train, partial(pad_batch, pad_id=encoder.tokenizer.pad_token_id), validate)


def run_once(
    load: Callable[[], Encoder],
    task: Task,
    data: datasets.DatasetDict,
    settings: Settings,
    identity: dict[str, Any],
    folder: Path | None,
    progress: bool,
    material: Callable[[Encoder, Task, datasets.DatasetDict, Settings], Material] = gold_material,
) -> Run:
    """One training, or the finished run in `folder`, where it is the same; `load` gives the encoder to train."""
    identity = identity | {
        "task": task.name,
        "settings": asdict(settings),
        "data": {split: fingerprint(data[split]) for split in ("train", "validation")},
    }
    if folder is not None and folder.exists() and not _is_empty(folder):
        finished = load_run(folder, data)
        _check_same(finished.record["identity"], identity, folder)
        print(f"{folder} holds this run already: it was loaded, not trained again.")
        return finished
    encoder = load()
    check_head(encoder, task)
    settings = replace(settings, preparation=settings.preparation.for_positions(encoder.longest))
    with _checkpoints(folder, identity) as checkpoints:
        read = material(encoder, task, data, settings)
        history, seconds = _train(encoder, task, read, settings, checkpoints, progress)
        name_labels(encoder.model, task)
        best, validation = read.validate()
        record = {
            "identity": identity,
            "system": encoder.name,
            "origin": encoder.origin,
            "settings": asdict(settings),
            "selected_by": settings.selected_by(task),
            "examples": {split: len(data[split]) for split in data},
            "cut": sum(read.features["cut"]) if "cut" in read.features.column_names else 0,
            "seconds": seconds,
            "date": datetime.now(UTC).date().isoformat(),
            **describe_device(encoder.model, settings.precision),
            **read.facts(),
        }
        run = Run(task, encoder, settings, identity["source"], data, validation, history, record, folder)
        if folder is not None and processes().is_main_process:
            _save(run, best, folder)
    return run


def _train(
    encoder: Encoder,
    task: Task,
    material: Material,
    settings: Settings,
    checkpoints: tuple[Path, Path | None],
    progress: bool,
) -> tuple[list[dict[str, float]], float]:
    """Trains the encoder and leaves it with its best epoch's weights; gives the history and the seconds."""
    lengths = [len(ids) for ids in material.features["input_ids"]]
    sharing = processes().num_processes
    micro = settings.micro_batch_size or _micro_batch_size(settings.batch_size, sharing)
    if settings.batch_size % (micro * sharing):
        raise ValueError(
            f"A batch of {settings.batch_size} cannot be shared by {sharing} processes with micro-batches of {micro}."
        )
    decides = settings.selected_by(task)
    precision = choose_precision(encoder.model, settings.precision)
    scratch, last = checkpoints
    with seeded(settings.seed), threads_for(encoder.origin), quiet():
        steps = -(-len(lengths) // settings.batch_size) * settings.epochs
        arguments = TrainingArguments(
            output_dir=str(scratch),
            num_train_epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            warmup_steps=round(settings.warmup * steps),
            max_grad_norm=settings.max_grad_norm,
            lr_scheduler_type="linear",
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=settings.batch_size // (micro * sharing),
            eval_strategy="epoch",
            save_strategy="epoch",
            logging_strategy="epoch",
            logging_nan_inf_filter=False,
            save_total_limit=2,  # the best and the last; with 1 the last is gone before the run is written
            save_only_model=scratch.suffix != UNFINISHED,
            load_best_model_at_end=True,
            metric_for_best_model=f"eval_{decides}",
            greater_is_better=not lower_is_better(decides),
            bf16=precision == "bf16",
            fp16=precision == "fp16",
            use_cpu=best_device().type == "cpu",
            dataloader_pin_memory=best_device().type == "cuda",
            seed=settings.seed,
            data_seed=settings.seed,
            remove_unused_columns=False,
            report_to="none",
            disable_tqdm=not progress,
        )
        trainer = material.trainer(
            model=encoder.model,
            args=arguments,
            train_dataset=material.features,
            eval_dataset=material.features,  # the Trainer wants one; `validate` has its own
            data_collator=material.collate,
            lengths=lengths,
            batch_size=settings.batch_size,
            validate=lambda: material.validate()[1],
            callbacks=[EarlyStoppingCallback(settings.patience)] if settings.patience else [],
        )
        trainer.remove_callback(PrinterCallback)
        with attention_for_training(encoder.model, precision):
            outcome = trainer.train(resume_from_checkpoint=None if last is None else str(last))
        # Mixed precision was put into the model's forward: without it, the model is evaluated as `precision` says.
        trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_fp32_wrapper=False)
    return _history(trainer.state.log_history), outcome.metrics["train_runtime"]


def _micro_batch_size(batch_size: int, processes: int) -> int:
    """A quarter of the batch on a CPU, where padding costs most, and the whole of it on a GPU, which wants width.

    Or a process's share of the batch, where that is less.
    """
    share = max(1, batch_size // processes)
    if best_device().type != "cpu":
        return share
    return min(share, batch_size // 4 if batch_size % 4 == 0 and batch_size >= 32 else batch_size)


def _history(log: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """A row for each epoch from the Trainer's log, in which training and validation stand apart."""
    rows: dict[float, dict[str, float]] = {}
    for entry in log:
        row = rows.setdefault(round(entry["epoch"]), {"epoch": round(entry["epoch"])})
        if "loss" in entry:
            row["train_loss"] = entry["loss"]
        row.update({name[5:]: value for name, value in entry.items() if name.startswith("eval_")})
    return list(rows.values())


def fingerprint(examples: datasets.Dataset) -> str:
    """A hash of all examples in their order: equal for equal data, wherever they were read from."""
    digest = hashlib.sha256()
    for example in examples.with_format(None):
        digest.update(json.dumps(example, sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()[:16]


# Grids


def _grid(grid: str | Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    if isinstance(grid, str):
        if grid not in GRIDS:
            raise ValueError(unknown_name("grid", grid, list(GRIDS)))
        return dict(GRIDS[grid])
    if not isinstance(grid, Mapping) or not grid or not all(_are_values(values) for values in grid.values()):
        raise ValueError("A grid names values for each setting, such as {'learning_rate': [1e-5, 3e-5]}.")
    return dict(grid)


def _are_values(values: object) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str) and len(values) > 0


def _search(
    run_with: Callable[[Settings, Path | None], Run],
    task: Task,
    settings: Settings,
    grid: Mapping[str, Sequence[float]],
    folder: Path | None,
) -> Run:
    """The best run of the grid, all runs' validation figures in its record; each has a folder of its own."""
    decides = settings.selected_by(task)
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    everything = [settings_from(settings, point) for point in points]  # a bad value is found before the first training
    best, lowest = None, math.inf
    table = []
    for point, chosen in zip(points, everything, strict=True):
        own = folder and folder / "-".join(f"{name}={value}" for name, value in point.items())
        run = run_with(chosen, own)
        table.append(point | run.validation)
        cost = run.validation[decides] if lower_is_better(decides) else -run.validation[decides]
        if best is None or cost < lowest:
            best, lowest = run, math.inf if math.isnan(cost) else cost  # a run that diverged is the worst
    best.record["grid"] = table
    if folder is not None:
        write_json(folder / "grid.json", {"selected_by": decides, "best": str(best.folder), "runs": table})
    return best


# Folders


RECORD = "run.json"


@contextmanager
def _checkpoints(folder: Path | None, identity: dict[str, Any]) -> Iterator[tuple[Path, Path | None]]:
    """(folder for the Trainer's checkpoints, the last whole one there, from which training goes on).

    Without a run folder it is a temporary one. With one it stands beside it, under a name of its own, until the run is
    finished; what an interruption left there is used only if it belongs to the same settings and data.
    """
    state = processes()
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="speedy-") as scratch:
            yield _from_the_first((Path(scratch), None))
            state.wait_for_everyone()
        return
    folder = folder.resolve()  # the Trainer notes where its checkpoints are, and the next session may start elsewhere
    scratch = folder.with_name(folder.name + UNFINISHED)
    yield _from_the_first((scratch, _last_checkpoint(scratch, identity) if state.is_main_process else None))
    state.wait_for_everyone()
    if state.is_main_process:
        shutil.rmtree(scratch)


def _from_the_first(value: tuple[Path, Path | None]) -> tuple[Path, Path | None]:
    """What the first process says, for all of them."""
    shared = [value]
    if processes().num_processes > 1:
        broadcast_object_list(shared)
    return shared[0]


def _last_checkpoint(scratch: Path, identity: dict[str, Any]) -> Path | None:
    """The last whole checkpoint of this very run; the folder is made ready for more."""
    mark = scratch / "identity.json"
    known = json.loads(json.dumps(identity))
    whole = [path for path in scratch.glob("checkpoint-*") if _is_whole(path)]
    if whole and mark.exists():
        _check_same(json.loads(mark.read_text(encoding="utf-8")), known, scratch)
    else:  # nothing is lost: no epoch was finished
        shutil.rmtree(scratch, ignore_errors=True)
        write_json(mark, known)
        whole = []
    return max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


def _is_whole(checkpoint: Path) -> bool:
    """Whether the Trainer got to the end of writing it: its state comes last."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _check_same(found: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    """Raises ValueError naming the first thing in which a run on disk differs from the one that was asked for."""
    found, wanted = _flat(found), _flat(json.loads(json.dumps(wanted)))
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ValueError(
                f"{folder} holds another run: its {name} is {found.get(name)!r}, here it is {value!r}; "
                "take another folder, or delete this one."
            )


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {before + name: value}
    return flat


def _save(run: Run, best: Evaluation, folder: Path) -> None:
    with whole_folder(folder) as scratch, quiet():
        run.encoder.model.save_pretrained(scratch)
        run.encoder.tokenizer.save_pretrained(scratch)
        record = run.record | {"validation": run.validation, "history": run.history}
        write_json(scratch / RECORD, record)
        write_predictions(best, scratch / "predictions-validation.jsonl")


def load_run(folder: str | Path, data: datasets.DatasetDict | None = None) -> Run:
    """A run that `fine_tune` wrote, with its model. Raises ValueError for a folder that does not hold one."""
    folder = Path(folder)
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        identity, validation, history = record["identity"], record.pop("validation"), record.pop("history")
        settings, task = _from_plain(record["settings"]), get_task(identity["task"])
        encoder = load_folder(folder, task, record["system"], record["origin"])
        source = identity["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} does not hold a finished run ({type(error).__name__}): give the folder that fine_tune wrote."
        ) from None
    return Run(task, encoder, settings, source, data, validation, history, record, folder)


def _from_plain(values: Mapping[str, Any]) -> Settings:
    inner = {"preparation": Preparation(**values["preparation"])}
    if values.get("distillation") is not None:
        inner["distillation"] = Distillation(**values["distillation"])
    return Settings(**{**values, **inner})
