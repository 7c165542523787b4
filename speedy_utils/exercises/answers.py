"""What the checks of exercises have in common: reading an answer, and naming what is wrong with it.

Each function takes the answer and its name in the notebook, gives it back in the form that was wanted, and raises
`NotYet` with a sentence for the student where it is something else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from speedy_utils.evaluation import Evaluation
    from speedy_utils.speed.latency import Latency
    from speedy_utils.training import Run


class NotYet(Exception):
    """An answer that is not right yet; its text says why, for the student to read."""


def brief(value: object) -> str:
    """A value as a sentence can show it: its repr, cut after 60 characters; of a data frame its size."""
    if type(value).__name__ == "DataFrame":
        return "a data frame of {} × {}".format(*getattr(value, "shape", "??"))
    try:
        text = " ".join(repr(value).split())
    except Exception:  # an object of the student's own whose repr is broken
        text = f"something of type {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def number(answer: object, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number between `low` and `high`; numbers of numpy and torch count, truth values do not."""
    if hasattr(answer, "item") and getattr(answer, "ndim", 0) == 0:
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, Real):
        raise NotYet(f"{name} should be a number; it is {brief(answer)}.")
    value = float(answer)
    if not math.isfinite(value):
        raise NotYet(f"{name} is {value}: somewhere a number is missing or a division has gone wrong.")
    if not low <= value <= high:
        raise NotYet(
            f"{name} is {value:,.6g}; it cannot be {f'below {low:,.6g}' if value < low else f'above {high:,.6g}'}."
        )
    return value


def whole_number(answer: object, name: str, low: float = -math.inf, high: float = math.inf) -> int:
    """A whole number between `low` and `high`; 3.0 counts as one."""
    value = number(answer, name, low, high)
    if not isinstance(answer, Integral) and value != int(value):
        raise NotYet(f"{name} counts something, so it is a whole number, not {value:,.6g}.")
    return int(value)


def numbers(answer: object, name: str, size: int | None = None) -> np.ndarray:
    """A row of finite numbers, given as an array, a list or a Series, and where it is given of this size."""
    import numpy as np

    try:
        row = np.asarray(answer, dtype=float)
    except (TypeError, ValueError, OverflowError):
        row = np.zeros(())
    if row.ndim != 1 or not row.size:
        raise NotYet(f"{name} should be a row of numbers; it is {brief(answer)}.")
    if size is not None and len(row) != size:
        raise NotYet(f"{name} has {len(row)} numbers where {size} are expected.")
    if not np.isfinite(row).all():
        raise NotYet(f"{name} has a value that is no finite number: a logarithm of 0 or a division has gone wrong.")
    return row


def expect(
    value: float,
    expected: float,
    name: str,
    mistakes: Mapping[str, float],
    tolerance: float = 0.005,
    hint: str = "",
    room: float = 1e-12,
) -> None:
    """Nothing for a value within the relative tolerance of the expected one; otherwise what is known of the mistake.

    `room` is an absolute tolerance, for a difference that may be near 0.

    `mistakes` maps a sentence to the value that the mistake it names leads to; any other value is told too high or low,
    with the hint.
    """
    if math.isclose(value, expected, rel_tol=tolerance, abs_tol=room):
        return
    for sentence, wrong in mistakes.items():
        if math.isclose(value, wrong, rel_tol=tolerance, abs_tol=room):
            raise NotYet(sentence)
    side = "low" if value < expected else "high"
    raise NotYet(f"{name} = {value:,.6g} is too {side}.{' ' + hint if hint else ''}")


def one_of(answer: object, options: Collection[str], name: str) -> str:
    """One of the names that are possible; a System or another object with a name counts by its name."""
    text = getattr(answer, "name", answer)
    if not isinstance(text, str):
        raise NotYet(f"{name} should be a name such as {next(iter(options))!r}; it is {brief(answer)}.")
    if text not in options:
        raise NotYet(f"{name} is {text!r}; possible are {', '.join(options)}.")
    return text


def names(answer: object, options: Collection[str], name: str) -> set[str]:
    """A set of names, given as any collection of them."""
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise NotYet(f"{name} should be a set or list of names; it is {brief(answer)}.")
    return {one_of(one, options, f"A member of {name}") for one in answer}


