"""How sure a score is: intervals for one system, tests for two, and what can be said of a figure in a table.

With predictions, the functions take the `Counts` of `metrics.py`: `bootstrap` for one system; for two systems on the
same examples `paired_bootstrap`, `approximate_randomisation` and, where an example is right or wrong, `mcnemar`.
Without predictions, `wilson_interval` and `published_difference` need only a figure and the size of the test set.

All of these ask one question: what if the test set had been another sample of the same kind? None of them knows that
training again with another seed gives another model. Scores are in per cent, differences in points.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from speedy_utils.metrics import Counts, share_right

_CELLS = 200_000  # random numbers drawn at once: what fits into a processor's cache is four times as fast
_TIE = 1e-9  # points; sums of the same scores in another order differ by less, distinct scores by more


@dataclass(frozen=True)
class Interval:
    """A score or a difference with its interval: "84.21 [82.90, 85.47]" in print; all in per cent or points.

    `examples` is how many rows stand behind it (sentences, questions, groups), `seed` that of the random numbers,
    None where there are none.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    examples: int
    seed: int | None = None

    def __str__(self) -> str:
        return f"{self.value:z.2f} [{self.low:z.2f}, {self.high:z.2f}]"


@dataclass(frozen=True)
class Comparison:
    """Two systems' scores, the difference first - second in points, and how surprising it is.

    `p_value` is the probability of a difference at least as large, in either direction, if both systems were equally
    good: above 0, at most 1. `interval` is that of the difference, None where the method gives none.
    """

    first: float
    second: float
    difference: float
    p_value: float
    method: str
    examples: int
    level: float = 0.95
    seed: int | None = None
    interval: Interval | None = None

    @property
    def beyond_chance(self) -> bool:
        """Whether the difference is larger than chance explains at this level: p_value below 1 - level."""
        return self.p_value < 1 - self.level

    def __str__(self) -> str:
        bounds = "" if self.interval is None else f" [{self.interval.low:z.2f}, {self.interval.high:z.2f}]"
        p = "p < 0.0001" if self.p_value < 0.0001 else f"p = {self.p_value:.2g}"
        return f"{self.difference:+z.2f}{bounds}, {p} ({self.method})"


# With predictions


def bootstrap(counts: Counts, *, resamples: int = 10_000, level: float = 0.95, seed: int = 0) -> Interval:
    """The percentile bootstrap interval of a score (Efron and Tibshirani 1993, chapter 13).

    Draws as many rows of `counts` as there are, with replacement, `resamples` times, scores each draw, and takes the
    quantiles (1 - level) / 2 and (1 + level) / 2 of those scores. For whole contexts in place of questions say
    `bootstrap(counts.grouped(contexts))`. Two limits: with fewer than about 30 rows the interval is too narrow, and if
    every example is right it has no width (`wilson_interval` has). Raises ValueError for fewer than 2 rows, fewer than
    100 resamples, or a level that is not between 0 and 1.
    """
    _check_draws(counts, resamples, level)
    scores = counts.formula(_resampled_totals(counts.rows, resamples, np.random.default_rng(seed)))
    low, high = _quantiles(scores, level)
    method = f"percentile bootstrap, {resamples:,} resamples of {counts.unit}"
    return Interval(counts.value, low, high, level, method, len(counts.rows), seed)


def paired_bootstrap(
    first: Counts, second: Counts, *, resamples: int = 10_000, level: float = 0.95, seed: int = 0
) -> Comparison:
    """The difference of two systems on the same examples: percentile interval and two-sided p-value.

    Both systems are scored on the same draws. The p-value is the share of draws whose difference lies at least as far
    from the observed one as that lies from 0, with one added above and below the line so that it is never 0: the
    bootstrap's differences, moved to the mean 0, stand for what chance gives (Efron and Tibshirani 1993, chapter 16;
    Berg-Kirkpatrick et al. 2012, there one-sided). Interval and p-value use the same draws; near the edge of
    significance they can disagree, since only the interval keeps the skew.
    """
    _check_draws(first, resamples, level)
    _check_same_examples(first, second)
    totals = _resampled_totals(np.hstack([first.rows, second.rows]), resamples, np.random.default_rng(seed))
    width = first.rows.shape[1]
    differences = first.formula(totals[:, :width]) - second.formula(totals[:, width:])
    observed = first.value - second.value
    p_value = _share_of_extremes(differences - observed, observed)
    method = f"paired bootstrap, {resamples:,} resamples of {first.unit}"
    interval = Interval(observed, *_quantiles(differences, level), level, method, len(first.rows), seed)
    return Comparison(
        first.value, second.value, observed, p_value, method, len(first.rows), level, seed, interval=interval
    )


