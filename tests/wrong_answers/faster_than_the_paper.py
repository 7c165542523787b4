"""Wrong answers to the exercises of *Faster than the paper*: number, answers, words of the sentence that they get.

All are wrong whatever the clock said, and with or without the runtimes.
"""

OFF = "np.abs(X - (lambda s, z: s * (quantise(X, s, z) - z))(*scale_of(*np.quantile(X, [0.005, 0.995]))))"
PARTS = (
    "pd.DataFrame({'part': ['all', 'narrow', 'widen', 'embeddings'], 'macs': [1.0, 0.4, 0.5, 0.1],"
    " 'alone': [6.0, 1.0, 2.0, 3.0], 'without': [0.0, 5.0, 4.0, 3.0]})"
)

WRONG = [
    (1, "scale_of(X.min(), X.max())[0], my_inside, my_outside, my_rms, X", "that of the whole range"),
    (1, "scale_of(*np.quantile(X, [0.01, 0.99]))[0], my_inside, my_outside, my_rms, X", "middle 98%"),
    (1, "np.quantile(X, 0.995) / 127, my_inside, my_outside, my_rms, X", "symmetric way"),
    (1, "my_step, my_step, my_outside, my_rms, X", "half a step at most"),
    (1, "my_step, my_outside, my_outside, my_rms, X", "Leave out the numbers beyond"),
    (1, "my_step, my_inside, my_inside, my_rms, X", "inside the range"),
    (1, "my_step, my_inside, X.max(), my_rms, X", "the range's end"),
    (1, "my_step, my_inside, my_outside, {name: value**2 for name, value in my_rms.items()}, X", "lacks the root"),
    (1, f"my_step, my_inside, my_outside, my_rms | {{'middle': {OFF}.mean()}}, X", "mean of the errors' sizes"),
    (1, "my_step, my_inside, my_outside, dict(zip(my_rms, reversed(my_rms.values()))), X", "other range"),
    (2, "1 / my_factor, my_bound, my_grouped, W", "upside down"),
    (2, "means_by_way['4 bits, a scale a row'], my_bound, my_grouped, W", "Divide it by that with 8"),
    (2, "my_factor, 16, my_grouped, W", "ratio of 256 and 16"),
    (2, "my_factor, 17, my_grouped, W", "255 steps and 15"),
    (2, "my_factor, my_bound, my_grouped / 100, W", "put it in per cent"),
    (2, "my_factor, my_bound, means_by_way['4 bits, a scale a row'], W", "a scale for each row"),
    (2, "my_factor, my_bound, means_by_way['8 bits, a scale for 32'], W", "of 8 bits"),
    (3, "my_parts, 'all', my_busiest", "take the largest of the parts"),
    (3, "my_parts, 'narrow', 'all'", "no part"),
    (3, "'a table', 'narrow', 'widen'", "should be a data frame"),
    (3, "pd.DataFrame({'part': ['all'], 'macs': 1.0, 'alone': 0.1, 'without': 0.0}), 'narrow', 'widen'", "whole table"),
    (3, f"{PARTS}, 'narrow', 'widen'", "Look at the column"),
    (3, f"{PARTS}, 'embeddings', 'narrow'", "others have more"),
    (4, "my_timed.frame(), my_gains, my_ratio", "su.measure_latency gives back"),
    (4, "timed[main], my_gains, my_ratio", "a system and its threads"),
    (4, "my_timed, dict.fromkeys(my_gains, my_ratio), my_ratio", "Compare each with itself"),
    (4, "my_timed, my_gains['ALBETO base'], my_ratio", "should be a dict"),
    (4, "my_timed, my_gains, 1 / my_ratio", "upside down"),
    (5, "(-8.0, 8.0), my_cut, my_errors, X, fresh", "where GELU never gets"),
    (5, "(X.min(), X.max()), my_cut, my_errors, X, fresh", "which are real sentences"),
    (5, "my_range[::-1], my_cut, my_errors, X, fresh", "the smaller end first"),
    (5, "7.8, my_cut, my_errors, X, fresh", "two numbers"),
    (5, "(-0.1, 1.0), ((np.concatenate(fresh) < -0.1) | (np.concatenate(fresh) > 1)).mean(), my_errors, X, fresh",
        "for each million"),
    (5, "my_range, my_cut, {name: value / 100 for name, value in my_errors.items()}, X, fresh", "put it in per cent"),
    (5, "my_range, my_cut, my_errors | {'dynamic': my_errors['real']}, X, fresh", "that of my_errors['real']"),
    (6, "my_own.seconds, my_fastest", "su.measure_latency gives back"),
    (6, "timed[main], 'tiny, PyTorch fp32'", "lacks 'PyTorch fp32'"),
    (6, "su.measure_latency(calls, rounds=1, seconds=0, warmup=1), my_fastest", "reads one text"),
    (6, "my_own, 'PyTorch int4'", "possible are"),
]  # fmt: skip
