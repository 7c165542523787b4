"""A trained model as a folder for fast runtimes: network, tokenizer, labels and a card, whole or not at all.

Exporting needs torch and the extra "fast"; reading an export needs the runtime alone (see `predictor`).
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speedy_utils import __version__
from speedy_utils.devices import quiet
from speedy_utils.encoders import Encoder, check_head
from speedy_utils.errors import unknown_name
from speedy_utils.files import file_digest, whole_folder, write_json, write_whole
from speedy_utils.preprocessing import Preparation, prepare
from speedy_utils.speed.card import CARD, PRECISIONS, RUNTIMES, Card, needs_examples
from speedy_utils.speed.graph import WORDS, encoder_graph, matching, products
from speedy_utils.speed.latency import torch_session
from speedy_utils.speed.runtimes import open_session
from speedy_utils.tasks import Task, get_task

if TYPE_CHECKING:
    import datasets
    import onnx

    from speedy_utils.speed.runtimes import Session
    from speedy_utils.training import Run

NEEDED = {"onnxruntime": ("onnx", "onnxruntime"), "openvino": ("onnx", "openvino")}
CALIBRATION = 100  # examples
RANGES = "min-max"  # of the activations, over all these examples
# What stays in fp32 in int8 exports, where nothing else is said and the network has it: ALBERT's widening of the
# embeddings. All that follows reads what it makes, and it is a hundredth of the multiplications (see `sensitivity`).
KEPT = ("embeddings",)


def export(
    model: Run | Encoder | str | Path,
    folder: str | Path,
    *,
    task: Task | str | None = None,
    runtime: str = "onnxruntime",
    precision: str = "fp32",
    examples: datasets.Dataset | None = None,
    preparation: Preparation | None = None,
    keep: Sequence[str] | None = None,
) -> Path:
    """Writes a model for a fast runtime into a new folder, and gives back the folder; `Predictor` reads it.

    `model` is what `fine_tune` or `distill` gave back, the folder of a run, or an `Encoder` with its `task`.
    `runtime` is "onnxruntime" or "openvino", `precision` "fp32" or "int8": weights and, while it runs, what is
    multiplied with them as whole numbers of eight bits. OpenVINO's ranges of these numbers come from real `examples` of
    the task, with the columns of `load_task`; ONNX Runtime finds them anew for each input. With "int8+bf16" OpenVINO
    computes all else in bf16 on processors that have it (and in fp32 elsewhere), which is faster, most of all for long
    texts. For a run, examples are those it was chosen on, and the lengths (`preparation`) its own.

    `keep` names parts of the network that stay in fp32 where the rest is int8: a product of all layers ("narrow"), a
    layer ("layer0"), one of both ("layer0/narrow"), or what stands around them ("embeddings", "head"; "words" is the
    table of word vectors, which OpenVINO stores in int8 and ONNX Runtime does not); see `graph` for all names. Left out
    it is "embeddings", where an ALBERT widens them; () keeps nothing. `sensitivity` shows what each part is worth.

    The exported network is compared with the model's own on random inputs before it is written. Raises ValueError in
    one sentence for a model that cannot be exported, a folder that is not empty and names that are not known;
    ImportError where a library is missing; RuntimeError if the outputs differ.
    """
    if isinstance(model, str | Path):
        from speedy_utils.training import load_run

        model = load_run(model)
    data = None
    if not isinstance(model, Encoder):
        data = model.record["identity"]["data"]
        task = get_task(task or model.task)
        preparation = preparation or model.settings.preparation
        if examples is None and model.data is not None:
            examples = model.data["validation"]
        model = model.encoder
    if task is None:
        raise ValueError("Which task is this model for? Give task=, such as task='ner'.")
    task = get_task(task)
    for what, name, known in (("runtime", runtime, RUNTIMES), ("precision", precision, PRECISIONS)):
        if name not in known:
            raise ValueError(unknown_name(what, name, known))
    if (runtime, precision) == ("onnxruntime", "int8+bf16"):
        raise ValueError(
            "ONNX Runtime computes what is not int8 in fp32: take precision='int8', or runtime='openvino'."
        )
    calibrated = needs_examples(runtime, precision)
    if calibrated and examples is None:
        raise ValueError(
            "int8 for OpenVINO needs real examples of the task: give examples=, such as a validation split."
        )
    for name in (*NEEDED[runtime], *(["nncf"] if calibrated else [])):
        _check_installed(name)
    check_head(model, task)
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: export into a new folder.")
    lengths = (preparation or Preparation()).for_positions(model.longest)
    if keep is not None and precision == "fp32":
        raise ValueError("Parts are kept in fp32 where the rest is int8: leave keep out, or take precision='int8'.")
    if isinstance(keep, str):
        keep = [keep]
    with whole_folder(folder) as scratch, quiet(), warnings.catch_warnings(action="ignore"):
        network = encoder_graph(model.model, task.kind, pairs=task.pair or task.kind == "question_answering")
        if keep is None:
            have = {part for name in products(network) for part in name.split("/")}
            keep = [part for part in KEPT if part in have and precision != "fp32"]
        kept = matching([WORDS, *products(network)], keep)
        weighted = [name for name, weighs in products(network).items() if weighs and name not in kept]
        typed = len(network.graph.input) == 2
        _write_network(network, runtime, scratch)
        card = Card(
            system=model.name,
            task=task.name,
            title=task.title,
            kind=task.kind,
            labels=task.labels,
            pair=task.pair,
            runtime=runtime,
            precision=precision,
            token_types=typed,
            max_length=lengths.max_length,
            stride=lengths.stride,
            max_question=lengths.max_question,
            files={},
            keep=tuple(keep),
            origin=model.origin,
            data=data,
            versions={name: version(name) for name in ("torch", "transformers", *NEEDED[runtime])}
            | {"speedy_utils": __version__},
        )
        _check_outputs(model, task, open_session(scratch, replace(card, precision="fp32"), 1), typed)
        if calibrated:
            batches = _batches(model, task, examples, lengths, typed)
            _quantize_openvino(scratch / "model.xml", batches, kept, weighted)
            card = replace(card, calibration={"inputs": len(batches), "ranges": RANGES})
        elif precision == "int8":
            _quantize_onnx(network, weighted, scratch / "model.onnx")
        write_whole(scratch / "tokenizer.json", _tokenizer_text(model))
        files = {path.name: file_digest(path) for path in sorted(scratch.iterdir())}
        write_json(scratch / CARD, asdict(replace(card, files=files)))
        write_whole(scratch / "README.md", _readme(card))
    return folder


def _check_installed(name: str) -> None:
    from importlib.util import find_spec

    if find_spec(name) is None:
        raise ImportError(f"Exporting needs {name}: pip install 'speedy-gonzales-book[fast]'.")


@contextmanager
def _quiet_nncf() -> Iterator[None]:
    """Without its notes, without its bars, and without its reports to its makers' server.

    It draws the bars with rich: on standard output, and in Jupyter as displays of their own.
    """
    import logging

    before = os.environ.get("NNCF_CI")
    os.environ["NNCF_CI"] = "1"  # how NNCF is told to report nothing; it looks when it is imported
    import nncf
    import rich

    logger, console = logging.getLogger("nncf"), rich.get_console()
    level, drawn = logger.level, vars(console).copy()
    nncf.set_log_level(logging.ERROR)
    rich.reconfigure(quiet=True, force_jupyter=False)
    try:
        yield
    finally:
        vars(console).clear()
        vars(console).update(drawn)
        logger.setLevel(level)
        if before is None:
            del os.environ["NNCF_CI"]
        else:
            os.environ["NNCF_CI"] = before


def _write_network(graph: onnx.ModelProto, runtime: str, folder: Path) -> None:
    """The network in fp32 in the runtime's own format."""
    import onnx

    if runtime == "onnxruntime":
        onnx.save(graph, folder / "model.onnx")
    else:
        import openvino

        network = openvino.Core().read_model(graph.SerializeToString())
        openvino.save_model(network, folder / "model.xml", compress_to_fp16=False)


