"""The paper's eight tasks, in its order."""

from __future__ import annotations

from dataclasses import dataclass

from speedy_utils.errors import unknown_name


@dataclass(frozen=True)
class Task:
    """One task: its name in code, its title in print, its kind, and the metrics the paper reports.

    `kind` is "classification", "tagging" or "question_answering". The first of `metrics` is the one that enters the
    score (table "All results" of the paper's README: accuracy, F1, and F1 before exact match for question answering).
    """

    name: str
    title: str
    kind: str
    metrics: tuple[str, ...]

    @property
    def score_metric(self) -> str:
        """The metric that enters the score."""
        return self.metrics[0]


TASKS: tuple[Task, ...] = (
    Task("mldoc", "MLDoc", "classification", ("accuracy",)),
    Task("pawsx", "PAWS-X", "classification", ("accuracy",)),
    Task("xnli", "XNLI", "classification", ("accuracy",)),
    Task("pos", "POS", "tagging", ("f1",)),
    Task("ner", "NER", "tagging", ("f1",)),
    Task("mlqa", "MLQA", "question_answering", ("f1", "exact_match")),
    Task("sqac", "SQAC", "question_answering", ("f1", "exact_match")),
    Task("tar", "TAR / XQuAD", "question_answering", ("f1", "exact_match")),
)


def get_task(task: Task | str) -> Task:
    """The task of that name. Raises ValueError with the nearest names for one that is not there."""
    if isinstance(task, Task):
        return task
    for known in TASKS:
        if known.name == task:
            return known
    raise ValueError(unknown_name("task", task, [known.name for known in TASKS]))
