"""Results of many runs: measured ones that come with the book, and those in folders of your own.

`measure` makes one cell of the table (system, task, seed), `measured_results` reads the table that `make results` made
of all of them, `collect_runs` and `summarise` do the same for any runs on disk; of these `paper_table` and
`measured_frontier` make the paper's table and figure.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speedy_utils.errors import listing
from speedy_utils.files import UNFINISHED
from speedy_utils.frontier import cut
from speedy_utils.mini.systems import MINI
from speedy_utils.speed.macs import count_macs
from speedy_utils.systems import SYSTEMS, System, get_system
from speedy_utils.tasks import TASKS, Task, get_task, lower_is_better

if TYPE_CHECKING:
    import pandas as pd

    from speedy_utils.evaluation import Evaluation
    from speedy_utils.figures import BookFigure

MEASURED = tuple(MINI)  # every system that has a stand-in
SEEDS = (1, 2, 3)
COLUMNS = ["system", "task", "seed", "metric", "value", "low", "high"]
RUN_COLUMNS = (
    *("system", "route", "source", "task", "seed", "split", "metric", "value", "low", "high", "examples"),
    *("folder", "selected_by", "data", "configuration"),
)
CELL = ["system", "route", "task"]


def measure(system: System | str, task: str, seed: int) -> Evaluation:
    """One cell at the scale mini: the stand-in of a system fine-tuned on a task with a seed, scored on the test set."""
    from speedy_utils.evaluation import evaluate
    from speedy_utils.training import fine_tune

    return evaluate(fine_tune(get_system(system), task, source="mini", seed=seed))


def measured_results() -> pd.DataFrame:
    """The shipped table: system, task, seed, metric, value and its interval's low and high, all in per cent.

    Measured with `make results` at the scale mini; `measured_record` says when and on what. The interval is given for
    the metric that enters the score, by the bootstrap over the test set; it knows nothing of other seeds.
    """
    import pandas as pd

    return pd.read_csv(StringIO(_shipped("mini_results.csv")))


def measured_study() -> pd.DataFrame:
    """The shipped table of students that a teacher taught or that had fewer labels: way, and the columns as above.

    The ways are `distillation.study.WAYS`. Students that are fine-tuned on all gold labels, with the same settings and
    as many steps, are in `measured_results`.
    """
    import pandas as pd

    return pd.read_csv(StringIO(_shipped("mini_study.csv")))


def measured_int8() -> pd.DataFrame:
    """The shipped table of what int8 costs: system, task, seed, variant, metric, value, low, high, and differences.

    A variant is a runtime and a precision, such as "OpenVINO int8"; "PyTorch fp32" is the model as it was trained. For
    the metric that enters the score, `difference` is its value less PyTorch's on the same examples, in points, with the
    paired bootstrap's interval from `difference_low` to `difference_high`, which knows nothing of other seeds.
    """
    import pandas as pd

    return pd.read_csv(StringIO(_shipped("mini_int8.csv")))


def measured_record(table: str = "results") -> dict[str, Any]:
    """Where the figures of `measured_results`, the "study" or "int8" come from: scale, date, versions, settings.

    Raises FileNotFoundError for a table that is not there.
    """
    return json.loads(_shipped(f"mini_{table}.json"))


def _shipped(name: str) -> str:
    try:
        return files("speedy_utils").joinpath("data", name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(
            "This copy of the package comes without its measured table: make it with `make results`."
        ) from None


def collect_runs(folders: Sequence[str | Path]) -> pd.DataFrame:
    """The runs below some folders, a row for each metric of each split that was scored.

    Columns: those of `RUN_COLUMNS`. Validation figures are those of the kept weights; test figures are there where
    `speedy evaluate` was run. `source` is where the model came from, `examples` the size of the split; `data` (training
    and validation examples) and `configuration` (all that decides besides system, task, data and seed) are equal
    where those are. Raises ValueError for a folder without a run and for a file that cannot be read.
    """
    import pandas as pd

    rows = []
    for folder in map(Path, folders):
        # A name with a dot is a folder that was being written when something ended it.
        records = [
            path
            for path in sorted(folder.rglob("run.json"))
            if not any(part.endswith(UNFINISHED) or part.startswith(".") for part in path.relative_to(folder).parts)
        ]
        if not records:
            raise ValueError(f"There is no finished run in {folder}: give a folder that speedy fine-tune wrote to.")
        for path in records:
            rows += _rows_of(path)
    return pd.DataFrame(rows, columns=list(RUN_COLUMNS))


def best_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Of the runs of each system, route, task and seed the one that the validation split chooses, by the runs' rule.

    `runs` is what `collect_runs` gives; the runs that are kept count as one configuration. Raises ValueError where runs
    to choose from follow different rules or were validated on different data.
    """
    figures = runs[(runs["split"] == "validation") & (runs["metric"] == runs["selected_by"])]
    kept = []
    for (system, _, task, seed), group in figures.groupby([*CELL, "seed"], sort=False):
        rules = group["selected_by"].unique()
        if len(rules) > 1:
            raise ValueError(
                f"The runs of {system} on {task} with seed {seed} were chosen by {' and by '.join(rules)}: "
                "report runs of one rule."
            )
        if group["data"].nunique() > 1:
            raise ValueError(
                f"The runs of {system} on {task} with seed {seed} have different data: report their folders apart."
            )
        values = group["value"] if lower_is_better(rules[0]) else -group["value"]
        kept.append(group.loc[values.idxmin(), "folder"])
    return runs[runs["folder"].isin(kept)].assign(configuration="best")


