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
