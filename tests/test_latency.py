"""Durations: percentiles with intervals that hold, turns that are fair, and outputs that are compared first."""

import os
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import small_encoder

from speedy_utils.speed import latency
from speedy_utils.speed.latency import held, measure_latency, percentile, random_batch, torch_session

FEW = {"warmup": 1, "rounds": 4, "seconds": 0.0}


@pytest.mark.parametrize(
    ("n", "q", "low", "high"),
    [
        (100, 50, 40, 61),  # as in tables of the interval for a median
        (10, 50, 2, 9),
        (20, 50, 6, 15),
        (368, 99, 360, 368),
    ],
)
def test_intervals_of_percentiles_as_in_tables(n, q, low, high):
    values = np.random.default_rng(n).permutation(np.arange(1, n + 1))
    assert percentile(values, q)[1:] == (low, high)


def test_a_percentile_with_too_few_durations_has_no_upper_bound():
    assert percentile(range(1, 368), 99)[2] == float("inf")
    assert percentile([1.0, 2.0], 50)[1:] == (0.0, float("inf"))


@pytest.mark.parametrize("q", [50, 95])
def test_intervals_hold_the_truth_as_often_as_they_say(q):
    rng = np.random.default_rng(1)
    truth = np.quantile(rng.lognormal(size=200_000), q / 100)
    bounds = [percentile(rng.lognormal(size=120), q)[1:] for _ in range(1000)]
    assert 0.94 <= np.mean([low <= truth <= high for low, high in bounds]) <= 0.99


@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=60), st.floats(1, 99))
def test_a_percentile_lies_in_its_interval(values, q):
    value, low, high = percentile(values, q)
    assert low <= value <= high and value in values


@pytest.mark.parametrize("q", [0, 100, -1])
def test_no_percentile(q):
    with pytest.raises(ValueError, match="A percentile lies between 0 and 100"):
        percentile([1.0], q)


def test_turns_are_fair():
    """Each is timed once a round, after an untimed call, and no name always follows the same other one."""
    called = []
    found = measure_latency({name: lambda name=name: called.append(name) for name in "abc"}, **FEW)
    assert {name: len(seconds) for name, seconds in found.seconds.items()} == dict.fromkeys("abc", 4)
    rounds = ["".join(called[-24:][start : start + 6]) for start in range(0, 24, 6)]
    assert rounds == ["aabbcc", "bbccaa", "ccaabb", "aabbcc"]


def test_a_long_call_is_made_once_a_turn():
    called = []

    def long():
        called.append("long")
        time.sleep(0.06)

    measure_latency({"long": long, "short": lambda: called.append("short")}, **FEW)
    assert called[-12:] == ["long", "short", "short", "short", "short", "long"] * 2


def test_rounds_go_on_until_all_have_run_long_enough():
    found = measure_latency(
        {"short": lambda: time.sleep(0.001), "long": lambda: time.sleep(0.01)}, rounds=2, seconds=0.05
    )
    assert min(seconds.sum() for seconds in found.seconds.values()) >= 0.05
    value, low, high = found.ratio("long")
    assert low <= value <= high < 1 < found.ratio("short", "long")[0]
    frame = found.frame().set_index("name")
    assert frame.loc["short", "times_as_fast"] == 1
    assert np.isclose(frame.loc["long", "p50_ms"], 1000 * np.median(found.seconds["long"]), rtol=0.2)


def test_outputs_are_compared_before_times():
    calls = {"one": lambda: np.array([1.0, 2.0]), "near": lambda: np.array([1.0, 2.001]), "far": lambda: [np.ones(2)]}
    measure_latency(calls, tolerance={"near": 0.01}, **FEW)
    for tolerance, sentence in (
        (1e-4, r"The outputs of near differ from those of one by 0.001, more than 0.0001\."),
        ({"far": 0.1}, "The outputs of far differ from those of one by 1, more than 0.1"),
    ):
        with pytest.raises(ValueError, match=sentence):
            measure_latency(calls, tolerance=tolerance, **FEW)
    with pytest.raises(ValueError, match="two does not give as many outputs as one"):
        measure_latency({"one": lambda: np.ones(2), "two": lambda: np.ones(3)}, tolerance=1.0, **FEW)
    with pytest.raises(ValueError, match="differ"):
        measure_latency({"one": lambda: np.ones(1), "two": lambda: np.array([np.nan])}, tolerance=1.0, **FEW)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"rounds": 0}, "rounds must be a whole number of at least 1"), ({"items": 0}, "items must be a whole number")],
)
def test_what_cannot_be_measured(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        measure_latency({"a": int}, **options)
    with pytest.raises(ValueError, match="Give at least one call"):
        measure_latency({})


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no cores to choose")
def test_threads_and_core_are_held_and_given_back():
    before, threads = os.sched_getaffinity(0), torch.get_num_threads()
    core = min(before)
    seen = []
    found = measure_latency(
        {"a": lambda: seen.append((os.sched_getaffinity(0), torch.get_num_threads()))}, core=core, **FEW
    )
    assert set(map(str, seen)) == {str(({core}, 1))}
    assert (found.record["core"], found.record["threads"]) == (core, 1)
    assert (os.sched_getaffinity(0), torch.get_num_threads()) == (before, threads)
    with pytest.raises(ValueError, match=r"Unknown core '4096'"), held(core=4096):
        pass


def test_the_clock_waits_for_a_gpu(monkeypatch):
    """Without one here: what is waited for is torch's own function, before and after each call."""
    events = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: events.append("wait"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(latency, "peak_memory", lambda call: None)
    found = measure_latency({"a": lambda: events.append("call")}, warmup=1, rounds=2, seconds=0)
    assert events == ["wait", "call", "wait", *["call", "wait", "call", "wait"] * 2]
    assert found.record["gpu"] == "a GPU"


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux tells of memory here")
def test_memory_at_its_peak():
    size = 200_000_000
    peak = latency.peak_memory(lambda: np.ones(size, np.uint8).sum())
    assert 0.9 * size < peak < 1.5 * size
    assert latency.peak_memory(lambda: None) < 0.1 * size


def test_a_model_in_torch_as_a_session():
    for task, shape in (("mldoc", (3, 4)), ("ner", (3, 12, 9)), ("mlqa", (3, 12, 2))):
        encoder = small_encoder(task)
        ids, types = random_batch(100, 12, 3)
        found = torch_session(encoder)(ids, types)
        assert found.shape == shape and found.dtype == np.float32
        again = torch_session(encoder)(ids[1:2], types[1:2])
        assert np.allclose(found[1:2], again, atol=1e-6)
