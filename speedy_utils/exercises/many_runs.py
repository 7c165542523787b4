"""Checks of the exercises of *Many runs*."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist, mean
from typing import TYPE_CHECKING

import speedy_utils as su
from speedy_utils.exercises.answers import (
    NotYet,
    brief,
    expect,
    mapping,
    names,
    number,
    numbers,
    one_of,
    same_names,
)

if TYPE_CHECKING:
    from speedy_utils.grid import Job

DONE = (42, 84, 168)
SETTINGS = (1, 2, 6, 36)
BETWEEN = (6, 24, 384)
MINUTE = 1 / 60
EPOCHS = 28  # the median, as the chapter takes it


def exercise_1(my_outcome: object, my_sentence: object, jobs: Sequence[Job], store: Path) -> str:
    """What a store does when the file that its runs learnt from has changed, and what it says."""
    outcome = one_of(my_outcome, ["refuse", "use the old results", "train again"], "my_outcome")
    if not isinstance(my_sentence, str) or not my_sentence.strip():
        raise NotYet(f"my_sentence should be the text of the ValueError, str(error); it is {brief(my_sentence)}.")
    if outcome == "use the old results":
        raise NotYet("Then figures of the old data would be reported as those of the new.")
    if outcome == "train again":
        raise NotYet("Then old and new runs would stand in one table. Add a sentence and see what run_grid does.")
    from speedy_utils.grid import claim_store

    if "another grid" in my_sentence:
        raise NotYet("That is the refusal of another grid. Run the same `jobs`, and change only what the file holds.")
    if "holds runs on other data" not in my_sentence:
        raise NotYet(f"The store does not say {brief(my_sentence)} when run_grid(jobs, store) meets a changed file.")
    try:
        claim_store(store.resolve(), jobs)
    except (ValueError, OSError):
        raise NotYet(
            "The file is still changed: write its old bytes back, or nothing fits this store any more."
        ) from None
    return "The store has noted a hash of each file, or old results would be found and reported as those of new data."


def exercise_2(my_shuffled: object, my_estimates: object) -> str:
    """The paper's jobs in random order, and the time left as it is estimated after 42, 84 and 168 of them."""
    shuffled = numbers(my_shuffled, "my_shuffled", 336)
    given = mapping(my_estimates, DONE, "my_estimates")
    estimates = {done: number(value, f"my_estimates[{done}]", 0, 1e6) for done, value in given.items()}
    import numpy as np

    truth = np.repeat([su.DISTILLATION_HOURS[task.name] / 42 for task in su.TASKS], 42)
    if not np.allclose(np.sort(shuffled), np.sort(truth)):
        raise NotYet("my_shuffled has not the hours of all 336 jobs, each once: permutation, not choice.")
    if np.allclose(shuffled, truth):
        raise NotYet("my_shuffled is in the order of the tasks, as before.")
    if (np.diff(shuffled) != 0).sum() < 20:
        raise NotYet("my_shuffled still has the runs of a task together. Shuffle all 336 jobs.")
    for done, estimate in estimates.items():
        so_far, what = shuffled[:done].mean(), f"my_estimates[{done}]"
        mistakes = {
            f"{what} is the time of all runs. Those that are done are not left.": so_far * len(shuffled),
            f"{what} is what is truly left. The estimate knows only the runs so far.": shuffled[done:].sum(),
            f"{what} is the time so far.": shuffled[:done].sum(),
            f"{what} takes the order of the tasks, not my_shuffled.": truth[:done].mean() * (len(truth) - done),
            f"{what} takes the median of the runs. Long runs count as they are: the mean.": np.median(shuffled[:done])
            * (len(shuffled) - done),
        }
        hint = "The mean of the runs so far in my_shuffled, times the number of runs left."
        expect(estimate, so_far * (len(shuffled) - done), what, mistakes, tolerance=0.001, hint=hint)
    worst = max(abs(estimate / shuffled[done:].sum() - 1) for done, estimate in estimates.items())
    return (
        f"Off by {worst:.0%} at most: a part of a shuffled list is much like the rest. What is lost: "
        "if the grid stops early, no task is whole."
    )


