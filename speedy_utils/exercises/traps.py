"""Checks of the exercises of *Traps*."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import speedy_utils as su
from speedy_utils.exercises.answers import (
    NotYet,
    brief,
    call,
    expect,
    function,
    mapping,
    number,
    one_of,
    whole_number,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from speedy_utils.training import Run

SIZES, RUNS = (1, 2, 4, 8, 16, 32, 64), (1, 2, 3, 5, 10)
# The mean of the largest of k draws from a standard normal distribution.
LARGEST = {1: 0.0, 2: 0.56419, 3: 0.84628, 5: 1.16296, 10: 1.53875}
CRASHED = {("RoBERTa BNE large", task) for task in ("ner", "pos", "xnli")}


def exercise_1(my_last: object, my_lowest: object, my_best: object, my_printable: object, by_loss: Run) -> str:
    """Three F1 of one history, and the one that belongs to the kept weights."""
    last, lowest, best = (
        number(answer, name, low=0, high=100)
        for answer, name in ((my_last, "my_last"), (my_lowest, "my_lowest"), (my_best, "my_best"))
    )
    stories = ("last", "lowest loss", "best")
    printable = one_of(my_printable, stories, "my_printable")
    history = by_loss.history
    quiet = min(history, key=lambda epoch: epoch["loss"])
    loud = max(history, key=lambda epoch: epoch["loss"])
    fitted = min(history, key=lambda epoch: epoch["train_loss"])
    of = {"last": history[-1]["f1"], "lowest loss": quiet["f1"], "best": max(epoch["f1"] for epoch in history)}
    for name, value, story in zip(
        ("my_last", "my_lowest", "my_best"), (last, lowest, best), ("last", "lowest loss", "best"), strict=True
    ):
        mistakes = {f"{name} is the F1 of another of the three reporters, “{one}”.": of[one] for one in stories}
        mistakes |= {f"{name} is the F1 after the first epoch.": history[0]["f1"]}
        if story == "lowest loss":
            mistakes = {
                "my_lowest is that of the highest loss: take idxmin.": loud["f1"],
                "my_lowest goes by the training loss. The rule looks at the validation loss.": fitted["f1"],
                "my_lowest is the loss itself. Wanted is the F1 of that epoch.": quiet["loss"],
            } | mistakes
        expect(value, of[story], name, mistakes, tolerance=2e-4, hint="See the column f1 of the history.")
    if printable == "best":
        raise NotYet("my_printable: “best” is right for a run that keeps its best F1. Which rule did this run have?")
    if printable == "last":
        raise NotYet("my_printable: the last epoch's weights were thrown away. Which epoch's were kept?")
    return "A score is printed with the weights that have it; here those of the lowest validation loss."


def exercise_2(my_sorted: object, my_effect: object, sums: np.ndarray, counts: np.ndarray) -> str:
    """The mean of batch means with the sentences sorted by their number of words."""
    import numpy as np

    given = mapping(my_sorted, SIZES, "my_sorted")
    found = {size: number(value, f"my_sorted[{size}]", low=0) for size, value in given.items()}
    effect = one_of(my_effect, ("better", "worse"), "my_effect")

    def means(order: np.ndarray) -> dict[int, float]:
        cuts = {size: [order[start : start + size] for start in range(0, len(order), size)] for size in SIZES}
        return {
            size: float(np.mean([sums[one].sum() / counts[one].sum() for one in some])) for size, some in cuts.items()
        }

    whole = float(sums.sum() / counts.sum())
    right, as_filed = means(np.argsort(counts, kind="stable")), means(np.arange(len(counts)))
    falling, by_loss = means(np.argsort(-counts, kind="stable")), means(np.argsort(sums, kind="stable"))
    for size in SIZES:
        what = f"my_sorted[{size}]"
        mistakes = {
            f"{what} is that of the file's order: give batch_means the sorted order.": as_filed[size],
            f"{what} is sorted from the longest down. Begin with the shortest, as argsort does.": falling[size],
            f"{what} is sorted by loss. Sort by the number of words, counts.": by_loss[size],
            f"{what} is the loss of all words together, which no order changes.": whole,
        }
        hint = 'The order is np.argsort(counts, kind="stable").'
        expect(found[size], right[size], what, mistakes, tolerance=2e-4, hint=hint)
    off = {
        name: sum(abs(one[size] - whole) for size in (16, 32, 64))
        for name, one in (("sorted", right), ("file", as_filed))
    }
    truth = "worse" if off["sorted"] > off["file"] else "better"
    if effect != truth:
        raise NotYet(
            f"my_effect: compare with the loss of all words, {whole:.4f}. In batches of 16 and more, which of the two "
            "orders comes nearer to it?"
        )
    return "Sorted batches differ in their number of words at every size, and each counts the same."


def exercise_3(my_gain: object, my_ahead: object) -> str:
    """How much better the best of k equal runs looks, and how often it is ahead."""
    gains, ahead = mapping(my_gain, RUNS, "my_gain"), mapping(my_ahead, RUNS, "my_ahead")
    gain = {k: number(value, f"my_gain[{k}]") for k, value in gains.items()}
    share = {k: number(value, f"my_ahead[{k}]", low=0, high=1) for k, value in ahead.items()}
    for k in RUNS:
        what, value, right = f"my_gain[{k}]", gain[k], LARGEST[k]
        if abs(value - right) <= 0.03:
            continue
        if abs(value + right) <= 0.03:
            raise NotYet(f"{what} is that of the worst of {k}: take the largest.")
        if abs(value) <= 0.03:
            raise NotYet(f"{what} is about 0, as for a mean of {k} runs. The authors report the best of them.")
        if k == 2 and abs(value - 1.128) <= 0.03:
            raise NotYet(f"{what} is from the worst run to the best. The rival is at 0.")
        if k == 1:
            raise NotYet(f"{what} = {value:.2f}: one run of a system that is no better is 0 ahead on average.")
        raise NotYet(f"{what} = {value:.2f} is too {'low' if value < right else 'high'}. Draw 10,000 times or more.")
    for k in RUNS:
        what, value, right = f"my_ahead[{k}]", share[k], 1 - 0.5**k
        if abs(value - right) <= 0.03:
            continue
        if abs(value - 0.5**k) <= 0.03:
            raise NotYet(f"{what} is how often the best of {k} is behind.")
        if abs(value - k / (k + 1)) <= 0.03:
            raise NotYet(f"{what} gives the rival a single run too. Its figure is the mean of many, 0.")
        if abs(value - 0.5) <= 0.03:
            raise NotYet(f"{what} is that of one run. When is the best of {k} ahead of 0?")
        raise NotYet(f"{what} = {value:.3f} is too {'low' if value < right else 'high'}.")
    return "The best of three is most of a standard deviation above the mean, without being better at anything."


def exercise_4(my_suspects: object) -> str:
    """A function that names crashed cells, on tables made for this and on the published one."""
    import numpy as np
    import pandas as pd

    mine = function(my_suspects, "my_suspects")
    tasks = [task.name for task in su.TASKS]

    def named(table: pd.DataFrame) -> set[tuple[str, str]]:
        result = call(mine, "my_suspects", table.copy())
        if isinstance(result, pd.Series):
            result = list(result.index)
        try:
            pairs = {(system, task) for system, task in result}
        except (TypeError, ValueError):
            pairs = {("", "")}
        if not all(system in table.index and task in table.columns for system, task in pairs):
            raise NotYet(f"my_suspects should give back pairs, (system, task); it gives {brief(result)}.")
        if len(pairs) == table.size:
            raise NotYet(
                "my_suspects names all cells of a table. (After a mask, stack keeps the others as NaN: dropna.)"
            )
        return pairs

    rng = np.random.default_rng(1)
    plain = pd.DataFrame(
        90 + np.linspace(-3, 3, 9)[:, None] - np.linspace(0, 12, 8) + rng.normal(0, 0.7, (9, 8)),
        index=[f"system {letter}" for letter in "ABCDEFGHI"],
        columns=pd.Index(tasks, name="task"),
    )
    crashed, hard, weak = plain.copy(), plain.copy(), plain.copy()
    crashed.loc["system C", "pos"] -= 45
    if ("system C", "pos") not in named(crashed):
        raise NotYet("A table was made with one cell 45 points below what its row and column lead to; it is not named.")
    hard["tar"] -= 30
    if any(task == "tar" for _, task in named(hard)):
        raise NotYet("A task that is hard for all systems was named. Compare with the task's other cells as well.")
    weak.loc["system F"] -= 18
    if any(system == "system F" for system, _ in named(weak)):
        raise NotYet("A system that is weak on all tasks was named. Compare with the system's other cells as well.")
    if some := named(plain):
        raise NotYet(f"In a table without a crash, {len(some)} cells are named: they may lie a point or two off.")
    results = su.published_results()
    results = results[(results["route"] == "fine-tuning") & (results["metric"] != "exact_match")]
    found = named(results.pivot(index="system", columns="task", values="value"))
    if missing := sorted(CRASHED - found):
        raise NotYet(f"Of the three crashes in the published table, {len(missing)} are not named. Read its rows.")
    if len(found) > 8:
        raise NotYet(f"In the published table {len(found)} cells are named. Who looks at so many? Ask for more.")
    others = len(found) - len(CRASHED)
    return f"The three crashes are found{f', with {others} beside that: for a look, not a verdict' if others else ''}."


def exercise_5(my_through_buffer: object, my_accuracies: object) -> str:
    """A buffer that mixes, and what it gives for two sizes or more; open, but the buffer must be one."""
    import numpy as np

    mine = function(my_through_buffer, "my_through_buffer")
    if not isinstance(my_accuracies, Mapping):
        raise NotYet(f"my_accuracies should be a dict, {{size: accuracy}}; it is {brief(my_accuracies)}.")
    sizes = [whole_number(size, "A size in my_accuracies", low=1) for size in my_accuracies]
    values = [number(my_accuracies[size], f"my_accuracies[{size}]", low=0, high=100) for size in my_accuracies]
    if len(sizes) < 2:
        raise NotYet("my_accuracies needs two sizes at least.")
    if max(values) <= 1:
        raise NotYet("my_accuracies should be in per cent, as the chapter's accuracies are.")

    def given(count: int, size: int, seed: int) -> list[int]:
        result = call(mine, "my_through_buffer", np.arange(count), size, np.random.default_rng(seed))
        try:
            numbers = [int(one) for one in result]
        except (TypeError, ValueError):
            raise NotYet(f"my_through_buffer should give back numbers in an order; it gives {brief(result)}.") from None
        if sorted(numbers) != list(range(count)):
            raise NotYet(
                f"Of {count} examples through a buffer of {size} come {len(numbers)}, {len(set(numbers))} of them "
                "different: each has to come out once. Is the buffer emptied at the end?"
            )
        return numbers

    if given(30, 1, 0) != list(range(30)):
        raise NotYet("A buffer of 1 holds one example and gives that: the order of the file. Does yours hold one more?")
    orders = [given(200, 10, seed) for seed in range(5)]
    early = max(number - place for one in orders for place, number in enumerate(one))
    late = max(place - number for one in orders for place, number in enumerate(one))
    if orders[0] == list(range(200)):
        raise NotYet("A buffer of 10 gives the order of the file: draw a random one of those that it holds.")
    if early > 9:
        raise NotYet(
            "With a buffer of 10, an example comes out before it can have been read: the first that is given is one "
            "of the first ten."
        )
    if late < 10:
        raise NotYet(
            "No example stays for longer than ten steps: that is mixing block by block. After each that is given, the "
            "next of the file takes its place."
        )
    if orders[0] == orders[1]:
        raise NotYet("Two generators give the same order: draw with the rng that my_through_buffer is given.")
    return (
        "A buffer smaller than a topic's block shows topic after topic. Compare your sizes with those in the solution."
    )
