"""Helpers of the Speedy Gonzales book: evaluate, distil and time small language models for Spanish.

    import speedy_utils as su

Everything a reader needs is an attribute of this module. Each is imported at its first use, so that `import
speedy_utils` stays fast: torch, transformers, pandas and matplotlib come in when something needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "SYSTEMS": "systems",
    "System": "systems",
    "Architecture": "systems",
    "get_system": "systems",
    "build_model": "systems",
    "build_config": "systems",
    "count_parameters": "systems",
    "parameter_parts": "systems",
    "TASKS": "tasks",
    "Task": "tasks",
    "get_task": "tasks",
    "load_task": "readers",
    "read_file": "readers",
    "drop_shared_articles": "readers",
    "published_results": "published",
    "published_summary": "published",
    "published_test_sizes": "published",
    "published_teachers": "published",
    "TEACHERS": "published",
    "DISTILLATION_HOURS": "published",
    "authors_best_runs": "published",
    "authors_speed": "published",
    "authors_systems": "published",
    "authors_teacher_study": "published",
    "count_macs": "speed.macs",
    "mac_parts": "speed.macs",
    "measure_latency": "speed.latency",
    "benchmark": "speed.benchmark",
    "Choice": "speed.choice",
    "choose": "speed.choice",
    "export": "speed.export",
    "Predictor": "speed.predictor",
    "sensitivity": "speed.int8",
    "BookFigure": "figures",
    "check": "exercises",
    "environment": "notebook",
    "scale": "notebook",
    "say": "notebook",
    "show_table": "notebook",
    "show_text": "notebook",
    "show_tokens": "notebook",
    "show_spans": "notebook",
    "show_entities": "notebook",
    "load_texts": "mini",
    "split_texts": "mini",
    "train_tokenizer": "tokenization",
    "tokens_per_word": "tokenization",
    "split_words": "tokenization",
    "unknown_share": "tokenization",
    "TOKENIZERS": "tokenization",
    "load_metric": "metrics",
    "Preparation": "preprocessing",
    "prepare": "preprocessing",
    "Encoder": "encoders",
    "load_encoder": "encoders",
    "HubError": "hub_files",
    "load_pretrained": "hub_models",
    "load_published": "hub_models",
    "Settings": "training",
    "GRIDS": "training",
    "Run": "training",
    "fine_tune": "training",
    "load_run": "training",
    "Distillation": "distillation.losses",
    "distill": "distillation.trainer",
    "show_lesson": "distillation.view",
    "Evaluation": "evaluation",
    "evaluate": "evaluation",
    "compare": "evaluation",
    "confusion_matrix": "evaluation",
    "wrong_entities": "evaluation",
    "wrong_answers": "evaluation",
    "measure": "results",
    "measured_results": "results",
    "measured_study": "results",
    "measured_int8": "results",
    "measured_record": "results",
    "score": "frontier",
    "cut": "frontier",
    "pareto_frontier": "frontier",
}
_MODULES = {
    *(
        "cli",
        "devices",
        "distillation",
        "encoders",
        "errors",
        "evaluation",
        "exercises",
        "figures",
        "files",
        "formats",
        "frontier",
        "hub",
    ),
    *(
        "grid",
        "hub_files",
        "hub_models",
        "labels",
        "metrics",
        "mini",
        "notebook",
        "plots",
        "preprocessing",
        "published",
    ),
    *("readers", "results", "speed", "systems", "tasks", "tokenization", "training", "uncertainty"),
}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- any attribute of the package
    if name in _MODULES:
        return import_module(f"speedy_utils.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'speedy_utils' has no attribute {name!r}")
    value = getattr(import_module(f"speedy_utils.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