def _check_outputs(encoder: Encoder, task: Task, session: Session, typed: bool) -> None:
    """Raises RuntimeError unless the exported network gives what the model gives, for random inputs."""
    rng, config = np.random.default_rng(0), encoder.model.config
    own = torch_session(encoder)
    for length in (3, min(40, encoder.longest)):
        ids = rng.integers(0, config.vocab_size, (2, length))
        ids[ids == config.pad_token_id] += 1  # RoBERTa counts positions by what is not padding
        types = rng.integers(0, 2, ids.shape) if typed else np.zeros_like(ids)
        expected = own(ids, types)
        apart = float(np.abs(session(ids, types) - expected).max())
        if not apart < 1e-3 * max(1.0, float(np.abs(expected).max())):
            raise RuntimeError(
                f"The exported network of {encoder.name} differs from the model by {apart:.2g}: "
                "the model has a part that this export does not know."
            )


def _quantize_onnx(model: onnx.ModelProto, wanted: Sequence[str], path: Path) -> None:
    """Weights of the wanted matrix products as eight-bit numbers with a scale for each output, inputs at run time.

    Changes the model, and writes it. The numbers are those of ONNX Runtime's own `quantize_dynamic(per_channel=True)`,
    in a tenth of its time: it goes through the outputs one by one. Without a zero point for the weights, which would be
    0, the product is quicker too.
    """
    import onnx
    from onnx import numpy_helper
    from onnx.helper import make_node

    weights = {one.name: one for one in model.graph.initializer}
    nodes, read, done = [], set(), {}
    for node in model.graph.node:
        if node.name not in wanted:
            nodes.append(node)
            continue
        given, stored = node.input
        whole, scale, zero = (f"{given}/{part}" for part in ("int8", "scale", "zero"))
        if given not in read:  # queries, keys and values read the same
            nodes.append(make_node("DynamicQuantizeLinear", [given], [whole, scale, zero]))
            read.add(given)
        if stored not in done:  # ALBERT's layers share theirs
            done[stored] = _eight_bits(numpy_helper.to_array(weights[stored]))
        scales, summed, as_float = (f"{node.name}/{part}" for part in ("scale", "sum", "float"))
        nodes += [
            make_node("Mul", [scale, f"{stored}/scale"], [scales]),
            make_node("MatMulInteger", [whole, f"{stored}/int8", zero], [summed], name=node.name),
            make_node("Cast", [summed], [as_float], to=onnx.TensorProto.FLOAT),
            make_node("Mul", [as_float, scales], list(node.output)),
        ]
    still_read = {name for node in nodes for name in node.input}
    kept = [one for name, one in weights.items() if name in still_read]
    for name, (numbers, scale) in done.items():
        kept += [numpy_helper.from_array(numbers, f"{name}/int8"), numpy_helper.from_array(scale, f"{name}/scale")]
    for field, new in ((model.graph.node, nodes), (model.graph.initializer, kept)):
        del field[:]
        field.extend(new)
    written = model.SerializeToString()
    onnx.checker.check_model(written)
    path.write_bytes(written)
    _check_quantised(sum(node.op_type == "MatMulInteger" for node in nodes), wanted)


