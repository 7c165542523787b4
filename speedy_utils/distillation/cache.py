"""The teacher's answers, kept on disk: it reads each example once, whatever is trained on them later.

An answer is stored per example (see `alignment.teacher_answers`), so that any batch size and any order can use it. A
folder of answers is named by a hash of all that they depend on: the teacher's weights, configuration and tokenizer,
the text of the examples, the preparation and the precision. It is written whole or not at all, and read through the
memory map of the operating system; a folder that is damaged or foreign is told by its checksums, and made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock

from speedy_utils.devices import best_device, choose_precision, threads_for
from speedy_utils.distillation.alignment import teacher_answers
from speedy_utils.encoders import Encoder, check_head
from speedy_utils.evaluation import predict
from speedy_utils.files import file_digest, whole_folder, write_json
from speedy_utils.preprocessing import COLUMNS, Preparation, prepare
from speedy_utils.tasks import Task
from speedy_utils.training import fingerprint

if TYPE_CHECKING:
    import datasets

FORMAT = 1  # of the files; a change makes all folders foreign
VALUES, STARTS, RECORD = "values.f32", "starts.i64", "answers.json"
CHUNK = 2048  # examples that are in memory at a time while the teacher reads
GOLD = ("label", "tags", "answers")  # the columns that a teacher does not see


@dataclass(frozen=True)
class TeacherAnswers:
    """What one teacher says of each example: `answers[number]` is an array (see `alignment.teacher_answers`).

    `reused` says whether the answers were there already; `bytes` is their size on disk.
    """

    teacher: str
    values: np.ndarray
    starts: np.ndarray
    flat: bool
    folder: Path
    reused: bool

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, number: int) -> np.ndarray:
        rows = np.array(self.values[self.starts[number] : self.starts[number + 1]])
        return rows[0] if self.flat else rows

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.iterdir())


def default_cache() -> Path:
    """Where answers are kept unless said otherwise: $SPEEDY_CACHE, or ~/.cache/speedy_utils."""
    return Path(os.environ.get("SPEEDY_CACHE") or Path.home() / ".cache" / "speedy_utils")


def ask_teacher(
    teacher: Encoder,
    task: Task,
    examples: datasets.Dataset,
    how: Preparation | None = None,
    precision: str = "auto",
    cache: str | Path | None = None,
    known: dict[str, str] | None = None,
) -> TeacherAnswers:
    """What the teacher says of each example, from the cache or, the first time, from the teacher itself.

    `examples` have the columns of `load_task`; their gold labels are not looked at. `cache` is a folder for any number
    of teachers and data sets (`default_cache` unless said otherwise). Processes that need the same answers wait for
    the first of them. `known` is `describe_teacher(teacher)`, where that was computed already. Raises ValueError for a
    teacher that was made for other labels or whose answers are not numbers, and OSError in one sentence where the
    folder cannot be written.
    """
    check_head(teacher, task)
    order = _order_of_labels(teacher, task)
    how = (how or Preparation()).for_positions(teacher.longest)
    identity = _identity(
        known or describe_teacher(teacher), task, examples, how, choose_precision(teacher.model, precision)
    )
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]
    root = Path(cache) if cache is not None else default_cache()
    folder = root / key
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{key}.lock"):
            if found := _open(folder, identity, teacher.name):
                return found
            # What stands there is no whole answer: nothing is lost with it.
            shutil.rmtree(folder, ignore_errors=True)
            chunks = _chunks(teacher, task, examples, how, precision, order)
            with whole_folder(folder) as scratch:
                _write(scratch, identity, chunks, flat=task.kind == "classification")
        return _open(folder, identity, teacher.name, reused=False)
    except OSError as error:
        raise OSError(
            f"The answers of {teacher.name} cannot be kept in {root} ({error.strerror or error}): "
            "give cache= a folder that can be written and has room."
        ) from error


def _order_of_labels(teacher: Encoder, task: Task) -> list[int] | None:
    """For each label of the task the number of the teacher's output for it; None for question answering."""
    if not task.labels:
        return None
    from speedy_utils.hub_models import label_order

    names = [str(teacher.model.config.id2label.get(number)) for number in range(len(task.labels))]
    try:
        return label_order(task, names)
    except ValueError as error:
        raise ValueError(f"{teacher.name} cannot teach {task.title}: {error}.") from None


