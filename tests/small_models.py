"""Tokenizers of every family, learnt from a few bundled texts, and models of a few thousand weights to go with them."""

from dataclasses import replace
from functools import cache

from tokenizers import Tokenizer, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

import speedy_utils as su
from speedy_utils.encoders import Encoder, name_labels, seeded
from speedy_utils.systems import auto_class, build_config
from speedy_utils.tasks import get_task
from speedy_utils.tokenization import ALBERT_SPECIALS, BERT_SPECIALS, ROBERTA_SPECIALS

BYTE_LEVEL = "byte-level BPE"
# Byte-level BPE with and without a space before the first word, and with spaces inside and outside the offsets.
VARIANTS = [*su.TOKENIZERS, *(f"{BYTE_LEVEL}, {variant}" for variant in ("space", "untrimmed", "space untrimmed"))]
# The tokenizer of each family of models, and the system whose configuration is made small.
FAMILIES = {
    "bert": ("WordPiece cased", "BETO cased"),
    "distilbert": ("WordPiece uncased", "DistilBETO"),
    "albert": ("SentencePiece unigram", "ALBETO tiny"),
    "roberta": (f"{BYTE_LEVEL}, space", "BERTIN"),
}


@cache
def trained(family: str) -> str:
    return su.train_tokenizer(family, [document.text for document in su.load_texts()[:20]], 1000).to_str()


@cache
def fast_tokenizer(variant: str, *, token_types: bool = True) -> PreTrainedTokenizerFast:
    """A tokenizer with its family's special tokens, as a model of `transformers` wants it."""
    family, _, options = variant.partition(", ")
    tokenizer = Tokenizer.from_str(trained(family))
    if family == BYTE_LEVEL:
        options = {"add_prefix_space": "space" in options, "trim_offsets": "untrimmed" not in options}
        cls, pad, sep, unk, mask = ROBERTA_SPECIALS
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=options["add_prefix_space"])
        pairs = ((token, tokenizer.token_to_id(token)) for token in (sep, cls))
        tokenizer.post_processor = processors.RobertaProcessing(*pairs, **options)
        token_types = False
    else:
        pad, unk, cls, sep, mask = ALBERT_SPECIALS if family.startswith("Sentence") else BERT_SPECIALS
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{cls} $A {sep}",
            pair=f"{cls} $A {sep} $B:1 {sep}:1",
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in (cls, sep)],
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **{"pad_token": pad, "unk_token": unk, "cls_token": cls, "sep_token": sep, "mask_token": mask},
        model_input_names=["input_ids", *(["token_type_ids"] if token_types else []), "attention_mask"],
        clean_up_tokenization_spaces=False,
    )


def small_encoder(task: str, family: str = "bert", *, seed: int = 0, hidden: int = 16, positions: int = 128) -> Encoder:
    """One layer, random weights, and a head for the task."""
    task = get_task(task)
    variant, name = FAMILIES[family]
    tokenizer = fast_tokenizer(variant, token_types=family != "distilbert")
    system = su.get_system(name)
    sizes = replace(
        system.architecture,
        **{"layers": 1, "hidden": hidden, "intermediate": 2 * hidden, "heads": 2, "embedding": hidden},
        **{"vocabulary": len(tokenizer), "positions": positions},
    )
    config = build_config(replace(system, architecture=sizes), len(task.labels) or 2)
    config.pad_token_id = tokenizer.pad_token_id
    with seeded(seed):
        model = auto_class(task.kind).from_config(config).eval()
    name_labels(model, task)
    return Encoder(model, tokenizer, f"small {family}", {"seed": seed})
