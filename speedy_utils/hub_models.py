"""Models from the Hugging Face Hub: pretrained ones to train, and the ones that the paper's authors published.

Weights are read as safetensors, or from `pytorch_model.bin` with `weights_only=True`, which runs no code that a file
may hold; code that a repository may hold is never run either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from speedy_utils.devices import quiet
from speedy_utils.errors import brief, listing, unknown_name
from speedy_utils.hub import POS_NAMES
from speedy_utils.hub_files import Listing, Trouble, fetch, hub_error, list_files
from speedy_utils.systems import SYSTEMS, System, auto_class, check_kind, get_system
from speedy_utils.tasks import Task, get_task

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# What the paper's repositories are called, after the links in its README; the hub also lists distilled models as
# "-finetuned-".
AUTHORS = "dccuchile"
SUFFIXES = {
    **{name: name for name in ("mldoc", "pawsx", "xnli", "pos", "ner")},
    **{name: f"qa-{name}" for name in ("mlqa", "sqac", "tar")},
}
WORDS = {"fine-tuning": ("finetuned",), "distillation": ("distilled", "finetuned")}
# Reported gone from the first account at times; the second has pages with the same configuration.
TWINS = {f"PlanTL-GOB-ES/{name}": f"BSC-LT/{name}" for name in ("roberta-base-bne", "roberta-large-bne")}

_TOKENIZER = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model")  # one of them at least
_BESIDE = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")

Loaded = tuple["PreTrainedModel", "PreTrainedTokenizerBase"]


def load_pretrained(
    repo_id: str,
    kind: str,
    labels: Sequence[str] = (),
    revision: str | None = None,
    report: Callable[[str], object] | None = print,
) -> Loaded:
    """(model, tokenizer) of a pretrained encoder, with a new head for one kind of task.

    The head has an output for each of `labels` (question answering: two, start and end), and its weights are random:
    seed torch before. Weights are float32 whatever the file holds. A byte-level tokenizer for tagging puts a space
    before each word, as input that is split into words needs. `revision` pins a branch, tag or commit; the commit is in
    `model.config._commit_hash`, and `report` is told it. Raises HubError with one sentence.
    """
    _check_labels(kind, labels)
    tried: list[tuple[str, Trouble]] = []
    for repo in (repo_id, TWINS.get(repo_id)):
        if repo is None:
            continue
        try:
            found = list_files(repo, "model", revision or "main")
            model, tokenizer, missing = _load(found, kind, list(labels))
            encoder = f"{model.base_model_prefix}."  # its pooler counts as head: language models have none
            if lost := [name for name in missing if name.startswith(encoder) and ".pooler." not in name]:
                raise Trouble("content", f"its weights lack parts of the encoder: {brief(listing(lost))}")
        except Trouble as trouble:
            tried.append((f"{repo} at {revision or 'main'}", trouble))
            if trouble.kind == "disk":
                break
            continue
        _say(report, repo_id, found, tried)
        return model, tokenizer
    raise hub_error(f"The model {repo_id}", tried, "give the id of another repository")


def load_published(
    system: System | str,
    task: Task | str,
    route: str | None = None,
    revision: str | None = None,
    report: Callable[[str], object] | None = print,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, str]:
    """(model, tokenizer, repository) of one of the paper's models, trained for a task by its authors.

    `route` is "fine-tuning" or "distillation" where a system has both (ALBETO tiny), the system's own unless given. A
    distilled model is looked for under "-distilled-", then under "-finetuned-"; `report` is told which answered, and at
    which commit. The outputs are put into the order of `Task.labels`, so that `logits[..., i]` belongs to
    `task.labels[i]`; an output for "_" in POS, which no word has, is taken out. Raises HubError with one sentence.
    """
    task, system = get_task(task), _with_route(system, route)
    stem = system.hub_id.partition("/")[2]
    tried: list[tuple[str, Trouble]] = []
    for word in WORDS[system.route]:
        repo = f"{AUTHORS}/{stem}-{word}-{SUFFIXES[task.name]}"
        try:
            found = list_files(repo, "model", revision or "main")
            model, tokenizer, missing = _load(found, task.kind)
            if missing:
                raise Trouble("content", f"it is no trained model, without {brief(listing(missing))}")
            if task.kind != "question_answering":
                _reorder(model, task)
        except Trouble as trouble:
            tried.append((f"{repo} at {revision or 'main'}", trouble))
            if trouble.kind != "missing":  # the other name is another model where both are there
                break
            continue
        what = f"{system.name}, {system.route}, {task.title}"
        if word == "finetuned" and system.route == "distillation" and _routes(system.name) != ["distillation"]:
            what += " (beware: the fine-tuned model has that name too)"
        _say(report, what, found, tried)
        return model, tokenizer, repo
    what = f"The published model of {system.name} ({system.route}) for {task.title}"
    raise hub_error(what, tried, "train one with load_pretrained and your own data")


def _say(report: Callable[[str], object] | None, what: str, found: Listing, tried: list[tuple[str, Trouble]]) -> None:
    if report is None:
        return
    before = "".join(f"; tried before: {place}: {trouble}" for place, trouble in tried)
    cached = f"; as it is in the cache, since {found.cached}" if found.cached else ""
    report(f"{what}: {found.repo} at {found.revision} (commit {found.commit}){cached}{before}")


def _routes(name: str) -> list[str]:
    return [system.route for system in SYSTEMS if system.name == name]


def _with_route(system: System | str, route: str | None) -> System:
    system = get_system(system)
    if route is None or route == system.route:
        return system
    if route not in WORDS:
        raise ValueError(unknown_name("route", route, list(WORDS)))
    for other in SYSTEMS:
        if (other.name, other.route) == (system.name, route):
            return other
    raise ValueError(f"The paper has no {system.name} by {route}, only by {listing(_routes(system.name))}.")


def _check_labels(kind: str, labels: Sequence[str]) -> None:
    check_kind(kind)
    if kind == "question_answering":
        if labels:
            raise ValueError("Question answering has no labels: leave labels out.")
    elif isinstance(labels, str) or len(labels) < 2 or len({*labels}) < len(labels):
        raise ValueError(f"labels has to be two or more different names, such as those of a task; it is {labels!r}.")


# --- files -> model ---------------------------------------------------------------------------------------------------


def _weights(files: Sequence[str]) -> list[str]:
    """The files of the weights: safetensors if there are any, else PyTorch's own; whole, or in parts with an index."""
    for stem, end in (("model", "safetensors"), ("pytorch_model", "bin")):
        if f"{stem}.{end}" in files:
            return [f"{stem}.{end}"]
        if (index := f"{stem}.{end}.index.json") in files:
            return [index, *(name for name in files if re.fullmatch(rf"{stem}-\d{{5}}-of-\d{{5}}\.{end}", name))]
    has = brief(listing(files)) if files else "nothing"
    raise Trouble("missing", f"it has neither model.safetensors nor pytorch_model.bin, only {has}")


