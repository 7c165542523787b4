"""Systems of the paper in their real sizes against each other on this machine, in PyTorch and in fast runtimes.

Weights are random: how long a network takes does not depend on them, only on their number and order.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speedy_utils.errors import unknown_name
from speedy_utils.speed.card import read_card
from speedy_utils.speed.latency import measure_latency, random_batch, torch_session
from speedy_utils.systems import auto_class, build_config, check_length, get_system
from speedy_utils.tasks import Task, get_task

if TYPE_CHECKING:
    import pandas as pd

    from speedy_utils.encoders import Encoder

# Name in tables -> (runtime, precision).
VARIANTS = {
    "PyTorch fp32": ("torch", "fp32"),
    "PyTorch bf16": ("torch", "bf16"),
    "ONNX Runtime fp32": ("onnxruntime", "fp32"),
    "ONNX Runtime int8": ("onnxruntime", "int8"),
    "OpenVINO fp32": ("openvino", "fp32"),
    "OpenVINO int8": ("openvino", "int8"),
}

# System, variant, what makes a session of threads and shape, and the megabytes that the weights take.
Opener = tuple[str, str, Callable[..., Any], float]


def random_encoder(name: str, task: Task | str, layers: int | None = None, seed: int = 0) -> Encoder:
    """A system in its real size, with random weights and the tokenizer of a stand-in of its family."""
    from speedy_utils.encoders import Encoder, name_labels, seeded
    from speedy_utils.mini.systems import load_mini_tokenizer

    task, system = get_task(task), get_system(name)
    if layers is not None:
        system = replace(system, architecture=replace(system.architecture, layers=layers))
    tokenizer = load_mini_tokenizer(system)
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
    warmup: int = 3,
    rounds: int = 20,
    seconds: float = 2.0,
    threads: int = 1,
    core: int | None = None,
) -> pd.DataFrame:
    """Milliseconds of each system in each variant, for inputs of each shape, and how many times as fast as the first.

    A row for each system, variant, batch size and length: what `Latency.frame` says, with how many times as fast it is
    as the first system in the first variant, since all of them run in turn; `size_mb` is what its weights take (in
    PyTorch in memory, in an exported folder on disk, the network's description included). Within a system the fp32
    variants are checked for equal outputs. The frame's `attrs` say on what machine. Raises ValueError for names that
    are not known.
    """
    import pandas as pd

    task, found, record = get_task(task), [], {}
    for name in variants:
        if name not in VARIANTS:
            raise ValueError(unknown_name("variant", name, list(VARIANTS)))
    for name, length in itertools.product(systems, lengths):
        check_length(get_system(name), length)
    with _exports(systems, task, variants) as made:
        for size in batch_sizes:
            for length in lengths:
                ids, types = random_batch(
                    min(get_system(name).architecture.vocabulary for name in systems), length, size
                )
                calls: dict[str, Callable[[], Any]] = {}
                for system, variant, open_for, _ in made:
                    session = open_for(threads, (size, length))
                    calls[f"{system}, {variant}"] = partial(session, ids, types)
                _check_fp32(calls, systems, variants)
                timed = measure_latency(
                    calls, items=size, warmup=warmup, rounds=rounds, seconds=seconds, threads=threads, core=core
                )
                frame = timed.frame()
                frame.insert(0, "system", [system for system, *_ in made])
                frame.insert(1, "variant", [variant for _, variant, *_ in made])
                frame.insert(2, "batch_size", size)
                frame.insert(3, "length", length)
                frame["size_mb"] = [megabytes for *_, megabytes in made]
                found.append(frame.drop(columns="name"))
                record = timed.record
    table = pd.concat(found, ignore_index=True)
    table.attrs = record | {"task": task.name, "weights": "random"}
    return table


@contextmanager
def _exports(systems: Sequence[str], task: Task, variants: Sequence[str]) -> Iterator[list[Opener]]:
    """(system, variant, what opens a session for a shape, megabytes) of each pair; the exports live as long as this."""
    from speedy_utils.readers import load_task
    from speedy_utils.speed.export import export
    from speedy_utils.speed.runtimes import open_session

    examples = load_task(task, "mini", report=None)["validation"].select(range(20))
    with tempfile.TemporaryDirectory(prefix="speedy-benchmark-") as scratch:
        made: list[Opener] = []
        for number, system in enumerate(systems):
            encoder = random_encoder(system, task)
            for variant in variants:
                runtime, precision = VARIANTS[variant]
                if runtime == "torch":
                    session = torch_session(encoder, precision)
                    size = sum(weight.nbytes for weight in encoder.model.parameters()) / 1e6
                    made.append((system, variant, lambda *_, session=session: session, size))
                    continue
                folder = Path(scratch) / f"{number}-{runtime}-{precision}"
                export(encoder, folder, task=task, runtime=runtime, precision=precision, examples=examples)
                size = sum(file.stat().st_size for file in folder.glob("model.*")) / 1e6
                made.append((system, variant, partial(open_session, folder, read_card(folder)), size))
        yield made


def _check_fp32(calls: dict[str, Callable[[], Any]], systems: Sequence[str], variants: Sequence[str]) -> None:
    """Raises ValueError where a system's fp32 variants differ in their outputs."""
    exact = [name for name in variants if name.endswith("fp32")]
    for system in systems:
        outputs = {name: calls[f"{system}, {name}"]() for name in exact}
        for name, found in outputs.items():
            apart = float(np.abs(found - outputs[exact[0]]).max())
            if not apart < 1e-3:
                raise ValueError(f"{system} in {name} differs from {exact[0]} by {apart:.2g}: times say nothing then.")
