"""Where a model runs and in which precision: rules instead of guesses, the same on every run."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from speedy_utils import __version__
from speedy_utils.errors import unknown_name

if TYPE_CHECKING:
    import torch
    from accelerate import PartialState
    from transformers import PreTrainedModel

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
# Narrower models lose more time on a CPU to casting, and to many small batches, than they win in the matrix products.
WIDE_ON_CPU = 256


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no warnings from the libraries: for steps that take a moment and are looked after here."""
    import datasets
    from transformers.utils import logging

    shown = datasets.are_progress_bars_disabled(), logging.is_progress_bar_enabled(), logging.get_verbosity()
    datasets.disable_progress_bars()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        if not shown[0]:
            datasets.enable_progress_bars()
        if shown[1]:
            logging.enable_progress_bar()
        logging.set_verbosity(shown[2])


@contextmanager
def threads_for(origin: Mapping[str, Any]) -> Iterator[None]:
    """One thread for a stand-in, as many as there are for all else.

    A stand-in's matrices are too small to share, and the order in which threads add up numbers would make the figures
    of two machines differ.
    """
    import torch

    before = torch.get_num_threads()
    if origin.get("source") == "mini":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def best_device() -> torch.device:
    """The GPU where there is one (CUDA, then Apple's), else the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def processes() -> PartialState:
    """Which of how many processes this is, under `accelerate launch`; one of one otherwise."""
    from accelerate import PartialState

    return PartialState(cpu=best_device().type == "cpu")


def choose_precision(model: PreTrainedModel, precision: str = "auto") -> str:
    """ "fp32", "bf16" or "fp16" for a model on the device of this machine.

    "auto" takes what the device computes fast: bf16 on NVIDIA's Ampere and later, fp16 on Volta and Turing (a T4 only
    emulates bf16), bf16 on a CPU with instructions for it (AMX, AVX-512 BF16) if the model is at least 256 wide, fp32
    elsewhere. Raises ValueError for a name that is none of these, and for fp16 on a CPU, where it is unusably slow.
    """
    import torch

    if precision not in PRECISIONS:
        raise ValueError(unknown_name("precision", precision, PRECISIONS))
    device = best_device().type
    if precision == "fp16" and device == "cpu":
        raise ValueError("fp16 is unusably slow on a CPU: take precision='bf16', 'fp32' or 'auto'.")
    if precision != "auto":
        return precision
    if device == "cuda":
        generation = torch.cuda.get_device_capability()[0]
        return "bf16" if generation >= 8 else "fp16" if generation == 7 else "fp32"
    wide = getattr(model.config, "hidden_size", 0) >= WIDE_ON_CPU
    # Older versions of torch do not say what a processor has.
    fast = any(getattr(torch.cpu, name, bool)() for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return "bf16" if device == "cpu" and wide and fast else "fp32"


def autocast(model: PreTrainedModel, precision: str = "auto") -> AbstractContextManager:
    """The context in which a model's forward pass runs in this precision."""
    import torch

    chosen = choose_precision(model, precision)
    if chosen == "fp32":
        return nullcontext()
    return torch.autocast(best_device().type, {"bf16": torch.bfloat16, "fp16": torch.float16}[chosen])


@contextmanager
def attention_for_training(model: PreTrainedModel, precision: str) -> Iterator[None]:
    """Plain ("eager") attention for training in bf16 on a CPU, where the fused one goes backwards slowly.

    On one core with AVX-512 BF16, a step of ALBETO tiny on eight sentences of 16 to 256 tokens took 16 to 32% less
    time so, one of two layers of BETO 1 to 11%; tiny's with 512 tokens took 14% more. In fp32 neither is ahead.
    """
    before = model.config._attn_implementation
    if precision == "bf16" and model.device.type == "cpu":
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def describe_device(model: PreTrainedModel, precision: str = "auto") -> dict[str, Any]:
    """What a figure depends on besides data and weights: device, threads, precision, versions."""
    import torch

    device = best_device().type
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else f"{device} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "precision": choose_precision(model, precision),
        "versions": {
            "python": platform.python_version(),
            "speedy_utils": __version__,
            **{name: version(name) for name in ("torch", "transformers", "tokenizers")},
        },
    }
