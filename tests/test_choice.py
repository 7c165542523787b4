"""Which model to deploy: against brute force, what can never happen, and the sentences."""

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import speedy_utils as su
from speedy_utils.speed.choice import WANTED

# Few different values, so that ties and budgets that are met exactly are frequent.
small = st.integers(1, 5).map(float)
tables = st.lists(st.tuples(small, small, small), min_size=1, max_size=12).map(
    lambda rows: pd.DataFrame(rows, columns=["p50_ms", "size_mb", "score"]).assign(
        system=[f"S{place}" for place in range(len(rows))]
    )
)
limits = st.fixed_dictionaries({}, optional={"max_ms": small, "max_mb": small, "min_score": small})
aims = st.sampled_from(WANTED)


def fitting(frame, budgets):
    return frame[
        (frame["p50_ms"] <= budgets.get("max_ms", math.inf))
        & (frame["size_mb"] <= budgets.get("max_mb", math.inf))
        & (frame["score"] >= budgets.get("min_score", 0))
    ]


def numbers(row):
    return row["p50_ms"], row["size_mb"], row["score"]


@settings(deadline=None, max_examples=50)
@given(tables, limits, aims)
def test_against_brute_force(frame, budgets, by):
    found = su.choose(frame, by=by, **budgets)
    rest = [(row["p50_ms"], -row["score"], row["size_mb"]) for _, row in fitting(frame, budgets).iterrows()]
    aim = {"score": 1, "time": 0, "size": 2}[by]
    ranked = sorted(rest, key=lambda one: (one[aim], *one))
    given_back = [
        None if row is None else (row["p50_ms"], -row["score"], row["size_mb"])
        for row in (found.answer, found.runner_up)
    ]
    assert given_back == [*ranked, None, None][:2]
    assert found.candidates["fits"].sum() == len(ranked)
    assert found.candidates["answer"].sum() == min(1, len(ranked))


@settings(deadline=None, max_examples=50)
@given(tables, limits, aims, st.integers(0, 3))
def test_the_answer_is_never_beaten(frame, budgets, by, half):
    bounds = {"low": frame["score"] - half, "high": frame["score"] + half * (frame.index % 2)}
    found = su.choose(frame.assign(**bounds), by=by, **budgets)
    if found.answer is None:
        assert fitting(frame, budgets).empty
        return
    ms, mb, score = numbers(found.answer)
    for _, row in frame.iterrows():
        as_good = row["p50_ms"] <= ms and row["size_mb"] <= mb and row["score"] >= score
        assert not (as_good and numbers(row) != (ms, mb, score))


@settings(deadline=None, max_examples=50)
@given(tables, limits, st.sampled_from(["max_ms", "max_mb", "min_score"]), small)
def test_a_looser_budget_never_lowers_what_is_wanted(frame, budgets, name, by_how_much):
    if name not in budgets:
        return
    step = -by_how_much if name == "min_score" else by_how_much
    if budgets[name] + step <= 0:
        return
    loose = budgets | {name: budgets[name] + step}
    for by, column, sign in (("score", "score", 1), ("time", "p50_ms", -1), ("size", "size_mb", -1)):
        tight, wide = su.choose(frame, by=by, **budgets), su.choose(frame, by=by, **loose)
        if tight.answer is not None:
            assert sign * wide.answer[column] >= sign * tight.answer[column]


@settings(deadline=None, max_examples=15)
@given(tables)
def test_the_frontier_is_what_budgets_of_time_choose(frame):
    """Every step of the frontier is the answer for some budget, and no other pair of time and score is."""
    chosen = {numbers(su.choose(frame, max_ms=limit).answer)[::2] for limit in range(int(frame["p50_ms"].min()), 7)}
    candidates = su.choose(frame).candidates
    on_frontier = candidates[candidates["frontier"]]
    assert chosen == set(zip(on_frontier["p50_ms"], on_frontier["score"], strict=True))