def _eight_bits(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A matrix (inputs, outputs) as whole numbers from -127 to 127, and what one of them is worth for each output."""
    scale = np.abs(weight).max(axis=0) / np.float32(127)
    scale[scale == 0] = 1  # an output of zeros
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale


def _check_quantised(done: int, wanted: Sequence[str]) -> None:
    if done != len(wanted):
        raise RuntimeError(f"{len(wanted)} matrix products were to be quantised, and {done} were.")


@_quiet_nncf()
def _quantize_openvino(
    path: Path, batches: Sequence[list[np.ndarray]], kept: Sequence[str], wanted: Sequence[str]
) -> None:
    """Weights of the wanted matrix products as eight-bit numbers, and ranges for what is multiplied with them."""
    import nncf
    import openvino
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, AdvancedSmoothQuantParameters
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    # Smoothing multiplies activations at run time, which costs a small model more than it wins. Ranges reach from the
    # least to the largest number of all examples: means of them over the examples cut off what the outputs depend on.
    plain = AdvancedQuantizationParameters(
        smooth_quant_alphas=AdvancedSmoothQuantParameters(matmul=-1, convolution=-1),
        activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
    )
    network = nncf.quantize(
        openvino.Core().read_model(path),
        nncf.Dataset(batches),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(batches),
        ignored_scope=nncf.IgnoredScope(names=list(kept)),
        advanced_parameters=plain,
    )
    found = [one for one in network.get_ops() if one.get_friendly_name() in wanted and _has_small_weights(one)]
    _check_quantised(len(found), wanted)
    # The file that was read stays open, and is not to be written.
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        openvino.save_model(network, Path(scratch) / path.name, compress_to_fp16=False)
        for file in Path(scratch).iterdir():
            file.replace(path.parent / file.name)


def _has_small_weights(product: Any) -> bool:  # noqa: ANN401 -- an openvino.Node
    """Whether the second factor is made of whole numbers of eight bits, by a conversion and a scale."""
    node = product.input_value(1).get_node()
    while node.get_type_name() in ("Convert", "Multiply", "Subtract"):
        node = node.input_value(0).get_node()
    return node.get_type_name() == "Constant" and node.get_element_type().size == 1


def _batches(
    encoder: Encoder, task: Task, examples: datasets.Dataset, lengths: Preparation, typed: bool
) -> list[list[np.ndarray]]:
    """Real inputs for the calibration, a feature each, of examples from all over the data."""
    few = examples.select(np.linspace(0, len(examples) - 1, min(CALIBRATION, len(examples))).astype(int))
    names = ["input_ids", "token_type_ids"][: 1 + typed]
    features = prepare(encoder.tokenizer, task, few, lengths)
    return [[np.array([row[name]], np.int64) for name in names] for row in features]


def _tokenizer_text(encoder: Encoder) -> str:
    """The tokenizer as its library writes it, without the cutting and padding of its last use."""
    described = json.loads(encoder.tokenizer.backend_tokenizer.to_str())
    return json.dumps(described | {"truncation": None, "padding": None}, ensure_ascii=False)


def _readme(card: Card) -> str:
    labels = f"Labels: {', '.join(card.labels)}.\n\n" if card.labels else ""
    return (
        f"# {card.system}: {card.title}\n\n"
        f"A model for {card.runtime} in {card.precision}, exported by speedy_utils {__version__}.\n\n"
        f"{labels}"
        "    import speedy_utils as su\n\n"
        '    predict = su.Predictor("this folder")\n\n'
        f"It reads {card.max_length} tokens at a time. Where it comes from, and the versions that made it: {CARD}.\n"
    )
