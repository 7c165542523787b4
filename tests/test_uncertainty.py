"""Intervals and tests: against naive resampling, exact arithmetic and published examples, and by simulation."""

import math
import warnings
from dataclasses import replace
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speedy_utils import metrics, uncertainty
from speedy_utils.metrics import Counts, f1, share_right
from speedy_utils.uncertainty import (
    Interval,
    approximate_randomisation,
    bootstrap,
    difference_over_seeds,
    holm,
    mcnemar,
    paired_bootstrap,
    paired_difference_over_seeds,
    published_difference,
    wilson_interval,
)

TAGS = ["O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def right_or_wrong(right):
    return Counts(np.column_stack([right, np.ones(len(right))]).astype(float), share_right)


def tagged(rng, sentences=40, wrong=0.2):
    references = [[str(tag) for tag in rng.choice(TAGS, size=rng.integers(1, 12))] for _ in range(sentences)]
    predictions = [[str(rng.choice(TAGS)) if rng.random() < wrong else tag for tag in s] for s in references]
    return predictions, references


def seqeval_f1(predictions, references):
    from seqeval.metrics import f1_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return 100 * f1_score(references, predictions, zero_division=0)


# The bootstrap


def naive_bootstrap(score, examples, resamples, seed):
    """Draw examples, copy them out, score them from scratch."""
    indices = np.random.default_rng(seed).integers(examples, size=(resamples, examples))
    return np.quantile([score(drawn) for drawn in indices], [0.025, 0.975])


@pytest.mark.parametrize("cells", [uncertainty._CELLS, 1, 333])
def test_adding_counts_equals_scoring_resamples_from_scratch(cells, monkeypatch):
    monkeypatch.setattr(uncertainty, "_CELLS", cells)  # the parts in which it is done do not show
    predictions, references = tagged(np.random.default_rng(0))
    right = np.random.default_rng(1).random(60) < 0.8
    answers = ["la casa", "el gato negro", "Lima", "", "un día de sol"]
    guesses = ["casa", "gato", "en Lima", "x", "sol"]
    cases = [
        (
            metrics.entity_counts(predictions, references),
            lambda drawn: seqeval_f1([predictions[i] for i in drawn], [references[i] for i in drawn]),
        ),
        (
            metrics.token_counts(predictions, references),
            lambda drawn: metrics.pos([predictions[i] for i in drawn], [references[i] for i in drawn])["accuracy"],
        ),
        (right_or_wrong(right), lambda drawn: 100 * right[drawn].mean()),
        (
            metrics.answer_counts(guesses, answers),
            lambda drawn: metrics.squad([guesses[i] for i in drawn], [answers[i] for i in drawn])["f1_spanish"],
        ),
    ]
    for counts, score in cases:
        interval = bootstrap(counts, resamples=150, seed=7)
        expected = naive_bootstrap(score, len(counts.rows), 150, seed=7)
        assert [interval.low, interval.high] == pytest.approx(expected, abs=1e-9)
        assert interval.value == pytest.approx(score(np.arange(len(counts.rows))))


def test_both_systems_are_scored_on_the_same_draws():
    rng = np.random.default_rng(2)
    predictions, references = tagged(rng)
    others = [[str(rng.choice(TAGS)) if rng.random() < 0.2 else tag for tag in sentence] for sentence in references]
    first, second = (metrics.entity_counts(tags, references) for tags in (predictions, others))
    indices = np.random.default_rng(5).integers(40, size=(150, 40))
    golds = [[references[i] for i in drawn] for drawn in indices]
    differences = np.array([
        seqeval_f1([predictions[i] for i in drawn], gold) - seqeval_f1([others[i] for i in drawn], gold)
        for drawn, gold in zip(indices, golds, strict=True)
    ])  # fmt: skip
    result = paired_bootstrap(first, second, resamples=150, seed=5)
    assert [result.interval.low, result.interval.high] == pytest.approx(np.quantile(differences, [0.025, 0.975]))
    extreme = (abs(differences - result.difference) >= abs(result.difference) - 1e-9).sum()
    assert result.p_value == (extreme + 1) / 151


def test_the_interval_covers_a_known_share():
    rng, inside = np.random.default_rng(3), 0
    for seed in range(1_000):
        interval = bootstrap(right_or_wrong(rng.random(300) < 0.7), resamples=1_000, seed=seed)
        inside += interval.low <= 70 <= interval.high
    assert 0.93 <= inside / 1_000 <= 0.97


def test_groups_are_needed_where_examples_hang_together():
    """Five questions on one context that are all right or all wrong: an interval over questions is too narrow."""
    rng, questions, contexts = np.random.default_rng(4), 0, 0
    for seed in range(400):
        counts = right_or_wrong(np.repeat(rng.random(100) < 0.6, 5))
        narrow = bootstrap(counts, resamples=500, seed=seed)
        wide = bootstrap(counts.grouped(np.repeat(np.arange(100), 5), "contexts"), resamples=500, seed=seed)
        questions += narrow.low <= 60 <= narrow.high
        contexts += wide.low <= 60 <= wide.high
    assert questions / 400 < 0.75
    assert 0.91 <= contexts / 400 <= 0.98
    assert (wide.examples, narrow.examples) == (100, 500)
    assert "of contexts" in wide.method


def test_an_interval_prints_itself_and_says_how_it_was_made():
    assert str(Interval(84.214, 82.9, 85.465001, 0.95, "", 100)) == "84.21 [82.90, 85.47]"
    assert str(Interval(-0.001, -1, 1, 0.95, "", 100)) == "0.00 [-1.00, 1.00]"
    interval = bootstrap(metrics.answer_counts(["a", "b c"], ["a", "b"]), resamples=200, level=0.9, seed=3)
    assert replace(interval, low=0, high=0) == Interval(
        interval.value, 0, 0, 0.9, "percentile bootstrap, 200 resamples of questions", 2, 3
    )


def test_a_seed_decides_everything():
    rng = np.random.default_rng(6)
    first, second = (right_or_wrong(rng.random(100) < 0.7) for _ in range(2))
    assert bootstrap(first, seed=1) == bootstrap(first, seed=1)
    assert bootstrap(first, seed=1) != bootstrap(first, seed=2)
    for test in (paired_bootstrap, approximate_randomisation):
        assert test(first, second, seed=1) == test(first, second, seed=1)
        assert test(first, second, seed=1).p_value != test(first, second, seed=2).p_value


def test_a_wider_level_is_a_wider_interval():
    counts = right_or_wrong(np.arange(100) % 3 == 0)
    levels = [bootstrap(counts, level=level) for level in (0.5, 0.8, 0.95, 0.99)]
    assert sorted(levels, key=lambda interval: interval.high - interval.low) == levels
    sizes = [wilson_interval(33, 100, level=level) for level in (0.5, 0.8, 0.95, 0.99)]
    assert sorted(sizes, key=lambda interval: interval.high - interval.low) == sizes


# Two systems


TESTS = [paired_bootstrap, approximate_randomisation, mcnemar]
QUICK = {paired_bootstrap: {"resamples": 500}, approximate_randomisation: {"resamples": 500}, mcnemar: {}}
both_rights = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40)


