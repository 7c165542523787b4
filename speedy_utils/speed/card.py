"""What an exported model says of itself: `export.json` in its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from speedy_utils.files import file_digest

FORMAT = 1  # of the folders that `export` writes; goes up when they change
CARD = "export.json"
RUNTIMES = ("onnxruntime", "openvino")
PRECISIONS = ("fp32", "int8", "int8+bf16")


def needs_examples(runtime: str, precision: str) -> bool:
    """Whether the ranges of an int8 export are found beforehand, on real examples."""
    return runtime == "openvino" and precision != "fp32"


@dataclass(frozen=True)
class Card:
    """What `Predictor` needs to know of a model, and what a reader wants to.

    Lengths count tokens; `files` are the names of the model's and the tokenizer's files with their SHA-256; `data` are
    fingerprints of the examples that a run was trained and chosen on; `keep` are the parts of an int8 network that
    compute in fp32.
    """

    system: str
    task: str | None
    title: str
    kind: str
    labels: tuple[str, ...]
    pair: bool
    runtime: str
    precision: str
    token_types: bool
    max_length: int
    stride: int
    max_question: int
    files: dict[str, str]
    format: int = FORMAT
    longest_answer: int = 30
    keep: tuple[str, ...] = ()
    calibration: dict[str, object] | None = None
    origin: dict[str, object] | None = None
    data: dict[str, str] | None = None
    versions: dict[str, str] | None = None


def is_export(folder: str | Path) -> bool:
    """Whether `export` wrote this folder; `read_card` says whether it is whole."""
    return (Path(folder) / CARD).exists()


def read_card(folder: str | Path) -> Card:
    """The card of an exported model, after a check that all files are there and unchanged.

    Raises ValueError in one sentence otherwise.
    """
    folder = Path(folder)
    try:
        found = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except OSError:
        raise ValueError(f"{folder} is no exported model: it has no {CARD}; make one with speedy export.") from None
    except ValueError:
        raise ValueError(f"{folder / CARD} is damaged: export the model again.") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        number = found.get("format") if isinstance(found, dict) else None
        raise ValueError(
            f"{folder} was exported by another version (format {number}, this one reads {FORMAT}): export it again."
        )
    try:
        card = Card(**{**found, "labels": tuple(found["labels"]), "keep": tuple(found.get("keep", ()))})
    except (KeyError, TypeError):
        raise ValueError(f"{folder / CARD} is damaged: export the model again.") from None
    for name, digest in card.files.items():
        path = folder / name
        if not path.is_file() or file_digest(path) != digest:
            state = "changed" if path.is_file() else "missing"
            raise ValueError(f"{path} is {state} since the model was exported: export it again.")
    return card
