"""The part of `make bench` on inference: systems in PyTorch and in fast runtimes, beside the limit that products set.

Everything is measured by `speedy_utils.measure_latency`: in turn, in one process, on one thread that is tied to one
core. Weights are random and tokenization is left out, both as in `speedy benchmark`.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datasets
    import numpy as np
    import pandas as pd

BETO, TINY = "BETO uncased", "ALBETO tiny"
PYTORCH = "PyTorch fp32"
KINDS = ("mldoc", "ner", "mlqa")  # a task of each
LENGTHS = (128, 512)
REAL = 32
QUESTION = "¿De qué o de quién se habla aquí?"
BY_STEPS = (PYTORCH, "ONNX Runtime fp32", "ONNX Runtime int8", "OpenVINO int8+bf16")
COLUMNS = ["system", "variant", "length", "p50_ms", "p95_ms", "times_as_fast", "ratio_low", "ratio_high"]


def examples_of(kind: str, texts: list[str]) -> datasets.Dataset:
    """Sentences in the columns of a task; a question is asked about each."""
    import datasets

    if kind == "mlqa":
        answers = [{"text": [text.split()[0]], "answer_start": [0]} for text in texts]
        asked = {"id": [str(number) for number in range(len(texts))], "question": [QUESTION] * len(texts)}
        return datasets.Dataset.from_dict({**asked, "context": texts, "answers": answers})
    if kind == "ner":
        words = [text.split() for text in texts]
        return datasets.Dataset.from_dict({"tokens": words, "tags": [[0] * len(row) for row in words]})
    return datasets.Dataset.from_dict({"sentence1": texts, "label": [0] * len(texts)})


def product_rates(size: int = 1024) -> dict[str, float]:
    """Thousand million operations a second of the product of two square matrices: two for each MAC."""
    import numpy as np
    import onnxruntime
    import torch
    from onnx import TensorProto, helper

    import speedy_utils as su

    def square(kind: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.ones(size, size, dtype=kind), torch.ones(size, size, dtype=kind)

    kinds = {"a": TensorProto.UINT8, "b": TensorProto.INT8}
    inputs = [helper.make_tensor_value_info(name, kind, [size, size]) for name, kind in kinds.items()]
    output = helper.make_tensor_value_info("y", TensorProto.INT32, [size, size])
    weight = helper.make_tensor("b", TensorProto.INT8, [size, size], np.ones((size, size), np.int8).tobytes(), raw=True)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["y"])], "product", inputs[:1], [output], [weight]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    pairs = {"fp32": square(torch.float32), "bf16": square(torch.bfloat16)}
    calls = {name: (lambda pair=pair: torch.mm(*pair)) for name, pair in pairs.items()}
    calls["int8"] = lambda: session.run(None, {"a": np.ones((size, size), np.uint8)})
    timed = su.measure_latency(calls, rounds=20, seconds=0)
    return {name: 2 * size**3 / min(seconds) / 1e9 for name, seconds in timed.seconds.items()}


def show(frame: pd.DataFrame) -> None:
    print(frame.to_string(index=False, float_format="{:.2f}".format), flush=True)


def measure_runtimes(rounds: int, texts: list[str]) -> None:
    import pandas as pd

    import speedy_utils as su
    from speedy_utils.speed.benchmark import benchmark

    random.Random(1).shuffle(texts)
    texts = texts[:REAL]
    rates = product_rates()
    print("Matrix product of 1024 x 1024, 10^9 operations a second: "
          + ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items()))  # fmt: skip
    for kind in KINDS:
        task = su.get_task(kind)
        how = {"rounds": rounds, "seconds": 0}
        fixed = benchmark([BETO, TINY], task, lengths=LENGTHS, **how)
        real = benchmark([BETO, TINY], task, variants=BY_STEPS, lengths=(), examples=examples_of(kind, texts), **how)
        found = pd.concat([fixed, real])
        print(f"\n{task.kind}: one text of so many tokens, and {REAL} real texts; {fixed.attrs['processor']}")
        show(found[COLUMNS])
        rows = {(row.system, row.variant, row.length): row for row in found.itertuples()}
        for length in (*LENGTHS, "real"):
            few = found[found["length"] == length]
            best = {
                name: few[few["system"] == name].sort_values("times_as_fast").iloc[-1].to_dict()
                for name in (BETO, TINY)
            }
            fast, base = best[TINY], best[BETO]
            print(f"{length}: {TINY} in {fast['variant']} is {fast['times_as_fast']:.1f} times as fast as {BETO} in "
                  f"{PYTORCH}, {fast['times_as_fast'] / base['times_as_fast']:.1f} times as in its best, "
                  f"{base['variant']}")  # fmt: skip
            if length != "real":
                floor = 2 * su.count_macs(TINY, sequence_length=length, kind=task.kind) / rates["int8"] / 1e6
                print(f"  all its MACs at the rate of the int8 product: {floor:.2f} ms, "
                      f"{rows[BETO, PYTORCH, length].p50_ms / floor:.0f} times as fast")  # fmt: skip
            ways = [rows[TINY, name, length].times_as_fast for name in BY_STEPS[:3]]
            steps = [("architecture", ways[0]), ("runtime", ways[1] / ways[0]), ("precision", ways[2] / ways[1])]
            steps.append((f"then {fast['variant']}", fast["times_as_fast"] / ways[2]))
            print("  steps: " + ", ".join(f"{name} x {by:.2f}" for name, by in steps))
    measure_batching(rounds, texts)
    measure_depths(rounds)


def measure_batching(rounds: int, texts: list[str]) -> None:
    """What batching gives, for each side: 32 sentences one by one, padded in the order of the file, and at best."""
    import speedy_utils as su
    from speedy_utils.preprocessing import prepare
    from speedy_utils.speed.benchmark import BATCH_TOKENS, random_encoder, read_batches, real_batches
    from speedy_utils.speed.card import read_card
    from speedy_utils.speed.latency import torch_session
    from speedy_utils.speed.runtimes import open_session

    examples = examples_of("mldoc", texts)
    calls = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in (BETO, TINY):
            encoder = random_encoder(name, "mldoc")
            ids = prepare(encoder.tokenizer, "mldoc", examples)["input_ids"]
            if name == BETO:
                session, title = torch_session(encoder), PYTORCH
            else:
                folder = su.export(encoder, Path(scratch) / "tiny", task="mldoc", precision="int8")
                session, title = open_session(folder, read_card(folder), 1), "ONNX Runtime int8"
            calls[f"{name}, {title}, all padded to the longest"] = padded_in_order(session, ids, REAL)
            for most in BATCH_TOKENS:
                batches = real_batches(ids, [[0] * len(row) for row in ids], most, 1, pads=name == BETO)
                calls[f"{name}, {title}, at most {most} tokens"] = lambda batches=batches, session=session: (
                    read_batches(session, batches, REAL)
                )
        found = su.measure_latency(calls, items=REAL, rounds=rounds, seconds=0).frame()
    print(f"\nbatching, {REAL} sentences, {sum(map(len, ids))} tokens (like lengths together but in the first)")
    show(found[["name", "p50_ms", "texts_per_second", "times_as_fast"]])


def padded_in_order(session: object, ids: list[list[int]], size: int) -> object:
    """A call that reads texts in the order of the file, so many at a time, each as long as the longest.

    The padding is read as text: without a mask the answers are wrong and the time is what it would be.
    """
    import numpy as np

    batches: list[np.ndarray] = []
    for start in range(0, len(ids), size):
        rows = ids[start : start + size]
        longest = max(map(len, rows))
        batches.append(np.array([row + [1] * (longest - len(row)) for row in rows], np.int64))
    return lambda: [session(batch, np.zeros_like(batch)) for batch in batches]


def measure_depths(rounds: int) -> None:
    """ALBETO base-N in its best variant against its published Speedup."""
    from speedy_utils.speed.benchmark import benchmark

    names = [f"ALBETO base-{depth}" for depth in (2, 4, 6, 8, 10)]
    variants = [PYTORCH, "ONNX Runtime int8", "OpenVINO int8+bf16"]
    found = benchmark([BETO, *names], lengths=LENGTHS, variants=variants, rounds=rounds, seconds=0)
    print(f"\nbase-N, classification, each in its best variant, against {BETO} in {PYTORCH}")
    show(beside_published(found))


def beside_published(found: pd.DataFrame) -> pd.DataFrame:
    """The best variant of each system but BETO at each length, and how many times its published Speedup it reaches."""
    import speedy_utils as su

    # A system that was both fine-tuned and distilled has two rows there, with one Speedup.
    published = su.published_summary().drop_duplicates("system").set_index("system")["speedup"]
    best = found[found["system"] != BETO].sort_values("times_as_fast").groupby(["system", "length"]).tail(1)
    best = best.sort_values(["length", "times_as_fast"], ascending=[True, False])[COLUMNS]
    best["published"] = best["system"].map(published)
    return best.assign(times_published=best["times_as_fast"] / best["published"])


def measure_throughput(texts: list[str], count: int = 100_000) -> None:
    """The predictor on many sentences of mixed length, text to answers, against padding them in the file's order."""
    import speedy_utils as su
    from speedy_utils.speed.benchmark import random_encoder
    from speedy_utils.speed.predictor import predict_lines

    many = random.Random(0).choices(texts, k=count)
    with tempfile.TemporaryDirectory() as scratch:
        folder = su.export(random_encoder(TINY, "ner"), Path(scratch) / "tiny", task="ner", precision="int8")
        predictor = su.Predictor(folder, threads=1)
        predictor(many[:100])
        start = time.perf_counter()
        for _answer in predict_lines(predictor, (text.encode() for text in many)):
            pass
        own = time.perf_counter() - start
        start = time.perf_counter()
        lengths = []
        for place in range(0, count, REAL):
            checked = [predictor.checked(text) for text in many[place : place + REAL]]
            rows = [predictor._read_words(one) for one in checked]
            ids = [row.ids for own_rows in rows for row in own_rows]
            lengths += map(len, ids)
            outputs = iter(padded_in_order(predictor.session, ids, len(ids))()[0])
            for one, own_rows in zip(checked, rows, strict=True):
                predictor._tags(one, own_rows, [next(outputs) for _ in own_rows])
        padded = time.perf_counter() - start
    print(f"{count} sentences, {min(lengths)} to {max(lengths)} tokens, {sum(lengths) / len(lengths):.1f} in the mean: "
          f"predictor {own:.1f} s, {count / own:.0f} a second; padded in order, {REAL} at a time, {padded:.1f} s: "
          f"{padded / own:.2f} times as long")  # fmt: skip
