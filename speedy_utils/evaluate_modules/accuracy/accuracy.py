"""Accuracy in per cent, as a module of the library evaluate; `speedy_utils.metrics.accuracy` does the work."""

import datasets
import evaluate

from speedy_utils.metrics import accuracy

INPUTS = """
Args:
    predictions: a label for each example, integers or strings.
    references: the gold labels.
Returns:
    accuracy: the share of examples whose label is right, from 0 to 100.
"""


class Accuracy(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        kinds = [
            datasets.Features({"predictions": datasets.Value(kind), "references": datasets.Value(kind)})
            for kind in ("int64", "string")
        ]
        return evaluate.MetricInfo(description=__doc__, citation="", inputs_description=INPUTS, features=kinds)

    def _compute(self, predictions: list, references: list) -> dict[str, float]:
        return accuracy(predictions, references)
