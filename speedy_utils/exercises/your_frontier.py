"""Checks of the exercises of *Your frontier*: the times are the reader's own, and may be of any size."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import speedy_utils as su
from speedy_utils.exercises.answers import (
    NotYet,
    brief,
    call,
    expect,
    frame,
    function,
    mapping,
    number,
    one_of,
    truth,
    whole_number,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

OPEN, LOADS = "OpenVINO fp32", (0.3, 0.5, 0.8)


def exercise_1(my_by_hand: object, times: pd.DataFrame) -> str:
    """A function that gives the best score within a budget, against su.choose."""
    import pandas as pd

    mine = function(my_by_hand, "my_by_hand")

    def chosen(table: pd.DataFrame, limit: float) -> pd.Series | None:
        try:
            row = mine(table.copy(), limit)
        except Exception as error:  # whatever a student's function raises
            raise NotYet(
                f"For a budget of {limit} ms my_by_hand raises {type(error).__name__}: {str(error).rstrip('.')}."
            ) from error
        if isinstance(row, pd.DataFrame) and len(row) <= 1:
            row = row.iloc[0] if len(row) else None
        if row is not None and (not isinstance(row, pd.Series) or not set(small.columns) <= set(row.index)):
            raise NotYet(f"my_by_hand should give back one row of the table, or None; it gives {brief(row)}.")
        return row

    small = pd.DataFrame(
        [("quick", 10.0, 80.0), ("slow", 20.0, 90.0), ("equal", 15.0, 90.0), ("best", 50.0, 95.0)],
        columns=["system", "p50_ms", "score"],
        index=[7, 3, 5, 1],
    )
    sentences = {
        (50, "equal"): "A candidate of exactly 50 ms keeps within a budget of 50 ms, and my_by_hand leaves it out.",
        (50, "quick"): "my_by_hand gives the fastest that fits. Wanted is the best score that fits.",
        (49, "slow"): "Of two candidates with the best score, my_by_hand takes the slower one.",
        (49, "best"): "my_by_hand gives a candidate of 50 ms for a budget of 49.",
    }
    for limit, right in ((50, "best"), (49, "equal"), (12, "quick")):
        row = chosen(small, limit)
        if row is None:
            raise NotYet(f"my_by_hand gives nothing for {limit} ms, where a candidate fits. Does it end in return?")
        if row["system"] != right:
            raise NotYet(
                sentences.get(
                    (limit, row["system"]), f"For a budget of {limit} ms, my_by_hand gives {brief(row['system'])}."
                )
            )
    try:
        nothing = chosen(small, 5)
    except NotYet as mistake:
        raise NotYet(f"Where no candidate fits, my_by_hand should give None. {mistake}") from mistake
    if nothing is not None:
        raise NotYet("Within 5 ms nothing fits in a table of 10 ms and more; my_by_hand gives something all the same.")
    for limit in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        row, given = chosen(times, limit), su.choose(times, max_ms=limit).answer
        if (row is None) != (given is None) or (
            given is not None and (row["score"], row["p50_ms"]) != (given["score"], given["p50_ms"])
        ):
            raise NotYet(f"For {limit} ms and the table `times`, my_by_hand and su.choose differ.")
    return "Filter, then sort by two columns: su.choose adds ties, other budgets, and reasons."


def exercise_2(my_undominated: object, my_counts: object, times: pd.DataFrame) -> str:
    """Dominance in any number of columns, and how many candidates are on the frontier of two, three and four."""
    import numpy as np

    mine = function(my_undominated, "my_undominated")
    given = mapping(my_counts, (2, 3, 4), "my_counts")
    counts = {columns: whole_number(value, f"my_counts[{columns}]", low=0) for columns, value in given.items()}

    def found(points: list[list[float]]) -> list[bool]:
        result = call(mine, "my_undominated", np.array(points, float))
        try:
            values = np.asarray(result)
            right_form = values.shape == (len(points),) and set(values.tolist()) <= {0, 1}
        except (TypeError, ValueError):
            right_form = False
        if not right_form:
            raise NotYet(f"my_undominated should give True or False for each row; it gives {brief(result)}.")
        return values.astype(bool).tolist()

    stairs = [[1, 3], [2, 2], [3, 1], [3, 3]]
    result = found(stairs)
    if result == [False, False, False, True]:
        raise NotYet("my_undominated is the other way round: True is for those that nobody beats.")
    if result != [True, True, True, False]:
        raise NotYet(f"For {stairs} (less is better), three are on the frontier; my_undominated gives {result}.")
    if found([[2, 2], [2, 2]]) != [True, True]:
        raise NotYet("Two equal candidates do not dominate each other: one of the comparisons has to be strict.")
    if found([[2, 2], [2, 3]]) != [True, False]:
        raise NotYet("[2, 3] is dominated by [2, 2]: as good in one column, and worse in the other.")
    if found([[1, 1, 1], [1, 1, 2], [2, 0, 5]]) != [True, False, True]:
        raise NotYet("In three columns, [1, 1, 2] is dominated by [1, 1, 1], and [2, 0, 5] by nobody.")
    int8 = times["variant"].str.endswith("int8").astype(float)
    exact = [times["p50_ms"], -times["score"], times["size_mb"].round(), int8]
    turned = [times["p50_ms"], times["score"], times["size_mb"].round(), int8]
    unrounded = [times["p50_ms"], -times["score"], times["size_mb"], int8]
    wanted_int8 = [times["p50_ms"], -times["score"], times["size_mb"].round(), -int8]
    for columns in (2, 3, 4):
        what, right = f"my_counts[{columns}]", _frontier(exact, columns)
        mistakes = {
            f"{what} takes a low score for a good one: turn its sign, so that less is better.": _frontier(
                turned, columns
            ),
            f"{what} does not round the sizes to the megabyte.": _frontier(unrounded, columns),
            f"{what} wishes for int8; the wish is for none.": _frontier(wanted_int8, columns),
            f"{what} counts those that are dominated.": len(times) - right,
        }
        expect(counts[columns], right, what, mistakes, hint="Time, score, size and int8, in this order.")
    return "Each column can only bring candidates back. With enough wishes everybody is on the frontier."


def exercise_3(my_more: object, my_fastest: object, my_apart: object) -> str:
    """ALBETO tiny in fp32 in another runtime, by the student's own measurement."""
    table = frame(my_more, ("system", "variant", "times_as_fast", "ratio_low", "ratio_high"), "my_more")
    variants = [str(one) for one in table["variant"]]
    fastest = one_of(my_fastest, variants, "my_fastest")
    apart = truth(my_apart, "my_apart")
    if set(table["system"]) != {"ALBETO tiny"}:
        raise NotYet("my_more should have rows of ALBETO tiny alone, all from one call of su.benchmark.")
    installed = bool(find_spec("onnx") and find_spec("openvino"))
    if installed and OPEN not in variants:
        raise NotYet(f"my_more lacks {OPEN}, which is installed here.")
    if installed and len(variants) < 2:
        raise NotYet(f"my_more has {OPEN} alone. What is it to be compared with?")
    if len(set(variants)) < len(variants):
        raise NotYet("my_more has a variant twice: measure one length, one batch size.")
    rows = table[table["variant"].str.endswith("fp32")].sort_values("times_as_fast", ascending=False)
    if fastest not in set(rows["variant"]):
        raise NotYet(f"my_fastest is {fastest}; the question is about fp32.")
    if fastest != rows["variant"].iloc[0]:
        raise NotYet(f"By the column times_as_fast of my_more, {fastest} is not the fastest in fp32.")
    right = len(rows) > 1 and bool(rows["ratio_low"].iloc[0] > rows["ratio_high"].iloc[1])
    if apart != right:
        raise NotYet(
            f"my_apart is {apart}, but the intervals of the two fastest {'do not overlap' if right else 'overlap'}."
            if len(rows) > 1
            else "my_apart is True, and there is only one variant: nothing to be told apart from."
        )
    if not installed:
        return f"{OPEN} is not installed here: the extra `fast` brings it, and the question with it."
    return f"{fastest} is the fastest, and this measurement can{'' if right else 'not'} tell it from the next."