def same_names(found: set[str], expected: set[str], name: str, extra: str = "", missing: str = "") -> None:
    """Nothing for the expected names; otherwise which are too many or missing, with the sentence that explains why."""
    if more := sorted(found - expected):
        raise NotYet(f"{', '.join(more)} should not be in {name}.{' ' + extra if extra else ''}")
    if less := sorted(expected - found):
        raise NotYet(f"{name} lacks {len(less)} of {len(expected)}.{' ' + missing if missing else ''}")


def truth(answer: object, name: str) -> bool:
    """True or False; numpy's count, a number or a text does not."""
    if type(answer).__name__ not in ("bool", "bool_"):
        raise NotYet(f"{name} should be True or False; it is {brief(answer)}.")
    return bool(answer)


def run(answer: object, name: str) -> Run:
    """What `su.fine_tune` or `su.distill` gives."""
    from speedy_utils.training import Run

    if not isinstance(answer, Run):
        raise NotYet(f"{name} should be what su.fine_tune or su.distill gives; it is {brief(answer)}.")
    return answer


def frame(answer: object, columns: Collection[str], name: str, rows: int | None = None) -> pd.DataFrame:
    """A data frame with these columns and, where it is given, this number of rows."""
    import pandas as pd

    if not isinstance(answer, pd.DataFrame):
        raise NotYet(f"{name} should be a data frame; it is {brief(answer)}.")
    if lacking := [column for column in columns if column not in answer.columns]:
        raise NotYet(f"{name} has no column {', '.join(map(repr, lacking))}; its columns are {list(answer.columns)}.")
    if rows is not None and len(answer) != rows:
        raise NotYet(f"{name} has {len(answer)} rows where {rows} are expected.")
    return answer


def evaluation(answer: object, name: str, task: str, split: str = "test") -> Evaluation:
    """What `su.evaluate` gives, of this task and split."""
    from speedy_utils.evaluation import Evaluation

    if not isinstance(answer, Evaluation):
        raise NotYet(f"{name} should be an evaluation, which su.evaluate gives; it is {brief(answer)}.")
    if (answer.task.name, answer.split) != (task, split):
        raise NotYet(
            f"{name} is an evaluation of {answer.task.name} on the split {answer.split}, not of {task} on {split}."
        )
    return answer


def mapping(answer: object, keys: Collection[Any], name: str) -> dict[Any, Any]:
    """A dict with exactly these keys; a pandas Series counts by its index."""
    given = answer.to_dict() if hasattr(answer, "to_dict") and not isinstance(answer, Mapping) else answer
    if not isinstance(given, Mapping):
        raise NotYet(f"{name} should be a dict; it is {brief(answer)}.")
    if lacking := [key for key in keys if key not in given]:
        raise NotYet(f"{name} has no entry for {', '.join(map(repr, lacking[:3]))}.")
    if extra := [key for key in given if key not in keys]:
        raise NotYet(f"{name} has an entry for {brief(extra[0])}, which does not belong there.")
    return dict(given)


def latency(answer: object, name: str) -> Latency:
    """What `su.measure_latency` gives back."""
    from speedy_utils.speed.latency import Latency

    if not isinstance(answer, Latency):
        raise NotYet(f"{name} should be what su.measure_latency gives back, whole; it is {brief(answer)}.")
    return answer


def function(answer: object, name: str) -> Callable[..., Any]:
    """A function; classes and results of calls are told apart."""
    if not callable(answer):
        raise NotYet(f"{name} should be the function itself, without brackets; it is {brief(answer)}.")
    return answer


def call(answer: Callable[..., Any], name: str, *arguments: object, **named: object) -> Any:  # noqa: ANN401
    """What the student's function gives for these arguments; an error in it is a sentence that shows the call."""
    shown = ", ".join([*map(brief, arguments), *(f"{key}={brief(value)}" for key, value in named.items())])
    try:
        result = answer(*arguments, **named)
    except Exception as error:  # whatever a student's function raises
        raise NotYet(f"{name}({shown}) raises {type(error).__name__}: {str(error).rstrip('.')}.") from error
    if result is None or result is ...:
        raise NotYet(f"{name}({shown}) gives back nothing: does it end in return?")
    return result
