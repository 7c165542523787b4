"""Pretrain the mini systems: `python -m speedy_utils.mini.pretrain` writes their tokenizers and weights.

The corpus is that of `speedy_utils.mini.corpus`. Each step is one small batch for one of three objectives:

- texts and pairs of texts: masked words (BERT, Devlin et al. 2019; whole words as in BETO), those that occur a second
  time in the input more often, since the rest of the input tells what they are;
- a question and a text: where the answer starts and ends (after the span selection of Splinter, Ram et al. 2021, whose
  questions are masked repetitions; ours are the generator's), and a few masked words;
- lessons: a text with its label or its words' tags, and a few masked words (supervised tasks mixed into pretraining,
  after ExT5, Aribandi et al. 2022). [CLS] gets its meaning here, as it did in BERT by next sentence prediction.

Pairs of the task of paraphrase also say which words name what, and the first steps are such pairs alone: mixed with all
else from the start, no model found out in 12,000 steps what their labels mean.

Batches are small: with as many tokens, many small steps taught the lessons more than few large ones.

Matrices inside the layers are trained with Muon (Jordan 2024, `torch.optim.Muon`, torch 2.9 or later), all else with
AdamW. A shared layer is first applied twice, then as often as the model is deep (progressive stacking, Gong et al.
2019). Positions start as sinusoids (Vaswani et al. 2017).

Weights are stored in half precision, without the heads of the objectives. The header of a file says what made it. One
process uses one core; `--only` trains some of the systems, so that two processes can share the work.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from speedy_utils.mini.corpus import ROLES, Text, corpus, corpus_hash, tokenizer_texts
from speedy_utils.mini.systems import (
    TOKENIZER_FOLDER,
    VOCABULARY,
    WEIGHTS_FOLDER,
    load_mini_tokenizer,
    mini_config,
    mini_system,
    tokenizer_name,
    weights_name,
)
from speedy_utils.systems import get_system
from speedy_utils.tokenization import train_tokenizer

if TYPE_CHECKING:
    import torch
    from tokenizers import Encoding
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

LONGEST = 300  # tokens


@dataclass(frozen=True)
class Recipe:
    """How one system is pretrained.

    `adamw` and `muon` are the highest learning rates; both rise at the beginning and then fall to zero. The `first`
    steps are lessons of paraphrase. After them `shares` are the probabilities of the three objectives (masked words,
    questions, lessons), `tokens` the sizes of their batches, `masked` the probabilities with which they mask a word,
    and `masked_again` those for a word that occurs twice.
    """

    seed: int
    steps: int = 12_000
    adamw: float = 2e-3
    muon: float = 0.008
    shares: tuple[float, float, float] = (0.15, 0.35, 0.5)
    tokens: tuple[int, int, int] = (600, 1000, 800)
    first: int = 2_500
    masked: tuple[float, float, float] = (0.15, 0.08, 0.08)
    masked_again: tuple[float, float, float] = (0.3, 0.15, 0.05)


RECIPES: dict[str, Recipe] = {
    "ALBETO tiny": Recipe(seed=0),
    "ALBETO base": Recipe(seed=1),
    "BETO uncased": Recipe(seed=2),
    "BETO cased": Recipe(seed=3),
    "RoBERTa BNE base": Recipe(seed=4),
    "DistilBETO": Recipe(seed=6),
}


@dataclass(frozen=True)
class Encoded:
    """One input as token ids with their segments; `words` are (first, last + 1) positions of its words.

    Of a question `start` and `end` are the first and the last token of the answer; of a lesson `label` is the number of
    its label, or `tags` those of its words, at their first tokens, and `roles` those of all tokens of a paraphrase.
    """

    ids: list[int]
    types: list[int]
    words: list[tuple[int, int]]
    start: int = -1
    end: int = -1
    label: int = -1
    tags: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()


def encode(tokenizer: PreTrainedTokenizerFast, texts: list[Text]) -> list[Encoded]:
    """The texts of one kind as the models read them, cut at `LONGEST` tokens; an answer that is cut leaves none."""
    tagged, paired = bool(texts[0].tags), bool(texts[0].second)
    firsts = [list(text.words) if tagged else text.first for text in texts]
    seconds = [text.second for text in texts] if paired else None
    batch = tokenizer(
        firsts,
        seconds,
        return_token_type_ids=True,
        truncation=True,
        max_length=LONGEST,
        is_split_into_words=tagged,
    )
    labels = sorted({name for text in texts for name in (*text.tags, text.label)} - {""})
    found = []
    for text, encoding in zip(texts, batch.encodings, strict=True):
        spans, numbers = _words(encoding)
        start = end = -1
        if text.answer is not None:
            start, end = _answer(encoding, *text.answer)
            if start < 0:
                continue
        label = labels.index(text.label) if text.label else -1
        tags = [-100] * len(encoding.ids) if tagged else []
        for (first, _), number in zip(spans, numbers, strict=True):
            if tagged:
                tags[first] = labels.index(text.tags[number])
        roles = _roles(encoding, text.roles) if text.roles else ()
        found.append(Encoded(encoding.ids, encoding.type_ids, spans, start, end, label, tuple(tags), roles))
    return found


def _roles(encoding: Encoding, spans: tuple[tuple[int, int, int, int], ...]) -> tuple[int, ...]:
    """The role of each token: that of the span it lies in, 0 outside, -100 for special tokens."""
    roles = []
    for (a, b), part in zip(encoding.offsets, encoding.sequence_ids, strict=True):
        inside = [role for own, left, right, role in spans if own == part and a < right and b > left]
        roles.append(-100 if part is None else inside[0] if inside else 0)
    return tuple(roles)


def _words(encoding: Encoding) -> tuple[list[tuple[int, int]], list[int]]:
    """(first, last + 1) token of each word, and which word of its text it is."""
    spans: list[tuple[int, int]] = []
    keys: list[tuple[int, int]] = []
    for place, key in enumerate(zip(encoding.word_ids, encoding.sequence_ids, strict=True)):
        if key[0] is None:
            continue
        if keys and key == keys[-1]:
            spans[-1] = (spans[-1][0], place + 1)
        else:
            spans.append((place, place + 1))
            keys.append(key)
    return spans, [word for word, _ in keys]


def _answer(encoding: Encoding, left: int, right: int) -> tuple[int, int]:
    """First and last token of characters left to right of the second text; (-1, -1) where it is cut off."""
    inside = [
        place
        for place, ((a, b), part) in enumerate(zip(encoding.offsets, encoding.sequence_ids, strict=True))
        if part == 1 and a < right and b > left and b > a
    ]
    if not inside or encoding.offsets[inside[-1]][1] < right:
        return -1, -1
    return inside[0], inside[-1]


def mask(
    example: Encoded,
    again: float,
    otherwise: float,
    common: set[tuple[int, ...]],
    mask_id: int,
    size: int,
    source: random.Random,
) -> tuple[list[int], list[int]]:
    """The ids with words masked, and what stood there (-100 elsewhere).

    A word that occurs twice, and is not one of the `common` ones, is masked with probability `again`, any other with
    `otherwise`; the answer to a question never. Of the masked words 80 % become the mask, 10 % other tokens.
    """
    ids, labels = list(example.ids), [-100] * len(example.ids)
    keys = [tuple(example.ids[a:b]) for a, b in example.words]
    counts = Counter(keys)
    for (a, b), key in zip(example.words, keys, strict=True):
        rate = again if counts[key] > 1 and key not in common else otherwise
        if source.random() >= rate or (a <= example.end and b > example.start >= 0):
            continue
        kind = source.random()
        for place in range(a, b):
            labels[place] = ids[place]
            ids[place] = mask_id if kind < 0.8 else source.randrange(5, size) if kind < 0.9 else ids[place]
    return ids, labels


def start_weights(model: PreTrainedModel, seed: int) -> None:
    """Draw the weights before the first step.

    Larger than the usual 0.02 where they make scores and vectors of tokens, small where a layer adds to what it read:
    so a deep stack with shared weights begins close to passing on its input.
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "position_embeddings" in name:
                rows, width = weight.shape
                angles = torch.arange(rows)[:, None] * torch.exp(-math.log(10_000) * torch.arange(0, width, 2) / width)
                weight[:, 0::2], weight[:, 1::2] = torch.sin(angles), torch.cos(angles)
                weight.mul_(0.14)
            elif weight.dim() == 2:
                scores = any(part in name for part in ("query", "key", "q_lin", "k_lin"))
                inside = "layer" in name and "embedding" not in name and "pooler" not in name
                weight.normal_(0, 0.12 if scores else 0.05 if inside else 0.1, generator=source)