def exercise_4(my_batches: object, my_gain: object, my_wait: object) -> str:
    """What a batch of eight gains in sentences a second, and what it costs the first of them."""
    if getattr(getattr(my_batches, "index", None), "name", None) == "batch_size":
        my_batches = my_batches.reset_index()  # type: ignore[attr-defined]
    table = frame(my_batches, ("batch_size", "texts_per_second", "p50_ms"), "my_batches")
    gain, wait = number(my_gain, "my_gain", low=0), number(my_wait, "my_wait", low=0)
    if sorted(table["batch_size"]) != [1, 8]:
        raise NotYet(f"my_batches should have a row for 1 and one for 8; it has {brief(sorted(table['batch_size']))}.")
    by_size = table.set_index("batch_size")
    right = by_size.loc[8, "texts_per_second"] / by_size.loc[1, "texts_per_second"]
    mistakes = {
        "my_gain is upside down: the sentences a second of batches of eight go above.": 1 / right,
        "my_gain is how much longer a batch takes than a single sentence. It holds eight.": 8 / right,
        "my_gain takes a batch for one sentence: it holds eight.": right / 8,
        "my_gain is sentences a second. Divide by those of single sentences.": by_size.loc[8, "texts_per_second"],
    }
    expect(gain, right, "my_gain", mistakes, tolerance=0.01, hint="See the column texts_per_second.")
    mistakes = {
        "my_wait has eight gaps; the first waits for seven others.": 400,
        "my_wait is that of the average sentence; the first of the eight was asked for.": 175,
        "my_wait is in seconds; put it in milliseconds.": 0.35,
        "my_wait is one gap; the first waits for seven others.": 50,
    }
    expect(wait, 350, "my_wait", mistakes, tolerance=0.01, hint="20 a second, and the first waits for the others.")
    return "Filling the batch takes longer than the promise. For an archive nobody waits."


