"""Score, and the Pareto frontier of speedup against score."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from speedy_utils.errors import listing, nearest
from speedy_utils.systems import SYSTEMS
from speedy_utils.tasks import TASKS, get_task

if TYPE_CHECKING:
    import pandas as pd

RESULT_COLUMNS = ("system", "route", "task", "metric", "value")


def cut(value: float | Decimal, digits: int = 2) -> float:
    """`value` with the digits after the first `digits` decimals dropped, not rounded: cut(1.999) is 1.99.

    A float stands for the decimal number that prints it, so cut(0.29) is 0.29 although the float lies below.
    """
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    return float(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_DOWN))


def need_columns(frame: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    """Raises ValueError, naming what is missing, unless the frame has all the columns."""
    missing = [repr(name) for name in columns if name not in frame.columns]
    if missing:
        has = listing([repr(name) for name in frame.columns]) if len(frame.columns) else "none"
        plural = "s" if len(missing) > 1 else ""
        raise ValueError(f"{what} needs the column{plural} {listing(missing)}; it has {has}.")


def _check_results(results: pd.DataFrame) -> None:
    need_columns(results, RESULT_COLUMNS, "A table of results")
    for row in results.itertuples(index=False):
        task = get_task(row.task)
        where = f"{row.system} ({row.route}) on {task.name}"
        if row.metric not in task.metrics:
            raise ValueError(f"{where} has the metric {row.metric!r}: {task.name} needs {listing(task.metrics)}.")
        try:
            inside = 0 <= float(row.value) <= 100
        except (TypeError, ValueError):
            inside = False
        if not inside:
            raise ValueError(f"{where} has the {row.metric} {row.value!r}: it must be a number from 0 to 100.")
    cells = ["system", "route", "task", "metric"]
    twice = results[results.duplicated(cells)]
    if len(twice):
        system, route, task, metric = twice.iloc[0][cells]
        raise ValueError(f"{system} ({route}) has more than one {metric} on {task}: keep one, or average them first.")


def score(results: pd.DataFrame) -> pd.DataFrame:
    """The paper's Score: the plain mean over the 8 tasks (question answering by F1), cut to two decimals.

    `results` has the columns of `published_results()`, values in per cent. Returns the columns system, route, score:
    the systems of the paper in the order of `SYSTEMS`, then others in the order they come. Raises ValueError, in one
    sentence, for a missing column, an unknown task or metric, a value that is not from 0 to 100, a figure given twice,
    or a system that lacks a task. Source: found by recomputation; it gives all 17 scores of the paper's summary table.
    """
    import pandas as pd

    _check_results(results)
    known = [(system.name, system.route) for system in SYSTEMS]
    values: dict[tuple[str, str], dict[str, Decimal]] = {}
    for row in results.itertuples(index=False):
        cells = values.setdefault((row.system, row.route), {})
        if row.metric == get_task(row.task).score_metric:
            cells[row.task] = Decimal(repr(float(row.value)))
    for (system, route), cells in values.items():
        missing = [f"{task.name} ({task.score_metric})" for task in TASKS if task.name not in cells]
        if missing:
            hint = ""
            if (system, route) not in known:
                close = nearest(system, [name for name, _ in known], most=1)
                hint = f" Did you mean {close[0]!r}?" if close and close[0] != system else ""
            lacks = f"{system} ({route}) has no result on {listing(missing)}"
            raise ValueError(f"{lacks}: a score needs all {len(TASKS)} tasks.{hint}")
    order = [key for key in known if key in values] + [key for key in values if key not in known]
    rows = [(*key, cut(sum(values[key].values()) / len(TASKS))) for key in order]
    return pd.DataFrame(rows, columns=["system", "route", "score"])


def pareto_frontier(frame: pd.DataFrame, x: str = "speedup", y: str = "score") -> pd.DataFrame:
    """The rows that no other row beats: none is at least as high in both columns and higher in one.

    Both columns are better the higher they are. Returns the rows in the order of growing `x`, with the index they had;
    rows that are equal in both columns stay together. Raises ValueError for a missing column or a value that is not a
    finite number.
    """
    import numpy as np
    import pandas as pd

    need_columns(frame, dict.fromkeys((x, y)), "A frontier")
    points = frame[[x, y]].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    if not np.isfinite(points).all():
        place = frame.index[~np.isfinite(points).all(axis=1)][0]
        raise ValueError(f"Row {place!r} has no finite number in {x!r} or {y!r}: drop it or fill it in first.")
    keep = [
        not ((points >= point).all(axis=1) & (points > point).any(axis=1)).any()  # nobody dominates this point
        for point in points
    ]
    return frame[keep].sort_values(x, kind="stable")