@settings(deadline=None)
@given(both_rights)
def test_a_test_of_two_systems_is_symmetric_and_in_range(pairs):
    first, second = (right_or_wrong(np.array(side)) for side in zip(*pairs, strict=True))
    for test in TESTS:
        there, back = test(first, second, **QUICK[test]), test(second, first, **QUICK[test])
        assert there.p_value == back.p_value
        assert 0 < there.p_value <= 1
        assert there.difference == -back.difference == there.first - there.second
        same = test(first, first, **QUICK[test])
        assert (same.p_value, same.difference) == (1, 0)
        if there.interval:
            assert -100 <= there.interval.low <= there.interval.high <= 100
            assert there.interval.low == pytest.approx(-back.interval.high)


@settings(deadline=None)
@given(both_rights)
def test_mcnemar_by_hand(pairs):
    """2 · P(at most the rarer of the two kinds | fair coin), in fractions."""
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    better, worse = int((first & ~second).sum()), int((second & ~first).sum())
    tail = sum(Fraction(comb(better + worse, i), 2 ** (better + worse)) for i in range(min(better, worse) + 1))
    assert mcnemar(right_or_wrong(first), right_or_wrong(second)).p_value == float(min(Fraction(1), 2 * tail))


def test_mcnemar_equals_scipy():
    from scipy.stats import binomtest

    rng = np.random.default_rng(7)
    for _ in range(500):
        heads, tails = (int(n) for n in rng.integers(0, 10 ** rng.integers(1, 4), size=2))
        expected = binomtest(heads, heads + tails).pvalue if heads + tails else 1
        assert uncertainty._coin_p_value(heads, tails) == pytest.approx(expected, rel=1e-9)
    assert 0 < uncertainty._coin_p_value(0, 5_000) < 1e-300  # not even where a float ends