def exercise_5(my_c: object, my_waits: object, my_simulated: object, my_safer: object, tokens: np.ndarray) -> str:
    """The queue with service times that vary as the lengths of the sentences do."""
    c = number(my_c, "my_c", low=0)
    by_formula, simulated = mapping(my_waits, LOADS, "my_waits"), mapping(my_simulated, LOADS, "my_simulated")
    safer = one_of(my_safer, ("mean", "p95"), "my_safer")
    waits = {load: number(value, f"my_waits[{load}]", low=0) for load, value in by_formula.items()}
    found = {load: number(value, f"my_simulated[{load}]", low=0) for load, value in simulated.items()}
    right = float(tokens.std() / tokens.mean())
    mistakes = {
        "my_c is the standard deviation. Divide it by the mean.": float(tokens.std()),
        "my_c is squared already: c² comes with the formula.": right**2,
        "my_c is upside down: the mean goes below.": 1 / right,
        "my_c has the variance above; take the standard deviation.": float(tokens.var() / tokens.mean()),
    }
    expect(c, right, "my_c", mistakes)
    for load in LOADS:
        plain = load / (1 - load)
        wait, what = plain * (1 + right**2) / 2, f"my_waits[{load}]"
        mistakes = {
            f"{what} is from arrival to answer. The wait ends where the service begins.": 1 + wait,
            f"{what} is that of equal sentences: c² is missing.": plain / 2,
            f"{what} has c where c² belongs.": plain * (1 + right) / 2,
            f"{what} lacks the half.": 2 * wait,
        }
        expect(waits[load], wait, what, mistakes, hint="ρ / (1 − ρ) · (1 + c²) / 2, in mean service times.")
    for load in LOADS:
        plain = load / (1 - load)
        wait, what = plain * (1 + right**2) / 2, f"my_simulated[{load}]"
        # A queue at high load forgets slowly: 200,000 arrivals leave some per cent.
        if math.isclose(found[load], wait, rel_tol=0.15):
            continue
        mistakes = {
            f"{what} is from arrival to answer. The wait ends where the service begins.": 1 + wait,
            f"{what} is that of equal sentences: give answer_times the service times.": plain / 2,
        }
        expect(found[load], wait, what, mistakes, 0.05, "answer_times(load, tokens / tokens.mean()), less the service.")
    if safer == "mean":
        raise NotYet("my_safer: at the mean, all sentences are equal, and the waits lack the factor 1 + c².")
    return "Behind a long sentence several short ones wait. All at the 95th percentile is careful, often too much so."


