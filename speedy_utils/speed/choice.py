"""Which model to deploy: the best of many candidates under budgets of time, size and score, and why it is that one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING

from speedy_utils.errors import listing, unknown_name
from speedy_utils.frontier import need_columns, pareto_frontier

if TYPE_CHECKING:
    import pandas as pd

WANTED = ("score", "time", "size")
_MS, _MB, _SCORE = "ms", "mb", "score"


@dataclass(frozen=True, eq=False)
class Choice:
    """What `choose` found.

    `answer` and `runner_up` are rows of the table of candidates, None where there is none; `reason` says why in a few
    words. `candidates` is that table with the columns fits, frontier and answer (booleans) added; `columns` names its
    columns of milliseconds ("ms"), megabytes ("mb", may be None) and score, `budgets` the limits that were set.
    """

    answer: pd.Series | None
    runner_up: pd.Series | None
    reason: str
    candidates: pd.DataFrame
    columns: Mapping[str, str | None]
    budgets: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.reason


def choose(
    frame: pd.DataFrame,
    *,
    max_ms: float | None = None,
    max_mb: float | None = None,
    min_score: float | None = None,
    by: str = "score",
    ms: str = "p50_ms",
    mb: str = "size_mb",
    score: str = "score",
) -> Choice:
    """The candidate to deploy: the best that keeps within the budgets, and why.

    `frame` has a row for each candidate: system, and if it likes route and variant (the runtime and its precision),
    milliseconds in the column `ms`, a score in the column `score`, megabytes in the column `mb` (needed only where a
    budget or `by` asks for them). Budgets are inclusive: at most `max_ms`, at most `max_mb`, at least `min_score`.

    `by` says what is best among those that fit: the highest "score", the least "time" or the least "size". What is
    equal there is decided by time, score and size, in this order. With the columns low and high, the score's interval,
    two candidates are tied where each one's score lies in the other's interval: by "score", the fastest of those tied
    with the best is the answer, and of those that score between. No candidate beats the answer in time, size and score
    at once.

    Where nothing fits, `answer` is None, and the reason names the candidate that misses its worst budget by the least
    factor. Raises ValueError in one sentence for an empty table, a missing column, a value that is no finite number (a
    time: above 0), an interval that does not hold its score, a budget that is not a number above 0, an unknown `by`.
    """
    budgets = {"max_ms": max_ms, "max_mb": max_mb, "min_score": min_score}
    budgets = {name: _budget(name, value) for name, value in budgets.items() if value is not None}
    if by not in WANTED:
        raise ValueError(unknown_name("aim", by, WANTED))
    sized = mb in frame.columns or by == "size" or max_mb is not None
    columns = {_MS: ms, _MB: mb if sized else None, _SCORE: score}
    table = _checked(frame, columns)
    table["fits"] = _fits(table, columns, budgets)
    front = pareto_frontier(table.assign(_fast=-table[ms]), "_fast", score)
    table["frontier"] = table.index.isin(front.index)
    order = _ranked(table[table["fits"]], columns, by)
    table["answer"] = table.index.isin(order[:1])
    names = _names(table)
    if not order:
        reason = _nearest(table, columns, budgets, names)
        return Choice(None, None, reason, table, columns, budgets)
    reason = _why(table, columns, budgets, by, order, names)
    runner_up = table.loc[order[1]] if len(order) > 1 else None
    return Choice(table.loc[order[0]], runner_up, reason, table, columns, budgets)


def _budget(name: str, value: float) -> float:
    import math

    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be a number above 0, not {value!r}.")
    return float(value)


def _checked(frame: pd.DataFrame, columns: Mapping[str, str | None]) -> pd.DataFrame:
    """The table with a new index and numbers in its columns of numbers."""
    import numpy as np
    import pandas as pd

    used = [name for name in columns.values() if name]
    bounds = [name for name in ("low", "high") if name in frame.columns]
    need_columns(frame, ["system", *used, *(["low", "high"] if bounds else [])], "A table of candidates")
    if not len(frame):
        raise ValueError("The table of candidates is empty: there is nothing to choose from.")
    table = frame.reset_index(drop=True).drop(columns=["fits", "frontier", "answer"], errors="ignore")
    for name in [*used, *bounds]:
        table[name] = pd.to_numeric(table[name], errors="coerce").astype(float)
        wrong = ~np.isfinite(table[name])
        if name == columns[_MS]:
            wrong |= table[name] <= 0
        if wrong.any():
            number = "number above 0" if name == columns[_MS] else "finite number"
            raise ValueError(f"{_names(table)[wrong.idxmax()]} has no {number} in {name!r}: measure it, or drop it.")
    if bounds:
        value = table[columns[_SCORE]]
        wrong = (table["low"] > value) | (value > table["high"])
        if wrong.any():
            raise ValueError(f"The interval of {_names(table)[wrong.idxmax()]} does not hold its score.")
    return table


def _names(table: pd.DataFrame) -> list[str]:
    """What each row is called: its system, with the route where that tells two apart, and its variant."""
    called = [name for name in ("system", "variant") if name in table.columns]
    twice = table.duplicated(called, keep=False)
    names = []
    for place, row in table.iterrows():
        route = f" ({row['route']})" if "route" in table.columns and twice[place] else ""
        variant = f" in {row['variant']}" if "variant" in called else ""
        names.append(f"{row['system']}{route}{variant}")
    return names


def _fits(table: pd.DataFrame, columns: Mapping[str, str | None], budgets: Mapping[str, float]) -> pd.Series:
    inside = table[columns[_MS]] <= budgets.get("max_ms", float("inf"))
    inside &= table[columns[_SCORE]] >= budgets.get("min_score", float("-inf"))
    if "max_mb" in budgets:
        inside &= table[columns[_MB]] <= budgets["max_mb"]
    return inside


def _ranked(table: pd.DataFrame, columns: Mapping[str, str | None], by: str) -> list[int]:
    """The places of the candidates from the best to the worst."""
    rest = table
    keys = {"time": columns[_MS], "score": columns[_SCORE], "size": columns[_MB]}
    order = [keys[by]] if by != "score" else []
    order += [name for name in (columns[_MS], columns[_SCORE], columns[_MB]) if name and name not in order]
    upwards = [name != columns[_SCORE] for name in order]
    found: list[int] = []
    while len(rest):
        level = rest[rest[columns[_SCORE]] >= _floor(rest, columns[_SCORE])] if by == "score" else rest
        found += list(level.sort_values(order, ascending=upwards, kind="stable").index)
        rest = rest.drop(level.index)
    return found


def _floor(table: pd.DataFrame, score: str) -> float:
    """The lowest score that is tied with the best: the best itself, where there are no intervals."""
    top = table.loc[table[score].idxmax()]
    if "low" not in table.columns:
        return top[score]
    tied = (table[score] >= top["low"]) & (table["high"] >= top[score])
    return table.loc[tied, score].min()


# The words


def _told(row: pd.Series, columns: Mapping[str, str | None], size: bool) -> str:
    megabytes = f" and {_number(row[columns[_MB]])} MB" if size else ""
    return f"{row[columns[_SCORE]]:.2f} in {_number(row[columns[_MS]])} ms{megabytes}"


def _number(value: float) -> str:
    """Three figures, so that 0.0123 and 1234 can stand in one sentence."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _limits(budgets: Mapping[str, float]) -> str:
    said = []
    if "max_ms" in budgets:
        said.append(f"at most {budgets['max_ms']:,g} ms")
    if "max_mb" in budgets:
        said.append(f"at most {budgets['max_mb']:,g} MB")
    if "min_score" in budgets:
        said.append(f"a score of at least {budgets['min_score']:,g}")
    return listing(said)


