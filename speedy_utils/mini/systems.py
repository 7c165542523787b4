"""The mini systems: small stand-ins for the paper's systems, with the real families' structure, that train on a laptop.

Each keeps its family, its kind of tokenizer and its place among the others (half of the depth, about a twelfth of the
width); `python -m speedy_utils.mini.pretrain` made the tokenizers and the weights. ALBETO base-2 to base-10 have no
weights of their own: they are ALBETO base, its shared layer applied fewer times, as in the paper. The four systems
larger than a base model have no stand-in, since they would not train in a chapter's minute; nor has BERTIN, which has
the structure of RoBERTa BNE base.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from speedy_utils.errors import listing
from speedy_utils.systems import Architecture, System, auto_class, build_config, get_system

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

TOKENIZER_FOLDER = Path(__file__).parent / "tokenizers"
WEIGHTS_FOLDER = Path(__file__).parent / "weights"
VOCABULARY = 2500
POSITIONS = 384  # the longest question with its context has about 300 tokens
# The usual 0.02 leaves so narrow a network nearly linear, and it hardly learns.
INITIAL_DEVIATION = 0.05


def _sizes(
    layers: int, hidden: int, heads: int, embedding: int, token_types: int, shared: bool = False
) -> Architecture:
    return Architecture(
        layers, hidden, 4 * hidden, heads, embedding, VOCABULARY, token_types, shared=shared, positions=POSITIONS
    )


# layers, hidden, heads, embedding, token types
MINI: dict[str, Architecture] = {
    "BETO uncased": _sizes(6, 64, 4, 64, 2),
    "BETO cased": _sizes(6, 64, 4, 64, 2),
    "DistilBETO": _sizes(3, 64, 4, 64, 0),
    "ALBETO tiny": _sizes(2, 24, 2, 12, 2, shared=True),
    "ALBETO base": _sizes(6, 64, 4, 32, 2, shared=True),
    "RoBERTa BNE base": _sizes(6, 64, 4, 64, 1),
    "ALBETO base-2": _sizes(1, 64, 4, 32, 2, shared=True),
    "ALBETO base-4": _sizes(2, 64, 4, 32, 2, shared=True),
    "ALBETO base-6": _sizes(3, 64, 4, 32, 2, shared=True),
    "ALBETO base-8": _sizes(4, 64, 4, 32, 2, shared=True),
    "ALBETO base-10": _sizes(5, 64, 4, 32, 2, shared=True),
}

# system -> the file of its tokenizer; systems with one kind of tokenizer share it
_TOKENIZER_FILES = {
    ("WordPiece", True): "wordpiece-uncased.json",
    ("WordPiece", False): "wordpiece-cased.json",
    ("SentencePiece unigram", True): "unigram.json",
    ("byte-level BPE", False): "byte-level-bpe.json",
}


def mini_system(system: System | str) -> System:
    """The system in small: the same name, route, family and tokenizer, with the sizes of `MINI`.

    Raises ValueError for a system without a stand-in.
    """
    system = get_system(system)
    if system.name not in MINI:
        raise ValueError(f"There is no stand-in for {system.name}: take {listing(MINI, 'or')}, or source='hub'.")
    return replace(system, architecture=MINI[system.name])


def weights_name(system: System | str) -> str:
    """The name of the file with a system's weights; ALBETO base-N has those of ALBETO base."""
    name = re.sub(r"(?<=base)-\d+$", "", get_system(system).name)
    return name.lower().replace(" ", "-") + ".safetensors"


def tokenizer_name(system: System | str) -> str:
    """The name of the file with a system's tokenizer."""
    system = get_system(system)
    return _TOKENIZER_FILES[system.tokenizer, system.lowercase]


def load_mini_tokenizer(system: System | str) -> PreTrainedTokenizerFast:
    """The tokenizer of a mini system, with what its family puts around one text and around two.

    BERT, DistilBERT and ALBERT write `[CLS] A [SEP] B [SEP]`, with token types where the model has them; RoBERTa writes
    `<s> A </s></s> B </s>`. Words that come split already (`is_split_into_words=True`) get the tokens that they have in
    running text. Offsets count characters of the text given and leave out the space before a word.
    """
    from tokenizers import Tokenizer, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    system = get_system(system)
    tokenizer = Tokenizer.from_file(str(TOKENIZER_FOLDER / tokenizer_name(system)))
    roberta = system.family == "roberta"
    first, last = ("<s>", "</s>") if roberta else ("[CLS]", "[SEP]")
    middle = f"{last} {last}" if roberta else last
    second = 0 if roberta else 1
    pieces = [f"{piece}:{second}" for piece in ("$B", last)]
    around = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {middle} {' '.join(pieces)}",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in (first, last)],
    )
    if roberta:
        # A word is the same token at a text's start, inside it, and alone in a list of words.
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        around = processors.Sequence([processors.ByteLevel(trim_offsets=True), around])
    tokenizer.post_processor = around
    known = tokenizer.get_vocab()

    def special(*names: str) -> str:
        return next(name for name in names if name in known)

    types = mini_system(system).architecture.token_types > 1
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=special("[UNK]", "<unk>"),
        pad_token=special("[PAD]", "<pad>"),
        mask_token=special("[MASK]", "<mask>"),
        cls_token=first,
        sep_token=last,
        bos_token=first,
        eos_token=last,
        add_prefix_space=True,
        model_max_length=POSITIONS,
        model_input_names=["input_ids", *(["token_type_ids"] if types else []), "attention_mask"],
        clean_up_tokenization_spaces=False,
    )


def mini_config(system: System | str, num_labels: int = 3) -> PretrainedConfig:
    """The configuration of a mini system; the numbers of special tokens are those of its own tokenizer."""
    system = mini_system(system)
    config = build_config(system, num_labels)
    tokenizer = load_mini_tokenizer(system)
    config.pad_token_id = tokenizer.pad_token_id
    config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    config.initializer_range = INITIAL_DEVIATION
    # Dropout is for networks that could learn their training set by heart many times over; these cannot.
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout"):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    if system.family == "albert":
        config.hidden_act = "gelu_pytorch_tanh"  # ALBERT's gelu_new, the same function, in one operation
    return config


def load_mini_model(system: System | str, kind: str, num_labels: int = 3) -> PreTrainedModel:
    """A mini system with its pretrained encoder and a new head for one kind of task.

    The head is drawn from torch's random numbers: seed them before (`torch.manual_seed`) for the same head again. A
    head for question answering has two outputs, whatever `num_labels` says. Raises ValueError for an unknown system or
    kind, and FileNotFoundError where the package came without its weights.
    """
    from safetensors.torch import load_file

    head = auto_class(kind)
    config = mini_config(system, 2 if kind == "question_answering" else num_labels)
    model = head.from_config(config)
    weights = {name: value.float() for name, value in load_file(WEIGHTS_FOLDER / weights_name(system)).items()}
    encoder = model.base_model
    result = encoder.load_state_dict(weights, strict=False)
    # A head that does not read [CLS] has no pooler: then, and only then, its weights stay unused.
    if result.missing_keys or any(not name.startswith("pooler.") for name in result.unexpected_keys):
        raise ValueError(f"The weights of {get_system(system).name} do not fit its sizes: pretrain it again.")
    return model.eval()
