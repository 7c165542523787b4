"""Systems of the paper in their real sizes against each other on this machine, in PyTorch and in fast runtimes.

Weights are random: how long a network takes does not depend on them, only on their number and order.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speedy_utils.errors import unknown_name
from speedy_utils.speed.card import read_card
from speedy_utils.speed.latency import held, largest_difference, measure_latency, random_batch, torch_session
from speedy_utils.systems import auto_class, build_config, check_length, get_system
from speedy_utils.tasks import Task, get_task

if TYPE_CHECKING:
    import datasets
    import pandas as pd

    from speedy_utils.encoders import Encoder
    from speedy_utils.speed.runtimes import Session


@dataclass(frozen=True)
class Variant:
    """A way to run a system; with `fixed` it is prepared for inputs of one shape, where the runtime knows how."""

    runtime: str
    precision: str
    fixed: bool = True


VARIANTS = {
    "PyTorch fp32": Variant("torch", "fp32"),
    "PyTorch bf16": Variant("torch", "bf16"),
    "ONNX Runtime fp32": Variant("onnxruntime", "fp32"),
    "ONNX Runtime int8": Variant("onnxruntime", "int8"),
    "OpenVINO fp32": Variant("openvino", "fp32"),
    "OpenVINO int8": Variant("openvino", "int8"),
    "OpenVINO int8+bf16": Variant("openvino", "int8+bf16"),
    "OpenVINO int8+bf16, any shape": Variant("openvino", "int8+bf16", fixed=False),
}
BATCH_TOKENS = (1, 128, 256, 512, 1024, 4096)  # how many may share a batch of real texts: the fastest is taken
SAME = 1e-3  # how far the logits of two fp32 variants may lie apart

Shape = tuple[int, int]  # texts, tokens
Call = Callable[[], Any]


@dataclass(frozen=True)
class Candidate:
    """A system in a variant: what opens a session for a shape (None: any), its size, and whether it reads padding."""

    encoder: Encoder
    variant: str
    open_for: Callable[[int, Shape | None], Session]
    size_mb: float
    pads: bool

    @property
    def name(self) -> str:
        return f"{self.encoder.name}, {self.variant}"


def random_encoder(name: str, task: Task | str, layers: int | None = None, seed: int = 0) -> Encoder:
    """A system in its real size, with random weights and the tokenizer of a stand-in of its family."""
    from speedy_utils.encoders import Encoder, name_labels, seeded
    from speedy_utils.mini.systems import MINI, load_mini_tokenizer

    task, system = get_task(task), get_system(name)
    if layers is not None:
        system = replace(system, architecture=replace(system.architecture, layers=layers))
    family = [one for one in MINI if get_system(one).family == system.family]
    tokenizer = load_mini_tokenizer(system.name if system.name in family else family[0])
    config = build_config(system, len(task.labels) or 2)
    config.pad_token_id = tokenizer.pad_token_id
    with seeded(seed):
        model = auto_class(task.kind).from_config(config)
    name_labels(model, task)
    return Encoder(model.eval(), tokenizer, name, {"source": "random", "system": name, "seed": seed})


def benchmark(
    systems: Sequence[str],
    task: Task | str = "mldoc",
    *,
    variants: Sequence[str] = tuple(VARIANTS),
    lengths: Sequence[int] = (128, 512),
    batch_sizes: Sequence[int] = (1,),
    examples: datasets.Dataset | None = None,
    warmup: int = 3,
    rounds: int = 20,
    seconds: float = 2.0,
    threads: int = 1,
    core: int | None = None,
) -> pd.DataFrame:
    """Milliseconds of each system in each variant, for inputs of each shape, and how many times as fast as the first.

    A row for each system, variant, batch size and length: what `Latency.frame` says, with how many times as fast it is
    as the first system in the first variant, since all of them run in turn; `size_mb` is what its weights take (in
    PyTorch in memory, in an exported folder on disk, the network's description included).

    With `examples` (the columns of `load_task`) there are also rows of the length "real": all of them are read as they
    are, in the batches that suit each best; `batch_tokens` says how many tokens may share one. PyTorch pads texts of
    like length, the other runtimes take those of equal length together. Tokenization is not part of it.

    Within a system the fp32 variants are checked for equal outputs. The frame's `attrs` say on what machine. Raises
    ValueError for names that are not known and for a length that a system cannot read.
    """
    import pandas as pd

    task, found, record = get_task(task), [], {}
    for name in variants:
        if name not in VARIANTS:
            raise ValueError(unknown_name("variant", name, list(VARIANTS)))
    for name, length in itertools.product(systems, lengths):
        check_length(get_system(name), length)
    shapes: list[Shape | None] = [(size, length) for size in batch_sizes for length in lengths]
    vocabulary = min(get_system(name).architecture.vocabulary for name in systems)
    with _exports(systems, task, variants) as candidates:
        for shape in shapes if examples is None else [*shapes, None]:
            # Real texts have any shape: what is prepared for one would be the same once more.
            made = [one for one in candidates if shape or VARIANTS[one.variant].fixed] or candidates
            calls: dict[str, Call] = {}
            tokens: dict[str, int | None] = {}
            for one in made:
                session = one.open_for(threads, shape if VARIANTS[one.variant].fixed else None)
                if shape is not None:
                    calls[one.name] = partial(session, *random_batch(vocabulary, shape[1], shape[0]))
                    tokens[one.name] = None
                else:
                    with held(threads, core):
                        calls[one.name], tokens[one.name] = _fastest_batches(one, session, task, examples)
            _check_fp32(calls, systems, variants)
            size, length = shape or (len(examples), "real")
            how = {"warmup": warmup, "rounds": rounds, "seconds": seconds, "threads": threads, "core": core}
            timed = measure_latency(calls, items=size, **how)
            frame = timed.frame()
            frame.insert(0, "system", [one.encoder.name for one in made])
            frame.insert(1, "variant", [one.variant for one in made])
            frame.insert(2, "batch_size", size)
            frame.insert(3, "length", length)
            frame["size_mb"], frame["batch_tokens"] = [one.size_mb for one in made], list(tokens.values())
            found.append(frame.drop(columns="name"))
            record = timed.record
    table = pd.concat(found, ignore_index=True)
    table.attrs = record | {"task": task.name, "weights": "random"}
    return table


@contextmanager
def _exports(systems: Sequence[str], task: Task, variants: Sequence[str]) -> Iterator[list[Candidate]]:
    """Each system in each variant; the exported folders live as long as this."""
    from speedy_utils.readers import load_task
    from speedy_utils.speed.export import export
    from speedy_utils.speed.runtimes import open_session

    few = load_task(task, "mini", report=None)["validation"].select(range(20))
    with tempfile.TemporaryDirectory(prefix="speedy-benchmark-") as scratch:
        made: list[Candidate] = []
        for number, system in enumerate(systems):
            encoder = random_encoder(system, task)
            for name in variants:
                runtime, precision = VARIANTS[name].runtime, VARIANTS[name].precision
                if runtime == "torch":
                    session = torch_session(encoder, precision)
                    size = sum(weight.nbytes for weight in encoder.model.parameters()) / 1e6
                    made.append(Candidate(encoder, name, lambda *_, session=session: session, size, pads=True))
                    continue
                folder = Path(scratch) / f"{number}-{runtime}-{precision}"
                if not folder.exists():
                    export(encoder, folder, task=task, runtime=runtime, precision=precision, examples=few)
                size = sum(file.stat().st_size for file in folder.glob("model.*")) / 1e6
                made.append(
                    Candidate(encoder, name, partial(open_session, folder, read_card(folder)), size, pads=False)
                )
        yield made


def _fastest_batches(one: Candidate, session: Session, task: Task, examples: datasets.Dataset) -> tuple[Call, int]:
    """A call that reads all examples in batches, and how many tokens may share one: what proved fastest here."""
    from speedy_utils.preprocessing import Preparation, prepare

    features = prepare(one.encoder.tokenizer, task, examples, Preparation().for_positions(one.encoder.longest))
    ids = features["input_ids"]
    types = features["token_type_ids"] if "token_type_ids" in features.column_names else [[0] * len(row) for row in ids]
    ways = {
        most: partial(
            read_batches,
            session,
            real_batches(ids, types, most, one.encoder.tokenizer.pad_token_id, one.pads),
            len(ids),
        )
        for most in BATCH_TOKENS
    }
    for call in ways.values():
        call()  # warm-up
    taken = {most: min(_seconds(call) for _ in range(2)) for most, call in ways.items()}
    best = min(taken, key=taken.__getitem__)
    return ways[best], best


@dataclass(frozen=True)
class Batch:
    places: list[int]  # which features
    inputs: list[np.ndarray]  # token numbers, token types, and the mask if there is padding


def real_batches(ids: list[list[int]], types: list[list[int]], most: int, pad: int, pads: bool) -> list[Batch]:
    """Longest first, at most so many tokens together, padded or of one length."""
    order = sorted(range(len(ids)), key=lambda place: -len(ids[place]))
    made = []
    while order:
        length = len(ids[order[0]])
        places = order[: max(1, most // length)]
        if not pads:
            places = [place for place in places if len(ids[place]) == length]
        order = order[len(places) :]

        def filled(rows: list[list[int]], value: int, places: list[int] = places, length: int = length) -> np.ndarray:
            return np.array([rows[place] + [value] * (length - len(rows[place])) for place in places], np.int64)

        inputs = [filled(ids, pad), filled(types, 0)]
        if any(len(ids[place]) < length for place in places):
            inputs.append(filled([[1] * len(row) for row in ids], 0))
        made.append(Batch(places, inputs))
    return made


def read_batches(session: Session, batches: list[Batch], count: int) -> list[np.ndarray]:
    """The outputs for each feature, in order, padding left in."""
    found: list[Any] = [None] * count
    for batch in batches:
        for place, output in zip(batch.places, session(*batch.inputs), strict=True):
            found[place] = output
    return found


def _seconds(call: Call) -> float:
    """The shortest of up to four passes: one is enough where it takes long, and a warm-up where it does not."""
    taken: list[float] = []
    while not taken or (len(taken) < 4 and taken[-1] < 0.5):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _check_fp32(calls: dict[str, Call], systems: Sequence[str], variants: Sequence[str]) -> None:
    """Raises ValueError where a system's fp32 variants differ in their outputs."""
    exact = [name for name in variants if VARIANTS[name].precision == "fp32"]
    if len(exact) < 2:
        return
    for system in systems:
        outputs = {name: calls[f"{system}, {name}"]() for name in exact}
        for name, found in outputs.items():
            pairs = zip(outputs[exact[0]], found, strict=True)
            apart = max(largest_difference(a[: len(b)], b[: len(a)]) for a, b in pairs)  # padding may follow
            if not apart < SAME:
                raise ValueError(f"{system} in {name} differs from {exact[0]} by {apart:.2g}: times say nothing then.")
