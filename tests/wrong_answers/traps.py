"""Wrong answers to the exercises of *Traps*: number, answers, words of the sentence that they get."""

STACKED = "lambda table: [cell for cell, value in table.stack().items() if value < 65]"
LOW = "list((lambda left: left[left < -15].stack().dropna().index)({}))"
BY_ROW = "lambda table: " + LOW.format("table.sub(table.median(axis=1), axis=0)")
BY_COLUMN = "lambda table: " + LOW.format("table - table.median()")

WRONG = [
    (1, "my_lowest, my_lowest, my_best, my_printable, by_loss", "another of the three reporters"),
    (1, "my_last, my_last, my_best, my_printable, by_loss", "goes by the training loss"),
    (1, "my_last, by_loss.history[0]['f1'], my_best, my_printable, by_loss", "highest loss"),
    (1, "my_last, min(epoch['loss'] for epoch in by_loss.history), my_best, my_printable, by_loss", "the loss itself"),
    (1, "my_last, my_lowest, my_best, 'best', by_loss", "Which rule did this run have"),
    (1, "my_last, my_lowest, my_best, 'last', by_loss", "thrown away"),
    (1, "my_last, my_lowest, my_best, my_lowest, by_loss", "a name such as"),
    (2, "{size: batch_means(size) for size in sizes}, my_effect, sums, counts", "the file's order"),
    (2, "{size: batch_means(size, np.argsort(-counts, kind='stable')) for size in sizes}, my_effect, sums, counts",
        "longest down"),
    (2, "dict.fromkeys(sizes, true_loss), my_effect, sums, counts", "all words together"),
    (2, "my_sorted, 'better' if my_effect == 'worse' else 'worse', sums, counts", "nearer to it"),
    (2, "my_sorted[64], my_effect, sums, counts", "should be a dict"),
    (3, "{k: -value for k, value in my_gain.items()}, my_ahead", "worst of 2"),
    (3, "dict.fromkeys(my_gain, 0), my_ahead", "mean of 2 runs"),
    (3, "my_gain | {2: 1.128}, my_ahead", "from the worst run to the best"),
    (3, "my_gain, {k: 100 * value for k, value in my_ahead.items()}", "cannot be above 1"),
    (3, "my_gain, {k: k / (k + 1) for k in my_ahead}", "rival a single run"),
    (3, "my_gain, {k: 1 - value for k, value in my_ahead.items()}", "behind"),
    (3, "my_gain, dict.fromkeys(my_ahead, 0.5)", "that of one run"),
    (4, STACKED, "hard for all systems"),
    (4, BY_ROW, "hard for all systems"),
    (4, BY_COLUMN, "weak on all tasks"),
    (4, "lambda table: list(table[table < 50].stack(future_stack=True).index)", "names all cells"),
    (4, "lambda table: []", "is not named"),
    (4, "lambda table: ['RoBERTa BNE large']", "pairs"),
    (4, "lambda table: None", "end in return"),
    (4, "my_suspects(table)", "should be the function itself"),
    (5, "lambda order, size, rng: rng.permutation(order), my_accuracies", "Does yours hold one more"),
    (5, "lambda order, size, rng: order, my_accuracies", "draw a random one"),
    (5, "lambda order, size, rng: my_through_buffer(order, size + 1, rng), my_accuracies", "Does yours hold one more"),
    (5, "lambda order, size, rng: my_through_buffer(order, size, rng)[:-size], my_accuracies", "emptied at the end"),
    (5, "lambda order, size, rng: np.concatenate([rng.permutation(order[i : i + size])"
        " for i in range(0, len(order), size)]), my_accuracies", "block by block"),
    (5, "lambda order, size, rng: my_through_buffer(order, size, np.random.default_rng(1)), my_accuracies",
        "the rng that my_through_buffer is given"),
    (5, "my_through_buffer, {size: value / 100 for size, value in my_accuracies.items()}", "in per cent"),
    (5, "my_through_buffer, 39.4", "should be a dict"),
    (5, "my_through_buffer, {100: 39.4}", "two sizes"),
]  # fmt: skip