def _rows_of(path: Path) -> list[tuple[Any, ...]]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        identity, settings = record["identity"], record["settings"]
        route = "distillation" if settings.get("distillation") else "fine-tuning"
        start = (record["system"], route, identity["source"], identity["task"], settings["seed"])
        rest = (str(path.parent), record["selected_by"], _digest(identity["data"]), _digest(_configuration(identity)))
        rows = [
            (*start, "validation", name, value, None, None, record["examples"]["validation"], *rest)
            for name, value in record["validation"].items()
        ]
        for scored in sorted(path.parent.glob("evaluation-*.json")):
            path = scored
            answer = json.loads(scored.read_text(encoding="utf-8"))
            interval = answer["interval"] or {"metric": None}
            for name, value in answer["metrics"].items():
                bounds = (interval["low"], interval["high"]) if interval["metric"] == name else (None, None)
                rows.append((*start, answer["split"], name, value, *bounds, answer["examples"], *rest))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} cannot be read as part of a run ({type(error).__name__}): score the run again, or move it away."
        ) from None
    return rows


def _configuration(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a run besides its cell, its data and its seed; a teacher counts by its name."""
    known = {name: value for name, value in identity.items() if name not in ("system", "task", "data")}
    known["settings"] = {name: value for name, value in known["settings"].items() if name != "seed"}
    if "teachers" in known:
        known["teachers"] = [teacher["name"] for teacher in known["teachers"]]
    return known


def _digest(value: Any) -> str:  # noqa: ANN401 -- what JSON can hold
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """A row for each system, route, split and task: runs, and mean and deviation over the seeds of the score's metric.

    `results` is what `collect_runs` gives; a table without the columns route and split (`measured_results`) counts as
    fine-tuning and test. The standard deviation has n - 1 below the line, and is missing for a single run. Raises
    ValueError where runs of different settings or data would be averaged.
    """
    frame = results if "split" in results else results.assign(split="test")
    frame = frame if "route" in frame else frame.assign(route="fine-tuning")
    own = frame["task"].map(lambda name: get_task(name).score_metric)
    frame = frame[frame["metric"] == own]
    groups = frame.groupby([*CELL, "split", "metric"], sort=False)
    for (system, _, task, _, _), group in groups:
        if len(twice := group[group.duplicated("seed")]):
            raise ValueError(
                f"There are two runs of {system} on {task} with seed {twice['seed'].iloc[0]}: runs with different "
                "settings are not averaged; report their folders apart, or the best of them (--best)."
            )
        for column, what, also in (
            ("data", "data", ""),
            ("configuration", "settings", ", or the best of them (--best)"),
        ):
            if column in group and group[column].nunique() > 1:
                raise ValueError(
                    f"The runs of {system} on {task} have different {what} from seed to seed, and are not averaged; "
                    f"report their folders apart{also}."
                )
    order = {task.name: number for number, task in enumerate(TASKS)}
    table = groups["value"].agg(runs="count", mean="mean", sd="std").reset_index()
    table = table[["system", "route", "split", "task", "metric", "runs", "mean", "sd"]]
    return table.sort_values("task", key=lambda names: names.map(order), kind="stable").reset_index(drop=True)


# The paper's table and figure, of one's own runs


def paper_table(runs: pd.DataFrame) -> pd.DataFrame:
    """The paper's table of test figures, made of runs: a row for each system and route, in the paper's order.

    `runs` is what `collect_runs` or `best_runs` gives. Columns: system, route, source; for each of the 8 tasks the mean
    over the seeds of its score's metric (such as ner), its standard deviation (ner_sd) and the number of seeds
    (ner_seeds); speedup; score. What was not measured is missing, and a score, cut as the paper's, is there only where
    all tasks are. `speedup` divides BETO's operations by the system's, both of the real architectures, for one text of
    512 tokens and counted the paper's way, without attention's products; it is missing for an encoder of your own.
    Raises ValueError where there is no test figure, and where models of several sources or test sets of several sizes
    would stand in one table.
    """
    import pandas as pd

    test = runs[runs["split"] == "test"]
    if not len(test):
        raise ValueError("There are no test figures in these runs: score each of them with speedy evaluate first.")
    if len(sources := test["source"].map(_origin).unique()) > 1:
        raise ValueError(f"No table compares figures of {listing(sources)}: report their folders apart.")
    for task, sizes in test.groupby("task")["examples"]:
        if sizes.nunique() > 1:
            raise ValueError(
                f"The runs on {task} were scored on test sets of {listing(sorted(sizes.unique()))} examples: "
                "figures of one column come from one test set; report their folders apart."
            )
    cells = summarise(test).set_index(["system", "route", "task"])
    rows = []
    for (system, route), own in test.groupby(["system", "route"], sort=False):
        row = {"system": system, "route": route, "source": own["source"].iloc[0]}
        for task in TASKS:
            found = cells.loc[(system, route, task.name)] if (system, route, task.name) in cells.index else {}
            row |= {
                task.name: found.get("mean", math.nan),
                f"{task.name}_sd": found.get("sd", math.nan),
                f"{task.name}_seeds": found.get("runs", 0),
            }
        values = [row[task.name] for task in TASKS]
        whole = not any(map(math.isnan, values))
        row["speedup"] = math.nan if row["source"] is None else _speedup(system)
        rows.append(row | {"score": cut(sum(values) / len(TASKS)) if whole else math.nan})
    rows.sort(key=lambda row: (row["route"] != "fine-tuning", _place(row["system"])))
    return pd.DataFrame(rows)


def table_in_words(table: pd.DataFrame) -> pd.DataFrame:
    """A `paper_table` to read: mean ± standard deviation in a column for each task, "–" for what was not measured."""
    import pandas as pd

    def cell(value: float | None, sd: float | None) -> str:
        return "–" if pd.isna(value) else f"{value:.2f}" if pd.isna(sd) else f"{value:.2f} ± {sd:.2f}"

    words = {
        "System": table["system"],
        "Route": table["route"].map({"fine-tuning": "fine-tuned", "distillation": "distilled"}),
        **{task.title: list(map(cell, table[task.name], table[f"{task.name}_sd"])) for task in TASKS},
        "Speedup": ["–" if pd.isna(value) else f"{value:.2f}×" for value in table["speedup"]],
        "Score": [cell(value, None) for value in table["score"]],
    }
    return pd.DataFrame(words)


def measured_frontier(table: pd.DataFrame) -> BookFigure:
    """The frontier of speedup against score over the tasks that all systems of a `paper_table` have.

    The picture says which tasks these are, at what scale the figures were measured and over how many seeds. Raises
    ValueError where the systems share no task, and for a system whose operations are not known.
    """
    from speedy_utils.plots import frontier

    shared = [task for task in TASKS if table[task.name].notna().all()]
    if not shared:
        raise ValueError("These systems share no task, so no score compares them: report fewer folders, or run more.")
    if len(strange := table[table["speedup"].isna()]):
        raise ValueError(
            f"{strange['system'].iloc[0]} is no system of the paper, so its operations are not known: report it apart."
        )
    whole = len(shared) == len(TASKS)
    tasks = f"all {len(TASKS)} tasks" if whole else listing(task.title for task in shared)
    means = table["score"] if whole else table[[task.name for task in shared]].mean(axis=1).round(2)
    frame = table[["system", "route"]].assign(speedup=table["speedup"].round(2), score=means)
    frame["system"] = frame["system"].str.removesuffix(" (mini)")
    return frontier(frame, origin=f"{origin_in_words(table, shared)}; mean of {tasks}")


def origin_in_words(table: pd.DataFrame, tasks: Sequence[Task] = TASKS) -> str:
    """Where the figures of a `paper_table` on some tasks come from, such as "measured, mini, 2 to 3 seeds"."""
    seeds = sorted({number for task in tasks for number in table[f"{task.name}_seeds"] if number})
    number = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return f"measured, {_origin(table['source'].iloc[0])}, {number} seed{'' if number == '1' else 's'}"


def _origin(source: str | None) -> str:
    return {"mini": "mini", "hub": "the hub's models"}.get(source, "encoders of one's own")


# What `load_encoder` calls a system.
_NAME = re.compile(r"(?P<name>.+?)(?: with (?P<layers>\d+) layers?)?(?P<mini> \(mini\))?")


def _speedup(system: str) -> float:
    """Over BETO, for the name that a run gives its system; a stand-in counts as what it stands for."""
    parts = _NAME.fullmatch(system)
    try:
        real = get_system(parts["name"])
    except ValueError:
        return math.nan
    if parts["layers"]:
        depth, own = int(parts["layers"]), real.architecture
        if parts["mini"]:  # stand-ins have half of the depth
            depth = depth * own.layers // MINI[real.name].layers
        real = replace(real, architecture=replace(own, layers=depth))
    beto, ours = (count_macs(one, attention_products=False) for one in (SYSTEMS[0], real))
    return beto / ours


def _place(system: str) -> int:
    """The place of a run's system in the paper's order; others come last."""
    names = [known.name for known in SYSTEMS]
    name = _NAME.fullmatch(system)["name"]
    return names.index(name) if name in names else len(names)
