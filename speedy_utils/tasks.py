"""The paper's eight tasks, in its order."""

from __future__ import annotations

from dataclasses import dataclass

from speedy_utils.errors import unknown_name

# The 17 tags of Universal Dependencies, in its order.
UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
# CoNLL-2002 in the order of the hub's data set, which models that say LABEL_0 to LABEL_8 follow.
ENTITY_TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC")


@dataclass(frozen=True)
class Task:
    """One task: its name in code, its title in print, its kind, the metrics the paper reports, and its labels.

    `kind` is "classification", "tagging" or "question_answering". The first of `metrics` is the one that enters the
    score (table "All results" of the paper's README: accuracy, F1, and F1 before exact match for question answering).
    `labels` are the classes or tags in the order of their numbers; question answering has none. `spellings` are the
    pairs (what upstream files write, the label it stands for) where the two differ. `pair`: an example has two
    sentences.
    """

    name: str
    title: str
    kind: str
    metrics: tuple[str, ...]
    labels: tuple[str, ...] = ()
    spellings: tuple[tuple[str, str], ...] = ()
    pair: bool = False

    @property
    def score_metric(self) -> str:
        """The metric that enters the score."""
        return self.metrics[0]


TASKS: tuple[Task, ...] = (
    Task("mldoc", "MLDoc", "classification", ("accuracy",), ("CCAT", "ECAT", "GCAT", "MCAT")),
    Task(
        *("pawsx", "PAWS-X", "classification", ("accuracy",), ("different", "paraphrase")),
        spellings=(("0", "different"), ("1", "paraphrase")),
        pair=True,
    ),
    Task(
        *("xnli", "XNLI", "classification", ("accuracy",), ("entailment", "neutral", "contradiction")),
        spellings=(("contradictory", "contradiction"),),  # so in the translated training files of XNLI 1.0
        pair=True,
    ),
    Task("pos", "POS", "tagging", ("f1",), UPOS),
    Task("ner", "NER", "tagging", ("f1",), ENTITY_TAGS),
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


def lower_is_better(figure: str) -> bool:
    """Whether a figure of a run is a loss; all others are metrics, of which more is better."""
    return figure.endswith("loss")
