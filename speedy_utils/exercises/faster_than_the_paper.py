"""Checks of the exercises of *Faster than the paper*: none depends on how fast the machine is."""

from __future__ import annotations

import math
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from speedy_utils.exercises.answers import NotYet, brief, expect, frame, latency, mapping, number, one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

LARGE, SMALL, USUAL = "ALBETO base", "ALBETO tiny", "PyTorch fp32"
ERRORS = ("real", "random", "dynamic")


def exercise_1(my_step: object, my_inside: object, my_outside: object, my_rms: object, X: np.ndarray) -> str:
    """The scale, the largest errors and the root mean square with the range of the middle 99% of X."""
    import numpy as np

    step, inside, outside = (
        number(answer, name, low=0)
        for answer, name in ((my_step, "my_step"), (my_inside, "my_inside"), (my_outside, "my_outside"))
    )
    given = mapping(my_rms, ("whole", "middle"), "my_rms")
    rms = {name: number(value, f"my_rms[{name!r}]", low=0) for name, value in given.items()}
    ranges = {"whole": (X.min(), X.max()), "middle": tuple(np.quantile(X, [0.005, 0.995]))}
    low, high = ranges["middle"]
    error = {name: np.abs(X - _read_back(X, *both)) for name, both in ranges.items()}
    held = (low <= X) & (high >= X)
    top, two_off = np.quantile(X, 0.99), np.quantile(X, [0.01, 0.99])
    mistakes = {
        "my_step is that of the whole range.": _scale(*ranges["whole"])[0],
        "my_step is of the middle 98%: one per cent was left out on each side.": _scale(*two_off)[0],
        "my_step leaves all of the one per cent out above. The middle has half of it on each side.": _scale(0, top)[0],
        "my_step is that of the symmetric way: asymmetric, (b − a) / 255.": max(-low, high) / 127,
        "my_step divides by 256: from 0 to 255 there are 255 steps.": _scale(low, high)[0] * 255 / 256,
    }
    expect(step, _scale(low, high)[0], "my_step", mistakes, tolerance=2e-3)
    mistakes = {
        "my_inside has the error of the whole range. Take that of the middle 99%.": error["whole"].max(),
        "my_inside is a whole step: rounding moves a number by half a step at most.": step,
        "my_inside is the largest error of all. Leave out the numbers beyond the range.": error["middle"].max(),
        "my_inside is a root mean square. Here the largest error is asked for.": math.sqrt(
            np.mean(error["middle"][held] ** 2)
        ),
    }
    expect(inside, error["middle"][held].max(), "my_inside", mistakes, tolerance=0.02)
    mistakes = {
        "my_outside is the largest error inside the range.": error["middle"][held].max(),
        "my_outside is the largest number. Beyond the range it is read back as the range's end, not as 0.": X.max(),
    }
    expect(outside, error["middle"][~held].max(), "my_outside", mistakes, tolerance=0.02)
    for name in ranges:
        what, right = f"my_rms[{name!r}]", math.sqrt(np.mean(error[name] ** 2))
        mistakes = {
            f"{what} lacks the root.": right**2,
            f"{what} is the mean of the errors' sizes. Square them first, and take the root last.": error[name].mean(),
            f"{what} is that of the other range.": math.sqrt(
                np.mean(error["middle" if name == "whole" else "whole"] ** 2)
            ),
            f"{what} has the numbers inside the range alone.": math.sqrt(np.mean(error[name][held] ** 2)),
        }
        expect(rms[name], right, what, mistakes, tolerance=0.02)
    verb = "outweigh" if rms["middle"] > rms["whole"] else "do not outweigh"
    return f"A finer step, and no bound outside it. Here the few cut off {verb} what the others gain."


