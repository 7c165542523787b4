"""Checks of the exercises of *Answers across tokenizers*."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import speedy_utils as su
from speedy_utils.exercises.answers import (
    NotYet,
    evaluation,
    expect,
    mapping,
    number,
    numbers,
    one_of,
    run,
    whole_number,
)

if TYPE_CHECKING:
    import datasets
    import numpy as np
    from transformers import PreTrainedTokenizerFast

    from speedy_utils.encoders import Encoder
    from speedy_utils.preprocessing import Preparation
    from speedy_utils.training import Run

TEXT, QUESTION, ANSWER = "Conoció a Íñigo en Cusco.", "¿A quién conoció?", "Íñigo"
LENGTHS = (64, 96, 128, 256)
T = 4.0
WAYS = "soft then move", "move then soft"


def exercise_1(
    my_start: object, my_end: object, tokenizers: Mapping[str, PreTrainedTokenizerFast], whole: Preparation
) -> str:
    """The student's tokens at which an answer starts and ends, where one letter is two tokens."""
    start, end = whole_number(my_start, "my_start", 1, 511), whole_number(my_end, "my_end", 1, 511)
    if end < start:
        raise NotYet("The answer ends before it starts: are the two in their places?")
    from datasets import Dataset

    first = TEXT.index(ANSWER)
    one = {"id": "1", "title": "", "context": TEXT, "question": QUESTION}
    examples = Dataset.from_list([one | {"answers": {"text": [ANSWER], "answer_start": [first]}}])
    feature = su.prepare(tokenizers["RoBERTa BNE"], "mlqa", examples, whole)[0]
    spans = list(enumerate(zip(feature["starts"], feature["ends"], strict=True)))
    starts = [place for place, (a, b) in spans if a <= first < b]
    ends = [place for place, (a, b) in spans if a <= first + len(ANSWER) - 1 < b]
    context = min(place for place, (a, _) in spans if a >= 0)
    mistakes = {"my_start is a character of the text; its token is asked for.": first}
    if len(starts) > 1:
        mistakes["my_start is the second half of the letter. A start goes to the first token that holds it."] = starts[
            -1
        ]
    mistakes |= {
        "my_start is counted from the first token of the text. Count from the start of the input, question included.": (
            starts[0] - context
        ),
        "my_start is the token before the answer.": starts[0] - 1,
    }
    expect(start, starts[0], "my_start", mistakes, hint=f"Which tokens hold character {first}?")
    mistakes = {
        "my_end is the token behind the answer. An end is its last token.": ends[-1] + 1,
        "my_end still lies inside the first letter.": starts[-1],
        "my_end is where the answer starts. Which token holds its last character?": starts[0],
        "my_end is counted from the first token of the text. Count from the start of the input.": ends[-1] - context,
    }
    expect(end, ends[-1], "my_end", mistakes, hint=f"Which tokens hold character {first + len(ANSWER) - 1}?")
    return "Where tokens share a character, the start goes to the first of them and the end to the last."


