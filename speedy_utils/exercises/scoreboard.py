"""Checks of the exercises of *The scoreboard*."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import speedy_utils as su
from speedy_utils.exercises.answers import (
    NotYet,
    brief,
    evaluation,
    expect,
    mapping,
    number,
    one_of,
    whole_number,
)
from speedy_utils.uncertainty import holm, published_difference, wilson_interval

if TYPE_CHECKING:
    import pandas as pd

STEP = 500
POINTS = 0.006  # absolute room for a figure rounded to two decimals


def _first(passes: Callable[[int], bool]) -> int:
    """The first size, in steps of 500, that passes."""
    return next(n for n in range(STEP, 100_000, STEP) if passes(n))


def _own() -> pd.DataFrame:
    """The shipped runs by the metric of the score."""
    measured = su.measured_results()
    metric = measured["task"].map({task.name: task.score_metric for task in su.TASKS})
    return measured[measured["metric"] == metric]


def exercise_1(my_needed: object) -> str:
    """The test pairs that show one point between 90 and 91."""
    needed = whole_number(my_needed, "my_needed", low=1)
    right = _first(lambda n: published_difference(91, 90, n).p_value < 0.05)
    if needed != right:
        mistakes = {
            "my_needed makes the interval of one figure narrower than a point. A difference of two figures has more "
            "chance in it.": _first(lambda n: wilson_interval(90, n).high - wilson_interval(90, n).low < 2),
            "my_needed keeps the two intervals apart. The test of their difference asks for less.": _first(
                lambda n: wilson_interval(91, n).low > wilson_interval(90, n).high
            ),
            "my_needed compares 90 with 89; the better model has 91.": _first(
                lambda n: published_difference(90, 89, n).p_value < 0.05
            ),
            "my_needed is one step too low: the first size that passes is wanted, not the last that fails.": right
            - STEP,
            "my_needed makes the interval of one figure narrower than half a point to either side.": _first(
                lambda n: wilson_interval(90, n).high - wilson_interval(90, n).low < 1
            ),
        }
        expect(needed, right, "my_needed", mistakes, tolerance=0, hint="Search in steps of 500, beginning with 500.")
    return "More than three times as many pairs as PAWS-X has: unpaired, one point near 90 is out of its reach."


def exercise_2(my_task: object, my_told: object) -> str:
    """The neighbours in a published ranking that differ by more than chance."""
    task = one_of(my_task, [task.name for task in su.TASKS], "my_task")
    shape = "my_told should be a list of pairs of systems, such as [('BETO cased', 'BETO uncased')]"
    if isinstance(my_told, str | Mapping) or not isinstance(my_told, Iterable):
        raise NotYet(f"{shape}; it is {brief(my_told)}.")
    results = su.published_results()
    rows = results[(results["task"] == task) & (results["route"] == "fine-tuning")]
    rows = rows[rows["metric"] == su.get_task(task).score_metric].sort_values("value", ascending=False)
    values = rows.set_index("system")["value"]
    told = set()
    for pair in my_told:
        if isinstance(pair, str) or not isinstance(pair, Iterable) or len(both := list(pair)) != 2:
            raise NotYet(f"{shape}; one of them is {brief(pair)}.")
        told.add(frozenset(one_of(one, list(values.index), "A member of my_told") for one in both))
    if any(len(pair) < 2 for pair in told):
        raise NotYet("my_told pairs a system with itself.")
    size = int(su.published_test_sizes().set_index("task").loc[task, "examples"])
    neighbours = [(first, second) for first, second in pairwise(values.index)]
    tests = [published_difference(values[first], values[second], size) for first, second in neighbours]
    right = {frozenset(pair) for pair, test in zip(neighbours, tests, strict=True) if test.beyond_chance}
    for pair in sorted(map(sorted, told - right)):
        upper, lower = sorted(pair, key=lambda name: -values[name])
        if between := [name for name in values.index if values[upper] > values[name] > values[lower]]:
            raise NotYet(f"{upper} and {lower} are no neighbours on {task}: {between[0]} stands between them.")
        test = published_difference(values[upper], values[lower], size)
        raise NotYet(
            f"{upper} and {lower} are {test.difference:.2f} points apart on {task}, which {size:,} examples do not "
            "show."
        )
    if missing := len(right - told):
        corrected = holm([test.p_value for test in tests])
        strict = {frozenset(pair) for pair, p in zip(neighbours, corrected, strict=True) if p < 0.05}
        hint = (
            "They pass without a correction only; be generous." if told == strict else "Test each pair of neighbours."
        )
        raise NotYet(f"my_told lacks {missing} of {len(right)}. {hint}")
    return (
        f"{len(right)} of {len(neighbours)} steps of the ranking are larger than chance; the others it only suggests."
    )


def exercise_3(my_scores: object, my_sds: object) -> str:
    """The mean over seeds of each stand-in's score, and its sample standard deviation."""
    own = _own()
    systems = list(own["system"].unique())
    means, spreads = mapping(my_scores, systems, "my_scores"), mapping(my_sds, systems, "my_sds")
    scores = {name: number(means[name], f"my_scores[{name!r}]", 0, 100) for name in systems}
    sds = {name: number(spreads[name], f"my_sds[{name!r}]", low=0) for name in systems}
    measured = su.measured_results()
    all_metrics = measured.groupby("system")["value"].mean()
    of_cells = own.groupby(["system", "task"])["value"].std().groupby("system").mean()
    of_all = own.groupby("system")["value"].std()
    per_seed = own.groupby(["system", "seed"])["value"].mean()
    for name in systems:
        three = per_seed[name]
        what = f"my_scores[{name!r}]"
        mistakes = {
            f"{what} is a mean over all metrics. One metric of each task enters a score.": float(all_metrics[name]),
            f"{what} is a share; give it in per cent.": three.mean() / 100,
            f"{what} is the best of the three seeds; take their mean.": three.max(),
        }
        expect(scores[name], three.mean(), what, mistakes, tolerance=0, room=0.06)  # a score may be cut, or rounded
        what = f"my_sds[{name!r}]"
        mistakes = {
            f"{what} divides by the number of seeds; a sample's divides by one less.": three.std(ddof=0),
            f"{what} is the mean of the tasks' standard deviations. Compute each seed's score first.": of_cells[name],
            f"{what} is over all tasks and seeds. Compute each seed's score first.": of_all[name],
            f"{what} is the standard error of the mean.": three.std() / 3**0.5,
        }
        expect(sds[name], three.std(), what, mistakes, tolerance=0, room=0.012)
    return "What chance does to one task is partly undone by another: a mean of eight is steadier than each."


