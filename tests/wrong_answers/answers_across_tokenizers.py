"""Wrong answers to the exercises of *Answers across tokenizers*: number, answers, words of the sentence they get."""

WRONG = [
    (1, "my_start + 1, my_end, tokenizers, whole", "the second half of the letter"),
    (1, "10, 15, tokenizers, whole", "a character of the text"),
    (1, "my_start, my_end + 1, tokenizers, whole", "the token behind the answer"),
    (1, "my_start, my_start, tokenizers, whole", "where the answer starts"),
    (1, "my_start - 8, my_end, tokenizers, whole", "question included"),
    (1, "my_end, my_start, tokenizers, whole", "ends before it starts"),
    (2, "{length: 1 - share for length, share in my_shares.items()}, said, few, student", "is in the window"),
    (2, "{length: 100 * share for length, share in my_shares.items()}, said, few, student", "a percentage"),
    (2, "my_shares | {64: np.mean([f['labels'][0] == 0 for f in su.prepare(student.tokenizer, 'mlqa', few,"
        " su.Preparation(max_length=64, stride=16, max_question=24))])}, said, few, student", "gold label"),
    (2, "my_shares | {64: float('-inf')}, said, few, student", "np.exp helps"),
    (2, "dict.fromkeys(my_shares, my_shares[96]), said, few, student", "the same of all lengths"),
    (3, "my_right, abs(off.sum()) / (off != 0).sum(), reads", "take their sizes"),
    (3, "len(off) - my_right, my_off, reads", "those that are wrong"),
    (3, "my_right, np.abs(off).max(), reads", "the largest"),
    (3, "my_right, np.mean([abs(a - b) for a, b in zip(*([f['labels'][1] for f in reads[n]] for n in"
        " ('BETO cased', 'ALBETO'))) if a != b]), reads", "looks at the ends"),
    (4, "my_move_then_soft, my_soft_then_move, my_richer, theirs, answer, context", "changed places"),
    (4, "moved, my_move_then_soft, my_richer, theirs, answer, context", "where is the temperature"),
    (4, "moved / T, my_move_then_soft, my_richer, theirs, answer, context", "A temperature divides logits"),
    (4, "my_soft_then_move, moved ** (1 / T), my_richer, theirs, answer, context", "adds up to"),
    (4, "my_soft_then_move, moved ** T / (moved ** T).sum(), my_richer, theirs, answer, context", "sharpens"),
    (4, "my_soft_then_move, my_move_then_soft, 'move then soft', theirs, answer, context", "several pieces"),
    (4, "my_soft_then_move[inside], my_move_then_soft, my_richer, theirs, answer, context", "the student's window has"),
    (5, "tuned, my_result, my_lost, teacher", "was fine-tuned"),
    (5, "taught, my_result, my_lost, teacher", "ALBETO tiny is asked for"),
    (5, "my_run, results['ALBETO base-4, taught'], my_lost, teacher", "should be su.evaluate(my_run)"),
    (5, "my_run, my_result, my_run.record['rows']['seen'], teacher", "how many were seen"),
]  # fmt: skip