@settings(deadline=None, max_examples=50)
@given(tables, limits, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_figure(frame, budgets, random):
    order = list(frame.index)
    random.shuffle(order)
    one, other = su.choose(frame, **budgets), su.choose(frame.loc[order], **budgets)
    assert (one.answer is None) == (other.answer is None)
    if one.answer is not None:
        assert numbers(one.answer) == numbers(other.answer)


def servers():
    rows = [
        ("BETO cased", "PyTorch fp32", 300.0, 437.0, 87.14, 85.4, 88.7),
        ("BETO cased", "ONNX Runtime int8", 60.0, 111.0, 87.14, 85.4, 88.7),
        ("RoBERTa BNE base", "ONNX Runtime int8", 50.0, 126.0, 86.80, 85.0, 88.4),
        ("ALBETO base-8", "ONNX Runtime int8", 35.0, 11.5, 80.23, 78.2, 82.1),
        ("ALBETO tiny", "ONNX Runtime int8", 6.5, 5.5, 75.42, 73.2, 77.5),
    ]
    return pd.DataFrame(rows, columns=["system", "variant", "p50_ms", "size_mb", "score", "low", "high"])


def test_a_tie_goes_to_the_faster():
    found = su.choose(servers())
    assert found.answer["system"] == "RoBERTa BNE base"
    assert "the fastest of those whose score cannot be told from the best, 87.14" in found.reason
    certain = su.choose(servers().drop(columns=["low", "high"]))
    assert (certain.answer["system"], certain.answer["variant"]) == ("BETO cased", "ONNX Runtime int8")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (
            {"max_ms": 40},
            "ALBETO base-8 in ONNX Runtime int8: 80.23 in 35 ms, the best score with at most 40 ms (2 of 5 fit). Next "
            "comes ALBETO tiny in ONNX Runtime int8 with 75.42 in 6.5 ms. Without the limit of time it would be "
            "RoBERTa BNE base in ONNX Runtime int8 with 86.80 in 50 ms.",
        ),
        (
            {"min_score": 80, "by": "time"},
            "ALBETO base-8 in ONNX Runtime int8: 80.23 in 35 ms, the fastest with a score of at least 80 (4 of 5 fit). "
            "Next comes RoBERTa BNE base in ONNX Runtime int8 with 86.80 in 50 ms. Without the least score it would be "
            "ALBETO tiny in ONNX Runtime int8 with 75.42 in 6.5 ms.",
        ),
        (
            {"by": "size"},
            "ALBETO tiny in ONNX Runtime int8: 75.42 in 6.5 ms and 5.5 MB, the smallest. Next comes ALBETO base-8 in "
            "ONNX Runtime int8 with 80.23 in 35 ms and 11.5 MB.",
        ),
        (
            {"max_ms": 5},
            "None of the 5 candidates has at most 5 ms: the nearest is ALBETO tiny in ONNX Runtime int8 with 75.42 in "
            "6.5 ms.",
        ),
        (
            {"max_ms": 30, "max_mb": 10, "min_score": 79},
            "None of the 5 candidates has at most 30 ms, at most 10 MB and a score of at least 79: the nearest is "
            "ALBETO tiny in ONNX Runtime int8 with 75.42 in 6.5 ms and 5.5 MB.",
        ),
    ],
)
def test_the_reason(asked, reason):
    found = su.choose(servers(), **asked)
    assert found.reason == str(found) == reason


def test_other_columns_and_a_route_that_tells_two_apart():
    frame = pd.DataFrame(
        {
            "system": ["ALBETO tiny"] * 2,
            "route": ["fine-tuning", "distillation"],
            "p95": [5.0, 5.0],
            "ner": [75.42, 72.51],
        }
    )
    before = frame.copy()
    found = su.choose(frame, max_ms=10, ms="p95", score="ner")
    assert found.reason.startswith("ALBETO tiny (fine-tuning): 75.42 in 5 ms")
    assert found.columns == {"ms": "p95", "mb": None, "score": "ner"}
    pd.testing.assert_frame_equal(frame, before)
    again = su.choose(found.candidates, max_ms=10, ms="p95", score="ner")
    pd.testing.assert_frame_equal(again.candidates, found.candidates)


@pytest.mark.parametrize(
    ("frame", "asked", "sentence"),
    [
        (servers().drop(columns="score"), {}, "A table of candidates needs the column 'score'; it has"),
        (servers().drop(columns="size_mb"), {"max_mb": 5}, "needs the column 'size_mb'"),
        (servers().drop(columns="size_mb"), {"by": "size"}, "needs the column 'size_mb'"),
        (servers().drop(columns="low"), {}, "needs the column 'low'"),
        (servers()[:0], {}, "The table of candidates is empty: there is nothing to choose from."),
        (servers().assign(score=float("nan")), {}, "BETO cased in PyTorch fp32 has no finite number in 'score'"),
        (servers().assign(p50_ms=0), {}, "has no number above 0 in 'p50_ms': measure it, or drop it."),
        (servers().assign(low=99), {}, "The interval of BETO cased in PyTorch fp32 does not hold its score."),
        (servers(), {"max_ms": 0}, "max_ms must be a number above 0, not 0."),
        (servers(), {"max_mb": "10"}, "max_mb must be a number above 0, not '10'."),
        (servers(), {"min_score": float("nan")}, "min_score must be a number above 0, not nan."),
        (servers(), {"by": "scores"}, "Unknown aim 'scores': did you mean 'score'?"),
    ],
)
def test_a_bad_table_gets_one_sentence(frame, asked, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+\.$|\?$") as caught:
        su.choose(frame, **asked)
    assert sentence in str(caught.value)
