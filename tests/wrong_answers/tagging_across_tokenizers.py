"""Wrong answers to the exercises of *Tagging across tokenizers*: number, answers, words of the sentence they get."""


def guard(condition, text="Word {x[1]} of sentence {x[0]} with word {y[1]} of sentence {y[0]}.", pairs="zip(f, s)"):
    """A lambda that raises ValueError at the first of the pairs that meets a condition."""
    raised = f"(_ for _ in ()).throw(ValueError(f'{text}'))"
    return f"lambda f, s: next(({raised}.__next__() for x, y in {pairs} if {condition}), None)"


WRONG = [
    (1, "my_same, my_same - my_still, word_ids, missed", "no word meets another"),
    (1, "len(read), my_still, word_ids, missed", "not its words"),
    (1, "my_same, my_same + 1, word_ids, missed", "cannot be larger"),
    (1, "my_same, sum(any(missed[pair[::-1]][number]) for number in same), word_ids, missed", "Here it is the student"),
    (2, guard("x != y"), "zip stops at the shorter one"),
    (2, guard("x != y", pairs="list(zip(f, s))[::-1]"), "the last pair"),
    (2, guard("x != y", text="The lists differ."), "name sentence and word of both"),
    (2, guard("x != y or f == s"), "two equal lists"),
    (2, "lambda first, second: first == second", "gives back False"),
    (2, "lambda first, second: None", "says nothing of two lists"),
    (2, "my_check_pairs(a, a)", "the function itself"),
    (3, "by_words, my_shares, by_words, lessons", "nothing has moved"),
    (3, "lambda f: (np.roll(by_words(f)[0], 1), np.roll(by_words(f)[1], 1)), my_shares, by_words, lessons", "axis=0"),
    (3, "lambda f: (np.roll(by_words(f)[0], 1, axis=0), by_words(f)[1]), my_shares, by_words, lessons",
        "leaves `counted` where it was"),
    (3, "lambda f: (by_words(f)[0], np.roll(by_words(f)[1], 1)), my_shares, by_words, lessons",
        "leaves the logits where they were"),
    (3, "lambda f: [np.roll(a, -1, axis=0) for a in by_words(f)], my_shares, by_words, lessons", "to the front"),
    (3, "my_one_too_far, {name: 1 - share for name, share in my_shares.items()}, by_words, lessons", "do not get"),
    (3, "my_one_too_far, {name: 100 * share for name, share in my_shares.items()}, by_words, lessons", "a percentage"),
    (4, "my_small, my_written, teacher, held_out", "changed places"),
    (4, "100 * my_written, 100 * my_small, teacher, held_out", "a percentage"),
    (4, "1 - my_written, 1 - my_small, teacher, held_out", "does not find"),
    (5, "my_masters, my_pupils, not my_same_order", "the same order?"),
    (5, "my_masters, {name: my_pupils['BETO cased'] for name in my_pupils}, my_same_order", "was not taught by"),
    (5, "{'BETO cased': my_masters['BETO cased']}, my_pupils, my_same_order", "two at least"),
    (5, "my_masters, my_masters, my_same_order", "was not taught by"),
]  # fmt: skip