def _fetch_model(found: Listing) -> Path:
    """The local folder with a model's files."""
    if "config.json" not in found.files:
        raise Trouble("missing", "the file config.json is missing")
    if not any(name in found.files for name in _TOKENIZER):
        raise Trouble("missing", f"it has no tokenizer ({listing(_TOKENIZER, 'or')})")
    wanted = ["config.json", *_weights(found.files)]
    wanted += [name for name in (*_TOKENIZER, *_BESIDE) if name in found.files]
    return fetch(found, wanted)[0].parent


def _load(
    found: Listing, kind: str, labels: list[str] | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, list[str]]:
    """(model, tokenizer, names of the parameters that the file did not have); with `labels`, the head is a new one."""
    folder = _fetch_model(found)
    import torch

    options = {}
    if labels:
        numbers = {label: number for number, label in enumerate(labels)}
        options = {"num_labels": len(labels), "label2id": numbers, "id2label": dict(enumerate(labels))}
    elif kind == "question_answering":
        options = {"num_labels": 2}
    safe = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet():
            model, info = auto_class(kind).from_pretrained(
                *(folder,),
                **(safe | options),
                # One precision for all: some files are in float16, in which a CPU is very slow.
                dtype=torch.float32,
                weights_only=True,
                output_loading_info=True,
            )
            tokenizer = load_tokenizer(folder, kind)
    except Exception as error:  # transformers raises many kinds; each is a fault of these files
        raise Trouble("content", f"its files cannot be loaded: {_first_line(error)}") from error
    for part in (model, tokenizer):
        part.name_or_path = found.repo  # not a folder deep inside this machine's cache
    model.config._name_or_path, model.config._commit_hash = found.repo, found.commit
    own = json.loads((folder / "config.json").read_text("utf-8")).get("id2label") or {}
    if labels and not info["missing_keys"] and not _same(list(own.values()), labels):
        raise Trouble("content", f"it has a trained head, for other labels: {brief(listing(own.values()))}")
    return model, tokenizer, sorted(info["missing_keys"])


