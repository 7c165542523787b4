"""What int8 costs in score, and which parts of a network it costs most in.

`measure_variant` makes one cell of the shipped table (`measured_int8`), `int8_differences` reads off it what int8
loses; `sensitivity` looks at one model, part by part.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speedy_utils.preprocessing import IGNORED
from speedy_utils.tasks import Task, get_task

if TYPE_CHECKING:
    import datasets
    import pandas as pd

    from speedy_utils.encoders import Encoder
    from speedy_utils.evaluation import Evaluation
    from speedy_utils.training import Run

SYSTEMS = ("ALBETO tiny", "ALBETO base-4", "BETO uncased")
TASKS = ("mldoc", "xnli", "ner", "mlqa")  # one of each kind, and one of pairs
REFERENCE = "PyTorch fp32"
VARIANTS = (REFERENCE, "ONNX Runtime fp32", "ONNX Runtime int8", "OpenVINO fp32", "OpenVINO int8",
            "OpenVINO int8+bf16")  # fmt: skip

Cell = tuple[str, str, int, str]  # system, task, seed, variant


def int8_cells(seeds: Sequence[int]) -> list[Cell]:
    """All cells of the table, the variants of one model after each other."""
    return [
        (system, task, seed, variant) for seed in seeds for task in TASKS for system in SYSTEMS for variant in VARIANTS
    ]


def measure_variant(system: str, task: str, seed: int, variant: str, store: Path) -> Evaluation:
    """One cell: a stand-in, fine-tuned with a seed, in a runtime and a precision, scored on the test set.

    The trained models are kept in `store`, so that each is trained once, whatever happens to the exports.
    """
    from speedy_utils.evaluation import evaluate
    from speedy_utils.speed.benchmark import VARIANTS as known
    from speedy_utils.speed.export import export

    run, expected = _trained(system, task, seed, store)
    if variant == REFERENCE:
        return expected
    runtime, precision = known[variant].runtime, known[variant].precision
    with tempfile.TemporaryDirectory(prefix="speedy-int8-") as scratch:
        folder = export(run, Path(scratch) / "export", runtime=runtime, precision=precision)
        return evaluate(folder, data=run.data)


@lru_cache(maxsize=1)
def _trained(system: str, task: str, seed: int, store: Path) -> tuple[Run, Evaluation]:
    """The fine-tuned stand-in, and how PyTorch scores it; the last one is remembered, for its other variants."""
    from filelock import FileLock

    from speedy_utils.evaluation import evaluate
    from speedy_utils.readers import load_task
    from speedy_utils.training import fine_tune, load_run

    folder = store / "trained" / f"{system}-{task}-{seed}".replace(" ", "_")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            fine_tune(system, task, source="mini", seed=seed, output=folder)
    run = load_run(folder, load_task(task, "mini", report=None))
    return run, evaluate(run, precision="fp32")


# The shipped figures


def int8_differences(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """What each variant gains over PyTorch in fp32, in points of score: below 0 it loses.

    A row for each system, task and variant: seeds, points (their mean), low, high; intervals are those of
    `paired_difference_over_seeds`. `table` is `measured_int8`, or has its columns.
    """
    import pandas as pd

    from speedy_utils.results import measured_int8
    from speedy_utils.uncertainty import Interval, paired_difference_over_seeds

    table = measured_int8() if table is None else table
    own = table["metric"] == table["task"].map(lambda name: get_task(name).score_metric)
    rows = []
    for key, runs in table[own & (table["variant"] != REFERENCE)].groupby(["system", "task", "variant"], sort=False):
        found = paired_difference_over_seeds(
            [
                Interval(row.difference, row.difference_low, row.difference_high, 0.95, "paired bootstrap", 0)
                for row in runs.itertuples()
            ]
        )
        rows.append((*key, len(runs), found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["system", "task", "variant", "seeds", "points", "low", "high"])


# Which part it costs most in


def sensitivity(
    model: Run | Encoder | str | Path,
    examples: datasets.Dataset,
    *,
    task: Task | str | None = None,
    runtime: str = "onnxruntime",
    parts: Sequence[str] | None = None,
    calibration: datasets.Dataset | None = None,
) -> pd.DataFrame:
    """How far int8 moves a model's outputs on real examples, with each part in turn alone in int8 or alone in fp32.

    A row for each part (those of `graph.PARTS` that the runtime quantises, or `parts`, named as for `keep`) after one
    for "all": `macs`, its share of the multiplications in a text of 128 tokens; `alone` and `without`, how far the
    outputs move (see `divergence`) with this part alone in int8, and with all but this part in int8. A few examples
    that move far decide the mean of few: take a whole test set, and trust `alone` more.
    `calibration` are examples for OpenVINO's ranges, those that a run was chosen on unless given; they should be
    others than `examples`. Errors are those of `export`.
    """
    import pandas as pd

    from speedy_utils.evaluation import feature_outputs
    from speedy_utils.speed.export import export
    from speedy_utils.speed.graph import PARTS, WORDS, encoder_graph, matching, product_macs, products
    from speedy_utils.speed.predictor import Predictor
    from speedy_utils.training import Run, load_run

    model = load_run(model) if isinstance(model, str | Path) else model
    if task is None and not isinstance(model, Run):
        raise ValueError("Which task is this model for? Give task=, such as task='ner'.")
    task = get_task(task or model.task)
    encoder = model.encoder if isinstance(model, Run) else model
    graph = encoder_graph(encoder.model, task.kind, pairs=False)
    macs = {WORDS: 0} | product_macs(graph)
    # Only OpenVINO quantises the table of words, and of the products of two activations the scores.
    own = [WORDS] if runtime == "openvino" else []
    small = own + [name for name, weighs in products(graph).items() if weighs or (own and name.endswith("scores"))]
    with tempfile.TemporaryDirectory(prefix="speedy-int8-") as scratch:
        number = 0

        def outputs(**options: Any) -> tuple[datasets.Dataset, list[np.ndarray]]:  # noqa: ANN401
            nonlocal number
            number += 1
            folder = export(model, Path(scratch) / str(number), task=task, runtime=runtime, **options)
            return feature_outputs(Predictor(folder, threads=1), task, examples)

        features, expected = outputs()

        def moved(kept: Sequence[str]) -> float:
            found = outputs(precision="int8", examples=calibration, keep=kept)[1]
            return divergence(task.kind, expected, found, features["labels"])

        rows = [("all", 1.0, moved(()), 0.0)]
        for part in parts or [part for part in PARTS if any(part in name.split("/") for name in small)]:
            these = matching(small, [part])
            share = sum(macs[name] for name in these) / sum(macs.values())
            rows.append((part, share, moved([name for name in small if name not in these]), moved(these)))
    return pd.DataFrame(rows, columns=["part", "macs", "alone", "without"])


def divergence(kind: str, expected: Sequence[np.ndarray], found: Sequence[np.ndarray], labels: Sequence[Any]) -> float:
    """The mean Kullback-Leibler divergence (nats) from expected outputs to those that were found.

    Outputs and labels are those of `predict` and `prepare`; as in `mean_loss` each row is one distribution: over the
    labels, or for the start and the end of an answer over the tokens. Tokens without a label do not count.
    """
    total = count = 0.0
    for first, second, label in zip(expected, found, labels, strict=True):
        rows = [np.atleast_2d(one.T if kind == "question_answering" else one) for one in (first, second)]
        kept = np.atleast_1d(label) != IGNORED if kind == "tagging" else slice(None)
        logs = [one[kept].astype(np.float64) for one in rows]
        logs = [one - np.logaddexp.reduce(one, axis=1, keepdims=True) for one in logs]
        total += float((np.exp(logs[0]) * (logs[0] - logs[1])).sum())
        count += len(logs[0])
    return total / count
