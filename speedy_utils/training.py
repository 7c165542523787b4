"""Fine-tuning on `transformers.Trainer`: one function for the three kinds of task.

Two things differ from the Trainer as it comes. Batches are drawn at random and then cut into micro-batches of like
length, so that little is padded and nothing else about the batch changes. And the validation loss is the mean over all
labels of the split, not a mean of batch means.
"""

from __future__ import annotations

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
from torch.nn.functional import cross_entropy
from transformers import PrinterCallback, Trainer, TrainingArguments

from speedy_utils.devices import PRECISIONS, best_device, choose_precision, describe_device, quiet, threads_for
from speedy_utils.encoders import Encoder, check_head, load_encoder, load_folder, name_labels, seeded, source_of_scale
from speedy_utils.errors import unknown_name
from speedy_utils.evaluation import Evaluation, judge, write_predictions
from speedy_utils.files import whole_folder, write_json
from speedy_utils.preprocessing import IGNORED, Preparation, missing_columns, pad_batch, prepare
from speedy_utils.readers import load_task
from speedy_utils.systems import System, check_counts, get_system
from speedy_utils.tasks import Task, get_task

if TYPE_CHECKING:
    import datasets

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
    validation "metric" (that of the task's score), or the "paper"'s rule: F1 for question answering, loss elsewhere.
    `micro_batch_size` examples are computed at a time; it changes speed and memory, not what is learnt.
    """

    epochs: int = 3
    learning_rate: float = 3e-5
    batch_size: int = 16
    weight_decay: float = 0.0
    warmup: float = 0.0
    select: str = "paper"
    seed: int = 42
    precision: str = "auto"
    micro_batch_size: int | None = None
    preparation: Preparation = field(default_factory=Preparation)

    def __post_init__(self) -> None:
        check_counts(epochs=self.epochs, batch_size=self.batch_size)
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
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise ValueError(f"A seed is a whole number of at least 0 and below 2**32, not {self.seed!r}.")

    def selected_by(self, task: Task) -> str:
        """ "loss", or the name of the metric that decides for this task."""
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
    if "start_logits" in outputs:
        logits = torch.stack([outputs["start_logits"], outputs["end_logits"]], dim=1)  # (examples, 2, tokens)
        if attention_mask is not None:
            logits = logits.masked_fill(attention_mask[:, None] == 0, -torch.inf)
    else:
        logits = outputs["logits"]
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
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = label_loss(outputs, labels, num_items_in_batch, inputs["attention_mask"])
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        found = {f"eval_{name}": value for name, value in self.validate().items()}
        self.log(found)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
        return found


# Fine-tuning


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
    **settings: Any,  # noqa: ANN401 -- the fields of Settings
) -> Run:
    """Trains a system on a task, keeps the best epoch's weights, and gives back the run.

    `system` is one of the paper's, loaded from `source` ("mini" or "hub"; by the scale unless said otherwise), or an
    `Encoder` of your own, which is trained in place. `data` has the columns of `load_task` and the splits train and
    validation. Further arguments are the fields of `Settings` (`epochs=`, `learning_rate=`, `seed=` …), which differ by
    source and kind of task where they are left out; `max_length=`, `stride=`, `subwords=` and the other fields of
    `Preparation` are taken too.

    `grid` trains once for each combination of its values and keeps the best run by the rule of `select`; "paper" is
    the paper's own. `output` is a folder for the run: model, tokenizer, settings, seed, versions, metrics, predictions.
    It is written whole or not at all; an interrupted run goes on from its last epoch, and a finished one is loaded. A
    folder that holds a run of other settings or data is refused. `progress` shows a bar.

    The same seed gives the same run on the same machine with the same number of threads. Raises ValueError for bad
    settings or data in one sentence.
    """
    task = get_task(task)
    own = isinstance(system, Encoder)
    source = None if own else source or source_of_scale()
    chosen = _settings(default_settings(task, source), settings)
    if data is None:
        if own:
            raise ValueError("An encoder of your own needs data=, such as data=load_task('ner').")
        data = load_task(task, source, **({"report": None} if source == "mini" else {}))
    _check_data(task, data)
    folder = None if output is None else Path(output)
    if grid is None:
        return _run(system, task, data, source, chosen, folder, progress, revision)
    if own:
        raise ValueError("A grid starts every run from the same weights: name a system in place of an encoder.")
    return _search(system, task, data, source, chosen, _grid(grid), folder, progress, revision)


def _settings(defaults: Settings, given: Mapping[str, Any]) -> Settings:
    own = {name: value for name, value in given.items() if name in Settings.__dataclass_fields__}
    inner = {name: value for name, value in given.items() if name in Preparation.__dataclass_fields__}
    for name in given:
        if name not in own and name not in inner:
            known = [*Settings.__dataclass_fields__, *Preparation.__dataclass_fields__]
            raise ValueError(unknown_name("setting", name, known))
    chosen = replace(defaults, **own)
    return replace(chosen, preparation=replace(chosen.preparation, **inner)) if inner else chosen


def _check_data(task: Task, data: datasets.DatasetDict) -> None:
    for split in ("train", "validation"):
        if split not in data or not len(data[split]):
            raise ValueError(f"Training on {task.title} needs a split {split!r} with examples; there is none.")
        if missing := missing_columns(task, data[split]):
            raise ValueError(
                f"The split {split!r} of {task.title} lacks the column {missing[0]!r}: load it with load_task()."
            )


def _run(
    system: System | str | Encoder,
    task: Task,
    data: datasets.DatasetDict,
    source: str | None,
    settings: Settings,
    folder: Path | None,
    progress: bool,
    revision: str | None,
) -> Run:
    name = system.name if isinstance(system, Encoder) else get_system(system).name
    identity = {
        "task": task.name,
        "system": name,
        "source": source,
        "revision": revision,
        "settings": asdict(settings),
        "data": {split: fingerprint(data[split]) for split in ("train", "validation")},
    }
    if folder is not None and folder.exists() and not _is_empty(folder):
        finished = load_run(folder, data)
        _check_same(finished.record["identity"], identity, folder)
        print(f"{folder} holds this run already: it was loaded, not trained again.")
        return finished
    encoder = (
        system
        if isinstance(system, Encoder)
        else load_encoder(system, task, source=source, seed=settings.seed, revision=revision)
    )
    check_head(encoder, task)
    with _checkpoints(folder, identity) as checkpoints:
        run, best = _train(encoder, task, data, source, settings, identity, folder, checkpoints, progress)
        if folder is not None:
            _save(run, best, folder)
    return run


def _train(
    encoder: Encoder,
    task: Task,
    data: datasets.DatasetDict,
    source: str | None,
    settings: Settings,
    identity: dict[str, Any],
    folder: Path | None,
    checkpoints: tuple[Path, Path | None],
    progress: bool,
) -> tuple[Run, Evaluation]:
    how = settings.preparation.for_positions(encoder.longest)
    settings = replace(settings, preparation=how)
    train = prepare(encoder.tokenizer, task, data["train"], how)
    held_out = prepare(encoder.tokenizer, task, data["validation"], how)
    lengths = [len(ids) for ids in train["input_ids"]]
    micro = settings.micro_batch_size or _micro_batch_size(settings.batch_size)
    decides = settings.selected_by(task)
    precision = choose_precision(encoder.model, settings.precision)

    def validate() -> dict[str, float]:
        found = judge(encoder, task, data["validation"], held_out, "validation", settings.precision)
        return {"loss": found.loss, **found.metrics}

    scratch, last = checkpoints
    with seeded(settings.seed), threads_for(encoder.origin), quiet():
        steps = -(-len(lengths) // settings.batch_size) * settings.epochs
        arguments = TrainingArguments(
            output_dir=str(scratch),
            num_train_epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            warmup_steps=round(settings.warmup * steps),
            lr_scheduler_type="linear",
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=settings.batch_size // micro,
            eval_strategy="epoch",
            save_strategy="epoch",
            logging_strategy="epoch",
            save_total_limit=2,  # the best and the last; with 1 the last is gone before the run is written
            save_only_model=folder is None,
            load_best_model_at_end=True,
            metric_for_best_model=f"eval_{decides}",
            greater_is_better=decides != "loss",
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
        trainer = TaskTrainer(
            model=encoder.model,
            args=arguments,
            train_dataset=train,
            eval_dataset=held_out,
            data_collator=partial(pad_batch, pad_id=encoder.tokenizer.pad_token_id),
            lengths=lengths,
            batch_size=settings.batch_size,
            validate=validate,
        )
        trainer.remove_callback(PrinterCallback)
        outcome = trainer.train(resume_from_checkpoint=None if last is None else str(last))
        # Mixed precision was put into the model's forward: without it, the model is evaluated as `precision` says.
        trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_fp32_wrapper=False)
    name_labels(encoder.model, task)
    best = judge(encoder, task, data["validation"], held_out, "validation", settings.precision)
    record = {
        "identity": identity,
        "system": encoder.name,
        "origin": encoder.origin,
        "settings": asdict(settings),
        "selected_by": decides,
        "examples": {split: len(data[split]) for split in data},
        "cut": sum(train["cut"]) if "cut" in train.column_names else 0,
        "seconds": outcome.metrics["train_runtime"],
        "date": datetime.now(UTC).date().isoformat(),
        **describe_device(encoder.model, settings.precision),
    }
    validation = {"loss": best.loss, **best.metrics}
    history = _history(trainer.state.log_history)
    return Run(task, encoder, settings, source, data, validation, history, record, folder), best


def _micro_batch_size(batch_size: int) -> int:
    """A quarter of the batch on a CPU, where padding costs most, and the whole of it on a GPU, which wants width."""
    if best_device().type != "cpu":
        return batch_size
    return batch_size // 4 if batch_size % 4 == 0 and batch_size >= 32 else batch_size


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
    system: System | str,
    task: Task,
    data: datasets.DatasetDict,
    source: str | None,
    settings: Settings,
    grid: Mapping[str, Sequence[float]],
    folder: Path | None,
    progress: bool,
    revision: str | None,
) -> Run:
    """The best run of the grid, all runs' validation figures in its record; each has a folder of its own."""
    decides = settings.selected_by(task)
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    everything = [_settings(settings, point) for point in points]  # a bad value is found before the first training
    best, lowest = None, math.inf
    table = []
    for point, chosen in zip(points, everything, strict=True):
        own = folder and folder / "-".join(f"{name}={value}" for name, value in point.items())
        run = _run(system, task, data, source, chosen, own, progress, revision)
        table.append(point | run.validation)
        cost = run.validation[decides] if decides == "loss" else -run.validation[decides]
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
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="speedy-") as scratch:
            yield Path(scratch), None
        return
    folder = folder.resolve()  # the Trainer notes where its checkpoints are, and the next session may start elsewhere
    scratch = folder.with_name(folder.name + ".unfinished")
    mark = scratch / "identity.json"
    known = json.loads(json.dumps(identity))
    whole = [path for path in scratch.glob("checkpoint-*") if _is_whole(path)]
    if whole and mark.exists():
        _check_same(json.loads(mark.read_text(encoding="utf-8")), known, scratch)
    else:  # nothing is lost: no epoch was finished
        shutil.rmtree(scratch, ignore_errors=True)
        write_json(mark, known)
        whole = []
    yield scratch, max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)
    shutil.rmtree(scratch)


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
    return Settings(**{**values, "preparation": Preparation(**values["preparation"])})
