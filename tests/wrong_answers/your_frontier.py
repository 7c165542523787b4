"""Wrong answers to the exercises of *Your frontier*: number, answers, words of the sentence that they get.

All are wrong whatever the clock said, and with or without the runtimes.
"""

BEST = "sort_values(['score', 'p50_ms'], ascending=[False, True])"
COUNTS = "{{n: int(my_undominated(np.column_stack({})[:, :n]).sum()) for n in (2, 3, 4)}}"

WRONG = [
    (1, f"lambda frame, limit: frame[frame.p50_ms < limit].{BEST}.iloc[:1], times", "exactly 50 ms"),
    (1, "lambda frame, limit: frame[frame.p50_ms <= limit].sort_values('p50_ms').iloc[0], times", "fastest that fits"),
    (1, "lambda frame, limit: frame.loc[frame['score'].idxmax()], times", "50 ms for a budget of 49"),
    (1, "lambda frame, limit: frame[frame.p50_ms <= limit].sort_values(['score', 'p50_ms']).iloc[-1], times", "slower"),
    (1, f"lambda frame, limit: frame[frame.p50_ms <= limit].{BEST}.iloc[0], times", "should give None"),
    (1, f"lambda frame, limit: frame[frame.p50_ms <= limit].{BEST}, times", "one row of the table"),
    (1, "lambda frame, limit: None, times", "where a candidate fits"),
    (1, "my_by_hand(times, 50), times", "should be the function itself"),
    (2, "lambda points: ~my_undominated(points), my_counts, times", "the other way round"),
    (2, "lambda points: np.array([not (points < p).all(axis=1).any() for p in points]), my_counts, times",
        "[2, 3] is dominated"),
    (2, "lambda points: np.array([(points <= p).all(axis=1).sum() < 2 for p in points]), my_counts, times",
        "Two equal candidates"),
    (2, "lambda points: my_undominated(points[:, :2]), my_counts, times", "In three columns"),
    (2, "lambda points: points[my_undominated(points)], my_counts, times", "True or False for each row"),
    (2, f"my_undominated, {COUNTS.format('[times.p50_ms, times.score, times.size_mb.round(), int8]')}, times",
        "turn its sign"),
    (2, f"my_undominated, {COUNTS.format('[times.p50_ms, -times.score, times.size_mb.round(), int8]')}[2], times",
        "should be a dict"),
    (3, "times, 'PyTorch fp32', my_apart", "ALBETO tiny alone"),
    (3, "my_more, 'OpenVINO', my_apart", "possible are"),
    (3, "my_more, my_fastest, not my_apart", "my_apart is"),
    (3, "my_more, my_fastest, 'yes'", "should be True or False"),
    (4, "my_batches[my_batches['batch_size'] == 8], my_gain, my_wait", "a row for 1 and one for 8"),
    (4, "my_batches, 8 / my_gain, my_wait", "how much longer a batch takes"),
    (4, "my_batches, my_gain / 8, my_wait", "takes a batch for one sentence"),
    (4, "my_batches, my_gain, 400", "eight gaps"),
    (4, "my_batches, my_gain, 175", "average sentence"),
    (4, "my_batches, my_gain, 0.35", "in seconds"),
    (5, "tokens.std(), my_waits, my_simulated, my_safer, tokens", "Divide it by the mean"),
    (5, "my_c**2, my_waits, my_simulated, my_safer, tokens", "squared already"),
    (5, "my_c, {load: 1 + wait for load, wait in my_waits.items()}, my_simulated, my_safer, tokens",
        "from arrival to answer"),
    (5, "my_c, {load: load / (1 - load) / 2 for load in my_waits}, my_simulated, my_safer, tokens", "c² is missing"),
    (5, "my_c, {load: load / (1 - load) * (1 + my_c) / 2 for load in my_waits}, my_simulated, my_safer, tokens",
        "c where c²"),
    (5, "my_c, my_waits, {load: answer_times(load).mean() - 1 for load in my_waits}, my_safer, tokens",
        "give answer_times the service times"),
    (5, "my_c, my_waits, {load: 1 + wait for load, wait in my_waits.items()}, my_safer, tokens", "arrival to answer"),
    (5, "my_c, my_waits, my_simulated, 'mean', tokens", "lack the factor"),
    (6, "2 * my_foretold, my_eight, my_on_frontier, times", "sum of both times"),
    (6, "my_foretold, times, my_on_frontier, times", "one row of ALBETO base-8"),
    (6, "my_foretold, my_eight.assign(length=512), my_on_frontier, times", "512 tokens"),
    (6, "my_foretold, my_eight, not my_on_frontier, times", "in the table"),
]  # fmt: skip