def approximate_randomisation(
    first: Counts, second: Counts, *, resamples: int = 10_000, level: float = 0.95, seed: int = 0
) -> Comparison:
    """The two-sided randomisation test of two systems on the same examples (Noreen 1989; Yeh 2000 for F1).

    If the systems are equally good, it does not matter which of them gave which answer. So for every example the two
    are exchanged or not by the toss of a coin; the p-value is the share of such exchanges after which the systems
    differ at least as much as observed, (k + 1) / (resamples + 1).
    """
    _check_draws(first, resamples, level)
    _check_same_examples(first, second)
    rng = np.random.default_rng(seed)
    change = second.rows - first.rows  # what an exchange adds to the first system and takes from the second
    differences = np.empty(resamples)
    for part in _parts(resamples, len(change)):
        exchanged = rng.integers(2, size=(part.stop - part.start, len(change)), dtype=np.int8)
        moved = exchanged.astype(float) @ change
        differences[part] = first.formula(first.rows.sum(axis=0) + moved) - second.formula(
            second.rows.sum(axis=0) - moved
        )
    observed = first.value - second.value
    method = f"approximate randomisation, {resamples:,} exchanges of {first.unit}"
    p_value = _share_of_extremes(differences, observed)
    return Comparison(first.value, second.value, observed, p_value, method, len(change), level, seed)


def mcnemar(first: Counts, second: Counts, *, level: float = 0.95) -> Comparison:
    """The exact two-sided McNemar test, for accuracy or exact match: each example is right or wrong.

    Only the examples count that one system has right and the other wrong; between equally good systems each of these
    is the toss of a coin (binomial, McNemar 1947 in its exact form). Raises ValueError where an example has more than
    one thing to get right, or half of one (F1).
    """
    _check_same_examples(first, second)
    _check_level(level)
    for counts in (first, second):
        if counts.formula is not share_right or (counts.rows[:, 1] != 1).any() or not _is_0_or_1(counts.rows[:, 0]):
            raise ValueError("McNemar's test needs examples that are right or wrong: use approximate_randomisation.")
    better = int((first.rows[:, 0] > second.rows[:, 0]).sum())
    worse = int((first.rows[:, 0] < second.rows[:, 0]).sum())
    p_value = _coin_p_value(better, worse)
    difference = first.value - second.value
    return Comparison(first.value, second.value, difference, p_value, "exact McNemar test", len(first.rows), level)


def difference_over_seeds(first: Sequence[Interval], second: Sequence[Interval]) -> Interval:
    """The difference of two means over seeds, first - second, with an interval for another test set and other seeds.

    Each side has the interval of every seed's score, all on the same test set. Variances add up; that over seeds is
    divided by their number, that over the test set is not. Which examples both sides have right is not known, so the
    interval is wider than that of a paired test; the quantile is the normal distribution's, so with few seeds it is too
    narrow where the seeds' part is the larger one. Raises ValueError for fewer than two seeds a side.
    """
    quantile = NormalDist().inv_cdf((1 + first[0].level) / 2) if first else 0.0
    variance = 0.0
    for side in (first, second):
        if len(side) < 2:
            raise ValueError("A difference over seeds needs two seeds or more on each side.")
        variance += statistics.variance([one.value for one in side]) / len(side)
        variance += statistics.mean([(one.high - one.low) / (2 * quantile) for one in side]) ** 2
    gap = statistics.mean([one.value for one in first]) - statistics.mean([one.value for one in second])
    reach = quantile * math.sqrt(variance)
    method = f"{len(first)} and {len(second)} seeds, one test set"
    return Interval(gap, gap - reach, gap + reach, first[0].level, method, first[0].examples)