def depth_at(progress: float, layers: int) -> int:
    """How often a shared layer is applied when this share of the steps is done."""
    return min(2, layers) if progress < 0.4 else layers


@dataclass(frozen=True)
class Source:
    """The examples of one task for one of the objectives, and how often it is drawn against the others of it."""

    task: str
    rows: list[Encoded]
    weight: float


# Short texts teach masked words best: no other part of them repeats what is masked.
_WEIGHTS = (
    {"mldoc": 1.5, "pawsx": 2, "xnli": 3, "pos": 1.5, "ner": 1.5, "texts": 1},
    {"mlqa": 1, "sqac": 1, "tar": 1},
    {"mldoc": 0.75, "pawsx": 5, "xnli": 3.5, "pos": 1.5, "ner": 2},
)
WORDS, ANSWERS, LESSONS = range(3)


def _sources(tokenizer: PreTrainedTokenizerFast) -> list[list[Source]]:
    """What each of the three objectives draws from."""
    groups: dict[tuple[str, bool], list[Text]] = {}
    for text in corpus():
        groups.setdefault((text.source, text.is_lesson), []).append(text)
    return [
        [
            Source(task, encode(tokenizer, groups[task, objective == LESSONS]), weight)
            for task, weight in weights.items()
        ]
        for objective, weights in enumerate(_WEIGHTS)
    ]


