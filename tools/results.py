"""Measures stand-ins on every task over several seeds, and writes the table that ships with the package.

    make results               # goes on where it was interrupted
    python tools/results.py --check 3 --seed 7    # run three cells, drawn at random, again and compare

Each cell is a fine-tuning and an evaluation on one thread; as many run at a time as there are cores. A finished cell is
kept in `results/`, under a name that depends on the data, the weights, the settings and the versions: change one
of these, and all cells are measured again.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import platform
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / "results"  # not below _build: `make clean` must not cost an hour
TABLE = ROOT / "speedy_utils" / "data" / "mini_results.csv"
RECORD = TABLE.with_suffix(".json")

Cell = tuple[str, str, int]  # system, task, seed


def cells() -> list[Cell]:
    """All cells, one seed after the other, so that an early stop leaves whole tables."""
    from speedy_utils.results import MEASURED, SEEDS
    from speedy_utils.tasks import TASKS

    return [(system, task.name, seed) for seed in SEEDS for task in TASKS for system in MEASURED]


def conditions() -> dict[str, Any]:
    """What every figure depends on besides system, task and seed."""
    from dataclasses import asdict
    from importlib.metadata import version

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


def key() -> str:
    """The name of the folder for cells that were measured under these conditions."""
    return hashlib.sha256(json.dumps(conditions(), sort_keys=True).encode()).hexdigest()[:12]


def run(cell: Cell) -> dict[str, Any]:
    """One cell as rows of the table, and the seconds it took."""
    from speedy_utils.results import measure

    start = time.perf_counter()
    found = measure(*cell)
    interval = found.interval()
    rows = []
    for name, value in found.metrics.items():
        own = name == found.task.score_metric
        bounds = [round(interval.low, 4), round(interval.high, 4)] if own else ["", ""]
        rows.append([*cell, name, round(value, 4), *bounds])
    return {"rows": rows, "seconds": time.perf_counter() - start}


def finished(store: Path, cell: Cell) -> dict[str, Any] | None:
    path = _place(store, cell)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _place(store: Path, cell: Cell) -> Path:
    return store / f"{'-'.join(map(str, cell)).replace(' ', '_')}.json"


def measure_all(jobs: int) -> Path:
    """Measures what is missing, and gives the folder of the cells."""
    from speedy_utils.files import write_json

    store = STORE / key()
    todo = [cell for cell in cells() if finished(store, cell) is None]
    print(f"{len(cells()) - len(todo)} cells are there, {len(todo)} to measure, {jobs} at a time.", flush=True)
    start = time.monotonic()
    # Each process starts afresh: torch's threads do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(run, cell): cell for cell in todo}
        for number, done in enumerate(as_completed(waiting), 1):
            cell, answer = waiting[done], done.result()
            write_json(_place(store, cell), answer)
            left = (time.monotonic() - start) / number * (len(todo) - number)
            value = next(row[4] for row in answer["rows"])
            print(
                f"{number:4}/{len(todo)}  {cell[0]:18} {cell[1]:6} seed {cell[2]}  {value:6.2f}  "
                f"{answer['seconds']:5.1f} s, {left / 60:4.0f} min left",
                flush=True,
            )
    return store


def write_table(store: Path) -> None:
    """The table and its record, from all cells."""
    import io

    from speedy_utils.files import write_json, write_whole
    from speedy_utils.results import COLUMNS

    answers = [finished(store, cell) for cell in cells()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for answer in answers:
        writer.writerows(answer["rows"])
    write_whole(TABLE, text.getvalue())
    record = {
        "what": "Stand-ins of the paper's systems, fine-tuned and scored on the bundled data by `make results`.",
        "scale": "mini",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"system": platform.system(), "processor": _processor(), "device": "CPU"},
        "hours_of_one_core": round(sum(answer["seconds"] for answer in answers) / 3600, 2),
        **conditions(),
    }
    write_json(RECORD, record)
    print(f"{TABLE.relative_to(ROOT)}: {len(answers)} cells, {record['hours_of_one_core']} hours of one core.")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def check(count: int, seed: int) -> int:
    """Runs some cells again; gives 1 if a figure differs from the table by more than its rounding."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = 0
    for cell in random.Random(seed).sample(cells(), count):
        for system, task, own_seed, metric, value, *_ in run(cell)["rows"]:
            shipped = next(
                float(row["value"])
                for row in rows
                if (row["system"], row["task"], row["seed"], row["metric"]) == (system, task, str(own_seed), metric)
            )
            wrong += abs(shipped - value) > 1e-4
            print(f"{system} on {task}, seed {own_seed}: {metric} {value:.4f}, in the table {shipped:.4f}")
    return int(wrong > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="cells at a time (as many as cores)")
    parser.add_argument("--check", type=int, metavar="N", help="run N cells again and compare them with the table")
    parser.add_argument("--seed", type=int, default=0, help="which cells --check draws")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if options.check:
        return check(options.check, options.seed)
    write_table(measure_all(options.jobs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
