"""Wrong answers to the exercises of *Classification*: number, answers, words of the sentence that they get."""

ALL = "my_sure, my_right, my_held_out, my_temperature, tiny_scored"
P_VALUES = (
    "[published_difference(v, row.loc[('ALBETO tiny', 'fine-tuning'), name], test_sizes[name]).p_value"
    " for v in row.drop(('ALBETO tiny', 'fine-tuning'))[name]]"
)

WRONG = [
    (1, "{name: sum(p < 0.05 for p in " + P_VALUES + ") for name in tasks}", "tested alone"),
    (1, "{name: sum(16 * p < 0.05 for p in " + P_VALUES + ") for name in tasks}", "Bonferroni"),
    (1, "{'mldoc': 1}", "no entry for 'pawsx'"),
    (1, "{name: 18 for name in tasks}", "cannot be above 17"),
    (1, "{name: 0.5 for name in tasks}", "whole number"),
    (2, "{name: value / 100 for name, value in my_balanced.items()}, tiny_scored", "in per cent"),
    (2, "my_balanced | {'ALBETO tiny': tiny_scored.metrics['accuracy']}, tiny_scored", "each pair counts alike"),
    (2, "my_balanced | {'majority': baselines['pawsx', 'majority'].value}, tiny_scored", "each pair counts alike"),
    (2, "my_balanced | {'majority': baselines['pawsx', 'majority'].value / 2}, tiny_scored", "a label was said"),
    (3, "tiny_scored, my_flips, tiny_scored", "in the old order"),
    (3, "turned_of['DistilBETO'], my_flips, tiny_scored", "an evaluation of DistilBETO"),
    (3, "my_turned.predictions, my_flips, tiny_scored", "should be an evaluation"),
    (3, "my_turned, my_flips / len(my_turned.predictions), tiny_scored", "is a share"),
    (3, "my_turned, len(my_turned.predictions) - my_flips, tiny_scored", "stay the same"),
    (3, "my_turned, 100 * my_flips / len(my_turned.predictions), tiny_scored", "in per cent"),
    (4, "my_accuracy / 100, my_better, my_words, data", "in per cent"),
    (4, "baselines['xnli', 'words'].value, my_better, my_words, data", "both sentences"),
    (4, "100 * np.mean(np.array(naive_bayes(train, test, ['sentence1'], 3)) == np.array(test['label'])), my_better,"
        " my_words, data", "of the premises"),
    (4, "my_accuracy, 'no' if my_better == 'yes' else 'yes', my_words, data", "the interval begins at"),
    (4, "my_accuracy, True, my_words, data", "should be a name"),
    (4, "my_accuracy, my_better, my_words | {'neutral': 'pingüino'}, data", "too few"),
    (4, "my_accuracy, my_better, my_words | {'neutral': my_words['contradiction']}, data", "of them are neutral"),
    (5, ALL.replace("my_sure", "my_sure[::-1]"), "least sure first"),
    (5, ALL.replace("my_right", "[share / 100 for share in my_right]"), "holds shares"),
    (5, ALL.replace("my_right", "my_sure"), "off by more than rounding"),
    (5, ALL.replace("my_held_out", "tiny_scored", 1), "on the split test"),
    (5, ALL.replace("my_temperature", "my_temperature * 4"), "too high"),
    (5, ALL.replace("my_temperature", "my_temperature / 4"), "too low"),
    (5, ALL.replace("my_sure", "66.2"), "four figures"),
]  # fmt: skip