def _draw(rows: list[Encoded], tokens: int, source: random.Random) -> list[Encoded]:
    """A batch of about so many tokens: of a larger draw neighbours in length, so that little of it is padding."""
    average = sum(len(row.ids) for row in rows[:100]) / 100
    count = max(4, int(tokens / average))
    pool = sorted(source.sample(rows, 8 * count), key=lambda row: len(row.ids))
    first = source.randrange(7 * count + 1)
    return pool[first : first + count]


def _heads(sources: list[list[Source]], hidden: int, width: int, size: int) -> torch.nn.ModuleDict:
    import torch
    from torch import nn

    word = nn.Sequential(nn.Linear(hidden, width), nn.GELU(), nn.LayerNorm(width))
    heads = nn.ModuleDict({"word": word, "answer": nn.Linear(hidden, 2), "roles": nn.Linear(hidden, ROLES)})
    heads["word"].register_parameter("bias", nn.Parameter(torch.zeros(size)))
    for lesson in sources[LESSONS]:
        labels = 1 + max(max(row.label, *row.tags) if row.tags else row.label for row in lesson.rows)
        heads[lesson.task] = nn.Linear(hidden, labels)
    return heads


def pretrain(name: str, recipe: Recipe, report: bool = True, folder: Path | None = None) -> PreTrainedModel:
    """Pretrain one mini system and, with a folder, write its weights there."""
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AutoModel

    torch.manual_seed(recipe.seed)
    source = random.Random(f"{name} {recipe.seed}")
    tokenizer, config = load_mini_tokenizer(name), mini_config(name)
    model = AutoModel.from_config(config, attn_implementation="sdpa").train()
    start_weights(model, recipe.seed)
    sources = _sources(tokenizer)
    (paraphrases,) = (one for one in sources[LESSONS] if one.task == "pawsx")
    architecture = mini_system(name).architecture
    heads = _heads(sources, architecture.hidden, architecture.embedding, architecture.vocabulary)
    table = model.get_input_embeddings().weight
    typed = "token_type_ids" in tokenizer.model_input_names
    parts = (e for objective in sources for one in objective for e in one.rows[::8])
    frequent = Counter(tuple(e.ids[a:b]) for e in parts for a, b in e.words)
    common = {key for key, _ in frequent.most_common(60)}

    # Muon is for matrices that layers multiply by; tables, vectors and heads keep AdamW.
    matrices = [
        w
        for n, w in model.named_parameters()
        if w.dim() == 2 and "layer" in n and "embedding" not in n and "pooler" not in n
    ]
    chosen = {id(w) for w in matrices}
    everything = [*model.parameters(), *heads.parameters()]
    adamw = torch.optim.AdamW([w for w in everything if id(w) not in chosen], lr=recipe.adamw, betas=(0.9, 0.98))
    muon = torch.optim.Muon(matrices, lr=recipe.muon, weight_decay=0.0, adjust_lr_fn="original")
    seen: dict[str, list[float]] = defaultdict(list)
    began = time.process_time()
    for step in range(recipe.steps):
        progress = step / recipe.steps
        if architecture.shared:
            model.config.num_hidden_layers = depth_at(progress, architecture.layers)
        (objective,) = source.choices(range(3), recipe.shares)
        (drawn,) = source.choices(sources[objective], [one.weight for one in sources[objective]])
        if step < recipe.first:
            objective, drawn = LESSONS, paraphrases
        rows = _draw(drawn.rows, recipe.tokens[objective], source)
        rates = recipe.masked_again[objective], recipe.masked[objective]
        masked = [mask(row, *rates, common, tokenizer.mask_token_id, VOCABULARY, source) for row in rows]
        inputs = {
            "input_ids": _pad([ids for ids, _ in masked], tokenizer.pad_token_id),
            "attention_mask": _pad([[1] * len(row.ids) for row in rows], 0),
        }
        if typed:
            inputs["token_type_ids"] = _pad([row.types for row in rows], 0)
        output = model(**inputs)
        states = output.last_hidden_state
        losses = {}
        labels = _pad([label for _, label in masked], -100)
        hit = labels != -100
        if hit.any():
            logits = heads["word"](states[hit]) @ table.T + heads["word"].bias
            losses["words"] = cross_entropy(logits, labels[hit])
        if objective == ANSWERS:
            ends = heads["answer"](states).masked_fill(inputs["attention_mask"][:, :, None] == 0, -1e4)
            gold = torch.tensor([(row.start, row.end) for row in rows])
            losses["answer"] = cross_entropy(ends.transpose(1, 2).flatten(0, 1), gold.flatten())
        elif objective == LESSONS and rows[0].tags:
            tags = _pad([list(row.tags) for row in rows], -100)
            losses[drawn.task] = cross_entropy(heads[drawn.task](states).flatten(0, 1), tags.flatten())
        elif objective == LESSONS:
            pooled = getattr(output, "pooler_output", None)
            scores = heads[drawn.task](states[:, 0] if pooled is None else pooled)
            losses[drawn.task] = cross_entropy(scores, torch.tensor([row.label for row in rows]))
            if rows[0].roles:
                roles = _pad([list(row.roles) for row in rows], -100)
                losses["roles"] = cross_entropy(heads["roles"](states).flatten(0, 1), roles.flatten())
        if not losses:
            continue
        for key, value in losses.items():
            seen[key].append(value.item())
        weights = {"words": 1.0 if objective == WORDS else 0.3}
        sum(weights.get(key, 1.0) * value for key, value in losses.items()).backward()
        torch.nn.utils.clip_grad_norm_(everything, 1.0)
        rate = min(1.0, (step + 1) / (0.04 * recipe.steps)) * (1 - progress)
        for optimizer, highest in ((adamw, recipe.adamw), (muon, recipe.muon)):
            optimizer.param_groups[0]["lr"] = highest * rate
            optimizer.step()
            optimizer.zero_grad()
        if report and (step + 1) % 500 == 0:
            means = " ".join(f"{key} {sum(v[-100:]) / len(v[-100:]):.2f}" for key, v in sorted(seen.items()))
            print(f"{name} {step + 1} {time.process_time() - began:.0f} s {means}", flush=True)
    if architecture.shared:
        model.config.num_hidden_layers = architecture.layers
    seconds = time.process_time() - began
    if folder is not None:
        write_weights(name, model, recipe, folder, seconds)
    return model.eval()


