"""Gold labels or a teacher? The runs behind the chapters on distillation, at the scale mini (`make results`).

A way says what a student learns from. All ways of a study take the same number of steps (but "longer", which takes four
times as many), the same settings, and the same validation and test sets; a way without a teacher is fine-tuning. Where
only a share of the examples has gold labels, that share is the same for all ways, seeds and students.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speedy_utils.systems import System, get_system
from speedy_utils.tasks import TASKS, Task, get_task

if TYPE_CHECKING:
    import datasets
    import pandas as pd

    from speedy_utils.evaluation import Evaluation
    from speedy_utils.training import Run

TEACHER = "BETO cased"
# The paper's distilled systems, by what they cost.
STUDENTS = ("ALBETO tiny", *(f"ALBETO base-{layers}" for layers in (2, 4, 6, 8, 10)))
STUDY_TASKS = ("xnli", "ner", "mlqa")  # one of each kind


@dataclass(frozen=True)
class Way:
    """What a student learns from.

    `gold` is the share of the training examples that have gold labels; with `text` the others are read too, without
    theirs. `teacher` is the share of the examples that the teacher was fine-tuned on, None where there is no teacher.
    `longer` multiplies the number of steps. `settings` are those of `distill`.
    """

    title: str
    teacher: float | None = 1.0
    gold: float = 1.0
    text: bool = False
    longer: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)


GOLD = "gold"  # fine-tuned on all labels: the table of `measured_results`, made with the same settings
TAUGHT = "taught"
WAYS: dict[str, Way] = {
    TAUGHT: Way("a teacher, the same examples"),
    "gold, longer": Way("gold labels, four times the steps", teacher=None, longer=4),
    "taught, longer": Way("a teacher, four times the steps", longer=4),
    "taught, half gold": Way("a teacher and gold labels, half and half", settings={"gold_weight": 0.5}),
    "taught, by metric": Way("a teacher, kept by metric", settings={"select": "metric"}),
    "quarter, gold": Way("gold labels of a quarter", teacher=None, gold=0.25),
    "quarter, taught": Way("a teacher of a quarter, the same quarter", teacher=0.25, gold=0.25),
    "quarter, text": Way("a teacher of a quarter, all texts", teacher=0.25, gold=0.25, text=True),
    "sixteenth, text": Way("a teacher of a sixteenth, all texts", teacher=1 / 16, gold=1 / 16, text=True),
    "sixteenth, gold": Way("gold labels of a sixteenth", teacher=None, gold=1 / 16),
}


def study_cells(seeds: tuple[int, ...]) -> list[tuple[str, str, int, str]]:
    """(student, task, seed, way): every student taught on every task, and ALBETO tiny in every way on three of them."""
    return [
        cell
        for seed in seeds
        for cell in (
            *((student, task.name, seed, TAUGHT) for task in TASKS for student in STUDENTS),
            *((STUDENTS[0], task, seed, way) for task in STUDY_TASKS for way in WAYS if way != TAUGHT),
        )
    ]


def share(task: Task | str, part: float) -> tuple[datasets.DatasetDict, datasets.Dataset]:
    """The bundled task with a share of its training examples, and the other training examples."""
    from datasets import DatasetDict

    from speedy_utils.readers import load_task

    data = load_task(task, "mini", report=None)
    shuffled = data["train"].shuffle(seed=0)
    kept = round(part * len(shuffled))
    return (
        DatasetDict({**data, "train": shuffled.select(range(kept)) if part < 1 else data["train"]}),
        shuffled.select(list(range(kept, len(shuffled)))),
    )


def train_teacher(task: Task | str, part: float = 1.0, output: str | Path | None = None) -> Run:
    """The teacher of a study: BETO cased, fine-tuned with seed 0 on a share of the training examples.

    It takes twice the epochs where it has a part of the examples only.
    """
    from speedy_utils.training import MINI_SETTINGS, fine_tune

    epochs = MINI_SETTINGS[get_task(task).kind].epochs * (1 if part == 1 else 2)
    return fine_tune(TEACHER, task, data=share(task, part)[0], source="mini", seed=0, epochs=epochs, output=output)


def measure_way(
    student: System | str, task: Task | str, seed: int, way: str, teacher: Run | str | Path | None = None
) -> Evaluation:
    """One cell of the study: a student trained in a way, scored on the test set.

    `teacher` is what `train_teacher` gave for the way's share, or its folder; without one it is trained first.
    """
    from speedy_utils.distillation.trainer import distill
    from speedy_utils.evaluation import evaluate
    from speedy_utils.training import MINI_SETTINGS, fine_tune

    chosen, name = WAYS[way], get_system(student).name
    data, others = share(task, chosen.gold)
    read = len(data["train"]) + (len(others) if chosen.text else 0)
    whole = len(data["train"]) + len(others)
    epochs = round(MINI_SETTINGS[get_task(task).kind].epochs * chosen.longer * whole / read)
    settings = {"data": data, "source": "mini", "seed": seed, "epochs": epochs, **chosen.settings}
    if chosen.teacher is None:
        return evaluate(fine_tune(name, task, **settings))
    teacher = teacher or train_teacher(task, chosen.teacher)
    return evaluate(distill(name, teacher, task, transfer=others if chosen.text else None, **settings))


# The shipped figures


def study_scores() -> pd.DataFrame:
    """The students' measured scores: system, task, seed, way, value, low, high; "gold" is one of the ways.

    Only the metric that enters the score, in per cent, with the test set's interval of each run.
    """
    import pandas as pd

    from speedy_utils.results import measured_results, measured_study

    gold = measured_results().assign(way=GOLD)
    frame = pd.concat([gold[gold["system"].isin(STUDENTS)], measured_study()])
    frame = frame[frame["metric"] == frame["task"].map({task.name: task.score_metric for task in TASKS})]
    return frame[["system", "task", "seed", "way", "value", "low", "high"]].reset_index(drop=True)


def study_differences(first: str, second: str) -> pd.DataFrame:
    """One way less another, in points, for each student and task that both have: system, task, points, low, high.

    Intervals are those of `difference_over_seeds`. Raises ValueError for a way that was not measured.
    """
    import pandas as pd

    from speedy_utils.errors import unknown_name
    from speedy_utils.uncertainty import Interval, difference_over_seeds

    scores = study_scores()
    for way in (first, second):
        if way not in set(scores["way"]):
            raise ValueError(unknown_name("way", way, [GOLD, *WAYS]))
    cells = {
        key: [Interval(row.value, row.low, row.high, 0.95, "bootstrap", 0) for row in rows.itertuples()]
        for key, rows in scores.groupby(["system", "task", "way"], sort=False)
    }
    rows = []
    for (system, task, way), runs in cells.items():
        if way == first and (system, task, second) in cells:
            found = difference_over_seeds(runs, cells[system, task, second])
            rows.append((system, task, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["system", "task", "points", "low", "high"])
