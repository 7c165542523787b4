"""The generator of the bundled data: hand-written Spanish frames, filled from a lexicon with a seeded random source.

`python -m speedy_utils.mini.generator` writes `speedy_utils/mini/data/`; with `--check` it compares instead.
"""

from __future__ import annotations

from importlib import import_module

SPLITS = ("train", "validation", "test")
# task -> (module, ending of its files, examples in train, validation, test)
PLAN = {
    "mldoc": ("mldoc", "jsonl", (1600, 240, 480)),
    "pawsx": ("pawsx", "tsv", (3000, 250, 500)),
    "xnli": ("xnli", "tsv", (3000, 240, 480)),
    "pos": ("pos", "conllu", (1500, 160, 330)),
    "ner": ("ner", "conll", (2000, 250, 500)),
    "mlqa": ("qa", "json", (1400, 180, 360)),
    "sqac": ("qa", "json", (1400, 180, 360)),
    "tar": ("qa", "json", (1400, 180, 360)),
}


def files(tasks: list[str] | None = None) -> dict[str, str]:
    """All files: name below the data folder -> text. The same bytes every time."""
    texts = {}
    for task in tasks or list(PLAN):
        module, ending, sizes = PLAN[task]
        generate = import_module(f"speedy_utils.mini.generator.{module}").generate
        seen: set[str] = set()
        for split, size in zip(SPLITS, sizes, strict=True):
            arguments = (task, split, size, seen) if module == "qa" else (split, size, seen)
            texts[f"{task}/{split}.{ending}"] = generate(*arguments)
    return texts