def _pad(lists: list[list[int]], value: int) -> torch.Tensor:
    import torch

    length = max(map(len, lists))
    return torch.tensor([one + [value] * (length - len(one)) for one in lists])


def metadata(name: str, recipe: Recipe) -> dict[str, str]:
    """What the header of a file of weights says."""
    return {
        "system": name,
        "recipe": json.dumps(asdict(recipe), sort_keys=True),
        "architecture": json.dumps(asdict(mini_system(name).architecture), sort_keys=True),
        "corpus": corpus_hash(),
    }


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def write_weights(name: str, model: PreTrainedModel, recipe: Recipe, folder: Path, seconds: float) -> None:
    """The encoder in half precision; RoBERTa's pooler, which no head reads, is left out."""
    import torch
    from safetensors.torch import save

    roberta = get_system(name).family == "roberta"
    weights = {
        key: value.detach().to(torch.float16).contiguous()
        for key, value in model.state_dict().items()
        if value.is_floating_point() and not (roberta and key.startswith("pooler."))
    }
    _write(folder / weights_name(name), save(weights, metadata(name, recipe)))
    print(f"{name}: {recipe.steps} steps in {seconds:.0f} seconds of one core", flush=True)


def tokenizers() -> dict[str, str]:
    """All tokenizers: file name -> content, the same every time."""
    texts, found = tokenizer_texts(), {}
    for name in RECIPES:
        system = get_system(name)
        if tokenizer_name(system) not in found:
            family = system.tokenizer
            if family == "WordPiece":
                family += " uncased" if system.lowercase else " cased"
            found[tokenizer_name(system)] = train_tokenizer(family, texts, VOCABULARY).to_str() + "\n"
    return found


