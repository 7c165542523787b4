"""The paper's 17 systems: what they are made of, and how to build one.

The facts are those of the models' published configurations on the Hugging Face Hub. Two of them are not published in a
form that could be checked: the number of attention heads of ALBETO xlarge is a guess, and neither the number of
parameters nor the number of operations depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from speedy_utils.errors import unknown_name
from speedy_utils.tasks import TASKS

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel
    from transformers.models.auto.auto_factory import _BaseAutoModelClass

KINDS: tuple[str, ...] = tuple(dict.fromkeys(task.kind for task in TASKS))


@dataclass(frozen=True)
class Architecture:
    """The sizes of an encoder.

    `hidden`, `intermediate` and `embedding` are vector lengths, `vocabulary` counts tokens, `positions` is the longest
    input in tokens, `token_types` counts segment embeddings (0: the family has none). Where `embedding` differs from
    `hidden` a linear layer stands between them, and where `shared` is true all layers use one layer's weights.
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    embedding: int
    vocabulary: int
    token_types: int
    shared: bool = False
    positions: int = 512


@dataclass(frozen=True)
class System:
    """One row of the paper's tables.

    `route` is "fine-tuning" or "distillation"; `family` is "bert", "distilbert", "albert" or "roberta"; `hub_id` names
    the pretrained model on the Hugging Face Hub; `tokenizer` is the kind of tokenizer, `lowercase` says whether it
    lower-cases the text first.
    """

    name: str
    route: str
    family: str
    hub_id: str
    tokenizer: str
    lowercase: bool
    architecture: Architecture

    @property
    def label(self) -> str:
        """The name, with the route where the name alone stands for two systems (ALBETO tiny)."""
        twins = [system for system in SYSTEMS if system.name == self.name]
        return self.name if len(twins) < 2 else f"{self.name} ({self.route})"


def _albeto(name: str, route: str, size: str, architecture: tuple[int, int, int, int]) -> System:
    layers, hidden, intermediate, heads = architecture
    made_of = Architecture(layers, hidden, intermediate, heads, 128, 31_000, 2, shared=True)
    return System(
        f"ALBETO {name}", route, "albert", f"dccuchile/albert-{size}-spanish", "SentencePiece unigram", True, made_of
    )


_BASE = Architecture(12, 768, 3072, 12, 768, 31_002, 2)
_DISTIL = Architecture(6, 768, 3072, 12, 768, 31_002, 0)
_ROBERTA_BASE = Architecture(12, 768, 3072, 12, 768, 50_262, 1)
_ROBERTA_LARGE = Architecture(24, 1024, 4096, 16, 1024, 50_262, 1)
_FINE, _DISTILLED = "fine-tuning", "distillation"

# fmt: off
SYSTEMS: tuple[System, ...] = (
    System("BETO uncased", _FINE, "bert", "dccuchile/bert-base-spanish-wwm-uncased", "WordPiece", True, _BASE),
    System("BETO cased", _FINE, "bert", "dccuchile/bert-base-spanish-wwm-cased", "WordPiece", False, _BASE),
    System("DistilBETO", _FINE, "distilbert", "dccuchile/distilbert-base-spanish-uncased", "WordPiece", True, _DISTIL),
    _albeto("tiny", _FINE, "tiny", (4, 312, 1248, 12)),
    _albeto("base", _FINE, "base", (12, 768, 3072, 12)),
    _albeto("large", _FINE, "large", (24, 1024, 4096, 16)),
    _albeto("xlarge", _FINE, "xlarge", (24, 2048, 8192, 16)),
    _albeto("xxlarge", _FINE, "xxlarge", (12, 4096, 16384, 64)),
    System("BERTIN", _FINE, "roberta", "bertin-project/bertin-roberta-base-spanish", "byte-level BPE", False,
           _ROBERTA_BASE),
    System("RoBERTa BNE base", _FINE, "roberta", "PlanTL-GOB-ES/roberta-base-bne", "byte-level BPE", False,
           _ROBERTA_BASE),
    System("RoBERTa BNE large", _FINE, "roberta", "PlanTL-GOB-ES/roberta-large-bne", "byte-level BPE", False,
           _ROBERTA_LARGE),
    _albeto("tiny", _DISTILLED, "tiny", (4, 312, 1248, 12)),
    *(_albeto(f"base-{depth}", _DISTILLED, f"base-{depth}", (depth, 768, 3072, 12)) for depth in (2, 4, 6, 8, 10)),
)
# fmt: on


def get_system(system: System | str) -> System:
    """The system of that name, or the system itself.

    A name that stands for two rows (ALBETO tiny, fine-tuned and distilled) gives the first: both have one architecture.
    Raises ValueError with the nearest names for one that is not there.
    """
    if isinstance(system, System):
        return system
    for known in SYSTEMS:
        if system in (known.name, known.label):
            return known
    raise ValueError(unknown_name("system", system, [known.name for known in SYSTEMS]))