def describe_teacher(teacher: Encoder) -> dict[str, str]:
    """What the teacher's answers depend on besides the examples and how they are prepared."""
    import torch

    weights = hashlib.sha256()
    for name, value in sorted(teacher.model.state_dict().items()):
        weights.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        weights.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    config = teacher.model.config.to_dict()
    for name in ("_name_or_path", "transformers_version", "_commit_hash"):
        config.pop(name, None)
    tokenizer = json.loads(teacher.tokenizer.backend_tokenizer.to_str())
    # How the last call cut and padded is no part of the tokenizer; which inputs it makes is.
    tokenizer |= {"truncation": None, "padding": None, "inputs": teacher.tokenizer.model_input_names}
    return {
        "weights": weights.hexdigest(),
        "config": hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest(),
        "tokenizer": hashlib.sha256(json.dumps(tokenizer).encode()).hexdigest(),
    }


def _identity(
    known: dict[str, str], task: Task, examples: datasets.Dataset, how: Preparation, precision: str
) -> dict[str, Any]:
    shown = [name for name in examples.column_names if name not in GOLD]
    return {
        "format": FORMAT,
        "task": task.name,
        **known,
        "examples": [len(examples), fingerprint(examples.select_columns(shown))],
        "preparation": asdict(how),
        "precision": precision,
    }


def _chunks(
    teacher: Encoder, task: Task, examples: datasets.Dataset, how: Preparation, precision: str, order: list[int] | None
) -> Iterator[np.ndarray]:
    """The answers, one after the other; a chunk of examples at a time is in memory."""
    words = COLUMNS[task.kind][0]
    model = teacher.model.to(best_device())
    for start in range(0, len(examples), CHUNK):
        chunk = examples.select(range(start, min(start + CHUNK, len(examples))))
        features = prepare(teacher.tokenizer, task, chunk, how)
        with threads_for(teacher.origin):
            outputs = predict(model, teacher.tokenizer, features, precision)
        if any(np.isnan(output).any() for output in outputs):
            raise ValueError(
                f"{teacher.name} gives answers that are not numbers, between the examples {start + 1} and "
                f"{start + len(chunk)}: train it again, or ask for precision='fp32'."
            )
        for answer in teacher_answers(task.kind, features, outputs, [len(one) for one in chunk[words]]):
            yield answer if order is None else answer[..., order]


def _write(scratch: Path, identity: dict[str, Any], answers: Iterator[np.ndarray], *, flat: bool) -> None:
    digest, starts, width = hashlib.sha256(), [0], 0
    with (scratch / VALUES).open("wb") as file:
        for answer in answers:
            rows = np.atleast_2d(np.ascontiguousarray(answer, dtype="<f4")) if flat else answer.astype("<f4")
            width = rows.shape[1]
            content = rows.tobytes()
            digest.update(content)
            file.write(content)
            starts.append(starts[-1] + len(rows))
        file.flush()
        os.fsync(file.fileno())
    places = np.array(starts, dtype="<i8").tobytes()
    (scratch / STARTS).write_bytes(places)
    write_json(
        scratch / RECORD,
        {
            "identity": identity,
            "width": width,
            "rows": starts[-1],
            "flat": flat,
            "sha256": {VALUES: digest.hexdigest(), STARTS: hashlib.sha256(places).hexdigest()},
        },
    )


def _open(folder: Path, identity: dict[str, Any], teacher: str, *, reused: bool = True) -> TeacherAnswers | None:
    """The answers in a folder, or None, with a sentence on stderr, where they are damaged or of something else."""
    if not folder.exists():
        return None
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if record["identity"] != json.loads(json.dumps(identity)):
            raise ValueError("they are answers to something else")
        for name, wanted in record["sha256"].items():
            if file_digest(folder / name) != wanted:
                raise ValueError(f"{name} is damaged")
        starts = np.fromfile(folder / STARTS, dtype="<i8")
        shape = record["rows"], record["width"]
        values = np.memmap(folder / VALUES, "<f4", "r", shape=shape) if shape[0] else np.empty(shape, np.float32)
        return TeacherAnswers(teacher, values, starts, record["flat"], folder, reused)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"The answers of {teacher} in {folder} cannot be used ({error}): it reads again.", file=sys.stderr)
        return None