def check() -> list[str]:
    """What is wrong with the files on disk, a sentence each: tokenizers byte by byte, weights by their header."""
    from safetensors import safe_open

    wrong = []
    for name, content in tokenizers().items():
        path = TOKENIZER_FOLDER / name
        if not path.is_file() or path.read_bytes() != content.encode("utf-8"):
            wrong.append(f"{name} is not what this code makes.")
    for name, recipe in RECIPES.items():
        path = WEIGHTS_FOLDER / weights_name(name)
        if not path.is_file():
            wrong.append(f"{path.name} is missing.")
            continue
        with safe_open(path, "pt") as file:
            if file.metadata() != metadata(name, recipe):
                wrong.append(f"{path.name} was made by another recipe, for other sizes or from another corpus.")
    return wrong


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 when --check finds something wrong."""
    parser = argparse.ArgumentParser(prog="python -m speedy_utils.mini.pretrain", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; say which files are out of date")
    parser.add_argument("--only", nargs="+", metavar="SYSTEM", choices=list(RECIPES), help="pretrain these only")
    options = parser.parse_args(arguments)
    if options.check:
        wrong = check()
        print(*wrong, sep="\n", file=sys.stderr)
        return 1 if wrong else 0
    import torch

    torch.set_num_threads(1)
    for name, content in tokenizers().items():
        _write(TOKENIZER_FOLDER / name, content.encode("utf-8"))
    for name in options.only or RECIPES:
        pretrain(name, RECIPES[name], folder=WEIGHTS_FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
