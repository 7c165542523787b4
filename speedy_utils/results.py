"""Results of many runs: measured ones that come with the book, and those in folders of your own.

`measure` makes one cell of the table (system, task, seed), `measured_results` reads the table that `make results` made
of all of them, `collect_runs` and `summarise` do the same for any runs on disk.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speedy_utils.files import UNFINISHED
from speedy_utils.mini.systems import MINI
from speedy_utils.systems import System, get_system
from speedy_utils.tasks import TASKS, get_task, lower_is_better

if TYPE_CHECKING:
    import pandas as pd

    from speedy_utils.evaluation import Evaluation

MEASURED = tuple(MINI)  # every system that has a stand-in
SEEDS = (1, 2, 3)
COLUMNS = ["system", "task", "seed", "metric", "value", "low", "high"]


def measure(system: System | str, task: str, seed: int) -> Evaluation:
    """One cell at the scale mini: the stand-in of a system fine-tuned on a task with a seed, scored on the test set."""
    from speedy_utils.evaluation import evaluate
    from speedy_utils.training import fine_tune

    return evaluate(fine_tune(get_system(system), task, source="mini", seed=seed))


def measured_results() -> pd.DataFrame:
    """The shipped table: system, task, seed, metric, value and its interval's low and high, all in per cent.

    Measured with `make results` at the scale mini; `measured_record` says when and on what. The interval is given for
    the metric that enters the score, by the bootstrap over the test set; it knows nothing of other seeds.
    """
    import pandas as pd

    return pd.read_csv(StringIO(_shipped("mini_results.csv")))


def measured_study() -> pd.DataFrame:
    """The shipped table of students that a teacher taught or that had fewer labels: way, and the columns as above.

    The ways are `distillation.study.WAYS`. Students that are fine-tuned on all gold labels, with the same settings and
    as many steps, are in `measured_results`.
    """
    import pandas as pd

    return pd.read_csv(StringIO(_shipped("mini_study.csv")))


def measured_record(table: str = "results") -> dict[str, Any]:
    """Where the figures of `measured_results`, or of the "study", come from: scale, date, machine, versions, settings.

    Raises FileNotFoundError for a table that is not there.
    """
    return json.loads(_shipped(f"mini_{table}.json"))


def _shipped(name: str) -> str:
    try:
        return files("speedy_utils").joinpath("data", name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(
            "This copy of the package comes without its measured table: make it with `make results`."
        ) from None


def collect_runs(folders: Sequence[str | Path]) -> pd.DataFrame:
    """The runs below some folders, a row for each metric of each split that was scored.

    Columns: system, task, seed, split, metric, value, low, high, folder, selected_by. Validation figures are those of
    the kept weights; test figures are there where `speedy evaluate` was run. Raises ValueError for a folder without a
    run and for a file that cannot be read.
    """
    import pandas as pd

    rows = []
    for folder in map(Path, folders):
        records = sorted(folder.rglob("run.json"))
        records = [path for path in records if not any(part.endswith(UNFINISHED) for part in path.parts)]
        if not records:
            raise ValueError(f"There is no finished run in {folder}: give a folder that speedy fine-tune wrote to.")
        for path in records:
            rows += _rows_of(path)
    columns = ["system", "task", "seed", "split", "metric", "value", "low", "high", "folder", "selected_by"]
    return pd.DataFrame(rows, columns=columns)


def best_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Of the runs of each system, task and seed the one that the validation split chooses, by the rule of the runs.

    `runs` has the columns of `collect_runs`. Raises ValueError where runs to choose from follow different rules.
    """
    figures = runs[(runs["split"] == "validation") & (runs["metric"] == runs["selected_by"])]
    kept = []
    for (system, task, seed), group in figures.groupby(["system", "task", "seed"], sort=False):
        rules = group["selected_by"].unique()
        if len(rules) > 1:
            raise ValueError(
                f"The runs of {system} on {task} with seed {seed} were chosen by {' and by '.join(rules)}: "
                "report runs of one rule."
            )
        values = group["value"] if lower_is_better(rules[0]) else -group["value"]
        kept.append(group.loc[values.idxmin(), "folder"])
    return runs[runs["folder"].isin(kept)]


def _rows_of(path: Path) -> list[tuple[Any, ...]]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        start = (record["system"], record["identity"]["task"], record["settings"]["seed"])
        rows = [
            (*start, "validation", name, value, None, None, str(path.parent), record["selected_by"])
            for name, value in record["validation"].items()
        ]
        for scored in sorted(path.parent.glob("evaluation-*.json")):
            path = scored
            answer = json.loads(scored.read_text(encoding="utf-8"))
            interval = answer["interval"] or {"metric": None}
            for name, value in answer["metrics"].items():
                bounds = (interval["low"], interval["high"]) if interval["metric"] == name else (None, None)
                rows.append((*start, answer["split"], name, value, *bounds, str(scored.parent), record["selected_by"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be read as part of a run ({type(error).__name__}): score the run again, or move it away."
        ) from None
    return rows


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """A row for each system, split and task: runs, mean and standard deviation over seeds of the score's metric.

    `results` has the columns of `collect_runs`; a table without the column split (`measured_results`) counts as test.
    The standard deviation has n - 1 below the line, and is missing for a single run.
    """
    frame = results if "split" in results else results.assign(split="test")
    own = frame["task"].map(lambda name: get_task(name).score_metric)
    frame = frame[frame["metric"] == own]
    if len(twice := frame[frame.duplicated(["system", "split", "task", "seed"])]):
        one = twice.iloc[0]
        raise ValueError(
            f"There are two runs of {one['system']} on {one['task']} with seed {one['seed']}: runs with different "
            "settings are not averaged; report their folders apart, or the best of them (--best)."
        )
    order = {task.name: number for number, task in enumerate(TASKS)}
    groups = frame.groupby(["system", "split", "task", "metric"], sort=False)["value"]
    table = groups.agg(runs="count", mean="mean", sd="std").reset_index()
    return table.sort_values("task", key=lambda names: names.map(order), kind="stable").reset_index(drop=True)
