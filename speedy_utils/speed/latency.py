"""How long something takes on this machine, measured so that the machine's moods do not decide.

What is compared runs in turn, round by round, in one process: a machine that is busy for a while slows all of it. A
round gives one duration for each; of these come percentiles and, for the ratio to the first, the median over the rounds
of the ratio within a round.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speedy_utils.errors import unknown_name
from speedy_utils.systems import check_counts

if TYPE_CHECKING:
    import pandas as pd

PERCENTILES = (50, 95, 99)
SHORT = 0.05  # seconds
_LEVEL, _RESAMPLES = 0.95, 2000


@dataclass(frozen=True, eq=False)
class Latency:
    """What `measure_latency` found.

    `seconds` holds for each name one duration a round, in the order of the rounds, the warm-up left out; `items` is how
    many texts one call reads; `peak` the most memory (bytes) that its first call added to what the process held before,
    None where the system does not say. `record` says on what machine, with which versions and how it was measured.
    """

    seconds: dict[str, np.ndarray]
    items: int
    peak: dict[str, int | None]
    record: dict[str, Any]

    def percentile(self, name: str, q: float) -> tuple[float, float, float]:
        """(value, low, high) in seconds: the percentile and its interval, without assumptions on the distribution.

        The interval is between two of the sorted durations: with n of them, how many lie below the true percentile is
        binomial with probability q/100 (Conover, Practical Nonparametric Statistics, on quantiles). Its end is
        infinite where there are too few durations to bound a percentile, as for p99 with fewer than 368.
        """
        return percentile(self.seconds[name], q)

    def ratio(self, name: str, to: str | None = None) -> tuple[float, float, float]:
        """(value, low, high): how many times as fast as `to` (the first) it is; bootstrap over rounds."""
        to = to or next(iter(self.seconds))
        ratios = self.seconds[to] / self.seconds[name]
        rng = np.random.default_rng(0)
        drawn = np.median(rng.choice(ratios, (_RESAMPLES, len(ratios))), axis=1)
        low, high = np.quantile(drawn, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        return float(np.median(ratios)), float(low), float(high)

    def frame(self) -> pd.DataFrame:
        """A row for each name: milliseconds with their intervals, texts a second, the ratio to the first, megabytes."""
        import pandas as pd

        rows = []
        for name, seconds in self.seconds.items():
            row: dict[str, Any] = {"name": name}
            for q in PERCENTILES:
                value, low, high = (1000 * bound for bound in self.percentile(name, q))
                row |= {f"p{q}_ms": value, f"p{q}_low": low, f"p{q}_high": high}
            row["texts_per_second"] = self.items / statistics.median(seconds)
            row["times_as_fast"], row["ratio_low"], row["ratio_high"] = self.ratio(name)
            row["peak_mb"] = None if self.peak[name] is None else self.peak[name] / 1e6
            row["rounds"] = len(seconds)
            rows.append(row)
        return pd.DataFrame(rows)


def percentile(values: Sequence[float], q: float) -> tuple[float, float, float]:
    """(value, low, high) of a percentile, see `Latency.percentile`. Raises ValueError for q outside 0 to 100."""
    from scipy.stats import binom

    if not 0 < q < 100:
        raise ValueError(f"A percentile lies between 0 and 100, and is not {q!r}.")
    ordered = np.sort(np.asarray(values, float))
    n, share = len(ordered), q / 100
    # P(low rank <= number below < high rank) >= level, with each tail at most half of what is left.
    low = int(binom.ppf((1 - _LEVEL) / 2, n, share))
    high = int(binom.ppf((1 + _LEVEL) / 2, n, share)) + 1
    return (
        float(np.quantile(ordered, share, method="inverted_cdf")),
        float(ordered[low - 1]) if low >= 1 else 0.0,
        float(ordered[high - 1]) if high <= n else float("inf"),
    )


def measure_latency(
    calls: Mapping[str, Callable[[], Any]],
    *,
    items: int = 1,
    warmup: int = 3,
    rounds: int = 20,
    seconds: float = 2.0,
    tolerance: Mapping[str, float] | float | None = None,
    threads: int | None = 1,
    core: int | None = None,
) -> Latency:
    """Measures calls in turn, the first being what the others are compared with.

    Each name's call is made once, then `warmup` times, then once a round, in an order that moves on by one each round,
    until there are `rounds` rounds and each call has run for `seconds` in all. What ran before it has filled the
    processor's caches with its own numbers: a call of less than 50 ms is made once more, untimed, at the start of its
    turn. `items` is how many texts a call reads.
    With a `tolerance` the outputs (arrays, or lists of them) must equal the first's up to that difference, for all
    names or for those of a mapping, before anything is timed.

    torch computes with `threads` threads meanwhile (None: as it is set), and with `core` the process stays on that core
    where the system can do it. Where there is a GPU the clock stops when it has finished.

    Raises ValueError for fewer than one call, round or item, and where outputs differ.
    """
    if not calls:
        raise ValueError("What is to be measured? Give at least one call.")
    check_counts(items=items, rounds=rounds)
    with held(threads, core) as where:
        wait = _synchronizer()
        # The first call takes what it needs from the system, and later ones find it there.
        peak = {name: peak_memory(call) for name, call in calls.items()}

        def clock(call: Callable[[], Any]) -> tuple[float, Any]:
            wait()
            start = time.perf_counter()
            output = call()
            wait()
            return time.perf_counter() - start, output

        warm = {name: [clock(call) for _ in range(max(1, warmup))][-1] for name, call in calls.items()}
        short = {name for name, (duration, _) in warm.items() if duration < SHORT}
        _check_equal({name: output for name, (_, output) in warm.items()}, tolerance)
        taken: dict[str, list[float]] = {name: [] for name in calls}
        total = dict.fromkeys(calls, 0.0)
        order = list(calls)
        while len(taken[order[0]]) < rounds or min(total.values()) < seconds:
            for name in order:
                if name in short:
                    calls[name]()
                duration = clock(calls[name])[0]
                taken[name].append(duration)
                total[name] += duration
            order = order[1:] + order[:1]
    record = where | describe_machine() | {"warmup": warmup, "rounds": len(taken[order[0]]), "seconds": seconds}
    return Latency({name: np.array(taken[name]) for name in calls}, items, peak, record)


@contextmanager
def held(threads: int | None = 1, core: int | None = None) -> Iterator[dict[str, Any]]:
    """torch on so many threads and this process on that core; gives what holds meanwhile, and undoes it afterwards.

    Raises ValueError for a core that this process may not use.
    """
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if core is not None and before is not None and core not in before:
        raise ValueError(unknown_name("core", str(core), [str(number) for number in sorted(before)]))
    pinned = core is not None and before is not None
    torch = sys.modules.get("torch")
    had = torch.get_num_threads() if torch else None
    try:
        if torch and threads:
            torch.set_num_threads(threads)
        if pinned:
            os.sched_setaffinity(0, {core})
        yield {"threads": torch.get_num_threads() if torch else threads, "core": core if pinned else None}
    finally:
        if torch:
            torch.set_num_threads(had)
        if pinned:
            os.sched_setaffinity(0, before)


def _synchronizer() -> Callable[[], None]:
    """Waits until a GPU has finished; does nothing where there is none, or torch is not in use."""
    torch = sys.modules.get("torch")
    return torch.cuda.synchronize if torch and torch.cuda.is_available() else lambda: None


def _check_equal(outputs: Mapping[str, Any], tolerance: Mapping[str, float] | float | None) -> None:
    first = next(iter(outputs))
    for name, found in outputs.items():
        allowed = tolerance.get(name) if isinstance(tolerance, Mapping) else tolerance
        if allowed is None or name == first:
            continue
        apart = largest_difference(outputs[first], found)
        if apart is None:
            raise ValueError(f"{name} does not give as many outputs as {first}: they cannot be compared.")
        if not apart <= allowed:
            raise ValueError(
                f"The outputs of {name} differ from those of {first} by {apart:.2g}, more than {allowed:.2g}."
            )


def largest_difference(first: Any, other: Any) -> float | None:  # noqa: ANN401 -- an array or a list of them
    """How far two outputs lie apart at most; None where they have not the same shapes."""
    both = [one if isinstance(one, list | tuple) else [one] for one in (first, other)]
    if len(both[0]) != len(both[1]) or any(np.shape(a) != np.shape(b) for a, b in zip(*both, strict=True)):
        return None
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in zip(*both, strict=True))


def peak_memory(call: Callable[[], Any]) -> int | None:
    """The most memory (bytes) that a call needs on top of what the process holds: on the GPU, if there is one in use.

    None where the system does not say; Linux does.
    """
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return torch.cuda.max_memory_allocated() - before
    reset, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    try:
        reset.write_text("5")  # the peak starts anew from what is held now
    except OSError:
        return None

    def held_now(field: str) -> int:
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024

    before = held_now("VmRSS")
    call()
    return max(0, held_now("VmHWM") - before)


def describe_machine() -> dict[str, Any]:
    """What a duration depends on besides the program: processor, GPU, system, versions, date."""
    torch = sys.modules.get("torch")
    found: dict[str, Any] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None,
        "system": platform.platform(terse=True),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {"python": platform.python_version()},
    }
    for name in ("torch", "transformers", "tokenizers", "onnxruntime", "openvino"):
        try:
            found["versions"][name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """What the system calls the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


