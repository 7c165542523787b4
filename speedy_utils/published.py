"""The paper's tables and its authors' measurements, as data frames.

Figures in here were published by others; `data/SOURCES.md` says where each comes from.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING

from speedy_utils.systems import SYSTEMS, System

if TYPE_CHECKING:
    import pandas as pd


# The teacher that the paper's authors chose for each task.
TEACHERS: dict[str, str] = {
    "mldoc": "RoBERTa BNE large",
    "pawsx": "ALBETO xxlarge",
    "xnli": "ALBETO xxlarge",
    "pos": "RoBERTa BNE base",
    "ner": "RoBERTa BNE base",
    "mlqa": "ALBETO xxlarge",
    "sqac": "ALBETO xxlarge",
    "tar": "ALBETO xxlarge",
}
# GPU hours of the authors' grids of distillation, rounded, from their public experiment files: 42 runs a task, six
# settings for each of seven students.
DISTILLATION_HOURS: dict[str, float] = {
    **{"mldoc": 34, "pawsx": 36, "xnli": 346, "pos": 8.3, "ner": 10.5},
    **{"mlqa": 232, "sqac": 108, "tar": 306},
}
# The authors' names of losses -> those of `Distillation`.
_LOSSES = {"kldiv": "kl", "ce": "soft_cross_entropy", "mse": "mse"}


def _read(name: str) -> pd.DataFrame:
    import pandas as pd

    with files("speedy_utils").joinpath("data", name).open(encoding="utf-8") as file:
        return pd.read_csv(file)


def published_results() -> pd.DataFrame:
    """The paper's results: system, route, task, metric, value (per cent).

    One row for each published figure, 187 in all: question answering has an f1 and an exact_match row.
    """
    return _read("published_results.csv")


def published_teachers() -> pd.DataFrame:
    """The teachers' results, one row for each task: those rows of `published_results()` that enter a score."""
    results = published_results()
    chosen = results["system"] == results["task"].map(TEACHERS)
    return results[chosen & (results["metric"] != "exact_match")].reset_index(drop=True)


def published_test_sizes() -> pd.DataFrame:
    """The Spanish test sets of the paper's tasks: task, examples, unit ("pairs", "sentences", "questions" …).

    What an interval for a published figure rests on: see `uncertainty.wilson_interval`.
    """
    return _read("test_sizes.csv")


def published_summary() -> pd.DataFrame:
    """The paper's summary, as printed: system, route, parameters_millions, speedup, score."""
    return _read("published_summary.csv")


def _authors_names() -> dict[str, System]:
    """The authors' file names -> systems, the variants of ALBETO tiny that they only timed included."""
    by_name = {system.name: system for system in reversed(SYSTEMS)}
    names = {name.lower().replace(" ", "-"): system for name, system in by_name.items()}
    tiny = by_name["ALBETO tiny"]
    for depth in (6, 8, 12):
        deeper = replace(tiny, name=f"ALBETO tiny-{depth}", architecture=replace(tiny.architecture, layers=depth))
        names[f"albeto-tiny-{depth}"] = deeper
    return names


def authors_systems() -> dict[str, System]:
    """The systems that the paper's authors timed, by name: the paper's, and ALBETO tiny with 6, 8 and 12 layers."""
    return {system.name: system for system in _authors_names().values()}


def authors_speed() -> pd.DataFrame:
    """The authors' own timings of one forward pass, from their public experiment files.

    Columns: system, device ("RTX 2080", "RTX 3090", "cpu"), batch_size, sequence_length (tokens), parameters,
    macs_without_attention_products, latency_ms_mean, latency_ms_std (milliseconds), machine. Two settings of CPU stand
    behind the device "cpu", which must not be compared: `machine` tells them apart ("cpu A", "cpu B"); for the other
    devices it is the device. A figure that the authors' file lacks is NaN.
    """
    frame = _read("authors_speed.csv")
    frame["system"] = frame.pop("model").map({key: system.name for key, system in _authors_names().items()})
    other_setting = frame["system"].str.fullmatch(r"ALBETO (base|tiny)-\d+") & (frame["device"] == "cpu")
    frame["machine"] = frame["device"].mask(frame["device"] == "cpu", "cpu A").mask(other_setting, "cpu B")
    return frame[["system", *[name for name in frame.columns if name != "system"]]]


def authors_teacher_study() -> pd.DataFrame:
    """The authors' study of teachers, losses and learning rates on PAWS-X, from their public experiment files.

    180 runs, none of them repeated. Columns: student, teacher (systems' names), learning_rate, loss ("kl",
    "soft_cross_entropy", "mse"), epochs (run until the training stopped, 50 at most), validation_loss (nats a pair, of
    the gold labels, as the collapsed runs show), validation_accuracy (per cent of 2,000 pairs). The file does not name
    batch size or seed. Collapsed runs are in it: they give every pair the larger class (57.65).
    """
    frame = _with_names(_read("authors_teacher_study_pawsx.csv"))
    frame["validation_accuracy"] = (100 * frame["validation_accuracy"]).round(2)
    return frame


def authors_best_runs() -> pd.DataFrame:
    """The best run of each of the authors' grids of distillation, by validation loss: one for each student and task.

    56 rows. Columns: student, task, teacher (names as in the package), learning_rate, batch_size, loss, gold_weight,
    temperature (see `Distillation`), epochs (run), validation_loss (nats), metric, value (per cent, on the validation
    split), seconds (of the run, on a GPU that the file does not name). Each grid had six runs; the hours of all of them
    are in `DISTILLATION_HOURS`.
    """
    frame = _with_names(_read("authors_kd_best_runs.csv"))
    names = {"kd_alpha": "gold_weight", "kd_temperature": "temperature", "elapsed_s": "seconds"}
    names |= {"validation_metric": "metric", "validation_value": "value"}
    frame = frame.rename(columns=names)
    shares = ~frame["task"].isin(["mlqa", "sqac", "tar"])  # the others are per cent already
    frame["value"] = frame["value"].mask(shares, 100 * frame["value"]).round(4)
    return frame


def _with_names(runs: pd.DataFrame) -> pd.DataFrame:
    """The authors' runs with students, teachers and losses named as in the package."""
    students = {key: system.name for key, system in _authors_names().items()}
    models = {system.hub_id.split("/")[1]: system.name for system in reversed(SYSTEMS)}
    models["distillbert-base-spanish-uncased"] = "DistilBETO"  # the authors' spelling
    runs["student"] = runs["student"].map(students)
    runs["teacher"] = runs["teacher"].str.replace("-finetuned-.*", "", regex=True).map(models)
    runs["kd_loss"] = runs["kd_loss"].map(_LOSSES)
    return runs.rename(columns={"kd_loss": "loss", "epochs_completed": "epochs"})
