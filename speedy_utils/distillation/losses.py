"""The losses of knowledge distillation, as plain functions.

Every loss compares rows: a row is what is chosen among, the labels of a text or of a word, or the tokens of a window
in which an answer may start or end. Two masks say what counts:

- `counted` (bool, the shape of the rows): which rows enter. Padding and the later pieces of a word do not.
- `allowed` (bool, the shape of the logits): which places of a row may be chosen. For the start and end of an answer
  those are the tokens of the context: neither padding nor the question. Logits elsewhere may hold anything, also NaN.

A loss is the mean over the rows that count. `total=` divides by another number of rows: that of the whole batch where
it is computed in parts. Sums are taken in single precision, whatever the logits come in.

Notation: z the student's logits, v the teacher's, T the temperature, q = softmax(z / T), p = softmax(v / T).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from speedy_utils.errors import unknown_name
from speedy_utils.preprocessing import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable


def kl_divergence(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    temperature: float = 1.0,
    counted: torch.Tensor | None = None,
    allowed: torch.Tensor | None = None,
    total: torch.Tensor | int | None = None,
) -> torch.Tensor:
    """T² · Σ p (log p - log q): how much worse q codes what comes from p. 0 only where both are the same.

    Logits have the shape (rows..., choices). T² keeps the gradient's scale: it shrinks with 1/T² otherwise (Hinton et
    al. 2015, section 2). This is the paper's loss, with T = 1. Raises ValueError for shapes that do not fit, a
    temperature that is not positive, or a counted row in which nothing is allowed.
    """
    log_q, log_p = _log_probabilities(student_logits, teacher_logits, temperature, counted, allowed)
    return temperature**2 * _mean((_expected(log_p, log_p) - _expected(log_p, log_q)), counted, total)


def soft_cross_entropy(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    temperature: float = 1.0,
    counted: torch.Tensor | None = None,
    allowed: torch.Tensor | None = None,
    total: torch.Tensor | int | None = None,
) -> torch.Tensor:
    """-T² · Σ p log q: cross-entropy with the teacher's probabilities in place of a gold label.

    It is the KL divergence plus T² times the teacher's entropy, on which the student has no influence: both have the
    same gradient. Arguments and errors as for `kl_divergence`.
    """
    log_q, log_p = _log_probabilities(student_logits, teacher_logits, temperature, counted, allowed)
    return temperature**2 * _mean(-_expected(log_p, log_q), counted, total)


def logit_mse(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    counted: torch.Tensor | None = None,
    allowed: torch.Tensor | None = None,
    total: torch.Tensor | int | None = None,
) -> torch.Tensor:
    """The mean over a row's allowed choices of (z - v)² (Ba and Caruana 2014), without a temperature.

    Unlike the other two it cares for the level of the logits: adding 1 to all of a row changes it. Arguments and errors
    as for `kl_divergence`.
    """
    _check_shapes(student_logits, teacher_logits, counted, allowed)
    student, teacher = student_logits.float(), teacher_logits.float()
    if allowed is None:
        allowed = torch.ones_like(student, dtype=torch.bool)
    entered = allowed if counted is None else allowed & counted[..., None]
    gap = student.masked_fill(~entered, 0.0) - teacher.masked_fill(~entered, 0.0)
    return _mean(gap.square().sum(-1) / allowed.sum(-1).clamp(min=1), counted, total)


DISTILLATION_LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "kl": kl_divergence,
    "soft_cross_entropy": soft_cross_entropy,
    "mse": logit_mse,
}


def gold_cross_entropy(
    student_logits: torch.Tensor,
    labels: torch.Tensor,
    allowed: torch.Tensor | None = None,
    total: torch.Tensor | int | None = None,
) -> torch.Tensor:
    """Cross-entropy with gold labels (rows...), without a temperature; rows with the label -100 do not count."""
    logits = student_logits.float()
    if allowed is not None:
        logits = logits.masked_fill(~allowed, -torch.inf)
    rows = functional.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=IGNORED, reduction="none")
    return _mean(rows.view(labels.shape), labels != IGNORED, total)


@dataclass(frozen=True)
class Distillation:
    """What a student is asked to match: gold_weight · gold labels + (1 - gold_weight) · teacher.

    `gold_weight` is the α of the paper, which trained with 0: by the teacher alone. `loss` is "kl",
    "soft_cross_entropy" or "mse"; the last compares logits, and has no temperature. Raises ValueError for an unknown
    loss, a weight outside 0 to 1, a temperature that is not positive, and any but 1 for "mse".
    """

    loss: str = "kl"
    temperature: float = 1.0
    gold_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.loss not in DISTILLATION_LOSSES:
            raise ValueError(unknown_name("distillation loss", self.loss, list(DISTILLATION_LOSSES)))
        if not 0 <= self.gold_weight <= 1:
            raise ValueError(f"gold_weight is the share of the gold labels, from 0 to 1, and not {self.gold_weight!r}.")
        _check_temperature(self.temperature)
        if self.loss == "mse" and self.temperature != 1:
            raise ValueError("The loss 'mse' compares the logits themselves and has no temperature: leave it at 1.")


def combined_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    labels: torch.Tensor | None = None,
    settings: Distillation | None = None,
    *,
    counted: torch.Tensor | None = None,
    allowed: torch.Tensor | None = None,
    totals: tuple[torch.Tensor | int | None, torch.Tensor | int | None] = (None, None),
) -> torch.Tensor:
    """The loss that `settings` describe, by the teacher alone (KL, temperature 1) where there are none.

    `totals` are the numbers of rows by which the two parts are divided, gold and teacher: there may be rows without a
    gold label. Raises ValueError for a gold_weight above 0 without labels.
    """
    settings = settings or Distillation()
    if settings.gold_weight > 0 and labels is None:
        raise ValueError("A gold_weight above 0 needs labels: give them, or let the teacher decide alone (0).")
    options = {} if settings.loss == "mse" else {"temperature": settings.temperature}
    parts = []
    if settings.gold_weight > 0:
        parts.append(settings.gold_weight * gold_cross_entropy(student_logits, labels, allowed, totals[0]))
    if settings.gold_weight < 1:
        distilled = DISTILLATION_LOSSES[settings.loss](
            student_logits, teacher_logits, counted=counted, allowed=allowed, total=totals[1], **options
        )
        parts.append((1 - settings.gold_weight) * distilled)
    return sum(parts)


# What lies below the logits


def hidden_state_loss(
    student_states: torch.Tensor, teacher_states: torch.Tensor, counted: torch.Tensor | None = None
) -> torch.Tensor:
    """The mean squared difference of two layers' outputs (examples, tokens, width), over tokens that count.

    The widths must agree: put a linear layer on the student's states where they do not (TinyBERT, Jiao et al. 2020,
    equation 8). Teacher and student must read the same tokens. Raises ValueError for shapes that do not fit.
    """
    _check_shapes(student_states, teacher_states, counted, None)
    student, teacher = student_states.float(), teacher_states.float()
    if counted is not None:
        student, teacher = (states.masked_fill(~counted[..., None], 0.0) for states in (student, teacher))
    return _mean((student - teacher).square().mean(-1), counted, None)


def attention_loss(
    student_attention: torch.Tensor, teacher_attention: torch.Tensor, attention_mask: torch.Tensor | None = None
) -> torch.Tensor:
    """The KL divergence from the student's to the teacher's attention, both averaged over their heads.

    Attention has the shape (examples, heads, tokens, tokens), each last row a distribution; the numbers of heads may
    differ. (MiniLM, Wang et al. 2020, equation 1, compares head with head.) What `attention_mask` (examples, tokens)
    marks with 0 neither looks nor is looked at. Raises ValueError for shapes that do not fit.
    """
    if student_attention.dim() != 4 or student_attention.shape[2:] != teacher_attention.shape[2:]:
        raise ValueError(
            "Attention has the shape (examples, heads, tokens, tokens), for teacher and student of the same tokens, "
            f"not {tuple(student_attention.shape)} and {tuple(teacher_attention.shape)}."
        )
    student, teacher = student_attention.float().mean(1), teacher_attention.float().mean(1)
    looks = None if attention_mask is None else attention_mask.bool()
    seen = None if looks is None else looks[:, None, :].expand_as(student)
    tiny = torch.finfo(torch.float32).tiny
    return kl_divergence(student.clamp(min=tiny).log(), teacher.clamp(min=tiny).log(), counted=looks, allowed=seen)


# Parts


def _check_temperature(temperature: float) -> None:
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ValueError(f"A temperature is a positive number, such as 2, and not {temperature!r}.")


def _check_shapes(
    student: torch.Tensor, teacher: torch.Tensor, counted: torch.Tensor | None, allowed: torch.Tensor | None
) -> None:
    if student.shape != teacher.shape:
        raise ValueError(
            f"Student and teacher must have the same shape, not {tuple(student.shape)} and {tuple(teacher.shape)}: "
            "align them first."
        )
    for name, mask, shape in (("counted", counted, student.shape[:-1]), ("allowed", allowed, student.shape)):
        if mask is not None and (mask.dtype != torch.bool or mask.shape != shape):
            raise ValueError(
                f"{name} must be a mask of true and false with the shape {tuple(shape)}, not {mask.dtype} "
                f"{tuple(mask.shape)}."
            )


def _log_probabilities(
    student: torch.Tensor,
    teacher: torch.Tensor,
    temperature: float,
    counted: torch.Tensor | None,
    allowed: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """log q and log p, with -inf for what is not allowed."""
    _check_shapes(student, teacher, counted, allowed)
    _check_temperature(temperature)
    student, teacher = student.float() / temperature, teacher.float() / temperature
    if allowed is not None:
        empty = ~allowed.any(-1)
        if (empty if counted is None else empty & counted).any():
            raise ValueError("In a row that counts nothing is allowed: leave such rows out with counted=.")
        # A row that does not count may be empty: let it choose anything, rather than divide 0 by 0.
        closed = ~(allowed | empty[..., None])
        student, teacher = (logits.masked_fill(closed, -torch.inf) for logits in (student, teacher))
    if counted is not None:  # NaN times 0 is NaN: what does not count must not be computed with
        student, teacher = (logits.masked_fill(~counted[..., None], 0.0) for logits in (student, teacher))
    return student.log_softmax(-1), teacher.log_softmax(-1)


def _expected(log_p: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Σ p · values for each row, where p = 0 adds nothing, whatever stands there."""
    return (log_p.exp() * values.masked_fill(log_p == -torch.inf, 0.0)).sum(-1)


def _mean(rows: torch.Tensor, counted: torch.Tensor | None, total: torch.Tensor | int | None) -> torch.Tensor:
    """The mean over rows that count, 0 where none does; or their sum over `total`."""
    if counted is not None:
        rows = rows.masked_fill(~counted, 0.0)
    number = (rows.numel() if counted is None else counted.sum().clamp(min=1)) if total is None else total
    return rows.sum() / number
