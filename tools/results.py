"""Measures stand-ins on every task over several seeds, and writes the tables that ship with the package.

    make results               # goes on where it was interrupted
    python tools/results.py --check 3 --seed 7    # run three cells of each table, drawn at random, again and compare
    python tools/results.py --table mini_int8     # one table alone

`mini_results` has the systems fine-tuned (`results.measure`), `mini_study` the students that learn from a teacher or
from fewer labels (`distillation.study`), `mini_int8` models in fast runtimes (`speed.int8`). Each cell is a training
and an evaluation on one thread; as many run at a time as there are cores. A finished cell is kept in `results/`, under
a name that depends on the data, the weights, the settings and the versions: change one of these, and all cells are
measured again.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / "results"  # not below _build: `make clean` must not cost an hour

Cell = tuple[Any, ...]  # system, task, seed, and in the study the way


@dataclass(frozen=True)
class Table:
    """One of the shipped tables: what it is of, its cells, its columns, what they depend on, and how one is measured.

    The cells come one seed after the other, so that an early stop leaves whole tables.
    """

    name: str
    what: str
    cells: Callable[[], list[Cell]]
    columns: Callable[[], list[str]]
    conditions: Callable[[], dict[str, Any]]
    measure: Callable[[Cell, Path], Any]
    against: Callable[[Cell, Path], Any] | None = None  # what a cell is compared with, on the same examples

    @property
    def path(self) -> Path:
        return ROOT / "speedy_utils" / "data" / f"{self.name}.csv"

    @property
    def store(self) -> Path:
        """The folder of the cells that were measured under these conditions."""
        digest = hashlib.sha256(json.dumps(self.conditions(), sort_keys=True).encode()).hexdigest()
        return STORE / digest[:12]


def fine_tuned_cells() -> list[Cell]:
    from speedy_utils.results import MEASURED, SEEDS
    from speedy_utils.tasks import TASKS

    return [(system, task.name, seed) for seed in SEEDS for task in TASKS for system in MEASURED]


def measure_fine_tuned(cell: Cell, _store: Path) -> Any:  # noqa: ANN401 -- an Evaluation
    from speedy_utils.results import measure

    return measure(*cell)


def study_cells() -> list[Cell]:
    from speedy_utils.distillation.study import study_cells
    from speedy_utils.results import SEEDS

    return study_cells(SEEDS)


def measure_study(cell: Cell, store: Path) -> Any:  # noqa: ANN401 -- an Evaluation
    from filelock import FileLock

    from speedy_utils.distillation.study import WAYS, measure_way, train_teacher

    _, task, _, way = cell
    os.environ["SPEEDY_CACHE"] = str(store / "answers")
    part, folder = WAYS[way].teacher, None
    if part is not None:
        folder = store / "teachers" / f"{task}-{part:g}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not folder.exists():
                train_teacher(task, part, output=folder)
    return measure_way(*cell, teacher=folder)


def int8_cells() -> list[Cell]:
    from speedy_utils.results import SEEDS
    from speedy_utils.speed.int8 import int8_cells

    return int8_cells(SEEDS)


def measure_int8(cell: Cell, store: Path) -> Any:  # noqa: ANN401 -- an Evaluation
    from speedy_utils.speed.int8 import measure_variant

    return measure_variant(*cell, store)


def in_pytorch(cell: Cell, store: Path) -> Any:  # noqa: ANN401 -- an Evaluation
    from speedy_utils.speed.int8 import REFERENCE

    return measure_int8((*cell[:3], REFERENCE), store)


def conditions() -> dict[str, Any]:
    """What every figure of a fine-tuned system depends on besides system, task and seed."""
    from speedy_utils.mini.systems import TOKENIZER_FOLDER, WEIGHTS_FOLDER, tokenizer_name, weights_name
    from speedy_utils.results import MEASURED
    from speedy_utils.tasks import TASKS
    from speedy_utils.training import default_settings

    mini = ROOT / "speedy_utils" / "mini"
    read = [path for path in (mini / "data").rglob("*") if path.is_file() and path.suffix != ".md"]
    read += [WEIGHTS_FOLDER / name for name in {weights_name(system) for system in MEASURED}]
    read += [TOKENIZER_FOLDER / name for name in {tokenizer_name(system) for system in MEASURED}]
    digest = hashlib.sha256()
    for path in sorted(read):
        digest.update(path.relative_to(mini).as_posix().encode() + path.read_bytes())
    settings = {task.kind: asdict(default_settings(task, "mini")) for task in TASKS}
    for values in settings.values():
        del values["seed"]
    return {
        "data_and_weights": digest.hexdigest()[:16],
        "settings": settings,
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers")},
        "threads": 1,
    }


def study_conditions() -> dict[str, Any]:
    from speedy_utils.distillation.losses import Distillation
    from speedy_utils.distillation.study import TEACHER, WAYS

    ways = {name: asdict(way) for name, way in WAYS.items()}
    return conditions() | {"teacher": TEACHER, "distillation": asdict(Distillation()), "ways": ways}


def int8_conditions() -> dict[str, Any]:
    from speedy_utils.speed.export import CALIBRATION, KEPT, NEEDED, RANGES

    found = conditions()
    extra = dict.fromkeys([name for names in NEEDED.values() for name in names] + ["nncf"])
    found["versions"] |= {name: version(name) for name in extra}
    return found | {"calibration": CALIBRATION, "ranges": RANGES, "kept": list(KEPT)}


def fine_tuned_columns() -> list[str]:
    from speedy_utils.results import COLUMNS

    return COLUMNS


def study_columns() -> list[str]:
    return [*fine_tuned_columns()[:3], "way", *fine_tuned_columns()[3:]]


def int8_columns() -> list[str]:
    names = fine_tuned_columns()
    return [*names[:3], "variant", *names[3:], "difference", "difference_low", "difference_high"]


TABLES = (
    Table(
        "mini_results",
        "Stand-ins of the paper's systems, fine-tuned and scored on the bundled data by `make results`.",
        fine_tuned_cells,
        fine_tuned_columns,
        conditions,
        measure_fine_tuned,
    ),
    Table(
        "mini_study",
        "Stand-ins of the paper's students, distilled or with fewer labels, scored on the bundled data by "
        "`make results`.",
        study_cells,
        study_columns,
        study_conditions,
        measure_study,
    ),
    Table(
        "mini_int8",
        "Stand-ins exported for fast runtimes in fp32 and int8, scored on the bundled data by `make results`.",
        int8_cells,
        int8_columns,
        int8_conditions,
        measure_int8,
        in_pytorch,
    ),
)


def run(table: str, cell: Cell) -> dict[str, Any]:
    """One cell as rows of its table, and the seconds it took."""
    table = _table(table)
    start = time.perf_counter()
    found = table.measure(cell, table.store)
    interval, compared = found.interval(), None
    if table.against is not None:
        from speedy_utils.evaluation import compare

        compared = compare(found, table.against(cell, table.store)).interval
    rows = []
    for name, value in found.metrics.items():
        own = name == found.task.score_metric
        bounds = [round(interval.low, 4), round(interval.high, 4)] if own else ["", ""]
        if compared is not None:
            apart = (compared.value, compared.low, compared.high) if own else ()
            bounds += [round(one, 4) for one in apart] or ["", "", ""]
        rows.append([*cell, name, round(value, 4), *bounds])
    return {"rows": rows, "seconds": time.perf_counter() - start}


def _table(name: str) -> Table:
    return next(table for table in TABLES if table.name == name)


def finished(store: Path, cell: Cell) -> dict[str, Any] | None:
    path = _place(store, cell)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _place(store: Path, cell: Cell) -> Path:
    return store / f"{'-'.join(map(str, cell)).replace(' ', '_').replace(',', '')}.json"


def measure_all(table: Table, jobs: int) -> None:
    """Measures what is missing."""
    from speedy_utils.files import write_json

    store, cells = table.store, table.cells()
    todo = [cell for cell in cells if finished(store, cell) is None]
    print(f"{table.name}: {len(cells) - len(todo)} cells are there, {len(todo)} to measure, {jobs} at a time.",
          flush=True)  # fmt: skip
    start = time.monotonic()
    # Each process starts afresh: torch's threads do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(run, table.name, cell): cell for cell in todo}
        for number, done in enumerate(as_completed(waiting), 1):
            cell, answer = waiting[done], done.result()
            write_json(_place(store, cell), answer)
            left = (time.monotonic() - start) / number * (len(todo) - number)
            value, name = answer["rows"][0][len(cell) + 1], f"{' '.join(cell[3:]):20}"
            print(
                f"{number:4}/{len(todo)}  {cell[0]:18} {cell[1]:6} seed {cell[2]}  {name}{value:6.2f}  "
                f"{answer['seconds']:5.1f} s, {left / 60:4.0f} min left",
                flush=True,
            )


def write_table(table: Table) -> None:
    """The table and its record, from all cells."""
    from speedy_utils.files import write_json, write_whole
    from speedy_utils.speed.latency import processor

    store = table.store
    answers = [finished(store, cell) for cell in table.cells()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns())
    for answer in answers:
        writer.writerows(answer["rows"])
    write_whole(table.path, text.getvalue())
    record = {
        "what": table.what,
        "scale": "mini",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"system": platform.system(), "processor": processor(), "device": "CPU"},
        "hours_of_one_core": round(sum(answer["seconds"] for answer in answers) / 3600, 2),
        **table.conditions(),
    }
    write_json(table.path.with_suffix(".json"), record)
    print(f"{table.path.relative_to(ROOT)}: {len(answers)} cells, {record['hours_of_one_core']} hours of one core.")


def check(table: Table, count: int, seed: int) -> int:
    """Runs some cells again; gives the number of figures that differ from the table by more than its rounding."""
    with table.path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    wrong = 0
    for cell in random.Random(seed).sample(table.cells(), count):
        for row in run(table.name, cell)["rows"]:
            known, value = [str(part) for part in row[: len(cell) + 1]], row[len(cell) + 1]
            shipped = next(float(one[len(known)]) for one in rows if one[: len(known)] == known)
            wrong += abs(shipped - value) > 1e-4
            print(f"{', '.join(known)}: {value:.4f}, in the table {shipped:.4f}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="cells at a time (as many as cores)")
    parser.add_argument(
        "--check", type=int, metavar="N", help="run N cells of each table again and compare them with the table"
    )
    parser.add_argument("--seed", type=int, default=0, help="which cells --check draws")
    parser.add_argument("--table", choices=[table.name for table in TABLES], help="this table alone")
    options = parser.parse_args()
    tables = [table for table in TABLES if options.table in (None, table.name)]
    os.environ["OMP_NUM_THREADS"] = "1"
    if options.check:
        return int(sum(check(table, options.check, options.seed) for table in tables) > 0)
    for table in tables:
        measure_all(table, options.jobs)
        write_table(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