def exercise_2(my_shares: object, said: Sequence[np.ndarray], few: datasets.Dataset, student: Encoder) -> str:
    """The mean target at *not here* over all windows of the questions, by the length of a window."""
    given = mapping(my_shares, LENGTHS, "my_shares")
    for length, value in given.items():
        if isinstance(value, Real) and value < 0:
            raise NotYet(f"my_shares[{length}] is below 0: a target's logits are not its probabilities; np.exp helps.")
    shares = {length: number(value, f"my_shares[{length}]", 0, 100) for length, value in given.items()}
    if len(set(shares.values())) == 1:
        raise NotYet("my_shares says the same of all lengths: does max_length= change from row to row?")
    import numpy as np

    from speedy_utils.distillation.alignment import align

    for length in LENGTHS:
        how = su.Preparation(max_length=length, stride=length // 4, max_question=24)
        by_question: dict[int, list[float]] = {}
        gold = []
        for feature in su.prepare(student.tokenizer, "mlqa", few, how):
            place = feature["example"]
            found = align("question_answering", feature, said[place], few[place]["context"])
            by_question.setdefault(place, []).append(np.exp(found.logits[:, 0]).mean())
            gold.append(feature["labels"][0] == 0)
        windows = [share for shares in by_question.values() for share in shares]
        what, share = f"my_shares[{length}]", float(np.mean(windows))
        if abs(shares[length] - share) < 0.002:  # in whole texts it is 0 or nearly so
            continue
        mistakes = {
            f"{what} is a percentage; give a share between 0 and 1.": 100 * share,
            f"{what} is the share of the answer that is in the window.": 1 - share,
            f"{what} is the mean over questions. Each window counts once.": np.mean(
                [np.mean(one) for one in by_question.values()]
            ),
            f"{what} is the share of windows whose gold label says so. Ask the teacher's target.": np.mean(gold),
            f"{what} is a sum; the mean over the windows is asked for.": sum(windows),
        }
        hint = "The mean over the windows of np.exp(align(...).logits[:, 0])."
        expect(shares[length], share, what, mistakes, tolerance=0.0005, hint=hint)
    return (
        "With short windows a student mostly learns to say 'not here'. The teacher's answers are the same in all rows."
    )


def exercise_3(my_right: object, my_off: object, reads: Mapping[str, datasets.Dataset]) -> str:
    """How many starts are right when paired by position, and how many tokens the others are off."""
    right, off = whole_number(my_right, "my_right", 0, 1000), number(my_off, "my_off", 1, 512)
    labels: list[dict[int, list[list[int]]]] = []
    for name in ("BETO cased", "ALBETO"):
        found: dict[int, list[list[int]]] = {}
        for feature in reads[name]:
            found.setdefault(feature["example"], []).append(feature["labels"])
        labels.append(found)
    pairs = [(labels[0][key][0], labels[1][key][0]) for key in labels[0]
             if len(labels[0][key]) == len(labels[1].get(key, [])) == 1]  # fmt: skip
    gaps, at_ends = ([one[side] - other[side] for one, other in pairs] for side in (0, 1))
    wrong = [gap for gap in gaps if gap] or [0]
    sizes = [abs(gap) for gap in wrong]
    right_ones = sum(gap == 0 for gap in gaps)
    mistakes = {
        "my_right has those that are wrong.": len(gaps) - right_ones,
        "my_right looks at the ends. Starts are asked for.": sum(gap == 0 for gap in at_ends),
    }
    hint = 'A start is labels[0] of each feature in reads["BETO cased"] and reads["ALBETO"].'
    expect(right, right_ones, "my_right", mistakes, hint=hint)
    expected = sum(sizes) / len(sizes)
    mistakes = {
        "my_off lets differences to the left and to the right cancel: take their sizes.": abs(sum(wrong)) / len(wrong),
        "my_off counts the right ones as well. Only the others are asked for.": sum(sizes) / max(1, len(gaps)),
        "my_off looks at the ends. Starts are asked for.": sum(map(abs, at_ends)) / max(1, sum(map(bool, at_ends))),
        "my_off is a sum; the mean is asked for.": sum(sizes),
        "my_off is the largest; the mean is asked for.": max(sizes),
    }
    expect(off, expected, "my_off", mistakes, hint="The mean of the absolute differences that are not 0.")
    return "Where a start is right, it is so by accident. Larger vocabularies make that frequent, and hide the error."


def exercise_4(
    my_soft_then_move: object,
    my_move_then_soft: object,
    my_richer: object,
    theirs: dict[str, Any],
    answer: np.ndarray,
    context: str,
) -> str:
    """The student's starts at a temperature of 4: softened before the move, and after it."""
    import numpy as np

    given = {
        "my_soft_then_move": numbers(my_soft_then_move, "my_soft_then_move"),
        "my_move_then_soft": numbers(my_move_then_soft, "my_move_then_soft"),
    }
    richer = one_of(my_richer, WAYS, "my_richer")
    from speedy_utils.distillation.alignment import align

    moved, soft = (
        np.exp(align("question_answering", theirs, answer, context, t).logits[0].astype(float) / t) for t in (1.0, T)
    )
    inside = np.array(theirs["starts"]) >= 0
    after = np.where(inside, moved ** (1 / T), 0)
    expected = {"my_soft_then_move": soft, "my_move_then_soft": after / after.sum()}
    for name, row in given.items():
        if len(row) != len(soft):
            raise NotYet(f"{name} has {len(row)} places; the student's window has {len(soft)} tokens.")

    def close(row: np.ndarray, other: np.ndarray) -> bool:
        return bool(np.abs(row - other).max() < 5e-4)

    right = all(close(row, expected[name]) for name, row in given.items())
    if not right and all(
        close(given[name], other) for name, other in zip(expected, reversed(expected.values()), strict=True)
    ):
        raise NotYet("The two have changed places.")
    for name, row in given.items():
        if close(row, expected[name]):
            continue
        if close(row, moved):
            raise NotYet(f"{name} is moved and not softened: where is the temperature?")
        if close(row, moved / T) or close(row, (moved / T) / (moved / T).sum()):
            raise NotYet(f"{name} divides probabilities by T. A temperature divides logits.")
        if abs(row.sum() - 1) > 0.01:
            raise NotYet(f"{name} adds up to {row.sum():.3f}: a distribution adds up to 1.")
        if close(row, np.where(inside, moved**T, 0) / (moved[inside] ** T).sum()):
            raise NotYet(f"{name} sharpens: a temperature of 4 takes the power 1/4, not 4.")
        if close(row, expected["my_move_then_soft" if name == "my_soft_then_move" else "my_soft_then_move"]):
            raise NotYet(f"{name} does it in the other order.")
        raise NotYet(
            f"{name} is off by up to {np.abs(row - expected[name]).max():.3f}. Starts are column 2 of `answer`."
        )
    pieces = np.array([((a <= answer[:, 0]) & (answer[:, 0] < b)).sum() for a, b in
                       zip(theirs["starts"], theirs["ends"], strict=True)])  # fmt: skip
    several = inside & (pieces > 1)
    better = WAYS[int(soft[several].sum() < expected["my_move_then_soft"][several].sum())]
    if richer != better:
        raise NotYet("Look at the tokens that hold several pieces of the teacher's: which way gives them more?")
    return (
        "Softened first, a word of four pieces gets about four times what one piece gets. "
        "The package keeps to what the teacher would say at this temperature, and moves that."
    )


def exercise_5(my_run: object, my_result: object, my_lost: object, teacher: Run) -> str:
    """Open: ALBETO tiny, taught by the same teacher; what it scores, and how much could not be aligned."""
    student = run(my_run, "my_run")
    result = evaluation(my_result, "my_result", "mlqa")
    lost = whole_number(my_lost, "my_lost", 0)
    if student.settings.distillation is None:
        raise NotYet("my_run was fine-tuned; a run of su.distill is asked for.")
    if student.record["teachers"] != [teacher.record["system"]]:
        raise NotYet(f"my_run was taught by {', '.join(student.record['teachers'])}. The same teacher is asked for.")
    if student.record["identity"]["system"] != "ALBETO tiny":
        raise NotYet(f"my_run is a run of {student.record['system']}; ALBETO tiny is asked for.")
    if result.system != student.record["system"]:
        raise NotYet(f"my_result is that of {result.system}; it should be su.evaluate(my_run).")
    rows = student.record["rows"]
    hint = 'The run\'s record has "rows".'
    expect(lost, rows["not_aligned"], "my_lost", {"my_lost is how many were seen.": rows["seen"]}, hint=hint)
    return (
        f"F1 {result.metrics['f1']:.1f}, epochs {student.settings.epochs:g}. One seed is an example, "
        "three are a claim. Compare your reasons with those in the solution."
    )