def check_kind(kind: str) -> None:
    """Raises ValueError unless `kind` is one of the three kinds of task."""
    if kind not in KINDS:
        raise ValueError(unknown_name("kind of task", kind, KINDS))


def check_counts(**counts: int) -> None:
    """Raises ValueError for the first argument that is not a whole number of at least 1."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}.")


def build_config(system: System | str, num_labels: int = 3) -> PretrainedConfig:
    """The `transformers` configuration of a system, from its architecture alone (nothing is downloaded)."""
    check_counts(num_labels=num_labels)
    system = get_system(system)
    a = system.architecture
    if system.family == "distilbert":
        from transformers import DistilBertConfig

        return DistilBertConfig(
            vocab_size=a.vocabulary,
            dim=a.hidden,
            hidden_dim=a.intermediate,
            n_layers=a.layers,
            n_heads=a.heads,
            max_position_embeddings=a.positions,
            sinusoidal_pos_embds=True,
            pad_token_id=0,
            num_labels=num_labels,
        )
    from transformers import AlbertConfig, BertConfig, RobertaConfig

    sizes = {
        "vocab_size": a.vocabulary,
        "hidden_size": a.hidden,
        "intermediate_size": a.intermediate,
        "num_hidden_layers": a.layers,
        "num_attention_heads": a.heads,
        "max_position_embeddings": a.positions,
        "type_vocab_size": a.token_types,
        "num_labels": num_labels,
    }
    if system.family == "albert":
        # AlbertConfig's defaults are those of xxlarge: dropout and heads must be said.
        return AlbertConfig(
            **sizes,
            embedding_size=a.embedding,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            classifier_dropout_prob=0.1,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
        )
    if system.family == "roberta":
        # RoBERTa numbers its positions from pad_token_id + 1, so its table has two rows that no token uses.
        sizes["max_position_embeddings"] = a.positions + 2
        return RobertaConfig(**sizes, pad_token_id=1, bos_token_id=0, eos_token_id=2, layer_norm_eps=1e-5)
    if system.family == "bert":
        return BertConfig(**sizes, pad_token_id=1)
    raise ValueError(unknown_name("family", system.family, ["bert", "distilbert", "albert", "roberta"]))


def auto_class(kind: str) -> type[_BaseAutoModelClass]:
    """The class of `transformers` that gives a model the head for a kind of task."""
    check_kind(kind)
    import transformers

    heads = {
        "classification": "AutoModelForSequenceClassification",
        "tagging": "AutoModelForTokenClassification",
        "question_answering": "AutoModelForQuestionAnswering",
    }
    return getattr(transformers, heads[kind])


def build_model(
    system: System | str, kind: str = "classification", num_labels: int = 3, device: str = "meta"
) -> PreTrainedModel:
    """A system with random weights and a head for one kind of task.

    On the `meta` device tensors have shapes but no storage: a model of 223 million parameters takes no memory and no
    time, and everything that depends on shapes can be counted. A head for question answering has two outputs (start and
    end), whatever `num_labels` says. Raises ValueError for an unknown system, kind or a number of labels below 1.
    """
    check_kind(kind)
    config = build_config(system, 2 if kind == "question_answering" else num_labels)
    import torch

    with torch.device(device):
        # Eager attention is made of plain matrix products, which every counter of operations sees.
        return auto_class(kind).from_config(config, attn_implementation="eager").eval()


PARTS: tuple[str, ...] = ("word embeddings", "other embeddings", "layers", "head")


def parameter_parts(system: System | str, kind: str = "classification", num_labels: int = 3) -> dict[str, int]:
    """Where a system's parameters sit: {part: number of parameters}, in the order of `PARTS`.

    "word embeddings" is the vocabulary's table; "other embeddings" are positions, segments, their normalisation and
    ALBERT's projection from embedding to hidden size; "layers" are the encoder's layers, a shared layer counted once;
    "head" is what a task adds, the pooler included.
    """
    parts = dict.fromkeys(PARTS, 0)
    for name, parameter in build_model(system, kind, num_labels).named_parameters():
        if ".word_embeddings." in name:
            part = "word embeddings"
        elif ".embeddings." in name or ".embedding_hidden_mapping_in." in name:
            part = "other embeddings"
        elif ".encoder." in name or ".transformer." in name:
            part = "layers"
        else:
            part = "head"
        parts[part] += parameter.numel()
    return parts


def count_parameters(system: System | str, kind: str = "classification", num_labels: int = 3) -> int:
    """The number of parameters of a system with its head; weights that layers share count once."""
    return sum(parameter_parts(system, kind, num_labels).values())


def check_length(system: System, sequence_length: int) -> None:
    """Raises ValueError for a length that the system has no positions for."""
    longest = system.architecture.positions
    if sequence_length > longest:
        raise ValueError(f"{system.name} reads at most {longest} tokens, not {sequence_length}: take fewer.")
