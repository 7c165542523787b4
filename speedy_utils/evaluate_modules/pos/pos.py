"""Accuracy of parts of speech beside seqeval's F1, for the library evaluate; the work: `speedy_utils.metrics.pos`."""

import datasets
import evaluate

from speedy_utils.metrics import pos

INPUTS = """
Args:
    predictions: a list of tags ("NOUN", "VERB", ...) for each sentence.
    references: the gold tags.
Returns:
    accuracy: the share of right tags, from 0 to 100.
    seqeval_f1: what the paper printed, from 0 to 100: seqeval's F1, which loses each tag's first letter.
    difference: seqeval_f1 - accuracy, in points.
    hidden: wrong tags that seqeval counts as right: a list of gold, predicted, count.
"""


class Pos(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        tags = datasets.Sequence(datasets.Value("string"))
        features = datasets.Features({"predictions": tags, "references": tags})
        return evaluate.MetricInfo(description=__doc__, citation="", inputs_description=INPUTS, features=features)

    def _compute(self, predictions: list, references: list) -> dict[str, object]:
        return pos(predictions, references)