def paired_difference_over_seeds(runs: Sequence[Interval]) -> Interval:
    """The mean over seeds of a paired difference, with an interval for another test set and other seeds.

    Each run has the difference of two systems on the same test set, with its interval (`Comparison.interval`). The
    variances are added as in `difference_over_seeds`, with the same limits. Raises ValueError for fewer than two seeds.
    """
    if len(runs) < 2:
        raise ValueError("A difference over seeds needs two seeds or more.")
    quantile = NormalDist().inv_cdf((1 + runs[0].level) / 2)
    values = [one.value for one in runs]
    widths = [(one.high - one.low) / (2 * quantile) for one in runs]
    reach = quantile * math.sqrt(statistics.variance(values) / len(runs) + statistics.mean(widths) ** 2)
    mean = statistics.mean(values)
    return Interval(mean, mean - reach, mean + reach, runs[0].level, f"{len(runs)} seeds, paired", runs[0].examples)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979), in the order given.

    Of 20 comparisons between equal systems one comes out below 0.05 on average. After the correction the probability
    that any of them does is at most 0.05.
    """
    values = [_number(value, "A p-value", 0, 1) for value in p_values]
    corrected, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = largest
    return corrected


# Without predictions


def wilson_interval(value: float, examples: int, *, level: float = 0.95) -> Interval:
    """The interval that the size of a test set allows for a published figure (Wilson 1927), `value` in per cent.

    What `examples` is depends on the figure:

    - accuracy, exact match: the examples. The score is a share of independent examples, which is what Wilson assumes.
    - F1 of question answering: the questions. It is a mean of scores from 0 to 1, and such a mean varies most when
      each score is 0 or 1 (Bhatia and Davis 2000): the interval is at least as wide as it has to be. Questions on one
      context are not independent; the number of contexts in place of questions covers any dependence inside them, if
      contexts have about equally many.
    - accuracy of tags: the number of sentences is the safe choice, by far, since a sentence is rarely all right or all
      wrong; the number of words takes the words of a sentence to be independent, which is too narrow.
    - entity F1: the gold entities. Two things are assumed: about as many entities are predicted as there are, and
      entities are independent. F1 = 2 right / (predicted + gold) then has a variance between 0.5 and 1 times that of
      a share of the gold entities (1 when every error is a wrong entity in place of a gold one), so that the interval
      is wide enough. The number of sentences, which is smaller, leaves room for dependence.

    Raises ValueError for a value that is not from 0 to 100, a size below 1, a level that is not between 0 and 1.
    """
    share, examples, z = _published(value, examples, level)
    middle = (share + z * z / (2 * examples)) / (1 + z * z / examples)
    half = z * math.sqrt(share * (1 - share) / examples + (z / (2 * examples)) ** 2) / (1 + z * z / examples)
    low, high = max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
    return Interval(float(value), 100 * low, 100 * high, level, "Wilson", examples)


def published_difference(first: float, second: float, examples: int, *, level: float = 0.95) -> Comparison:
    """Is the difference of two published figures (per cent) larger than chance explains, by the test set's size alone?

    The two-proportion z test with a common share, and Newcombe's interval of the difference (1998, method 10), which
    joins two Wilson intervals. Both take the two systems to have been scored on two separate samples. In truth they
    read the same examples and tend to fail on the same ones; how often, nobody can tell without predictions. So this
    is conservative: a difference that passes would pass a paired test too, unless the systems were right on opposite
    examples; one that does not pass may still be real. For `examples` see `wilson_interval`; it also says how F1 is
    bounded. Raises ValueError as it does.
    """
    one, examples, _ = _published(first, examples, level)
    two, _, _ = _published(second, examples, level)
    pooled = (one + two) / 2
    spread = math.sqrt(2 * pooled * (1 - pooled) / examples)
    p_value = math.erfc(abs(one - two) / spread / math.sqrt(2)) if spread else 1.0
    a, b = wilson_interval(first, examples, level=level), wilson_interval(second, examples, level=level)
    difference = float(first) - float(second)
    low = difference - math.hypot(a.value - a.low, b.high - b.value)
    high = difference + math.hypot(a.high - a.value, b.value - b.low)
    method = "two proportions, unpaired"
    interval = Interval(difference, max(low, -100.0), min(high, 100.0), level, method, examples)
    return Comparison(
        float(first), float(second), difference, _probability(p_value), method, examples, level, interval=interval
    )


# Machinery


def _parts(resamples: int, examples: int) -> list[slice]:
    """Slices of the resamples, small ones for speed; the stream of random numbers does not depend on them."""
    size = max(1, _CELLS // examples)
    return [slice(start, min(start + size, resamples)) for start in range(0, resamples, size)]


def _resampled_totals(rows: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Totals of rows drawn with replacement, of the shape (resamples, columns).

    A resample counts each example 0, 1, 2… times. These weights times the rows are its totals, which spares copying
    the rows about.
    """
    examples = len(rows)
    totals = np.empty((resamples, rows.shape[1]))
    for part in _parts(resamples, examples):
        drawn = rng.integers(examples, size=(part.stop - part.start, examples))
        drawn += examples * np.arange(len(drawn))[:, None]  # one range of numbers for each resample
        weights = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        totals[part] = weights.astype(float) @ rows
    return totals