# What can be timed


Batch = tuple[np.ndarray, np.ndarray]  # token numbers and token types, each (texts, tokens)


def random_batch(vocabulary: int, length: int, size: int = 1, seed: int = 0) -> Batch:
    """Random tokens, none of the first ten, where the special ones are; all of the first type."""
    check_counts(length=length, size=size)
    ids = np.random.default_rng(seed).integers(10, vocabulary, (size, length))
    return ids, np.zeros_like(ids)


def torch_session(encoder: Any, precision: str = "fp32") -> Callable[..., np.ndarray]:  # noqa: ANN401
    """A model in PyTorch as a session of `runtimes`: what most people run today.

    On the GPU, if there is one. `precision` is that of `choose_precision`. It reads padded batches too: with a mask, 1
    for tokens and 0 for padding, as a third array.
    """
    import torch

    from speedy_utils.devices import autocast, best_device
    from speedy_utils.encoders import rows_of_logits

    device = best_device()
    model = encoder.model.to(device).eval()
    typed = "token_type_ids" in encoder.tokenizer.model_input_names

    def run(ids: np.ndarray, types: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        inputs = {"input_ids": torch.from_numpy(ids).to(device)}
        if mask is not None:
            inputs["attention_mask"] = torch.from_numpy(mask).to(device)
        if typed:
            inputs["token_type_ids"] = torch.from_numpy(types).to(device)
        with torch.inference_mode(), autocast(model, precision) if precision != "fp32" else nullcontext():
            logits = rows_of_logits(model(**inputs))
        return (logits.transpose(1, 2) if "QuestionAnswering" in type(model).__name__ else logits).float().cpu().numpy()

    return run
