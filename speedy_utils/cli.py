"""The shell command `speedy`: what the package does, without a line of Python."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speedy_utils import __version__
from speedy_utils.systems import SYSTEMS
from speedy_utils.tasks import TASKS, get_task

if TYPE_CHECKING:
    import datasets
    import pandas as pd

EXAMPLES = """examples:
  speedy fine-tune "ALBETO tiny" ner --output runs/tiny-ner
  speedy evaluate runs/tiny-ner
  speedy evaluate "ALBETO tiny" ner --source hub --json
  speedy fine-tune BERTIN ner --output runs/bertin --source files --train esp.train --validation esp.testa
  speedy report runs
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives 0, or 1 after one sentence on stderr that says what went wrong."""
    options = _parser().parse_args(arguments)
    try:
        # With --json stdout holds the answer and nothing else, whatever the functions have to say.
        with redirect_stdout(sys.stderr) if options.json else nullcontext():
            answer = options.run(options)
        if not options.json:
            options.show(answer)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"speedy: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("speedy: stopped; what was finished is kept.", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(answer, ensure_ascii=False))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="speedy",
        description="Evaluate and train small Spanish language models.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"speedy {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    tune = commands.add_parser("fine-tune", help="train a system on a task and keep the run in a folder")
    tune.add_argument("system", help=f"one of: {', '.join(dict.fromkeys(system.name for system in SYSTEMS))}")
    _add_task(tune)
    tune.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the run is kept")
    _add_data(tune)
    tune.add_argument("--models", choices=["mini", "hub"], help="where the system comes from (as the data)")
    tune.add_argument("--epochs", type=int)
    tune.add_argument("--learning-rate", type=float)
    tune.add_argument("--batch-size", type=int)
    tune.add_argument("--seed", type=int)
    tune.add_argument("--max-length", type=int, help="tokens of the longest input")
    tune.add_argument("--stride", type=int, help="tokens that the windows of a long context share")
    tune.add_argument("--subwords", choices=["first", "all"], help="which tokens of a word carry its tag")
    tune.add_argument("--select", choices=["paper", "loss", "metric"], help="how the best epoch is chosen (paper)")
    tune.add_argument("--grid", choices=["paper"], help="train once for each setting of this grid, keep the best")
    tune.add_argument("--precision", choices=["auto", "fp32", "bf16", "fp16"])
    _add_json(tune)
    tune.set_defaults(run=_fine_tune, show=_show_run)

    judge = commands.add_parser("evaluate", help="score a run's folder, or a model that the paper's authors published")
    judge.add_argument("system", help="the folder of a run, or the name of a system")
    judge.add_argument("task", nargs="?", choices=[task.name for task in TASKS], help="for a run's folder: its own")
    judge.add_argument("--split", default="test", choices=["train", "validation", "test"])
    _add_data(judge)
    judge.add_argument("--route", choices=["fine-tuning", "distillation"], help="which of ALBETO tiny's two models")
    judge.add_argument("--precision", choices=["auto", "fp32", "bf16", "fp16"], default="auto")
    judge.add_argument("--predictions", type=Path, metavar="FILE", help="write a JSON line for each example")
    _add_json(judge)
    judge.set_defaults(run=_evaluate, show=_show_evaluation)

    report = commands.add_parser("report", help="a table of the runs in a folder, over tasks and seeds")
    report.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    _add_json(report)
    report.set_defaults(run=_report, show=_show_report)
    return parser


def _add_task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=[task.name for task in TASKS])


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        choices=["mini", "hub", "files"],
        help="where the examples come from: this package, the Hugging Face Hub, or files of yours "
        "(mini, unless SPEEDY_SCALE says otherwise)",
    )
    for split in ("train", "validation", "test"):
        parser.add_argument(f"--{split}", type=Path, metavar="FILE", help=argparse.SUPPRESS if split != "train" else
                            "with --source files: the files of the splits (--train, --validation, --test)")  # fmt: skip
    parser.add_argument("--revision", help="pin what comes from the hub to this revision")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object, for machines")


def _data(options: argparse.Namespace, task: str) -> datasets.DatasetDict | None:
    """The examples that the options ask for; None leaves them to the function."""
    from speedy_utils.readers import load_task

    files = {split: getattr(options, split) for split in ("train", "validation", "test") if getattr(options, split)}
    if files and options.source != "files":
        raise ValueError("--train, --validation and --test name files of yours: add --source files.")
    if options.source == "files":
        return load_task(task, "files", files, report=_tell)
    return None


def _tell(split: str, report: object) -> None:
    """Counts go to stderr: stdout is for the answer."""
    print(f"{split}: {report}", file=sys.stderr)


def _fine_tune(options: argparse.Namespace) -> dict[str, Any]:
    from speedy_utils.training import fine_tune

    names = ("epochs", "learning_rate", "batch_size", "seed", "max_length", "stride", "subwords", "select", "precision")
    settings = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    models = options.models or (None if options.source == "files" else options.source)
    run = fine_tune(
        options.system,
        options.task,
        data=_data(options, options.task),
        source=models,
        grid=options.grid,
        output=options.output,
        revision=options.revision,
        progress=sys.stderr.isatty() and not options.json,
        **settings,
    )
    return run.record | {"validation": run.validation, "history": run.history, "folder": str(run.folder)}


def _show_run(answer: Mapping[str, Any]) -> None:
    task = get_task(answer["identity"]["task"])
    metrics = ", ".join(f"{name} {value:.2f}" for name, value in answer["validation"].items() if name != "loss")
    print(f"{answer['system']} on {task.title}, {answer['examples']['train']:,} examples, seed "
          f"{answer['settings']['seed']}: validation {metrics}; loss {answer['validation']['loss']:.4f}.")  # fmt: skip
    print(f"The run is in {answer['folder']}; score it with: speedy evaluate {answer['folder']}")


def _evaluate(options: argparse.Namespace) -> dict[str, Any]:
    from speedy_utils.evaluation import evaluate, write_predictions
    from speedy_utils.files import write_json
    from speedy_utils.training import load_run

    folder = Path(options.system)
    run = load_run(folder) if folder.is_dir() else None
    task = options.task or (run and run.task.name)
    if task is None:
        raise ValueError(f"Which task? Say for example: speedy evaluate {options.system!r} ner.")
    found = evaluate(
        run or options.system,
        task,
        data=_data(options, task),
        split=options.split,
        source=None if options.source == "files" else options.source,
        route=options.route,
        revision=options.revision,
        precision=options.precision,
    )
    answer = found.summary()
    if options.predictions:
        write_predictions(found, options.predictions)
    if run is not None:
        # A run's folder keeps the figures of the data it was trained for; those of other files are only printed.
        if options.source == "files" or task != run.task.name:
            return answer
        write_predictions(found, folder / f"predictions-{options.split}.jsonl")
        write_json(folder / f"evaluation-{options.split}.json", answer)
    return answer


def _show_evaluation(answer: Mapping[str, Any]) -> None:
    task = get_task(answer["task"])
    print(f"{answer['system']} on {task.title}, {answer['split']}, {answer['examples']:,} examples:")
    interval = answer["interval"]
    for name, value in answer["metrics"].items():
        bounds = ""
        if interval and interval["metric"] == name:
            bounds = f"  [{interval['low']:.2f}, {interval['high']:.2f}] ({interval['method']})"
        print(f"  {name:20} {value:6.2f}{bounds}")


def _report(options: argparse.Namespace) -> list[dict[str, Any]]:
    from speedy_utils.results import collect_runs

    return collect_runs(options.folders).to_dict("records")


def _show_report(answer: list[dict[str, Any]]) -> None:
    import pandas as pd

    from speedy_utils.results import summarise

    table: pd.DataFrame = summarise(pd.DataFrame(answer))
    print(table.to_string(index=False, na_rep="–"))


if __name__ == "__main__":
    sys.exit(main())
