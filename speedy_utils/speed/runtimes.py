"""Networks loaded for inference, one function for each runtime; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from speedy_utils.speed.card import Card

# Token numbers and token types of shape (n, length) -> what the head gives: (n, labels) or (n, length, outputs).
Session = Callable[[np.ndarray, np.ndarray], np.ndarray]


def open_session(folder: Path, card: Card, threads: int | None = None, shape: tuple[int, int] | None = None) -> Session:
    """The network of an exported model, ready to run on so many threads (None: as many as the runtime wants).

    With a `shape`, (n, length), it reads inputs of that shape alone, which OpenVINO does faster. Raises ImportError in
    one sentence where the runtime is not installed.
    """
    try:
        return {"onnxruntime": _onnxruntime, "openvino": _openvino}[card.runtime](folder, card, threads, shape)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"This model was exported for {card.runtime}, which is not installed: pip install {card.runtime}."
        ) from error


def device_of(card: Card) -> str:
    """Where `open_session` runs this model: "cuda" or "cpu"."""
    return "cuda" if card.runtime == "onnxruntime" and len(_providers()) > 1 else "cpu"


def _providers() -> list[str]:
    import onnxruntime

    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    return [name for name in wanted if name in onnxruntime.get_available_providers()]


def _onnxruntime(folder: Path, card: Card, threads: int | None, shape: tuple[int, int] | None) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = threads or 0
    providers = _providers()
    # On a CPU the fused "add and normalise" takes several times as long as the two that it replaces: without it ALBETO
    # tiny in int8 is an eighth faster.
    slow = ["SkipLayerNormFusion"] if providers == ["CPUExecutionProvider"] else None
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", options, providers=providers, disabled_optimizers=slow
    )

    def run(ids: np.ndarray, types: np.ndarray) -> np.ndarray:
        inputs = {"input_ids": ids} | ({"token_type_ids": types} if card.token_types else {})
        return session.run(None, inputs)[0]

    return run


def _openvino(folder: Path, card: Card, threads: int | None, shape: tuple[int, int] | None) -> Session:
    import openvino

    # Left to itself it would take bf16 wherever the processor has it.
    rest = "bf16" if card.precision == "int8+bf16" else "f32"
    # Pinning would put the process back, after each run, on the cores that it had at the first: on one, if timed there.
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": rest, "ENABLE_CPU_PINNING": False}
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    core = openvino.Core()
    network = core.read_model(folder / "model.xml")
    if shape is not None:
        network.reshape({part.any_name: shape for part in network.inputs})
    request = core.compile_model(network, "CPU", options).create_infer_request()

    def run(ids: np.ndarray, types: np.ndarray) -> np.ndarray:
        request.infer([ids, types] if card.token_types else [ids], share_inputs=True, share_outputs=True)
        return request.get_output_tensor().data.copy()

    return run
