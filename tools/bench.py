"""Prints how long things take, as ratios of what was measured side by side in one run.

    make bench                                            # everything (about 45 minutes)
    python tools/bench.py time --sentences esp.train      # one part, on sentences of your own

All variants of a part run in turn, in several rounds, on one thread that is tied to one core; what is compared are
their medians, so that a machine that is busy for a while slows all of them. Weights are random: time does not depend
on them. The sizes are those of BETO (the teacher) and ALBETO tiny (the student), with their stand-ins' tokenizers.

    time      `distill`, with nothing in its cache, against the loop of a textbook: for each batch of a random order the
              teacher reads it, the student reads it, the KL divergence of its words is minimised with AdamW. The loop
              pads to the 128 tokens that a sentence may have, or to the longest sentence of the batch.
    learnt    The student's KL divergence from a teacher of two layers, over all words, after the loop and after
              `distill`, with the same sentences, epochs, batch size and learning rate; several seeds.
    overhead  Of `distill`, with all answers in its cache, what is not the forward and backward passes of its student:
              both are clocked within the same run, since two runs of a minute can differ by more than that.
    runtimes  BETO and ALBETO tiny for each kind of task, in PyTorch and in fast runtimes, on inputs of 128 and of 512
              tokens and on 32 sentences; what each step gave; what batching gives; ALBETO base-N; all of it beside
              the rate of the processor's own matrix product. Three times as many rounds.
    throughput  The predictor on 100,000 sentences, against padding them in the order of the file.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datasets

    from speedy_utils.encoders import Encoder

BATCH, LONGEST, RATE = 32, 128, 1e-4
MOST_WORDS = 60  # so that a sentence is one feature for every tokenizer


def sentences(number: int, path: Path | None) -> datasets.DatasetDict:
    """Sentences of the bundled texts, or of a file in the columns of CoNLL-2002; their tags are not looked at."""
    import speedy_utils as su
    from speedy_utils.readers import to_datasets

    if path is not None:
        found = [list(words) for words in su.load_task("ner", "files", {"train": path})["train"]["tokens"]]
    else:
        paragraphs = [paragraph for document in su.load_texts() for paragraph in document.paragraphs]
        parts = [part for paragraph in paragraphs for part in re.split(r"(?<=[.!?…])\s+", paragraph)]
        found = [re.findall(r"\w+|[^\w\s]", part) for part in parts]
    found = [words for words in found if 0 < len(words) <= MOST_WORDS]
    random.Random(0).shuffle(found)
    few = max(4, number // 24)
    held_out, rest = found[:few], found[few:]
    if len(rest) < number:
        raise SystemExit(f"There are only {len(rest)} sentences, and {number} are needed: give a longer file.")

    def untagged(many: list[list[str]]) -> list[dict[str, list[str]]]:
        return [{"tokens": words, "tags": ["O"] * len(words)} for words in many]

    return to_datasets("ner", {"train": untagged(rest[:number]), "validation": untagged(held_out)})


def encoder(name: str, layers: int | None = None, seed: int = 0) -> Encoder:
    from speedy_utils.speed.benchmark import random_encoder

    return random_encoder(name, "ner", layers, seed)


def features_of(one: Encoder, examples: datasets.Dataset) -> datasets.Dataset:
    from speedy_utils.preprocessing import Preparation, prepare

    return prepare(one.tokenizer, "ner", examples, Preparation(max_length=LONGEST))


def textbook(
    teacher: Encoder, student: Encoder, data: datasets.DatasetDict, epochs: int, *, to_longest: bool, seed: int = 1
) -> None:
    """The loop as it is usually written, with word paired to word."""
    import torch
    from torch.nn.functional import kl_div, pad

    from speedy_utils.preprocessing import pad_batch

    pairs = [(one, features_of(one, data["train"])) for one in (teacher, student)]
    steps = epochs * -(-len(data["train"]) // BATCH)
    optimizer = torch.optim.AdamW(student.model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    order = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    teacher.model.eval()
    student.model.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(data["train"]), generator=order).split(BATCH):
            words = []
            for one, features in pairs:
                batch = pad_batch([features[place] for place in chosen.tolist()], one.tokenizer.pad_token_id)
                first = batch.pop("labels") >= 0
                if to_longest:
                    missing = (0, LONGEST - first.shape[1])
                    batch, first = {name: pad(value, missing) for name, value in batch.items()}, pad(first, missing)
                with torch.set_grad_enabled(one is student):
                    words.append(one.model(**batch).logits[first])
            loss = kl_div(words[1].log_softmax(-1), words[0].log_softmax(-1), reduction="batchmean", log_target=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()


def with_distill(
    teacher: Encoder,
    student: Encoder,
    data: datasets.DatasetDict,
    epochs: int,
    precision: str = "fp32",
    cache: Path | None = None,
    seed: int = 1,
) -> None:
    """`distill` with the settings of the loop; without a cache of its own the teacher's reading is part of it."""
    import speedy_utils as su

    with tempfile.TemporaryDirectory() as empty:
        settings = {"epochs": epochs, "batch_size": BATCH, "learning_rate": RATE, "precision": precision, "seed": seed}
        su.distill(student, teacher, "ner", data=data, max_length=LONGEST, cache=cache or empty, **settings)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure_time(rounds: int, path: Path | None, number: int = 96, epochs: int = 5) -> None:
    from speedy_utils.devices import choose_precision

    data, teacher = sentences(number, path), encoder("BETO uncased")
    variants: dict[str, Callable[[Encoder], None]] = {
        f"textbook, padded to {LONGEST}, fp32": lambda s: textbook(teacher, s, data, epochs, to_longest=True),
        "textbook, padded by batch, fp32": lambda s: textbook(teacher, s, data, epochs, to_longest=False),
        "distill, fp32": lambda s: with_distill(teacher, s, data, epochs),
    }
    if choose_precision(teacher.model) == "bf16":
        variants["distill, bf16"] = lambda s: with_distill(teacher, s, data, epochs, "bf16")
    else:
        print("This processor has no fast bf16: it is left out.")
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            student = encoder("ALBETO tiny")
            taken[name].append(seconds(lambda run=run, student=student: run(student)))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    whole, batched = list(medians.values())[:2]
    lengths = sorted(map(len, data["train"]["tokens"]))
    print(f"{number} sentences of {lengths[0]} to {lengths[-1]} words, median {statistics.median(lengths):.0f}; "
          f"{epochs} epochs, batches of {BATCH}; medians of {rounds} rounds")  # fmt: skip
    print(f"{'':34}{'seconds':>9}{'of the first':>14}{'of the second':>15}   each round, seconds")
    for name, value in medians.items():
        each = " ".join(f"{one:.1f}" for one in taken[name])
        print(f"{name:34}{value:9.1f}{value / whole:14.3f}{value / batched:15.3f}   {each}")


