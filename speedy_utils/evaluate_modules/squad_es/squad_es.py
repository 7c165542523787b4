"""F1 and exact match of Spanish answers, for the library evaluate; `speedy_utils.metrics.squad` does the work."""

import datasets
import evaluate

from speedy_utils.metrics import squad

INPUTS = """
Args:
    predictions: for each question {"id", "prediction_text"}; unanswered is the empty string.
    references: for each question {"id", "answers": {"text": [...], "answer_start": [...]}}, in the same order.
Returns:
    f1, exact_match: by the rule of SQuAD v1.1 (English articles), from 0 to 100, as in the paper.
    f1_spanish, exact_match_spanish: by MLQA's rule for Spanish.
"""


class SquadEs(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        text, start = datasets.Sequence(datasets.Value("string")), datasets.Sequence(datasets.Value("int32"))
        features = datasets.Features(
            {
                "predictions": {"id": datasets.Value("string"), "prediction_text": datasets.Value("string")},
                "references": {"id": datasets.Value("string"), "answers": {"text": text, "answer_start": start}},
            }
        )
        return evaluate.MetricInfo(description=__doc__, citation="", inputs_description=INPUTS, features=features)

    def _compute(self, predictions: list, references: list) -> dict[str, float]:
        for number, (prediction, reference) in enumerate(zip(predictions, references, strict=True)):
            if prediction["id"] != reference["id"]:
                ids = f"{prediction['id']!r} and the reference {reference['id']!r}"
                raise ValueError(f"At place {number} the prediction has the id {ids}: give both in one order.")
        return squad([p["prediction_text"] for p in predictions], [r["answers"] for r in references])