def exercise_4(my_added: object, my_wins: object) -> str:
    """What the best of three seeds adds, and how often it lifts the tiny stand-in above a run of the base one."""
    added, wins = number(my_added, "my_added", low=0), number(my_wins, "my_wins", low=0)
    own = _own()
    cells = own.groupby(["task", "system"])["value"]
    right = (cells.max() - cells.mean()).mean()
    mistakes = {
        "my_added is the best less the worst. The mean is the honest report.": (cells.max() - cells.min()).mean(),
        "my_added is the best less the median. Take the mean of the three.": (cells.max() - cells.median()).mean(),
        "my_added is the mean of the standard deviations.": cells.std().mean(),
        "my_added is the sum over the cells. Divide by their number.": (cells.max() - cells.mean()).sum(),
    }
    expect(added, right, "my_added", mistakes, tolerance=0, room=POINTS)
    tiny = own[own["system"] == "ALBETO tiny"].groupby("task")["value"].max()
    base = own[own["system"] == "ALBETO base"]
    beaten = int((base["task"].map(tiny) > base["value"]).sum())
    mistakes = {
        "my_wins is a share. How many base runs are beaten?": beaten / len(base),
        "my_wins is in per cent. How many base runs are beaten?": 100 * beaten / len(base),
        "my_wins compares with the base stand-in's mean or best. Compare with each of its runs.": int(
            (tiny > base.groupby("task")["value"].mean()).sum()
        ),
        "my_wins counts the base runs that win.": len(base) - beaten,
    }
    expect(wins, beaten, "my_wins", mistakes, tolerance=0, hint="Of 24 runs of the base stand-in, how many are below?")
    return "About a point for nothing but luck: many a published improvement is not larger."


def exercise_5(my_scored: object, my_change: object, my_tried: object) -> str:
    """Three runs or more with a changed setting: open, but they can be held against the shipped ones."""
    if isinstance(my_scored, str | Mapping) or not isinstance(my_scored, Iterable):
        raise NotYet(f"my_scored should be a list of evaluations, one for each seed; it is {brief(my_scored)}.")
    runs = list(my_scored)
    if len(runs) < 3:
        raise NotYet(f"my_scored has {len(runs)} runs; three seeds are the least.")
    task = getattr(getattr(runs[0], "task", None), "name", "pos")
    runs = [evaluation(run, f"my_scored[{place}]", task) for place, run in enumerate(runs)]
    change = number(my_change, "my_change", -100, 100)
    whole_number(my_tried, "my_tried", low=1)
    names = sorted({run.system for run in runs})
    if len(names) > 1:
        raise NotYet(f"my_scored has runs of {' and '.join(names)}: change one thing at a time.")
    system = names[0].removesuffix(" (mini)")
    own = _own()
    shipped = own[(own["system"] == system) & (own["task"] == task)]["value"].tolist()
    if not shipped or system == names[0]:
        raise NotYet(f"There are no shipped runs of {names[0]} on {task}. Train a stand-in, with source='mini'.")
    if any(one.predictions == other.predictions for one, other in combinations(runs, 2)):
        raise NotYet("Two runs of my_scored have the same predictions: give each training its own seed.")
    metric = runs[0].task.score_metric
    values = [run.metrics[metric] for run in runs]
    if sorted(round(value, 2) for value in values) == sorted(round(value, 2) for value in shipped):
        raise NotYet("my_scored has the scores of the shipped runs: change a setting.")
    right = statistics.mean(values) - statistics.mean(shipped)
    mistakes = {
        "my_change has the wrong sign: yours minus the shipped ones.": -right,
        "my_change compares the best of your runs; compare the means.": max(values) - statistics.mean(shipped),
        "my_change compares the best with the best; compare the means.": max(values) - max(shipped),
        "my_change is your mean. How far is it from that of the shipped runs?": statistics.mean(values),
    }
    hint = f"Means of {metric}, in points."
    expect(change, right, "my_change", mistakes, tolerance=0, hint=hint, room=0.06)
    error = (statistics.variance(values) / len(values) + statistics.variance(shipped) / len(shipped)) ** 0.5
    size = abs(right) / error if error else float("inf")
    return f"{size:.1f} standard errors over the seeds. Compare your two sentences with the chapter's list for reports."