def measure_learnt(rounds: int, path: Path | None, number: int = 320, epochs: int = 3) -> None:
    import torch

    data, teacher = sentences(number, path), encoder("BETO uncased", layers=2, seed=3)
    with torch.no_grad():
        teacher.model.classifier.weight.mul_(20)  # a teacher with opinions
    print(f"KL divergence from the teacher, {number} sentences, {epochs} epochs, seeds 1 to {rounds}")
    ways: dict[str, Callable[[Encoder, int], None]] = {
        "before": lambda student, seed: None,
        "textbook, padded by batch": lambda s, seed: textbook(teacher, s, data, epochs, to_longest=False, seed=seed),
        "distill": lambda s, seed: with_distill(teacher, s, data, epochs, seed=seed),
    }
    means = {}
    for name, run in ways.items():
        found = []
        for seed in range(1, rounds + 1):
            student = encoder("ALBETO tiny")
            run(student, seed)
            found.append(divergence(teacher, student, data["train"]))
        means[name] = statistics.mean(found)
        print(f"{name:34}{means[name]:9.4f}   each seed: {' '.join(f'{one:.4f}' for one in found)}")
    print(f"distill less textbook: {means['distill'] - means['textbook, padded by batch']:+.4f}")


def divergence(teacher: Encoder, student: Encoder, examples: datasets.Dataset) -> float:
    """The mean over words of the KL divergence of the student from the teacher, in nats."""
    import torch

    from speedy_utils.distillation.losses import kl_divergence
    from speedy_utils.evaluation import predict

    words = []
    for one in (student, teacher):
        features = features_of(one, examples)
        outputs = predict(one.model, one.tokenizer, features, "fp32")
        kept = [
            torch.from_numpy(out)[torch.tensor(row["labels"]) >= 0] for out, row in zip(outputs, features, strict=True)
        ]
        words.append(torch.cat(kept))
    return kl_divergence(*words).item()


