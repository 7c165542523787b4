"""Checks of the exercises of *Timing honestly*: none depends on how fast the machine is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import speedy_utils as su
from speedy_utils.exercises.answers import NotYet, brief, expect, frame, latency, mapping, number, one_of, whole_number

if TYPE_CHECKING:
    import numpy as np

    from speedy_utils.speed.latency import Latency

HELD, ESTIMATES, SIZES = ("independent", "in bunches of ten"), ("shortest", "means", "ratios within rounds"), (1, 8)


def exercise_1(my_nothing: object, my_shortest: object, my_ticks: object) -> str:
    """The cost of the stopwatch, the duration of which it is one per cent, and the ticks of two clocks."""
    import numpy as np

    found = latency(my_nothing, "my_nothing")
    shortest = number(my_shortest, "my_shortest", low=0)
    given = mapping(my_ticks, ("perf_counter", "time"), "my_ticks")
    ticks = {name: number(given[name], f"my_ticks[{name!r}]") for name in given}
    name = next(iter(found.seconds))
    cost, mean = found.percentile(name, 50)[0], float(found.seconds[name].mean())
    if cost > 5e-4:
        raise NotYet(f"What was timed in my_nothing took {1000 * cost:.1f} ms: give a call that does nothing at all.")
    if len(found.seconds[name]) < 100:
        raise NotYet(f"my_nothing has {len(found.seconds[name])} rounds. A duration this short needs hundreds.")
    mistakes = {
        "my_shortest is in milliseconds; put it in seconds.": 1e5 * cost,
        "my_shortest is a hundredth of what the stopwatch costs. Which of the two is to be the hundredth?": cost / 100,
        "my_shortest is what the stopwatch costs. The call is to take long enough to make that one per cent.": cost,
        "my_shortest starts from the mean, which one interrupted call can move. Take the median.": 100 * mean,
    }
    expect(shortest, 100 * cost, "my_shortest", mistakes, tolerance=0.03)
    for clock, tick in ticks.items():
        what = f"my_ticks[{clock!r}]"
        if tick <= 0:
            raise NotYet(f"{what} is {tick:.3g}: keep the differences above 0, and take the smallest.")
        if tick > 0.1:
            raise NotYet(f"{what} is {tick:.3g} seconds, which no clock here needs. In which unit is it?")
        if tick < 1e-9:
            raise NotYet(f"{what} is less than a nanosecond. In which unit is it?")
    if ticks["time"] < 0.5 * float(np.spacing(1e9)):
        raise NotYet(
            "my_ticks['time'] is finer than time.time can be: it counts seconds since 1970, and a number that large "
            "has no digits left for it. Take differences of readings of time.time itself."
        )
    return "For models the stopwatch is cheap. time.time ticks more coarsely, and may be set while you measure."


def exercise_2(my_held: object) -> str:
    """How often the interval holds the true p95, for independent durations and for such in bunches."""
    from scipy.stats import binom

    given = mapping(my_held, HELD, "my_held")
    held = {kind: number(given[kind], f"my_held[{kind!r}]", low=0, high=1) for kind in HELD}

    def coverage(durations: int, bunch: int) -> float:
        """The probability that the interval for so many durations, `bunch` of each value, holds the true p95."""
        values = durations // bunch
        low, high = (int(binom.ppf(p, durations, 0.95)) for p in (0.025, 0.975))
        first, last = -(-low // bunch), -(-(high + 1) // bunch)  # of the different values
        return float(binom.cdf(last - 1, values, 0.95) - binom.cdf(first - 1, values, 0.95))

    truth = {"independent": coverage(400, 1), "in bunches of ten": coverage(400, 10)}
    room = {kind: 4.5 * math.sqrt(p * (1 - p) / 1000) for kind, p in truth.items()}
    first, second = (held[kind] for kind in HELD)
    if abs(first - truth[HELD[1]]) <= room[HELD[1]] and abs(second - truth[HELD[0]]) <= room[HELD[0]]:
        raise NotYet("my_held has its two entries the other way round: which durations have more to say?")
    for kind, share in held.items():
        what = f"my_held[{kind!r}]"
        if abs(share - truth[kind]) <= room[kind]:
            continue
        if share == 0:
            raise NotYet(f"{what} is 0: not one interval held. What is the true p95 of the distribution you drew from?")
        if share > 0.99:
            raise NotYet(
                f"{what} is {share:.3f}. The true p95 is that of the distribution, not that of the durations drawn; "
                "and the interval is for all 400 durations."
            )
        if abs(share - (1 - truth[kind])) <= room[kind]:
            raise NotYet(f"{what} is the share of intervals that miss.")
        if kind == HELD[1] and share > 0.9:
            raise NotYet(f"{what} is {share:.3f}, as if independent: draw 40 values, and use each ten times.")
        raise NotYet(
            f"{what} = {share:.3f} is too {'low' if share < truth[kind] else 'high'}. Draw anew 1,000 times, and take "
            "the interval that the package's percentile gives for 400 durations."
        )
    return "The formula was told of 400 calls each time. In bunches there were 40."


def exercise_3(my_estimates: object, my_calmest: object, in_turn: Latency) -> str:
    """500 estimates of one ratio in each of three ways, from rounds that were drawn anew."""
    import numpy as np

    given = mapping(my_estimates, ESTIMATES, "my_estimates")
    calmest = one_of(my_calmest, ESTIMATES, "my_calmest")
    mine = {}
    for way in ESTIMATES:
        try:
            values = np.asarray(given[way], float).ravel()
        except (TypeError, ValueError):
            raise NotYet(f"my_estimates[{way!r}] should be 500 numbers; it is {brief(given[way])}.") from None
        if len(values) != 500 or not np.isfinite(values).all():
            raise NotYet(f"my_estimates[{way!r}] should be 500 numbers, one for each draw; it has {len(values)}.")
        mine[way] = values
    one, other = in_turn.seconds["A"], in_turn.seconds["B"]
    rng = np.random.default_rng(7)

    def estimates(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
        values = first.min(1) / second.min(1), first.mean(1) / second.mean(1), np.median(first / second, 1)
        return dict(zip(ESTIMATES, values, strict=True))

    drawn, others = rng.integers(0, len(one), (2, 10_000, len(one)))
    right, apart = estimates(one[drawn], other[drawn]), estimates(one[drawn], other[others])
    whole = estimates(one[None], other[None])
    for way, values in mine.items():
        what = f"my_estimates[{way!r}]"
        if _same(values, right[way]):
            continue
        if len(np.unique(values)) == 1:
            raise NotYet(f"{what} has one value, 500 times: draw the rounds anew for each, with replacement.")
        if _same(values, 1 / right[way]):
            raise NotYet(f"{what} is upside down: the times of A go above, those of B below.")
        if other_way := next((name for name in ESTIMATES if name != way and _same(values, right[name])), None):
            raise NotYet(f"{what} has the estimates by {other_way}.")
        if _same(values, apart[way]):
            raise NotYet(f"{what} draws A's rounds and B's apart. A round is drawn whole: its times belong together.")
        if _same(values, right[way] - 1) or _same(values, 100 * right[way]):
            raise NotYet(f"{what} should be ratios: about 1 where both are equally fast.")
        raise NotYet(
            f"{what} is not what 500 draws give. Draw as many rounds as there are, with replacement, and take the "
            f"ratio of A to B in each draw. Yours lie about {np.median(values):.3f}; all rounds, once, give "
            f"{whole[way][0]:.3f}."
        )
    widths = {way: float(np.subtract(*np.quantile(values, [0.975, 0.025]))) for way, values in mine.items()}
    if widths[calmest] > min(widths.values()):
        raise NotYet(
            f"By your own estimates {calmest} scatters over {widths[calmest]:.3f} (the middle 95 per cent), and "
            "another of the three over less."
        )
    return f"Here, {calmest} scatters least. Compare your case for and against the shortest time with the solution's."


def exercise_4(my_ms: object, my_average: object, my_worst: object, my_limit: object) -> str:
    """How long requests take, answered at once or in eights, and from which duration on collecting is worth it."""
    ms, average, worst = (
        {size: number(value, f"{name}[{size}]", low=0) for size, value in mapping(answer, SIZES, name).items()}
        for answer, name in ((my_ms, "my_ms"), (my_average, "my_average"), (my_worst, "my_worst"))
    )
    limit = number(my_limit, "my_limit", low=0)
    for size in SIZES:
        if ms[size] < 0.05:
            raise NotYet(f"my_ms[{size}] is {ms[size]:.3g}: that looks like seconds. Give milliseconds.")
    # How long the requests of a batch wait until it is full: the first for seven gaps, the last not at all.
    for answer, name, waits in ((average, "my_average", {1: 0, 8: 70}), (worst, "my_worst", {1: 0, 8: 140})):
        for size in SIZES:
            what, gaps = f"{name}[{size}]", 80 if name == "my_average" else 160
            mistakes = {
                f"{what} leaves out what the batch itself takes.": waits[size],
                f"{what} leaves out the wait until the batch is full.": ms[size],
                f"{what} has eight gaps; between eight requests there are seven.": gaps + ms[size],
                f"{what} shares the batch's time among its texts. Each of them has to wait for all of it.": waits[size]
                + ms[size] / size,
                f"{what} is that of the {'first' if name == 'my_average' else 'average'} request of the batch.": {
                    "my_average": 140,
                    "my_worst": 70,
                }[name]
                + ms[size],
            }
            if size == 1:
                mistakes = {f"{what} adds the gap: a single text is answered as soon as it is there.": 20 + ms[1]}
            expect(answer[size], waits[size] + ms[size], what, mistakes, hint="From arrival to answer, in ms.")
    mistakes = {
        "my_limit is for a batch of eight. For how long may a single text take, one every 20 ms?": 160,
        "my_limit is in seconds; put it in milliseconds.": 0.02,
        "my_limit is an eighth of the gap, as if eight requests came in 20 ms. One does.": 2.5,
        "my_limit is what your server takes. The limit is set by the requests, not by the server.": ms[1],
    }
    expect(limit, 20, "my_limit", mistakes, tolerance=0.01, hint="When does the queue of single texts grow for ever?")
    return "While single texts keep up, collecting only makes people wait. When they do not, it is the way out."


def exercise_5(my_table: object, my_farthest: object) -> str:
    """Counted and timed speedups of systems on the student's own machine; open, but the counts must be right."""
    names = [system.name for system in su.SYSTEMS]
    farthest = one_of(my_farthest, names, "my_farthest")
    table = frame(my_table, ("system", "tokens", "counted", "timed"), "my_table")
    if "ALBETO base" not in set(table["system"]):
        raise NotYet("my_table lacks ALBETO base itself, which all others are compared with.")
    if table["system"].nunique() < 3 or table["tokens"].nunique() < 2:
        raise NotYet("my_table needs three systems and two lengths at least.")
    for row in table.itertuples():
        tokens = whole_number(row.tokens, "A length in my_table", low=1, high=512)
        name, place = one_of(row.system, names, "A system of my_table"), f"{row.system} at {tokens} tokens"
        counts = [
            [su.count_macs(one, sequence_length=tokens, attention_products=products) for products in (1, 0)]
            for one in ("ALBETO base", "BETO uncased", name)
        ]
        base, beto, own = counts
        mistakes = {
            f"{place}: counted is upside down; the reference's MACs go above.": own[0] / base[0],
            f"{place}: counted leaves out attention's products; count_macs has them unless told otherwise.": base[1]
            / own[1],
            f"{place}: counted is over BETO. Put ALBETO base in its place.": beto[0] / own[0],
        }
        counted = number(row.counted, f"counted, {place},", low=0)
        expect(counted, base[0] / own[0], f"counted, {place},", mistakes, tolerance=5e-4)
        timed = number(row.timed, f"timed, {place},", low=1e-9)
        if name == "ALBETO base":
            expect(timed, 1, "timed", {}, hint="ALBETO base over itself is 1: timed is a ratio of times.")
    rest = table[table["system"] != "ALBETO base"]
    if (rest["timed"].astype(float) - rest["counted"].astype(float)).abs().max() < 1e-6:
        raise NotYet("timed repeats counted. It has to come from your clock.")
    longest = rest[rest["tokens"] == rest["tokens"].max()].set_index("system")
    short_of = longest["timed"].astype(float) / longest["counted"].astype(float)
    if farthest not in short_of.index:
        raise NotYet(f"my_farthest is {farthest}, which my_table does not have beside ALBETO base at its longest text.")
    if short_of[farthest] > short_of.min():
        raise NotYet(
            f"By your table {farthest} reaches {short_of[farthest]:.0%} of its counted speedup at the longest text; "
            "another system reaches less."
        )
    return f"{farthest} falls shortest of its count. Compare your reasons with those in the solution."


def _same(values: np.ndarray, right: np.ndarray) -> bool:
    """Whether values may be of the distribution that many others are of (Kolmogorov and Smirnov, p about 1e-5)."""
    import numpy as np

    values, right = np.sort(values.round(9)), np.sort(right.round(9))
    places = np.unique(np.concatenate([values, right]))
    share, wanted = (np.searchsorted(one, places, side="right") / len(one) for one in (values, right))
    return bool(np.abs(share - wanted).max() < 2.5 / math.sqrt(len(values)))
