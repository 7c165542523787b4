"""The shell command `speedy`: what the package does, without a line of Python."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speedy_utils import __version__
from speedy_utils.speed.card import PRECISIONS
from speedy_utils.systems import SYSTEMS
from speedy_utils.tasks import TASKS, get_task, lower_is_better

if TYPE_CHECKING:
    import datasets
    import pandas as pd

    from speedy_utils.training import Run

EXAMPLES = """examples:
  speedy fine-tune "ALBETO tiny" ner --output runs/tiny-ner
  speedy evaluate runs/tiny-ner
  speedy distill "ALBETO tiny" ner --teacher runs/teacher-ner --output runs/tiny-ner-distilled
  speedy evaluate "ALBETO tiny" ner --source hub --json
  speedy fine-tune BERTIN ner --output runs/bertin --source files --train esp.train --validation esp.testa
  speedy report runs --table --figure frontier.svg
  speedy benchmark "BETO uncased" "ALBETO tiny" --lengths 128
  speedy export runs/tiny-ner --output fast/tiny-ner --precision int8
  speedy predict fast/tiny-ner "Ana Pérez vive en San José."
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
    except (ValueError, OSError, RuntimeError, ImportError) as error:
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
        description="Evaluate, train and speed up small Spanish language models.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"speedy {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    tune = commands.add_parser("fine-tune", help="train a system on a task and keep the run in a folder")
    _add_training(tune)
    tune.add_argument("--grid", choices=["paper"], help="train once for each setting of this grid, keep the best")
    _add_json(tune)
    tune.set_defaults(run=_fine_tune, show=_show_run)

    distil = commands.add_parser("distill", help="train a student on what a teacher says, and keep the run in a folder")
    _add_training(distil)
    distil.add_argument("--teacher", action="append", required=True, metavar="RUN",
                        help="the folder of a run, or the name of a system whose trained model the authors published; "
                        "several times for several teachers")  # fmt: skip
    distil.add_argument("--teacher-weight", action="append", type=float, help="one for each teacher, in their order")
    distil.add_argument("--layers", type=int, help="another depth for the student than its own")
    distil.add_argument("--transfer", type=Path, metavar="FILE",
                        help="more text, in the task's format, that only the teacher labels")  # fmt: skip
    distil.add_argument("--loss", choices=["kl", "soft_cross_entropy", "mse"], help="what is compared (kl)")
    distil.add_argument("--temperature", type=float, help="softens what teacher and student say (1)")
    distil.add_argument("--gold-weight", type=float, help="the share of the gold labels in the loss (0)")
    distil.add_argument("--cache", type=Path, metavar="FOLDER", help="where the teacher's answers are kept")
    _add_json(distil)
    distil.set_defaults(run=_distill, show=_show_run)

    judge = commands.add_parser(
        "evaluate", help="score a run, an export, or a model that the paper's authors published"
    )
    judge.add_argument("system", help="the folder of a run or an export, or the name of a system")
    judge.add_argument("task", nargs="?", choices=[task.name for task in TASKS], help="for a folder: its own")
    judge.add_argument("--split", default="test", choices=["train", "validation", "test"], help="what is scored (test)")
    _add_data(judge)
    judge.add_argument("--route", choices=["fine-tuning", "distillation"], help="which of ALBETO tiny's two models")
    judge.add_argument("--precision", choices=["auto", "fp32", "bf16", "fp16"], default="auto", help=PRECISION)
    judge.add_argument("--predictions", type=Path, metavar="FILE", help="write a JSON line for each example")
    _add_json(judge)
    judge.set_defaults(run=_evaluate, show=_show_evaluation)

    grid = commands.add_parser("grid", help="many runs: students x tasks x settings x seeds, in a store that survives")
    grid.add_argument("store", type=Path, help="the folder that keeps the runs; the same call goes on where it was")
    grid.add_argument("--students", nargs="+", required=True, metavar="SYSTEM", help="the systems to train")
    grid.add_argument("--tasks", nargs="+", required=True, choices=[task.name for task in TASKS],
                      help="the tasks to train each of them on")  # fmt: skip
    grid.add_argument("--teacher", nargs="+", metavar="RUN",
                      help="for all tasks, or task=run for each: a run or a system (none: fine-tuning)")  # fmt: skip
    grid.add_argument("--grid", choices=["paper"], help="the settings that the paper's authors tried")
    grid.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE",
                      help="settings of all runs, or values to try: epochs=4 learning_rate=1e-4,5e-5")  # fmt: skip
    grid.add_argument("--search", type=int, metavar="TRIALS", help="let Optuna look for settings, with so many trials")
    grid.add_argument("--seeds", nargs="+", type=int, default=[42], help="each setting is run once with each (42)")
    _add_data(grid)
    grid.add_argument("--models", choices=["mini", "hub"], help="where the systems come from (as the data)")
    grid.add_argument("--workers", type=int, default=1, help="runs at a time (1)")
    grid.add_argument("--keep-models", action="store_true", help="keep the weights of every run, not its figures alone")
    grid.add_argument("--ray", action="store_true", help="run on Ray: a local cluster of its own, unless --address")
    grid.add_argument("--address", help="an existing Ray cluster, such as ray://head:10001 or auto")
    grid.add_argument("--gpus-per-run", type=float, default=0.0, help="for Ray (0)")
    _add_json(grid)
    grid.set_defaults(run=_grid, show=_show_grid)

    report = commands.add_parser("report", help="tables and the frontier of the runs in a folder, over tasks and seeds")
    report.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a run, or a folder with runs in it")
    report.add_argument("--table", action="store_true", help="the paper's table: systems by tasks, speedup and score")
    report.add_argument("--figure", type=Path, metavar="FILE", help="draw the frontier: a .svg, .png or .pdf")
    report.add_argument("--best", action="store_true",
                        help="of several runs of a system, task and seed the one that validation chose")  # fmt: skip
    _add_json(report)
    report.set_defaults(run=_report, show=_show_report)

    bench = commands.add_parser("benchmark", help="how fast systems are here, in PyTorch and in fast runtimes")
    bench.add_argument("systems", nargs="+", metavar="SYSTEM", help="the first is what the others are compared with")
    bench.add_argument("--task", default="mldoc", choices=[task.name for task in TASKS], help="for the head (mldoc)")
    bench.add_argument("--variants", nargs="+", metavar="VARIANT",
                       help='such as "PyTorch fp32" "ONNX Runtime int8" "OpenVINO int8" (all)')  # fmt: skip
    bench.add_argument("--lengths", nargs="+", type=int, default=[128, 512], help="tokens (128 512)")
    bench.add_argument("--batch-sizes", nargs="+", type=int, default=[1], help="texts that are read at once (1)")
    bench.add_argument("--texts", type=int, default=0, metavar="N",
                       help="also so many real texts of the bundled data, batched as suits each best")  # fmt: skip
    bench.add_argument("--rounds", type=int, default=20, help="at least so many (20)")
    bench.add_argument("--seconds", type=float, default=2.0, help="and each for at least so long (2)")
    bench.add_argument("--threads", type=int, default=1, help="for the computation (1)")
    bench.add_argument("--core", type=int, help="stay on this core")
    _add_json(bench)
    bench.set_defaults(run=_benchmark, show=_show_benchmark)

    out = commands.add_parser(
        "export", help="write a run for a fast runtime, which needs neither torch nor transformers"
    )
    out.add_argument(
        "model", help="the folder of a run, or the name of a system whose trained model the authors published"
    )
    out.add_argument("task", nargs="?", choices=[task.name for task in TASKS], help="for a run's folder: its own")
    out.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="a new folder for the export")
    out.add_argument("--runtime", choices=["onnxruntime", "openvino"], default="onnxruntime",
                     help="what will run it (onnxruntime)")  # fmt: skip
    out.add_argument("--precision", choices=list(PRECISIONS), default="fp32",
                     help="int8+bf16 is for OpenVINO alone (fp32)")  # fmt: skip
    out.add_argument("--keep", nargs="*", metavar="PART",
                     help="parts of an int8 network that stay in fp32, such as head or layer0/narrow")  # fmt: skip
    _add_data(out)
    _add_json(out)
    out.set_defaults(run=_export, show=_show_export)

    predict = commands.add_parser("predict", help="answers of an exported model to texts, as JSON lines")
    predict.add_argument("folder", type=Path, help="what speedy export wrote")
    predict.add_argument("texts", nargs="*", help="a text (two for pairs: a question and its context)")
    predict.add_argument("--file", metavar="FILE",
                         help="texts, one a line; JSON lines if it ends in .jsonl; - for standard input")  # fmt: skip
    predict.add_argument("--output", type=Path, metavar="FILE", help="write the answers there, not to standard output")
    predict.add_argument("--json-lines", action="store_true", help="the lines of --file are JSON objects")
    predict.add_argument("--threads", type=int, help="for the computation (all cores)")
    predict.set_defaults(run=_predict, show=lambda answer: None, json=False)
    return parser


