"""Entity F1 in per cent, as a module of the library evaluate; `speedy_utils.metrics.entity_f1` does the work."""

import datasets
import evaluate

from speedy_utils.metrics import entity_f1

INPUTS = """
Args:
    predictions: a list of tags ("O", "B-PER", "I-PER", ...) for each sentence.
    references: the gold tags.
Returns:
    f1, precision, recall: over all entities, from 0 to 100, as seqeval's default mode has them.
    types: type -> precision, recall, f1, support.
"""


class EntityF1(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        tags = datasets.Sequence(datasets.Value("string"))
        features = datasets.Features({"predictions": tags, "references": tags})
        return evaluate.MetricInfo(description=__doc__, citation="", inputs_description=INPUTS, features=features)

    def _compute(self, predictions: list, references: list) -> dict[str, object]:
        return entity_f1(predictions, references)