def _quantiles(scores: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _share_of_extremes(under_null: np.ndarray, observed: float) -> float:
    """(k + 1) / (n + 1): how many of n differences under the null hypothesis are at least as far from 0."""
    extreme = int((np.abs(under_null) >= abs(observed) - _TIE).sum())
    return (extreme + 1) / (len(under_null) + 1)


def _probability(p_value: float) -> float:
    """At most 1, and above 0 where a float would underflow."""
    return float(min(1.0, max(p_value, sys.float_info.min)))


def _coin_p_value(heads: int, tails: int) -> float:
    """The exact two-sided p-value of a fair coin: twice the tail at the rarer side, in whole numbers until the end."""
    tosses, term, ways = heads + tails, 1, 0
    for rare in range(min(heads, tails) + 1):
        ways += term  # term is the number of ways in which `rare` of the tosses fall on the rarer side
        term = term * (tosses - rare) // (rare + 1)
    return _probability(2 * ways / 2**tosses)


def _is_0_or_1(values: np.ndarray) -> bool:
    return bool(((values == 0) | (values == 1)).all())


# Checks


def _number(value: float, what: str, low: float, high: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high:
        raise ValueError(f"{what} must be a number from {low} to {high}, not {value!r}.")
    return number


def _check_level(level: float) -> None:
    if not isinstance(level, int | float) or not 0 < level < 1:
        raise ValueError(f"A confidence level lies between 0 and 1, such as 0.95, and is not {level!r}.")


def _check_draws(counts: Counts, resamples: int, level: float) -> None:
    _check_level(level)
    if not isinstance(resamples, int | np.integer) or resamples < 100:
        raise ValueError(f"Give a whole number of resamples, at least 100 and better 10,000, not {resamples!r}.")
    if len(counts.rows) < 2:
        raise ValueError(f"Resampling needs at least 2 {counts.unit}; there is {len(counts.rows)}.")


def _check_same_examples(first: Counts, second: Counts) -> None:
    """Same metric, as many rows, and the same references as far as counts can tell."""
    if first.formula is not second.formula:
        names = f"{first.formula.__name__} and {second.formula.__name__}"
        raise ValueError(f"Both systems need the same metric to be compared; they have {names}.")
    if len(first.rows) != len(second.rows):
        sizes = f"{len(first.rows)} and {len(second.rows)}"
        raise ValueError(f"Both systems must be scored on the same examples; they have {sizes} {first.unit}.")
    apart = np.flatnonzero(first.rows[:, -1] != second.rows[:, -1])
    if len(apart):
        raise ValueError(
            f"Both systems must be scored on the same {first.unit} in the same order; at place {apart[0]} they differ."
        )


def _published(value: float, examples: int, level: float) -> tuple[float, int, float]:
    """(share from 0 to 1, size, z of the two-sided level)."""
    share = _number(value, "A published figure", 0, 100) / 100
    _check_level(level)
    if isinstance(examples, bool) or not isinstance(examples, int | np.integer) or examples < 1:
        raise ValueError(f"The size of the test set must be a whole number above 0, not {examples!r}.")
    return share, int(examples), NormalDist().inv_cdf((1 + level) / 2)