def test_mcnemar_takes_exact_match():
    first, second = (
        metrics.answer_counts(given, ["el sol"] * 6, metric="exact_match") for given in (["sol"] * 6, ["luna"] * 6)
    )
    assert mcnemar(first, second).p_value == 2 / 2**6


@pytest.mark.parametrize("test", [paired_bootstrap, approximate_randomisation])
def test_p_values_are_nearly_uniform_if_the_systems_are_equally_good(test):
    """F1 of two systems whose counts come from one distribution, over common gold entities."""
    rng, p_values = np.random.default_rng(8), []
    for seed in range(400):
        gold = rng.integers(1, 6, size=150)
        draws = [(rng.binomial(gold, 0.8), gold + rng.integers(0, 2, size=150), gold) for _ in range(2)]
        systems = [Counts(np.column_stack(columns).astype(float), f1) for columns in draws]
        p_values.append(test(*systems, resamples=400, seed=seed).p_value)
    for threshold in (0.05, 0.25, 0.5, 0.75):
        share = np.mean(np.array(p_values) <= threshold)
        assert share == pytest.approx(threshold, abs=3.5 * np.sqrt(threshold * (1 - threshold) / 400))


def test_mcnemar_finds_no_more_than_chance_gives():
    rng = np.random.default_rng(9)
    found = [mcnemar(*(right_or_wrong(rng.random(300) < 0.8) for _ in range(2))).beyond_chance for _ in range(1_000)]
    assert 0.01 < np.mean(found) <= 0.06


@pytest.mark.parametrize("test", TESTS)
def test_a_real_difference_is_found_and_pairing_helps(test):
    """2 points on 1,000 examples: invisible in separate samples, plain where one system only adds right answers."""
    rng = np.random.default_rng(10)
    weaker = rng.random(1_000) < 0.8
    stronger = weaker.copy()
    stronger[np.flatnonzero(~weaker)[:20]] = True
    result = test(right_or_wrong(stronger), right_or_wrong(weaker))
    assert result.difference == pytest.approx(2)
    assert result.p_value < 0.001
    assert result.beyond_chance
    assert not published_difference(result.first, result.second, 1_000).beyond_chance
    assert str(result).startswith("+2.00")


def test_p_values_are_never_0():
    first, second = right_or_wrong(np.ones(50)), right_or_wrong(np.zeros(50))
    assert approximate_randomisation(first, second, resamples=999).p_value == 1 / 1_000
    assert 0 < published_difference(100, 0, 10**9).p_value < 1e-300


def test_paired_bootstrap_where_nothing_varies():
    """Every draw gives 100 against 0: centred, each is 0 away, and none is as far as the observed difference."""
    result = paired_bootstrap(right_or_wrong(np.ones(50)), right_or_wrong(np.zeros(50)), resamples=999)
    assert result.p_value == 1 / 1_000
    assert (result.interval.low, result.interval.high) == (100, 100)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm(p_values):
    """Against its definition: the largest, over the smaller p-values, of (how many are left) times p."""
    corrected = holm(p_values)
    ordered = sorted(p_values)
    for p, ours in zip(p_values, corrected, strict=True):
        expected = max((len(ordered) - i) * q for i, q in enumerate(ordered) if q <= p)
        assert ours == min(1, expected) >= p


# Published figures


