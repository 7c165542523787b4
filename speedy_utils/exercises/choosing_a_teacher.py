"""Checks of the exercises of *Choosing a teacher*."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import NormalDist, mean
from typing import TYPE_CHECKING

import speedy_utils as su
from speedy_utils.exercises.answers import NotYet, brief, expect, mapping, number, one_of, run, whole_number

if TYPE_CHECKING:
    import pandas as pd

    from speedy_utils.training import Run

COLLAPSED = 0.5765  # the share of the larger class, which collapsed runs give to every pair
FACTORS = ("student", "teacher", "loss")
GROUPS = 42  # runs in a task's grid


def exercise_1(my_entropy: object, my_loss: object) -> str:
    """The cross-entropy of a model that answers with the shares of the classes, and which loss it gives away."""
    entropy, loss = number(my_entropy, "my_entropy", 0), one_of(my_loss, ["gold labels", "teacher"], "my_loss")
    larger, smaller = -COLLAPSED * math.log(COLLAPSED), -(1 - COLLAPSED) * math.log(1 - COLLAPSED)
    both = larger + smaller
    mistakes = {
        "my_entropy is in bits. The losses are in nats: take the natural logarithm.": both / math.log(2),
        "my_entropy has the larger class only. Both classes have their part.": larger,
        "my_entropy has the smaller class only. Both classes have their part.": smaller,
        "my_entropy takes both classes as equally frequent. The larger one has the share of collapsed runs.": math.log(
            2
        ),
        "my_entropy is what a model gets that is sure of its share: give each class its own share.": -math.log(
            COLLAPSED
        ),
    }
    hint = "It is -s log s - (1 - s) log (1 - s), s the share of the larger class."
    expect(entropy, both, "my_entropy", mistakes, tolerance=0.001, hint=hint)
    if loss != "gold labels":
        raise NotYet(
            "Compare my_entropy with the collapsed runs' validation_loss. A KL divergence from the teacher "
            "would be smaller, by the teacher's entropy."
        )
    return "The collapsed runs' losses agree with it: so validation_loss is that of the gold labels."


def exercise_2(my_runs: object, my_pawsx_hours: object, my_xnli_hours: object, sigma: float, cost: pd.DataFrame) -> str:
    """How many runs of either loss show half a point, and the GPU hours of them all."""
    runs = whole_number(my_runs, "my_runs", 1, 100_000)
    hours = {
        "PAWS-X": number(my_pawsx_hours, "my_pawsx_hours", 1, 1e6),
        "XNLI": number(my_xnli_hours, "my_xnli_hours", 1, 1e6),
    }

    def needed(level: float = 0.975, power: float = 0.8, factor: float = 2, spread: float = sigma) -> int:
        z = NormalDist()
        return math.ceil(factor * (z.inv_cdf(level) + z.inv_cdf(power)) ** 2 * spread**2 / 0.5**2)

    expected = needed()
    mistakes = {
        "my_runs is the runs of both losses together. Of each, the formula says.": 2 * expected,
        "my_runs tests one side only. At 5% on two sides the quantile is that of 97.5%.": needed(level=0.95),
        "my_runs lacks the 2 of the formula: each of the two means has noise.": needed(factor=1),
        "my_runs leaves out the power, the second quantile.": needed(power=0.5),
        "my_runs takes 80% of both sides. The quantile of the power is that of 0.8.": needed(power=0.9),
        "my_runs has sigma where its square belongs.": needed(spread=math.sqrt(sigma)),
        "my_runs is rounded down: the last run is needed, too.": expected - 1,
    }
    expect(runs, expected, "my_runs", mistakes, hint="Half a point is delta = 0.5, with the chapter's sigma.")
    per_run = cost.set_index("task")["a run"]
    for task, value in hours.items():
        what = "my_pawsx_hours" if task == "PAWS-X" else "my_xnli_hours"
        right = 2 * expected * per_run[task]
        mistakes = {
            f"{what} is for one of the two losses.": right / 2,
            f"{what} takes the hours of all {GROUPS} runs for those of one.": GROUPS * right,
            f"{what} is the time of a single run.": per_run[task],
        }
        hint = "Runs of both losses, times the hours of a run in the table of costs."
        expect(value, right, what, mistakes, tolerance=0.01, hint=hint)
    return "Halving the difference takes four times the runs. For XNLI the sigma of PAWS-X is an assumption."


def exercise_3(my_parts: object, sigma: float) -> str:
    """The variance of the sound runs by what explains it: student, teacher, loss, and the rest."""
    keys = [*FACTORS, "the rest"]
    given = mapping(my_parts, keys, "my_parts")
    parts = {name: number(value, f"my_parts[{name!r}]", 0, 1e6) for name, value in given.items()}
    if len(set(parts.values())) == 1:
        raise NotYet("my_parts says the same of everything: look at the means of each factor's levels.")
    study = su.authors_teacher_study()
    calm = study[study["learning_rate"] == 5e-5]
    four = calm[calm["teacher"] != "DistilBETO"]

    def split(runs: pd.DataFrame) -> dict[str, float]:
        values = runs["validation_accuracy"]
        found = {
            name: ((runs.groupby(name)["validation_accuracy"].transform("mean") - values.mean()) ** 2).mean()
            for name in FACTORS
        }
        return {**found, "the rest": values.var(ddof=0) - sum(found.values())}

    right, values = split(four), four["validation_accuracy"]
    others = {
        "DistilBETO's runs are in it": split(calm),
        "the runs at the higher learning rate are in it": split(study[study["teacher"] != "DistilBETO"]),
        "all runs are in it": split(study),
        "it is a share of the whole; squared points are asked for": {
            name: part / values.var(ddof=0) for name, part in right.items()
        },
        "it is a standard deviation; squared points are asked for": {
            name: math.sqrt(part) for name, part in right.items()
        },
        "it divides by one less than the number of levels; take the mean": {
            name: right[name] * four[name].nunique() / (four[name].nunique() - 1) for name in FACTORS
        },
        "the whole variance divides by n - 1 where the parts divide by n (ddof=0)": {
            "the rest": right["the rest"] + values.var(ddof=1) - values.var(ddof=0)
        },
        "it is the whole variance; take the three parts off": {"the rest": values.var(ddof=0)},
    }
    for name in keys:
        what = f"my_parts[{name!r}]"
        mistakes = {f"{what}: {why}.": other[name] for why, other in others.items() if name in other}
        hint = "The mean over the runs of (the level's mean less the mean of all), squared."
        expect(parts[name], right[name], what, mistakes, hint=hint)
    return (
        f"The student is nearly everything. What remains, {right['the rest']:.2f}, is noise ({sigma**2:.2f} between "
        "twins) and interactions, such as a loss that suits shallow students."
    )


def exercise_4(my_kl: object, my_soft: object, my_apart: object) -> str:
    """Two runs that differ in the loss alone, and how far they lie apart."""
    runs = {"my_kl": run(my_kl, "my_kl"), "my_soft": run(my_soft, "my_soft")}
    apart = number(my_apart, "my_apart", 0, 100)
    for (name, one), loss in zip(runs.items(), ("kl", "soft_cross_entropy"), strict=True):
        if one.settings.distillation is None:
            raise NotYet(f"{name} was fine-tuned; give a run of su.distill.")
        if one.settings.distillation.loss != loss:
            raise NotYet(f"{name} was trained with the loss {one.settings.distillation.loss!r}, not {loss!r}.")
    first, second = runs.values()
    for what in ("seed", "epochs", "learning_rate"):
        if getattr(first.settings, what) != getattr(second.settings, what):
            raise NotYet(f"The twins differ in their {what} as well: only the loss may differ.")
    for what in ("system", "teachers", "data"):
        if first.record["identity"][what] != second.record["identity"][what]:
            raise NotYet(f"The twins differ in their {what} as well: only the loss may differ.")
    if first.record["identity"]["system"] != "ALBETO tiny":
        raise NotYet(f"The twins are {first.record['system']}; the tiny student is asked for.")
    metric = first.task.score_metric
    gap = abs(first.validation[metric] - second.validation[metric])
    if abs(apart - gap) > 0.005:
        if abs(apart - gap / 100) < 5e-5:
            raise NotYet("my_apart is a share; give points.")
        raise NotYet(f"my_apart is {apart:.3g}: compare validation[{metric!r}] of the two runs.")
    if gap < 0.005:
        return (
            "Together, as one training should be: this processor adds numbers up in one order. In the authors' runs a "
            "GPU changed it, or the order of the pairs differed; it was not the loss."
        )
    return f"{gap:.2f} points from rounding alone: training enlarges it. That is what a twin's noise is made of."


def exercise_5(
    my_success: object, my_seeds: object, my_together: object, my_gain: object, pupils: Mapping[tuple[str, int], Run]
) -> str:
    """Open: students of two teachers at once, against the better student of one teacher with the same seed."""
    success = number(my_success, "my_success", 0.01, 100)
    planned = whole_number(my_seeds, "my_seeds", 1, 1000)
    if isinstance(my_together, str) or not isinstance(my_together, Iterable):
        raise NotYet(f"my_together should be a list of runs, one for each seed; it is {brief(my_together)}.")
    runs = [run(one, "A member of my_together") for one in my_together]
    gain = number(my_gain, "my_gain", -100, 100)
    seeds = [one.settings.seed for one in runs]
    if len(set(seeds)) != planned or len(runs) != planned:
        raise NotYet(f"You planned {planned} seeds and ran {len(set(seeds))}. A plan that may change proves nothing.")
    both = "DistilBETO", "ALBETO base"
    singles = {seed: [pupils[name, seed] for name in both if (name, seed) in pupils] for seed in seeds}
    for one, seed in zip(runs, seeds, strict=True):
        if len(set(one.record.get("teachers", []))) != 2:
            raise NotYet(f"The run with seed {seed} has not two teachers: give su.distill a list of both.")
        if len(singles[seed]) < 2:
            raise NotYet(f"`pupils` has no student of one teacher with the seed {seed} to compare with.")
        other = singles[seed][0]
        for what, (mine, theirs) in {
            "epochs": (one.settings.epochs, other.settings.epochs),
            "learning rate": (one.settings.learning_rate, other.settings.learning_rate),
            "system": (one.record["system"], other.record["system"]),
            "data": (one.record["identity"]["data"], other.record["identity"]["data"]),
        }.items():
            if mine != theirs:
                raise NotYet(f"The run with seed {seed} and its single-taught twins differ in their {what}, too.")
    metric = runs[0].task.score_metric
    f1 = [one.validation[metric] for one in runs]
    alone = [[one.validation[metric] for one in singles[seed]] for seed in seeds]
    right = mean(f1) - mean(map(max, alone))
    mistakes = {
        "my_gain has the wrong sign: two teachers minus the better one is asked for.": -right,
        "my_gain compares with the worse of the two.": mean(f1) - mean(map(min, alone)),
        "my_gain compares with the mean of the two. The better one is the rival.": mean(f1) - mean(map(mean, alone)),
        "my_gain is a share; give points.": right / 100,
    }
    hint = f"Mean over the seeds of validation[{metric!r}], less that of the better student of the same seed."
    expect(gain, right, "my_gain", mistakes, hint=hint)
    reached = "reached" if gain >= success else "not reached"
    return (
        f"A gain of {success:g} was to be a success, {gain:+.1f} was found: {reached}, over {planned} "
        f"seed{'s' * (planned > 1)}. Compare your reasons with those in the solution."
    )
