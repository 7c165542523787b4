"""Score and frontier: properties, a reference implementation, and the sentences for bad input."""

from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import speedy_utils as su

hundredths = st.integers(0, 10_000).map(lambda whole: whole / 100)


def table(values, system="Mine", route="fine-tuning"):
    rows = [(system, route, task.name, task.score_metric, v) for task, v in zip(su.TASKS, values, strict=True)]
    return pd.DataFrame(rows, columns=["system", "route", "task", "metric", "value"])


@given(st.lists(hundredths, min_size=8, max_size=8))
def test_score_is_the_cut_mean(values):
    whole = sum(round(100 * value) for value in values)  # exact: in hundredths
    assert su.score(table(values))["score"].item() == whole // 8 / 100


@given(st.lists(hundredths, min_size=8, max_size=8), st.randoms(use_true_random=False))
def test_score_does_not_depend_on_the_order_of_rows(values, random):
    results = pd.concat([table(values), su.published_results()], ignore_index=True)
    order = list(results.index)
    random.shuffle(order)
    pd.testing.assert_frame_equal(su.score(results.loc[order]), su.score(results))


def test_score_keeps_the_papers_order_and_puts_others_last():
    results = pd.concat([table([50.0] * 8), su.published_results().iloc[::-1]], ignore_index=True)
    scores = su.score(results)
    assert list(scores["system"]) == [system.name for system in su.SYSTEMS] + ["Mine"]
    assert list(scores["route"]) == [system.route for system in su.SYSTEMS] + ["fine-tuning"]


def test_exact_match_does_not_enter():
    results = su.published_results()
    without = results[results["metric"] != "exact_match"]
    pd.testing.assert_frame_equal(su.score(results), su.score(without))


@pytest.mark.parametrize(
    ("value", "expected"), [(0.29, 0.29), (1.999, 1.99), (18.058, 18.05), (Decimal("2.675"), 2.67)]
)
def test_cut(value, expected):
    assert su.cut(value) == expected


def broken(change):
    results = su.published_results()
    return change(results)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: r.drop(columns="metric"), "needs the column 'metric'; it has"),
        (lambda r: r[r["task"] != "ner"], "BETO uncased (fine-tuning) has no result on ner (f1)"),
        (lambda r: r[(r["task"] != "tar") | (r["metric"] != "f1")], "no result on tar (f1)"),
        (lambda r: r.replace({"task": {"ner": "nerd"}}), "Unknown task 'nerd': did you mean 'ner'?"),
        (lambda r: r.assign(value=r["value"] + 10), "it must be a number from 0 to 100"),
        (lambda r: r.assign(value=-0.1), "has the accuracy -0.1: it must be a number from 0 to 100"),
        (lambda r: r.assign(value=float("nan")), "has the accuracy nan"),
        (lambda r: r.assign(value="good"), "has the accuracy 'good'"),
        (lambda r: r.assign(metric="f1"), "mldoc needs accuracy"),
        (lambda r: pd.concat([r, r.tail(1)]), "has more than one exact_match on tar"),
        (lambda r: pd.concat([r, table([1.0] * 8, "ALBETO tinny").tail(1)]), "Did you mean 'ALBETO tiny'?"),
    ],
)
def test_a_bad_table_gets_one_clear_sentence(change, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        su.score(broken(change))
    assert sentence in str(caught.value)


points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12)


@given(points)
def test_frontier_against_the_definition(values):
    frame = pd.DataFrame(values, columns=["speedup", "score"])
    kept = set(su.pareto_frontier(frame).index)
    for i, (x, y) in enumerate(values):
        beaten = any(u >= x and v >= y and (u, v) != (x, y) for u, v in values)
        assert (i in kept) == (not beaten)


@given(points)
def test_frontier_is_a_staircase(values):
    frontier = su.pareto_frontier(pd.DataFrame(values, columns=["a", "b"]), x="a", y="b")
    assert frontier["a"].is_monotonic_increasing
    assert frontier["b"].is_monotonic_decreasing
    again = su.pareto_frontier(frontier, x="a", y="b")
    pd.testing.assert_frame_equal(again, frontier)


def test_frontier_of_the_paper():
    frontier = su.pareto_frontier(su.published_summary())
    assert list(frontier["system"]) == [
        "ALBETO xxlarge", "RoBERTa BNE base", "ALBETO base-10", "ALBETO base-8", "ALBETO base-6", "ALBETO base-4",
        "ALBETO tiny",
    ]  # fmt: skip
    assert frontier["route"].iloc[-1] == "distillation"


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (pd.DataFrame({"speedup": [1.0]}), "A frontier needs the column 'score'; it has 'speedup'."),
        (pd.DataFrame({"speedup": [1.0, None], "score": [1, 2]}), "Row 1 has no finite number in 'speedup' or 'score'"),
        (pd.DataFrame({"speedup": ["fast"], "score": [1]}), "Row 0 has no finite number"),
    ],
)
def test_a_bad_frame_gets_one_clear_sentence(frame, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        su.pareto_frontier(frame)
    assert sentence in str(caught.value)