@pytest.mark.parametrize(
    ("right", "examples", "low", "high"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_on_published_examples(right, examples, low, high):
    interval = wilson_interval(100 * right / examples, examples)
    assert (interval.low / 100, interval.high / 100) == pytest.approx((low, high), abs=5e-5)
    assert interval.method == "Wilson"
    assert interval.seed is None


@given(st.integers(1, 6_000), st.data(), st.floats(0.5, 0.999))
def test_wilson_equals_scipy_and_is_in_range(examples, data, level):
    from scipy.stats import binomtest

    right = data.draw(st.integers(0, examples))
    interval = wilson_interval(100 * right / examples, examples, level=level)
    expected = binomtest(right, examples).proportion_ci(level, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-7)
    assert 0 <= interval.low <= interval.value <= interval.high <= 100


@pytest.mark.parametrize(
    ("first", "second", "examples", "low", "high"),
    # Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10.
    [(90, 30, 10, 0.1705, 0.8090), (100, 0, 10, 0.6075, 1.0)],
)
def test_the_interval_of_a_difference_on_published_examples(first, second, examples, low, high):
    interval = published_difference(first, second, examples).interval
    assert (interval.low / 100, interval.high / 100) == pytest.approx((low, high), abs=5e-5)


@given(st.floats(0, 100), st.floats(0, 100), st.integers(1, 10_000))
def test_published_differences_are_symmetric_and_in_range(first, second, examples):
    there, back = published_difference(first, second, examples), published_difference(second, first, examples)
    assert there.p_value == back.p_value
    assert 0 < there.p_value <= 1
    assert -100 <= there.interval.low <= there.difference <= there.interval.high <= 100
    assert (there.interval.low, there.interval.high) == pytest.approx((-back.interval.high, -back.interval.low))
    assert published_difference(first, first, examples).p_value == 1
    larger = published_difference(first, second, 2 * examples)
    assert larger.p_value <= there.p_value


def test_published_differences_by_hand():
    """80 and 84 of 100 on 1,000: z = 0.04 / sqrt(2 · 0.82 · 0.18 / 1000) = 2.328, two-sided p = 0.0199."""
    result = published_difference(84, 80, 1_000)
    assert result.p_value == pytest.approx(0.0199, abs=5e-5)
    assert result.beyond_chance
    assert not published_difference(84, 80, 1_000, level=0.99).beyond_chance


def test_published_differences_are_conservative_for_systems_that_fail_on_the_same_examples():
    rng, found = np.random.default_rng(11), 0
    for _ in range(1_000):
        hard = rng.random(500)
        first, second = (100 * np.mean(hard + rng.normal(0, 0.2, 500) < 0.8) for _ in range(2))
        found += published_difference(first, second, 500).beyond_chance
    assert found / 1_000 < 0.02


@pytest.mark.parametrize("replaced", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.8, 0.95])
def test_wilson_over_gold_entities_is_wide_enough_for_f1(share, replaced):
    """`replaced` of the misses put a wrong entity in place; others are found at random. As many predicted as gold."""
    rng, gold = np.random.default_rng(12), 400
    right = rng.binomial(gold, share, size=2_000)
    in_place = rng.binomial(gold - right, replaced)
    free = rng.poisson(gold * (1 - share) * (1 - replaced), size=2_000)
    scores = 200 * right / (gold + right + in_place + free)
    intervals = [wilson_interval(score, gold) for score in scores]
    true = 100 * share
    assert np.mean([i.low <= true <= i.high for i in intervals]) >= 0.94


def test_wilson_over_questions_is_wide_enough_for_a_mean_of_f1():
    rng = np.random.default_rng(13)
    scores = rng.choice([0, 0.4, 0.5, 2 / 3, 1], p=[0.2, 0.1, 0.1, 0.1, 0.5], size=(1_000, 500))
    true = 100 * (0.04 + 0.05 + 2 / 30 + 0.5)
    intervals = [wilson_interval(100 * score, 500) for score in scores.mean(axis=1)]
    assert np.mean([i.low <= true <= i.high for i in intervals]) >= 0.95


# Bad input


RIGHT = right_or_wrong(np.array([1, 0, 1]))
ENTITIES = Counts(np.array([[1.0, 2, 2], [0, 0, 1], [1, 1, 1]]), f1, "sentences")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: bootstrap(RIGHT, level=95), "A confidence level lies between 0 and 1, such as 0.95, and is not 95."),
        (lambda: bootstrap(RIGHT, level=1.0), "lies between 0 and 1"),
        (lambda: bootstrap(RIGHT, level=float("nan")), "lies between 0 and 1"),
        (lambda: bootstrap(RIGHT, level="high"), "lies between 0 and 1"),
        (lambda: bootstrap(RIGHT, resamples=10), "at least 100 and better 10,000, not 10."),
        (lambda: bootstrap(RIGHT, resamples=1e4), "Give a whole number of resamples"),
        (lambda: bootstrap(right_or_wrong(np.ones(1))), "Resampling needs at least 2 examples; there is 1."),
        (lambda: paired_bootstrap(RIGHT, right_or_wrong(np.ones(4))), "on the same examples; they have 3 and 4"),
        (lambda: approximate_randomisation(RIGHT, ENTITIES), "the same metric to be compared; they have share_right"),
        (
            lambda: approximate_randomisation(ENTITIES, replace(ENTITIES, rows=ENTITIES.rows[::-1])),
            "on the same sentences in the same order; at place 0 they differ.",
        ),
        (lambda: mcnemar(ENTITIES, ENTITIES), "McNemar's test needs examples that are right or wrong"),
        (lambda: mcnemar(right_or_wrong(np.array([0.5, 1])), right_or_wrong(np.ones(2))), "right or wrong"),
        (lambda: mcnemar(RIGHT.grouped("aab"), RIGHT.grouped("aab")), "right or wrong"),
        (lambda: mcnemar(RIGHT, RIGHT, level=2), "lies between 0 and 1"),
        (lambda: holm([0.5, 1.5]), "A p-value must be a number from 0 to 1, not 1.5."),
        (lambda: holm([float("nan")]), "A p-value must be a number from 0 to 1, not nan."),
        (lambda: wilson_interval(100.1, 10), "A published figure must be a number from 0 to 100, not 100.1."),
        (lambda: wilson_interval(-1, 10), "from 0 to 100, not -1."),
        (lambda: wilson_interval(float("nan"), 10), "from 0 to 100, not nan."),
        (lambda: wilson_interval("good", 10), "from 0 to 100, not 'good'."),
        (lambda: wilson_interval(50, 0), "The size of the test set must be a whole number above 0, not 0."),
        (lambda: wilson_interval(50, 10.5), "a whole number above 0, not 10.5."),
        (lambda: wilson_interval(50, True), "a whole number above 0, not True."),
        (lambda: wilson_interval(50, 10, level=0), "lies between 0 and 1"),
        (lambda: published_difference(50, 101, 10), "from 0 to 100, not 101."),
        (lambda: published_difference(50, 60, "many"), "a whole number above 0, not 'many'."),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        call()
    assert sentence in str(caught.value)