def measure_overhead(rounds: int, path: Path | None, number: int = 480, epochs: int = 5) -> None:
    data, teacher = sentences(number, path), encoder("BETO uncased", layers=1)
    shares = []
    with tempfile.TemporaryDirectory() as cache:
        with_distill(teacher, encoder("ALBETO tiny"), data, 1, cache=Path(cache))  # fills the cache
        for _ in range(rounds):
            student = encoder("ALBETO tiny")
            with clocked(student) as passes:
                whole = seconds(lambda student=student: with_distill(teacher, student, data, epochs, cache=Path(cache)))
            shares.append(whole / sum(passes) - 1)
            print(
                f"whole run {whole:.1f} s, its forward and backward passes {sum(passes):.1f} s: {shares[-1]:.1%} more"
            )
    print(f"{number} sentences, {epochs} epochs; overhead, median of {rounds} rounds: {statistics.median(shares):.1%}")


@contextmanager
def clocked(student: Encoder) -> Iterator[list[float]]:
    """The seconds of each forward pass in training and of each backward pass meanwhile."""
    import torch

    taken: list[float] = []
    forward, backward = student.model.forward, torch.Tensor.backward

    def clock(run: Callable[..., object], counts: Callable[[], bool]) -> Callable[..., object]:
        @wraps(run)
        def timed(*args: object, **kwargs: object) -> object:
            start = time.perf_counter()
            try:
                return run(*args, **kwargs)
            finally:
                if counts():
                    taken.append(time.perf_counter() - start)

        return timed

    student.model.forward = clock(forward, lambda: student.model.training)
    torch.Tensor.backward = clock(backward, lambda: True)
    try:
        yield taken
    finally:
        student.model.forward, torch.Tensor.backward = forward, backward


def texts(path: Path | None) -> list[str]:
    return [" ".join(words) for words in sentences(1000, path)["train"]["tokens"]]


def runtimes(rounds: int, path: Path | None) -> None:
    from bench_runtimes import measure_runtimes

    measure_runtimes(3 * rounds, texts(path))


def throughput(_: int, path: Path | None) -> None:
    from bench_runtimes import measure_throughput

    measure_throughput(texts(path))


PARTS = {
    "time": measure_time,
    "learnt": measure_learnt,
    "overhead": measure_overhead,
    "runtimes": runtimes,
    "throughput": throughput,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help=f"what to measure: {', '.join(PARTS)} (everything)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each variant runs (3)")
    parser.add_argument("--sentences", type=Path, metavar="FILE", help="sentences in the columns of CoNLL-2002")
    options = parser.parse_args()
    for name in options.part:
        if name not in PARTS:
            parser.error(f"there is no part {name!r}: choose of {', '.join(PARTS)}")
    os.environ["OMP_NUM_THREADS"] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import torch

    torch.set_num_threads(1)
    for name in options.part or PARTS:
        print(f"\n{name}", flush=True)
        PARTS[name](options.rounds, options.sentences)
    return 0


if __name__ == "__main__":
    sys.exit(main())