PRECISION = "of the computation (auto: what is fast here)"
TRAINING = ("epochs", "learning_rate", "batch_size", "seed", "max_length", "stride", "subwords", "select", "precision",
            "patience")  # fmt: skip


def _add_training(parser: argparse.ArgumentParser) -> None:
    """What fine-tuning and distillation share."""
    parser.add_argument("system", help=f"one of: {', '.join(dict.fromkeys(system.name for system in SYSTEMS))}")
    _add_task(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the run is kept")
    _add_data(parser)
    parser.add_argument("--models", choices=["mini", "hub"], help="where the system comes from (as the data)")
    parser.add_argument("--epochs", type=int, help="passes over the training examples")
    parser.add_argument("--patience", type=int, help="stop after so many epochs that brought nothing better")
    parser.add_argument("--learning-rate", type=float, help="the highest of the run; from there it falls to 0")
    parser.add_argument("--batch-size", type=int, help="examples for each step of the training")
    parser.add_argument("--seed", type=int, help="what all chance of the run is drawn from (42)")
    parser.add_argument("--max-length", type=int, help="tokens of the longest input")
    parser.add_argument("--stride", type=int, help="tokens that the windows of a long context share")
    parser.add_argument("--subwords", choices=["first", "all"], help="which tokens of a word carry its tag")
    parser.add_argument("--select", choices=["paper", "loss", "metric"], help="how the best epoch is chosen (paper)")
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16", "fp16"], help=PRECISION)


def _add_task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=[task.name for task in TASKS], help="what the system is to learn")


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

    return _described(fine_tune(options.system, options.task, grid=options.grid, **_training(options, TRAINING)))