def normal_interval(value, deviation):
    return Interval(value, value - 1.959964 * deviation, value + 1.959964 * deviation, 0.95, "normal", 100)


def test_the_difference_over_seeds_by_hand():
    """Variances over seeds 4 and 1, three seeds each; over the test set 9 and 16."""
    first = [normal_interval(value, 3) for value in (50, 52, 54)]
    second = [normal_interval(value, 4) for value in (40, 41, 42)]
    found = difference_over_seeds(first, second)
    reach = 1.959964 * math.sqrt(4 / 3 + 1 / 3 + 9 + 16)
    assert (found.value, found.low, found.high) == pytest.approx((11, 11 - reach, 11 + reach))
    back = difference_over_seeds(second, first)
    assert (back.value, back.low, back.high) == pytest.approx((-found.value, -found.high, -found.low))


def test_the_interval_over_seeds_holds_the_difference_as_often_as_it_says():
    """Test sets and seeds drawn at random, ten seeds a side so that the normal quantile is near enough."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(1000):
        sides = []
        for mean in (60, 57):
            level = mean + rng.normal(0, 2)  # this test set
            sides.append([normal_interval(level + rng.normal(0, 1.5), 2) for _ in range(10)])
        found = difference_over_seeds(*sides)
        held += found.low <= 3 <= found.high
    assert 0.92 <= held / 1000 <= 0.97


def test_paired_differences_over_seeds_by_hand():
    """Variance over three seeds 4; over the test set 9."""
    found = paired_difference_over_seeds([normal_interval(value, 3) for value in (-3, -1, 1)])
    reach = 1.959964 * math.sqrt(4 / 3 + 9)
    assert (found.value, found.low, found.high) == pytest.approx((-1, -1 - reach, -1 + reach))


def test_one_seed_has_no_difference_over_seeds():
    with pytest.raises(ValueError, match=r"needs two seeds or more"):
        paired_difference_over_seeds([normal_interval(1, 1)])
    with pytest.raises(ValueError, match=r"needs two seeds or more"):
        difference_over_seeds([normal_interval(1, 1)], [normal_interval(1, 1)] * 3)
    with pytest.raises(ValueError, match=r"needs two seeds or more"):
        difference_over_seeds([], [])