def exercise_6(my_foretold: object, my_eight: object, my_on_frontier: object, times: pd.DataFrame) -> str:
    """ALBETO base-8 in PyTorch: foretold from base-6 and base-10, measured, and placed; the rest is open."""
    import pandas as pd

    foretold = number(my_foretold, "my_foretold", low=0)
    table = frame(my_eight, ("system", "variant", "length", "p50_ms"), "my_eight")
    on_frontier = truth(my_on_frontier, "my_on_frontier")
    own = table[(table["system"] == "ALBETO base-8") & (table["variant"] == "PyTorch fp32")]
    if len(own) != 1:
        raise NotYet("my_eight should have one row of ALBETO base-8 in PyTorch fp32.")
    if own["length"].item() != times["length"].iloc[0]:
        raise NotYet(f"my_eight has {own['length'].item()} tokens, the other systems {times['length'].iloc[0]}.")
    of = times[times["variant"] == "PyTorch fp32"].set_index("system")["p50_ms"]
    six, ten = float(of["ALBETO base-6"]), float(of["ALBETO base-10"])
    mistakes = {
        "my_foretold is the sum of both times: base-8 lies in the middle between them.": six + ten,
        "my_foretold takes all of base-6's time for layers. Some of it is there with any depth.": six * 8 / 6,
        "my_foretold takes all of base-10's time for layers. Some of it is there with any depth.": ten * 8 / 10,
        "my_foretold is what was measured. Foretell it from base-6 and base-10.": own["p50_ms"].item(),
    }
    hint = "From 6 to 8 layers is half the way from 6 to 10."
    expect(foretold, (six + ten) / 2, "my_foretold", mistakes, tolerance=0.01, hint=hint)
    results = su.published_results()
    score = results[(results["system"] == "ALBETO base-8") & (results["task"] == "ner") & (results["metric"] == "f1")]
    added = own[["system", "variant", "p50_ms"]].assign(score=score["value"].max())
    both = pd.concat([times[["system", "variant", "p50_ms", "score"]], added])
    right = "ALBETO base-8" in set(su.choose(both).candidates.query("frontier")["system"])
    if on_frontier != right:
        raise NotYet(
            "With the time in my_eight and its published F1, base-8 is beaten by nobody in the table."
            if right
            else "With the time in my_eight, somebody in the table is faster than base-8 and scores no less."
        )
    apart = own["p50_ms"].item() / foretold - 1
    return f"Measured {apart:+.0%} from what was foretold. Compare your reasons with those in the solution."


def _frontier(columns: list[Any], count: int) -> int:
    """How many rows no other one beats in the first `count` columns, where less is better."""
    import numpy as np

    points = np.column_stack(columns[:count])
    beaten = [((points <= one).all(axis=1) & (points < one).any(axis=1)).any() for one in points]
    return len(points) - sum(map(int, beaten))
