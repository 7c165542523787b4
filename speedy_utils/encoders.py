"""Models with a head for a task, each with its tokenizer, wherever they come from."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speedy_utils.devices import quiet
from speedy_utils.errors import unknown_name
from speedy_utils.notebook import scale
from speedy_utils.systems import System, auto_class, check_counts, get_system
from speedy_utils.tasks import Task, get_task

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

SOURCES = ("mini", "hub", "published")


@dataclass(eq=False)
class Encoder:
    """A model with a head for one task, its tokenizer, a name for tables, and where the weights come from."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    name: str
    origin: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # DistilBERT has no token types, but can come with BERT's tokenizer, which makes them.
        taken = inspect.signature(self.model.forward).parameters
        self.tokenizer.model_input_names = [name for name in self.tokenizer.model_input_names if name in taken]

    @property
    def longest(self) -> int:
        """How many tokens the model has positions for."""
        config = self.model.config
        # RoBERTa's first position is pad_token_id + 1.
        unused = config.pad_token_id + 1 if config.model_type == "roberta" else 0
        return config.max_position_embeddings - unused


def source_of_scale() -> str:
    """Where models and data come from at this scale: "mini" from the package, else from the hub."""
    return "mini" if scale() == "mini" else "hub"


def load_encoder(
    system: System | str,
    task: Task | str,
    *,
    source: str | None = None,
    seed: int = 42,
    route: str | None = None,
    revision: str | None = None,
    layers: int | None = None,
) -> Encoder:
    """A pretrained system with a head for a task.

    source="mini" takes the stand-in that comes with this package, source="hub" the real model: both with a new head,
    drawn with `seed`. source="published" takes the model that the paper's authors trained for the task; `route`
    ("fine-tuning" or "distillation") tells the two of ALBETO tiny apart. `revision` pins a hub model. Without a source,
    the scale decides (see `speedy_utils.scale`). `layers` gives a pretrained system another depth: an ALBERT applies
    its one layer as often as you like, of the others the first layers are taken. Raises ValueError for an unknown name
    or more layers than there are, HubError in one sentence for what the hub does not give.
    """
    task, source = get_task(task), source or source_of_scale()
    if source not in SOURCES:
        raise ValueError(unknown_name("source", source, SOURCES))
    if source == "mini":
        from speedy_utils.mini.systems import load_mini_model, load_mini_tokenizer

        system = get_system(system)
        with seeded(seed):
            model = load_mini_model(system, task.kind, max(2, len(task.labels)))
        name_labels(model, task)
        origin = {"source": "mini", "system": system.name}
        name = _at_depth(model, system.name, layers)
        return Encoder(model, load_mini_tokenizer(system), f"{name} (mini)", origin)
    from speedy_utils.hub_models import load_pretrained, load_published

    name = get_system(system).name
    if source == "published":
        if layers is not None:
            raise ValueError("A model that was trained for a task keeps its depth: leave layers out.")
        model, tokenizer, repo = load_published(system, task, route, revision, _tell)
    else:
        repo = get_system(system).hub_id
        with seeded(seed):
            model, tokenizer = load_pretrained(repo, task.kind, task.labels, revision, _tell)
        name_labels(model, task)
        name = _at_depth(model, name, layers)
    origin = {"source": source, "repo": repo, "commit": getattr(model.config, "_commit_hash", None)}
    return Encoder(model, tokenizer, name, origin)


def _at_depth(model: PreTrainedModel, name: str, layers: int | None) -> str:
    """Gives the model so many layers, where a number is given; returns the name to go with it."""
    if layers is None:
        return name
    check_counts(layers=layers)
    base = model.base_model
    if model.config.model_type != "albert":  # which applies its one layer as often as the configuration says
        stack = base.transformer if model.config.model_type == "distilbert" else base.encoder
        if layers > len(stack.layer):
            raise ValueError(f"{name} has {len(stack.layer)} layers, and no weights for {layers}.")
        stack.layer = stack.layer[:layers]
    model.config.num_hidden_layers = layers
    return f"{name} with {layers} layer{'s' if layers > 1 else ''}"


def _tell(sentence: str) -> None:
    """Which repository answered goes to stderr: stdout is for answers."""
    print(sentence, file=sys.stderr)


def load_folder(folder: str | Path, task: Task | str, name: str, origin: dict[str, Any] | None = None) -> Encoder:
    """An encoder that was saved on this machine, with the head for a task; nothing is downloaded or executed.

    Weights are read from safetensors alone: the older pytorch_model.bin is a pickle, which can hold code.
    """
    from speedy_utils.hub_models import load_tokenizer

    kind, here = get_task(task).kind, {"local_files_only": True, "trust_remote_code": False}
    with quiet():
        model, found = auto_class(kind).from_pretrained(folder, use_safetensors=True, output_loading_info=True, **here)
        tokenizer = load_tokenizer(Path(folder), kind)
    if found["missing_keys"]:
        raise ValueError(f"{folder} lacks weights of the model, such as {min(found['missing_keys'])}.")
    return Encoder(model.eval(), tokenizer, name, origin or {})


def name_labels(model: PreTrainedModel, task: Task) -> None:
    """Writes the task's labels into the configuration, so that a saved model can be used anywhere."""
    if task.labels:
        model.config.id2label = dict(enumerate(task.labels))
        model.config.label2id = {label: number for number, label in enumerate(task.labels)}


def check_head(encoder: Encoder, task: Task) -> None:
    """Raises ValueError for a model whose head is for another kind of task or another number of labels."""
    head = auto_class(task.kind).__name__.removeprefix("AutoModel")  # such as ForTokenClassification
    kind, labels = type(encoder.model).__name__, encoder.model.config.num_labels
    if not kind.endswith(head) or labels != (len(task.labels) or 2):
        raise ValueError(f"{encoder.name} has no head for {task.title}: it is a {kind} with {labels} labels.")


def rows_of_logits(outputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """A model's logits with what is chosen among last: labels, or for starts and ends (examples, 2, tokens)."""
    if "start_logits" in outputs:
        import torch

        return torch.stack([outputs["start_logits"], outputs["end_logits"]], dim=1)
    return outputs["logits"]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Everything random inside depends on `seed` alone; the caller's random numbers go on as if nothing happened."""
    import random

    import numpy as np
    import torch

    before = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