def exercise_3(my_validation: object, my_test: object) -> str:
    """Mean figures of the winner of n equal settings, on the validation set that chose it and on the test set."""
    given = {}
    for answer, name in ((my_validation, "my_validation"), (my_test, "my_test")):
        values = mapping(answer, SETTINGS, name)
        given[name] = {n: number(value, f"{name}[{n}]", -10, 10) for n, value in values.items()}
    z, steps = NormalDist(), 4000
    best = {n: mean(z.inv_cdf(((k + 0.5) / steps) ** (1 / n)) for k in range(steps)) for n in SETTINGS}

    def near(value: float, other: float) -> bool:
        return abs(value - other) < 0.05

    validation, test = given["my_validation"], given["my_test"]
    if all(near(test[n], best[n]) and near(validation[n], 0) for n in SETTINGS):
        raise NotYet("Validation and test have changed places.")
    for n in SETTINGS:
        value, what = validation[n], f"my_validation[{n}]"
        if near(value, best[n]):
            continue
        if near(value, -best[n]):
            raise NotYet(f"{what} = {value:.2f} is the worst of {n}. The best has the highest figure.")
        if near(value, 0):
            raise NotYet(f"{what} is that of any setting. The winner is the one with the highest validation figure.")
        raise NotYet(f"{what} = {value:.2f} should be {'lower' if value > best[n] else 'higher'}: the mean over 20,000 "
                     f"draws of the highest of {n} figures with standard deviation 1.")  # fmt: skip
    for n in SETTINGS:
        value, what = test[n], f"my_test[{n}]"
        if near(value, 0):
            continue
        if near(value, best[n]):
            raise NotYet(
                f"{what} = {value:.2f} is as high as on validation: draw the test figures anew, and take the one of "
                "the setting that validation chose, not the highest."
            )
        raise NotYet(f"{what} = {value:.2f} is too far from the settings' common truth: is it the winner's own figure?")
    return (
        f"The winner of 6 looks {best[6]:.1f} standard deviations better than it is. What chose nothing is not fooled."
    )


def exercise_4(my_intervals: object, my_share: object) -> str:
    """Hours between checkpoints that cost least, and what one after each epoch of XNLI costs."""
    given = mapping(my_intervals, BETWEEN, "my_intervals")
    intervals = {key: number(value, f"my_intervals[{key}]", 0, 1e6) for key, value in given.items()}
    share = number(my_share, "my_share", 0, 100)
    for between, value in intervals.items():
        what, best = f"my_intervals[{between}]", math.sqrt(2 * MINUTE * between)
        mistakes = {
            f"{what} takes one minute for one hour: C is 1/60 of an hour.": math.sqrt(2 * between),
            f"{what} is in minutes; hours are asked for.": 60 * best,
            f"{what} lacks a factor: the derivative of tau / 2M is 1 / 2M.": math.sqrt(MINUTE * between),
            f"{what} has the factor on the wrong side: it is 2 C M under the root.": math.sqrt(MINUTE * between / 2),
            f"{what} is the square: solve C / tau² = 1 / 2M for tau.": 2 * MINUTE * between,
            f"{what} is a share of the time; the interval itself is asked for.": MINUTE / best + best / (2 * between),
        }
        hint = "Set the derivative of C / tau + tau / 2M to 0."
        expect(value, best, what, mistakes, tolerance=0.01, hint=hint)
    epoch = su.DISTILLATION_HOURS["xnli"] / 42 / EPOCHS
    right = MINUTE / epoch + epoch / 48
    best = math.sqrt(2 * MINUTE * 24)
    mistakes = {
        "my_share is a percentage; give a share between 0 and 1.": 100 * right,
        "my_share is what the best interval costs. An epoch of XNLI is shorter.": MINUTE / best + best / 48,
        "my_share has the writing only. What a failure takes away costs as well.": MINUTE / epoch,
        "my_share has the losses only. Writing costs as well.": epoch / 48,
        "my_share takes one minute for one hour: C is 1/60 of an hour.": 1 / epoch + epoch / 48,
        "my_share takes a whole run for an epoch.": MINUTE / (epoch * EPOCHS) + epoch * EPOCHS / 48,
    }
    hint = "An epoch of XNLI is its hours by 42 runs by 28 epochs; M is 24."
    expect(share, right, "my_share", mistakes, tolerance=0.01, hint=hint)
    return "The square-root law (Young, 1974). Near its lowest point the cost is flat: an epoch is near enough."


def exercise_5(my_frontier: object, my_doubtful: object) -> str:
    """The frontier of the measured table, and the system on it that other seeds would most easily push off."""
    from speedy_utils.results import MEASURED, measured_results, paper_table

    found = names(my_frontier, MEASURED, "my_frontier")
    doubtful = one_of(my_doubtful, MEASURED, "my_doubtful")
    table = paper_table(measured_results().assign(split="test", route="fine-tuning", source="mini", examples=0))
    best = su.pareto_frontier(table).set_index("system")
    if found == set(su.pareto_frontier(su.published_summary())["system"]) & set(MEASURED) != set(best.index):
        raise NotYet("That is the frontier of the published table; the measured one is asked for.")
    extra = "Is there a system at least as fast with a higher score?"
    same_names(found, set(best.index), "my_frontier", extra, "Which others does nobody beat in both?")
    rivals = {
        name: row["score"] - table[(table["speedup"] >= row["speedup"]) & (table["system"] != name)]["score"].max()
        for name, row in best.iterrows()
    }
    lead = {name: gap for name, gap in rivals.items() if not math.isnan(gap)}  # nobody is as fast as the fastest
    if doubtful not in best.index:
        raise NotYet(f"{doubtful} is not on the frontier.")
    if doubtful not in lead:
        raise NotYet(f"{doubtful} is the fastest of all: whatever its score, it stays on the frontier.")
    least = min(lead, key=lambda name: lead[name])
    if doubtful != least:
        raise NotYet(f"{doubtful} is {lead[doubtful]:.1f} points ahead of the best that is as fast. Who leads by less?")
    return f"{least} is there by {lead[least]:.2f} points, less than what another seed changes."
