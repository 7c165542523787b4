"""Checks of the exercises of *Students by depth*."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING

import speedy_utils as su
from speedy_utils.exercises.answers import (
    NotYet,
    brief,
    expect,
    mapping,
    names,
    number,
    one_of,
    run,
    same_names,
    whole_number,
)

if TYPE_CHECKING:
    import pandas as pd

    from speedy_utils.training import Run

TASKS = [task.name for task in su.TASKS]
DEPTHS = (2, 4, 6, 8, 10)


def exercise_1(my_depths: object) -> str:
    """Largest depths of ALBETO base that are three times as fast as BETO, by (tokens, attention's products)."""
    base = su.get_system("ALBETO base")
    given = mapping(my_depths, [(n, products) for n in (512, 128) for products in (False, True)], "my_depths")
    depths = {key: whole_number(value, f"my_depths[{key}]", 1, 12) for key, value in given.items()}

    def speedup(layers: int, tokens: int, products: bool) -> float:
        student = replace(base, architecture=replace(base.architecture, layers=layers))
        beto, cost = (su.count_macs(one, 1, tokens, products) for one in ("BETO uncased", student))
        return beto / cost

    for key, depth in depths.items():
        what = f"my_depths[{key}]"
        if (found := speedup(depth, *key)) < 3:
            why = (
                " 12 / 3 leaves out what every depth has: the embeddings' projection and the head."
                if depth == 4
                else ""
            )
            raise NotYet(
                f"{what} = {depth}: with so many layers it is {found:.2f} times as fast, less than three.{why}"
            )
        if depth < 12 and speedup(depth + 1, *key) >= 3:
            raise NotYet(f"{what} = {depth} is fast enough, and so is a layer more: the largest depth is asked for.")
    return "The same depth four times: four layers just miss it, since the embeddings' projection and the head stay."


def exercise_2(my_ahead: object, my_lost: object, my_choice: object) -> str:
    """Points by which the published distilled ALBETO tiny is ahead of base-2, by task, and which of the two to take."""
    given = mapping(my_ahead, TASKS, "my_ahead")
    points = {name: number(value, f"my_ahead[{name!r}]", -100, 100) for name, value in given.items()}
    lost = names(my_lost, TASKS, "my_lost")
    choice = one_of(my_choice, ["ALBETO tiny", "ALBETO base-2"], "my_choice")
    results = su.published_results()

    def published(system: str, route: str, task: su.Task, metric: str) -> float:
        rows = results[(results["system"] == system) & (results["route"] == route) & (results["task"] == task.name)]
        return rows.loc[rows["metric"] == metric, "value"].item()

    for task in su.TASKS:
        what, metric = f"my_ahead[{task.name!r}]", task.score_metric
        tiny, base = (published(name, "distillation", task, metric) for name in ("ALBETO tiny", "ALBETO base-2"))
        tuned = published("ALBETO tiny", "fine-tuning", task, metric)
        mistakes = {
            f"{what} has the wrong sign: tiny minus base-2 is asked for.": base - tiny,
            f"{what} takes the fine-tuned tiny. Compare distilled with distilled.": tuned - base,
            f"{what} is relative to base-2; points are a plain difference.": 100 * (tiny / base - 1),
        }
        if metric == "f1" and task.kind == "question_answering":
            exact = [published(name, "distillation", task, "exact_match") for name in ("ALBETO tiny", "ALBETO base-2")]
            mistakes[f"{what} compares exact matches; the score takes F1."] = exact[0] - exact[1]
        expect(points[task.name], tiny - base, what, mistakes, tolerance=0.002)
    same_names(lost, {name for name, value in points.items() if value < 0}, "my_lost", "Tiny is ahead there.")
    if choice != "ALBETO tiny":
        raise NotYet(f"{choice} is behind on every task and three times as slow: what speaks for it?")
    return "Two layers are too few, however wide: depth first, then width."


def exercise_3(my_layers: object) -> str:
    """The smallest published depth of each task that loses no more than a point against ten layers."""
    given = mapping(my_layers, TASKS, "my_layers")
    layers = {name: whole_number(value, f"my_layers[{name!r}]", 2, 10) for name, value in given.items()}
    for name, depth in layers.items():
        if depth not in DEPTHS:
            raise NotYet(f"my_layers[{name!r}] = {depth}: the published students have 2, 4, 6, 8 or 10 layers.")
    results = su.published_results()
    results = results[results["system"].str.fullmatch(r"ALBETO base-\d+")]
    results = results.assign(layers=results["system"].str.extract(r"-(\d+)$")[0].astype(int))
    own = results["metric"] == results["task"].map({task.name: task.score_metric for task in su.TASKS})
    kinds = {task.name: task.kind for task in su.TASKS}

    def behind(rows: pd.DataFrame) -> pd.DataFrame:
        table = rows.pivot(index="task", columns="layers", values="value")
        return table.sub(table[10], axis=0)

    def least(gaps: pd.DataFrame, allowed: float) -> dict[str, int]:
        return {task: min(depth for depth in DEPTHS if gaps.loc[task, depth] >= -allowed) for task in gaps.index}

    gaps = behind(results[own])
    of_kinds = least(gaps.groupby(kinds).mean(), 1)
    exact = behind(results[~own])
    mistakes = {
        "my_layers takes the means over a kind of task. Each task by itself is asked for.": {
            name: of_kinds[kinds[name]] for name in TASKS
        },
        "my_layers allows two points, as the text above did. Here it is one.": least(gaps, 2),
        "my_layers takes exact matches for the questions; the score takes F1.": least(gaps, 1) | least(exact, 1),
    }
    expected = least(gaps, 1)
    for sentence, wrong in mistakes.items():
        if layers == wrong != expected:
            raise NotYet(sentence)
    for name, depth in layers.items():
        if depth < expected[name]:
            raise NotYet(f"my_layers[{name!r}] = {depth} loses {-gaps.loc[name, depth]:.1f} points: more than one.")
        if depth > expected[name]:
            raise NotYet(
                f"my_layers[{name!r}] = {depth} is enough, but a shallower one loses no more than a point, too."
            )
    return "One budget of points buys depths from 2 to 10: depth is paid for by the task."


def exercise_4(my_always: object, my_ever: object) -> str:
    """How many points (a system with its route) are on the measured frontier of every seed, and of any."""
    from speedy_utils.distillation.study import study_scores
    from speedy_utils.mini.systems import mini_system

    always, ever = whole_number(my_always, "my_always", 0), whole_number(my_ever, "my_ever", 0)
    import pandas as pd

    measured = su.measured_results()
    measured = measured[measured["metric"] == measured["task"].map({task.name: task.score_metric for task in su.TASKS})]
    taught = study_scores()
    taught = taught[taught["way"] == "taught"]
    both = pd.concat([measured.assign(route="fine-tuning"), taught.assign(route="distillation")])
    cost = {name: su.count_macs(mini_system(name), sequence_length=128) for name in both["system"].unique()}

    def frontier(rows: pd.DataFrame) -> set[tuple[str, str]]:
        points = rows.groupby(["system", "route"])["value"].mean().rename("score").reset_index()
        points["speedup"] = points["system"].map(lambda name: cost["BETO uncased"] / cost[name])
        best = su.pareto_frontier(points)
        return set(zip(best["system"], best["route"], strict=True))

    seeds = [frontier(rows) for _, rows in both.groupby("seed")]
    systems = [{name for name, _ in one} for one in seeds]
    expected = len(set.intersection(*seeds)), len(set.union(*seeds))
    if always > ever:
        raise NotYet("More on all three frontiers than on at least one? The two are the wrong way round.")
    mistakes = {
        "These are systems without their routes. A point is a system and its route: taught and fine-tuned are two.": (
            len(set.intersection(*systems)),
            len(set.union(*systems)),
        ),
        "my_ever counts a point once for each seed. Each counts once, on however many frontiers it is.": (
            expected[0],
            sum(map(len, seeds)),
        ),
        "my_always is the frontier of the means over the seeds. Draw three frontiers, one a seed.": (
            len(frontier(both)),
            expected[1],
        ),
    }
    for sentence, wrong in mistakes.items():
        if (always, ever) == wrong != expected:
            raise NotYet(sentence)
    expect(always, expected[0], "my_always", {}, hint="Which points are on the frontiers of seed 1, of 2 and of 3?")
    expect(ever, expected[1], "my_ever", {}, hint="Put the three frontiers together: how many different points?")
    return "Half of the points that some seed shows as unbeaten are so by chance: a frontier is made of maxima."


def exercise_5(my_expectation: object, my_taught: object, my_tuned: object, my_gain: object) -> str:
    """Open: a student of two layers, taught and fine-tuned with three seeds, and the gain that was expected."""
    expected = number(my_expectation, "my_expectation", -100, 100)
    taught, tuned = _runs(my_taught, "my_taught"), _runs(my_tuned, "my_tuned")
    gain = number(my_gain, "my_gain", -100, 100)
    if _seeds(taught) != _seeds(tuned):
        raise NotYet(f"my_taught has the seeds {_seeds(taught)} and my_tuned {_seeds(tuned)}: give both the same.")
    for one in taught:
        if not one.settings.distillation:
            raise NotYet("my_taught holds a fine-tuned run: its runs should come from su.distill.")
    for one in tuned:
        if one.settings.distillation:
            raise NotYet("my_tuned holds a taught run: its runs should come from su.fine_tune.")
    every = taught + tuned
    for one in every:
        if (depth := one.encoder.model.config.num_hidden_layers) != 2:
            raise NotYet(f"{one.record['system']} has {depth} layers, not two.")
    if len({one.record["identity"]["data"]["train"] for one in every}) > 1:
        raise NotYet("The runs learnt from different sentences. Give data= the same part each time.")
    if len({one.settings.epochs for one in every}) > 1:
        raise NotYet("The runs differ in their epochs: then they compare steps, not ways of learning.")
    metric = taught[0].task.score_metric
    first, second = ([one.validation[metric] for one in runs] for runs in (taught, tuned))
    mistakes = {
        "my_gain has the wrong sign: taught minus fine-tuned is asked for.": mean(second) - mean(first),
        "my_gain compares the best seeds. Compare the means: a maximum likes luck.": max(first) - max(second),
        "my_gain is a share; points are percentages.": (mean(first) - mean(second)) / 100,
    }
    hint = f"It is the mean of validation[{metric!r}] over my_taught less that over my_tuned."
    expect(gain, mean(first) - mean(second), "my_gain", mistakes, hint=hint)
    return (
        f"You expected {expected:+.1f} points and found {round(gain, 1) + 0.0:+.1f}; the seeds alone spread over "
        f"{max(first) - min(first):.1f}. Compare your reasons with those in the solution."
    )


def _runs(answer: object, name: str) -> list[Run]:
    """At least three runs of one task, each with a seed of its own, in the order of the seeds."""
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise NotYet(f"{name} should be a list of runs, one for each seed; it is {brief(answer)}.")
    runs = [run(one, f"A member of {name}") for one in answer]
    if len(set(_seeds(runs))) < 3:
        raise NotYet(f"{name} has {len(set(_seeds(runs)))} different seeds; three are asked for.")
    if len({one.task.name for one in runs}) > 1:
        raise NotYet(f"{name} mixes tasks; take one.")
    return sorted(runs, key=lambda one: one.settings.seed)


def _seeds(runs: list[Run]) -> list[int]:
    return sorted(one.settings.seed for one in runs)