def _distill(options: argparse.Namespace) -> dict[str, Any]:
    from speedy_utils.distillation.trainer import distill
    from speedy_utils.readers import load_task

    files = {"train": options.transfer}
    transfer = options.transfer and load_task(options.task, "files", files, report=_tell)["train"]
    run = distill(
        options.system,
        options.teacher,
        options.task,
        layers=options.layers,
        transfer=transfer,
        teacher_weights=options.teacher_weight,
        cache=options.cache,
        **_training(options, (*TRAINING, "loss", "temperature", "gold_weight")),
    )
    return _described(run)


def _training(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """The arguments of `fine_tune` and `distill`; settings that were not given are left to them."""
    return {
        "data": _data(options, options.task),
        "source": options.models or (None if options.source == "files" else options.source),
        "output": options.output,
        "revision": options.revision,
        "progress": sys.stderr.isatty() and not options.json,
        **{name: getattr(options, name) for name in names if getattr(options, name) is not None},
    }


def _grid(options: argparse.Namespace) -> dict[str, Any]:
    from speedy_utils.encoders import source_of_scale
    from speedy_utils.grid import SEARCH_SPACES, Search, plan, run_grid

    fixed, tried = _values(options.set)
    if tried and (options.grid or options.search):
        raise ValueError("Several values are a grid of their own: with --grid or --search give one for each setting.")
    files = {split: str(getattr(options, split).resolve()) for split in ("train", "validation", "test")
             if getattr(options, split)}  # fmt: skip
    if bool(files) != (options.source == "files"):
        raise ValueError("Files of yours need both --source files and --train, --validation, --test.")
    models = options.models or (options.source if options.source in ("mini", "hub") else source_of_scale())
    jobs = plan(
        options.students,
        options.tasks,
        teachers=_teachers(options),
        grid=options.grid or tried,
        seeds=options.seeds,
        source=models,
        files=files,
        **fixed,
    )
    if options.search:
        space = tuple(SEARCH_SPACES["mini" if models == "mini" else "paper"].items())
        if not options.teacher:
            space = tuple(pair for pair in space if pair[0] != "temperature")
        jobs = [Search(job, space, options.search) for job in jobs]
    progress = run_grid(
        jobs,
        options.store,
        workers=options.workers,
        keep_models=options.keep_models,
        ray=options.ray or options.address is not None,
        address=options.address,
        gpus_per_run=options.gpus_per_run,
        report=lambda line: print(line, file=sys.stderr),
    )
    return {"store": str(options.store), "asked": progress.asked, "done": progress.done, "failed": progress.failed,
            "found": progress.found, "hours": progress.seconds / 3600}  # fmt: skip


def _teachers(options: argparse.Namespace) -> dict[str, str] | None:
    if not options.teacher:
        return None
    if len(options.teacher) == 1 and not options.teacher[0].startswith(tuple(f"{task.name}=" for task in TASKS)):
        return dict.fromkeys(options.tasks, options.teacher[0])
    return dict(one.partition("=")[::2] for one in options.teacher)


def _values(given: Sequence[str]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """(settings with one value, settings with several) of NAME=VALUE and NAME=VALUE,VALUE."""
    fixed, tried = {}, {}
    for one in given:
        name, sign, text = one.partition("=")
        if not sign or not text:
            raise ValueError(f"Settings are written as name=value, such as epochs=4, not {one!r}.")
        values = [_plain(part) for part in text.split(",")]
        if len(values) == 1:
            fixed[name] = values[0]
        else:
            tried[name] = values
    return fixed, tried


def _plain(text: str) -> Any:  # noqa: ANN401 -- a number, or the text itself
    try:
        return json.loads(text)
    except ValueError:
        return text


def _show_grid(answer: Mapping[str, Any]) -> None:
    print(f"{answer['done']} of {answer['asked']} runs are in {answer['store']} ({answer['found']} from before); "
          f"{answer['failed']} failed. {answer['hours']:.2f} hours of computing.")  # fmt: skip
    print(f"See them with: speedy report {answer['store']} --best")


def _described(run: Run) -> dict[str, Any]:
    return run.record | {"validation": run.validation, "history": run.history, "folder": str(run.folder)}


def _show_run(answer: Mapping[str, Any]) -> None:
    task = get_task(answer["identity"]["task"])
    scores = {name: value for name, value in answer["validation"].items() if not lower_is_better(name)}
    metrics = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
    print(f"{answer['system']} on {task.title}, {answer['examples']['train']:,} examples, seed "
          f"{answer['settings']['seed']}: validation {metrics}; loss {answer['validation']['loss']:.4f}.")  # fmt: skip
    if "cache" in answer:
        cache, rows, teachers = answer["cache"], answer["rows"], " and ".join(answer["teachers"])
        print(f"Taught by {teachers}; {cache['reused']:,} of {cache['examples']:,} answers were kept from before.")
        print(f"{rows['not_aligned']:,} of {rows['seen']:,} rows could not be aligned.")
    print(f"The run is in {answer['folder']}; score it with: speedy evaluate {answer['folder']}")


def _evaluate(options: argparse.Namespace) -> dict[str, Any]:
    from speedy_utils.evaluation import evaluate, write_predictions
    from speedy_utils.files import write_json
    from speedy_utils.speed.card import is_export
    from speedy_utils.speed.predictor import Predictor
    from speedy_utils.training import load_run

    folder = Path(options.system)
    predictor = Predictor(folder) if is_export(folder) else None
    run = load_run(folder) if folder.is_dir() and predictor is None else None
    task = options.task or (run and run.task.name) or (predictor and predictor.card.task)
    if task is None:
        raise ValueError(f"Which task? Say for example: speedy evaluate {options.system!r} ner.")
    found = evaluate(
        run or predictor or options.system,
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
    how = f", {answer['runtime']} {answer['precision']}" if "runtime" in answer else ""  # of an export
    print(f"{answer['system']}{how} on {task.title}, {answer['split']}, {answer['examples']:,} examples:")
    interval = answer["interval"]
    for name, value in answer["metrics"].items():
        bounds = ""
        if interval and interval["metric"] == name:
            bounds = f"  [{interval['low']:.2f}, {interval['high']:.2f}] ({interval['method']})"
        print(f"  {name:20} {value:6.2f}{bounds}")


def _benchmark(options: argparse.Namespace) -> dict[str, Any]:
    from speedy_utils.readers import load_task
    from speedy_utils.speed.benchmark import VARIANTS, benchmark

    test = load_task(options.task, "mini", report=None)["test"] if options.texts else None
    if test and not 0 < options.texts <= len(test):
        raise ValueError(f"--texts goes from 1 to {len(test)}, the bundled test set of this task.")
    found = benchmark(
        options.systems,
        options.task,
        variants=options.variants or list(VARIANTS),
        lengths=options.lengths,
        batch_sizes=options.batch_sizes,
        examples=test and test.select(range(options.texts)),
        rounds=options.rounds,
        seconds=options.seconds,
        threads=options.threads,
        core=options.core,
    )
    # JSON has no infinity (a percentile without an upper bound, for lack of rounds) and no NaN
    rows = [{name: value if value == value and value != float("inf") else None for name, value in row.items()}
            for row in found.to_dict("records")]  # fmt: skip
    return {"record": found.attrs, "rows": rows}


def _show_benchmark(answer: Mapping[str, Any]) -> None:
    import pandas as pd

    record = answer["record"]
    print(f"{record['gpu'] or record['processor']}, threads: {record['threads']}, {record['date']}; random weights")
    columns = ["system", "variant", "batch_size", "length", "p50_ms", "p95_ms", "p99_ms", "texts_per_second"]
    columns += ["times_as_fast", "ratio_low", "ratio_high"]
    print(pd.DataFrame(answer["rows"])[columns].to_string(index=False, float_format="{:.2f}".format))


def _export(options: argparse.Namespace) -> dict[str, Any]:
    from speedy_utils.encoders import load_encoder
    from speedy_utils.readers import load_task
    from speedy_utils.speed.card import needs_examples
    from speedy_utils.speed.export import export
    from speedy_utils.training import load_run

    folder = Path(options.model)
    model = load_run(folder) if folder.is_dir() else None
    task = options.task or (model and model.task.name)
    if task is None:
        raise ValueError(f"Which task? Say for example: speedy export {options.model!r} ner --output FOLDER.")
    examples = None
    if needs_examples(options.runtime, options.precision):
        source = options.source or (model and model.source) or "mini"
        data = _data(options, task) or load_task(task, source, report=_tell, revision=options.revision)
        examples = data["validation" if "validation" in data else next(iter(data))]
    model = model or load_encoder(options.model, task, source="published", revision=options.revision)
    export(
        model,
        options.output,
        task=task,
        runtime=options.runtime,
        precision=options.precision,
        examples=examples,
        keep=options.keep,
    )
    return {"folder": str(options.output)} | json.loads((options.output / "export.json").read_text(encoding="utf-8"))


def _show_export(answer: Mapping[str, Any]) -> None:
    folder = answer["folder"]
    print(f"{answer['system']} for {answer['title']} is in {folder}, for {answer['runtime']} in {answer['precision']}.")
    print(f"Ask it: speedy predict {folder} 'Un texto en español.'")


def _predict(options: argparse.Namespace) -> None:
    from speedy_utils.files import whole_file
    from speedy_utils.speed.predictor import Predictor, predict_lines

    if bool(options.texts) == bool(options.file):
        raise ValueError("Give a text, or a file with --file FILE (and not both).")
    predictor = Predictor(options.folder, threads=options.threads)
    with ExitStack() as stack:
        if options.texts:
            texts = options.texts
            answers: Iterable[dict[str, Any]] = [predictor(texts[0] if len(texts) == 1 else tuple(texts))]
        else:
            standard = options.file == "-"
            lines = sys.stdin.buffer if standard else stack.enter_context(Path(options.file).open("rb"))
            answers = predict_lines(predictor, lines, options.json_lines or options.file.endswith(".jsonl"))
        out = stack.enter_context(whole_file(options.output)) if options.output else sys.stdout.buffer
        wrong = number = 0
        for answer in answers:
            number += 1
            wrong += "error" in answer
            out.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
        out.flush()
    if wrong:
        raise ValueError(f"{wrong} of {number} lines have no answer; beside their numbers stands why.")


def _report(options: argparse.Namespace) -> list[dict[str, Any]]:
    from speedy_utils.results import best_runs, collect_runs, measured_frontier, paper_table

    found = collect_runs(options.folders)
    found = best_runs(found) if options.best else found
    if options.table or options.figure:
        found = paper_table(found)
        options.show = partial(_show_paper, table=options.table, figure=options.figure)
    if options.figure:
        measured_frontier(found).save(options.figure)
    plain = found.astype(object)
    return plain.where(plain.notna(), None).to_dict("records")  # JSON has no NaN


def _show_report(answer: list[dict[str, Any]]) -> None:
    import pandas as pd

    from speedy_utils.results import summarise

    table: pd.DataFrame = summarise(pd.DataFrame(answer).astype({"value": float}))
    print(table.to_string(index=False, na_rep="–", float_format="{:.2f}".format))


def _show_paper(answer: list[dict[str, Any]], table: bool, figure: Path | None) -> None:
    import pandas as pd

    from speedy_utils.results import origin_in_words, table_in_words

    if table:
        frame = pd.DataFrame(answer)
        print(f"Test figures in per cent, {origin_in_words(frame)}: mean over the seeds ± standard deviation.")
        print(table_in_words(frame).to_string(index=False))
    if figure:
        print(f"The figure is in {figure}.")


if __name__ == "__main__":
    sys.exit(main())
