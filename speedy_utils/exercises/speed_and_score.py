"""Checks of the exercises of *Speed and score*."""

from __future__ import annotations

import math

import speedy_utils as su
from speedy_utils.exercises.answers import NotYet, expect, mapping, names, number, one_of, same_names


def exercise_1(my_speedups: object) -> str:
    """Speedups of the distilled systems over ALBETO base, by name."""
    distilled = [s.name for s in su.SYSTEMS if s.route == "distillation"]
    given = mapping(my_speedups, distilled, "my_speedups")
    for name in distilled:
        what = f"my_speedups[{name!r}]"
        value = number(given[name], what, low=0)
        macs, base, beto = (su.count_macs(one) for one in (name, "ALBETO base", "BETO cased"))
        without = su.count_macs("ALBETO base", attention_products=False) / su.count_macs(name, attention_products=False)
        mistakes = {
            f"{what} is a speedup over BETO. Put ALBETO base in its place.": beto / macs,
            f"{what} is upside down: a speedup is the reference's MACs divided by the system's.": macs / base,
        }
        if not math.isclose(without, base / macs, rel_tol=5e-4):
            mistakes[f"{what} leaves out attention's products; count_macs has them unless told otherwise."] = without
        expect(value, base / macs, what, mistakes, tolerance=2e-4)
    return "Depth alone: close to 12 divided by the number of layers, less what every depth has."


def exercise_2(my_always: object, my_sometimes: object) -> str:
    """The systems that are on all frontiers, and those that are on some, when one task at a time is left out."""
    results = su.published_results()
    results = results[results["metric"] != "exact_match"]
    frontiers = []
    for task in su.TASKS:
        rest = results[results["task"] != task.name].groupby(["system", "route"])["value"].mean()
        frame = su.published_summary()[["system", "route", "speedup"]].merge(rest.rename("score").reset_index())
        frontiers.append(set(su.pareto_frontier(frame)["system"]))
    always, ever = set.intersection(*frontiers), set.union(*frontiers)
    options = [system.name for system in su.SYSTEMS]
    first, second = names(my_always, options, "my_always"), names(my_sometimes, options, "my_sometimes")
    if both := sorted(first & second):
        raise NotYet(f"{both[0]} is in both sets: my_sometimes has only those that leave the frontier now and then.")
    same_names(
        first, always, "my_always", "Without one of the tasks it is off the frontier.", "Which are on all eight?"
    )
    same_names(second, ever - always, "my_sometimes", "It is on none of the eight.", "Which are on one to seven?")
    return "All places right of 1× are safe; left of it, single tasks decide."


def exercise_3(my_tiny: object, my_beto: object) -> str:
    """The lengths at which attention's products are half of all MACs."""
    for name, answer, what in (("ALBETO tiny", my_tiny, "my_tiny"), ("BETO cased", my_beto, "my_beto")):
        hidden = su.get_system(name).architecture.hidden
        value = number(answer, what, low=1)
        mistakes = {
            f"{what} = 12 H: attention's products are 2 n² H in each layer (scores and the mix of values).": 12
            * hidden,
            f"{what} = 3 H: 2 n² H grows by n once more than the rest, 12 n H². Divide once more.": 3 * hidden,
            f"{what} = 2 H: the feed-forward part is missing, two thirds of a layer.": 2 * hidden,
        }
        expect(value, 6 * hidden, what, mistakes, tolerance=0.05, hint="Per layer: 2 n² H = 4 n H² + 2 n H I, I = 4 H.")
    return "About 6 H: far beyond the 512 tokens that these models read."


def exercise_4(my_system: object) -> str:
    """A system for names in long articles on a CPU: open, but some choices break the two conditions."""
    name = one_of(my_system, [system.name for system in su.SYSTEMS], "my_system")
    results = su.published_results()
    ner = results[results["task"] == "ner"].groupby("system")["value"].max()
    lost = ner.max() - ner[name]
    if lost > 8:
        raise NotYet(f"{name} loses {lost:.1f} points of F1 against the best system: more than 8.")
    speedup = su.count_macs("BETO cased", sequence_length=512) / su.count_macs(name, sequence_length=512)
    if speedup < 0.9:
        raise NotYet(f"{name} meets the F1, but does {1 / speedup:.1f} times BETO's work for each text.")
    return f"{name} loses {lost:.1f} points. Compare your reasons with those in the solution."