def _why(
    table: pd.DataFrame,
    columns: Mapping[str, str | None],
    budgets: Mapping[str, float],
    by: str,
    order: list[int],
    names: list[str],
) -> str:
    size = "max_mb" in budgets or by == "size"
    answer = table.loc[order[0]]
    asked = f" with {_limits(budgets)}" if budgets else ""
    if budgets:
        asked += f" ({len(order)} of {len(table)} fit)"
    what = {"score": "the best score", "time": "the fastest", "size": "the smallest"}[by]
    fitting = table.loc[order]
    best = fitting[columns[_SCORE]].idxmax()
    if by == "score" and table.loc[best, columns[_SCORE]] > answer[columns[_SCORE]]:
        what = f"the fastest of those whose score cannot be told from the best, {table.loc[best, columns[_SCORE]]:.2f},"
    said = f"{names[order[0]]}: {_told(answer, columns, size)}, {what}{asked}."
    if len(order) > 1:
        next_one = table.loc[order[1]]
        said += f" Next comes {names[order[1]]} with {_told(next_one, columns, size)}."
    better = _without_one_budget(table, columns, budgets, by)
    for name, place in better.items():
        if place == order[0]:
            continue
        unit = {"max_ms": "limit of time", "max_mb": "limit of size", "min_score": "least score"}[name]
        said += f" Without the {unit} it would be {names[place]} with {_told(table.loc[place], columns, size)}."
    return said


def _without_one_budget(
    table: pd.DataFrame, columns: Mapping[str, str | None], budgets: Mapping[str, float], by: str
) -> dict[str, int]:
    """What the answer would be without each of the budgets."""
    found = {}
    for name in budgets:
        others = {key: value for key, value in budgets.items() if key != name}
        found[name] = _ranked(table[_fits(table, columns, others)], columns, by)[0]
    return found


def _nearest(
    table: pd.DataFrame, columns: Mapping[str, str | None], budgets: Mapping[str, float], names: list[str]
) -> str:
    """Why nothing fits: the candidate that misses its worst budget by the least factor."""
    factors = []
    if "max_ms" in budgets:
        factors.append(table[columns[_MS]] / budgets["max_ms"])
    if "max_mb" in budgets:
        factors.append(table[columns[_MB]] / budgets["max_mb"])
    if "min_score" in budgets:
        factors.append(budgets["min_score"] / table[columns[_SCORE]].clip(lower=1e-9))
    worst = factors[0]
    for factor in factors[1:]:
        worst = worst.combine(factor, max)
    place = worst.idxmin()
    told = _told(table.loc[place], columns, "max_mb" in budgets)
    return f"None of the {len(table)} candidates has {_limits(budgets)}: the nearest is {names[place]} with {told}."