def exercise_2(my_factor: object, my_bound: object, my_grouped: object, W: np.ndarray) -> str:
    """How much 4 bits lose against 8, by measuring and by s/2, and what scales for groups of 32 weights leave."""
    import numpy as np

    factor, bound, grouped = (
        number(answer, name, low=0)
        for answer, name in ((my_factor, "my_factor"), (my_bound, "my_bound"), (my_grouped, "my_grouped"))
    )
    mistakes = {
        "my_bound is the ratio of 256 and 16 numbers. How far do they reach in the symmetric way?": 16,
        "my_bound is the asymmetric way's, 255 steps and 15. How far do they reach in the symmetric way?": 17,
        "my_bound is upside down: with fewer bits the step is larger.": 7 / 127,
        "my_bound squares the ratio of the steps.": (127 / 7) ** 2,
    }
    expect(bound, 127 / 7, "my_bound", mistakes, hint="s is max|x| / 127 with 8 bits. And with 4?")
    groups = W[:, : W.shape[1] // 32 * 32].reshape(len(W), -1, 32)

    def errors(numbers: np.ndarray, bits: int) -> np.ndarray:
        """Per cent for each row of W, where the last axis shares a scale."""
        step = np.abs(numbers).max(axis=-1, keepdims=True) / (2 ** (bits - 1) - 1)
        apart = (numbers - step * np.round(numbers / step)) ** 2
        inner = tuple(range(1, numbers.ndim))
        return 100 * np.sqrt(apart.mean(axis=inner) / (numbers**2).mean(axis=inner))

    eight, four = errors(W, 8), errors(W, 4)
    mistakes = {
        "my_factor is upside down: the error with 4 bits goes above.": eight.mean() / four.mean(),
        "my_factor is the error with 4 bits. Divide it by that with 8.": four.mean(),
        "my_factor compares squares: take the roots first.": (four**2).mean() / (eight**2).mean(),
        "my_factor is the ratio of 256 and 16 numbers. Measure the errors.": 16,
    }
    if not math.isclose(factor, (four / eight).mean(), rel_tol=0.01):
        expect(factor, four.mean() / eight.mean(), "my_factor", mistakes, tolerance=0.01)
    right = errors(groups, 4).mean()
    mistakes = {
        "my_grouped is a share; put it in per cent.": right / 100,
        "my_grouped is that of a scale for each row. Give each 32 weights their own.": four.mean(),
        "my_grouped is that of 8 bits.": errors(groups, 8).mean(),
    }
    expect(grouped, right, "my_grouped", mistakes, tolerance=0.01, hint="The mean over the outputs, in per cent.")
    return "The error follows the step. Smaller groups have smaller largest weights, for the price of their scales."


def exercise_3(my_parts: object, my_most: object, my_busiest: object) -> str:
    """The part that int8 disturbs most, and the part with most multiplications, by the student's own measurement."""
    from speedy_utils.speed.graph import PARTS

    if all(answer is None for answer in (my_parts, my_most, my_busiest)) and not _runtimes():
        return "Without the extra `fast` there is nothing to measure here. Come back when it is installed."
    most = one_of(my_most, ["all", *PARTS], "my_most")
    if most == "all":
        raise NotYet("my_most is the row with everything in int8: leave it out, and take the largest of the parts.")
    busiest = one_of(my_busiest, ["all", *PARTS], "my_busiest")
    if busiest == "all":
        raise NotYet("my_busiest is the row with everything in int8, which is no part: leave it out.")
    table = frame(my_parts, ("part", "macs", "alone", "without"), "my_parts")
    rows = table[table["part"] != "all"].set_index("part")
    if len(rows) < 3 or not set(rows.index) <= set(PARTS):
        raise NotYet("my_parts should be the whole table that su.sensitivity gives, with a row for each part.")
    if "scores" in rows.index:
        raise NotYet("my_parts is OpenVINO's: ONNX Runtime leaves the products of attention alone. Leave runtime= out.")
    for name, what in ((most, "my_most"), (busiest, "my_busiest")):
        if name not in rows.index:
            raise NotYet(f"{what} is {name}, which my_parts does not have.")
    alone, without, macs = (
        rows[column].map(lambda value, column=column: number(value, f"A number in the column {column}"))
        for column in ("alone", "without", "macs")
    )
    if alone[most] < alone.max():
        raise NotYet(
            f"{most} is extreme in the column `without`, where all but it is in int8. Look at the column `alone`."
            if most in (without.idxmin(), without.idxmax())
            else f"{most} has the most multiplications. Which part moves the outputs most when it alone is in int8?"
            if macs[most] > macs.max() - 1e-6
            else f"Another part than {most} moves the outputs further when it alone is in int8."
        )
    if macs[busiest] < macs.max() - 1e-6:
        raise NotYet(
            f"By the column `macs`, {busiest} has {macs[busiest]:.0%} of the multiplications; others have more."
        )
    return (
        f"{most} moves the outputs most, with {macs[most]:.0%} of the multiplications. What moves much and multiplies "
        "little is kept in fp32."
    )


def exercise_4(my_timed: object, my_gains: object, my_ratio: object) -> str:
    """What threads give to ALBETO base and tiny, and the ratio of the two with all threads."""
    found = latency(my_timed, "my_timed")
    given = mapping(my_gains, (LARGE, SMALL), "my_gains")
    gains = {name: number(value, f"my_gains[{name!r}]", low=0) for name, value in given.items()}
    ratio = number(my_ratio, "my_ratio", low=0)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    counts = [name[1] for name in found.seconds if isinstance(name, tuple) and len(name) == 2 and name[0] == LARGE]
    most = max((count for count in counts if isinstance(count, int)), default=0)
    wanted = {(system, threads) for system in (LARGE, SMALL) for threads in (1, most)}
    if not wanted <= set(found.seconds):
        raise NotYet(f"my_timed should have names such as {(LARGE, 1)} and {(SMALL, cores)}: a system and its threads.")
    if most == 1 < cores:
        raise NotYet(f"my_timed has one thread alone, and this process may use {cores} cores.")
    if found.record.get("core") is not None:
        raise NotYet("my_timed was held to one core, where threads cannot help: leave core= out.")
    for system in (LARGE, SMALL):
        what, right = f"my_gains[{system!r}]", _ratios(found.seconds, (system, most), (system, 1))
        mistakes = {
            f"{what} is upside down: the time with one thread goes above.": 1 / right[0],
            f"{what} compares {SMALL} with {LARGE}. Compare each with itself.": _ratios(
                found.seconds, (SMALL, most), (LARGE, most)
            )[0],
            f"{what} compares {SMALL} with {LARGE} on one thread. Compare each with itself, on one thread.": _ratios(
                found.seconds, (SMALL, most), (LARGE, 1)
            )[0],
        }
        _expect_either(gains[system], right, what, mistakes)
    right = _ratios(found.seconds, (SMALL, most), (LARGE, most))
    mistakes = {
        f"my_ratio is upside down: the time of {LARGE} goes above.": 1 / right[0],
        "my_ratio is that with one thread.": _ratios(found.seconds, (SMALL, 1), (LARGE, 1))[0],
        f"my_ratio gives {SMALL} all threads and {LARGE} one.": _ratios(found.seconds, (SMALL, most), (LARGE, 1))[0],
    }
    _expect_either(ratio, right, "my_ratio", mistakes)
    if most == 1:
        return "With one core there is nothing to share. Try it on a machine with more."
    more = max(gains, key=lambda system: gains[system])
    return f"{more} gains more from {most} threads here. Compare your reasons with those in the solution."


def exercise_5(my_range: object, my_cut: object, my_errors: object, X: np.ndarray, fresh: Sequence[np.ndarray]) -> str:
    """A range from random tokens, judged on real sentences, beside ranges from real ones and dynamic ones."""
    import numpy as np

    try:
        low, high = my_range  # type: ignore[misc]
    except (TypeError, ValueError):
        raise NotYet(f"my_range should be two numbers, (low, high); it is {brief(my_range)}.") from None
    low, high = number(low, "The first of my_range"), number(high, "The second of my_range")
    cut = number(my_cut, "my_cut", low=0, high=1e6)
    given = mapping(my_errors, ERRORS, "my_errors")
    errors = {name: number(value, f"my_errors[{name!r}]", low=0) for name, value in given.items()}
    if not low < 0 < high:
        raise NotYet(f"my_range goes from {low:.3g} to {high:.3g}: it has to hold 0, the smaller end first.")
    if low < -0.2:
        raise NotYet(
            f"my_range begins at {low:.2f}, where GELU never gets. Take what goes into the second product (as X was "
            "taken), not what comes out."
        )
    if (low, high) == (X.min(), X.max()):
        raise NotYet("my_range is that of X, which are real sentences.")

    def judge(ranges: Sequence[tuple[float, float]]) -> tuple[float, float]:
        """(cut off per million, error in per cent), over the fresh sentences."""
        beyond = sum(((x < a) | (x > b)).sum() for x, (a, b) in zip(fresh, ranges, strict=True))
        error = sum(((x - _read_back(x, a, b)) ** 2).sum() for x, (a, b) in zip(fresh, ranges, strict=True))
        total, count = sum((x**2).sum() for x in fresh), sum(x.size for x in fresh)
        return 1e6 * beyond / count, 100 * math.sqrt(error / total)

    every = np.concatenate(fresh)
    wide = judge([(every.min(), every.max())] * len(fresh))[1]
    right = {
        "real": judge([(X.min(), X.max())] * len(fresh)),
        "random": judge([(low, high)] * len(fresh)),
        "dynamic": judge([(x.min(), x.max()) for x in fresh]),
    }
    mistakes = {
        "my_cut is a share; put it in numbers for each million.": right["random"][0] / 1e6,
        "my_cut is in per cent; put it in numbers for each million.": right["random"][0] / 1e4,
        "my_cut is how many numbers there are; divide by all of them, times a million.": right["random"][0]
        * every.size
        / 1e6,
        "my_cut is that of the range from real sentences.": right["real"][0],
    }
    expect(cut, right["random"][0], "my_cut", mistakes, hint="Numbers of the 40 sentences in `fresh` beyond my_range.")
    for name, (_, error) in right.items():
        what = f"my_errors[{name!r}]"
        mistakes = {
            f"{what} is a share; put it in per cent.": error / 100,
            f"{what} has one range for all 40 sentences. Dynamic is a range for each.": wide,
        }
        for other in ERRORS:
            mistakes.setdefault(f"{what} is that of my_errors[{other!r}]: each has ranges of its own.", right[other][1])
        expect(errors[name], error, what, mistakes, tolerance=0.01, hint="Root mean square, over that of the numbers.")
    return "A range can be too narrow or too wide. Dynamic ranges follow each text, and would have noticed."


def exercise_6(my_own: object, my_fastest: object) -> str:
    """The ways of the student's own model on own texts; open, but it must have been measured."""
    found = latency(my_own, "my_own")
    if USUAL not in found.seconds:
        raise NotYet(f"my_own lacks {USUAL!r}: the step from there is what a runtime is worth.")
    if len(found.seconds) == 1 and _runtimes():
        raise NotYet("my_own has PyTorch alone, and the runtimes are installed: export your model to them.")
    if found.items < 2:
        raise NotYet("my_own reads one text. Take many of yours, and say how many there are with items=.")
    fastest = one_of(my_fastest, [str(name) for name in found.seconds], "my_fastest")
    ratios = {str(name): _ratios(found.seconds, name, USUAL) for name in found.seconds}
    if all(own < max(one[k] for one in ratios.values()) for k, own in enumerate(ratios[fastest])):
        raise NotYet(
            f"By my_own {fastest} is {ratios[fastest][0]:.2f} times as fast as {USUAL}; another way is faster."
        )
    return f"{fastest} is {ratios[fastest][0]:.1f} times as fast as {USUAL}. Compare your reasons with the solution's."


def _runtimes() -> bool:
    return all(find_spec(name) for name in ("onnx", "onnxruntime", "openvino", "nncf"))


def _scale(low: float, high: float) -> tuple[float, float]:
    """(s, z) of eight asymmetric bits, as in the chapter."""
    low, high = min(low, 0), max(high, 0)
    step = (high - low) / 255
    return step, round(-low / step)


def _read_back(numbers: np.ndarray, low: float, high: float) -> np.ndarray:
    import numpy as np

    step, zero = _scale(low, high)
    return step * (np.clip(np.round(numbers / step) + zero, 0, 255) - zero)


def _ratios(seconds: dict, name: object, to: object) -> tuple[float, float]:
    """How many times as fast as `to`: the median of the ratios within rounds, and the ratio of the medians."""
    import numpy as np

    return float(np.median(seconds[to] / seconds[name])), float(np.median(seconds[to]) / np.median(seconds[name]))


def _expect_either(value: float, rights: tuple[float, float], name: str, mistakes: dict[str, float]) -> None:
    if not any(math.isclose(value, right, rel_tol=0.01) for right in rights):
        expect(value, rights[0], name, mistakes, tolerance=0.01, hint="Take it from my_timed.")