def _same(names: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether a head's names are these labels in this order, or say nothing."""
    return _are_numbers(names) or [str(name).casefold() for name in names] == [label.casefold() for label in labels]


def _are_numbers(names: Sequence[str]) -> bool:
    pairs = enumerate(names)
    return all(re.fullmatch(rf"(LABEL_)?{number}", str(name), re.IGNORECASE) for number, name in pairs)


def load_tokenizer(folder: Path, kind: str) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder, splitting text as its tokenizer.json says.

    transformers 5 takes the vocabulary from that file, but lower-cases and strips accents as tokenizer_config.json
    says, and where this is silent by its own defaults, which suit English: `ñandú` would become `nandu`. For tagging,
    a byte-level tokenizer puts a space before each word, as the words inside a running text have one.
    """
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    backend = tokenizer.backend_tokenizer
    if (path := folder / "tokenizer.json").is_file():
        written = Tokenizer.from_file(str(path))
        backend.normalizer, backend.pre_tokenizer = written.normalizer, written.pre_tokenizer
    if kind == "tagging" and '"ByteLevel"' in backend.to_str():
        described = json.loads(backend.to_str())
        _with_prefix_space(described["pre_tokenizer"])
        backend.pre_tokenizer = Tokenizer.from_str(json.dumps(described)).pre_tokenizer
        tokenizer.add_prefix_space = True
    return tokenizer


def _with_prefix_space(described: dict[str, Any]) -> None:
    for part in (described, *described.get("pretokenizers", ())):
        if part["type"] == "ByteLevel":
            part["add_prefix_space"] = True


def _first_line(error: Exception) -> str:
    """The type of an error and the beginning of what it says: transformers writes whole pages."""
    beginning = re.split(r"[.:](?:\s|$)|\n", str(error).strip())[0]
    return f"{type(error).__name__}, {brief(beginning)}"


# --- labels -----------------------------------------------------------------------------------------------------------


def label_order(task: Task | str, names: Sequence[str]) -> list[int]:
    """For each label of the task, in its order, the number of the output that stands for it.

    `names` are the outputs' names: labels of the task or its spellings in any case; or LABEL_0, LABEL_1 … (or plain
    numbers), which mean the task's order, for 18 POS tags that of the hub's data sets (`hub.POS_NAMES`). Raises
    ValueError when a label has no output or two, or an output has no label ("_" in POS excepted).
    """
    task = get_task(task)
    if _are_numbers(names):
        names = POS_NAMES if task.name == "pos" and len(names) == len(POS_NAMES) else task.labels[: len(names)]
    known = {
        written.casefold(): label
        for written, label in ({name: name for name in task.labels} | dict(task.spellings)).items()
    }
    meant = [known.get(name.casefold()) for name in names]
    strange = [name for name, label in zip(names, meant, strict=True) if label is None]
    if any(name != "_" or task.name != "pos" for name in strange) or any(
        meant.count(label) != 1 for label in task.labels
    ):
        raise ValueError(
            f"its outputs are {brief(listing(names)) if names else 'none'}, not one for each label of {task.title}"
        )
    return [meant.index(label) for label in task.labels]


def _reorder(model: PreTrainedModel, task: Task) -> None:
    """Puts the rows of the last layer into the order of the task's labels."""
    import torch

    layer = getattr(model.classifier, "out_proj", model.classifier)  # RoBERTa's head for sentences has two layers
    names = [str(model.config.id2label.get(number)) for number in range(layer.out_features)]
    try:
        order = torch.tensor(label_order(task, names))
    except ValueError as error:
        raise Trouble("content", str(error)) from error
    with torch.no_grad():
        layer.weight = torch.nn.Parameter(layer.weight[order].clone())
        layer.bias = torch.nn.Parameter(layer.bias[order].clone())
    layer.out_features = model.num_labels = len(order)
    model.config.id2label = dict(enumerate(task.labels))
    model.config.label2id = {label: number for number, label in enumerate(task.labels)}
