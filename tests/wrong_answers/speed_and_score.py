"""Wrong answers to the exercises of *Speed and score*: number, answers, words of the sentence that they get."""

WRONG = [
    (1, "{name: su.count_macs('BETO cased') / su.count_macs(name) for name in my_speedups}", "over BETO"),
    (1, "{name: 1 / value for name, value in my_speedups.items()}", "upside down"),
    (1, "{name: su.count_macs('ALBETO base', attention_products=False) / su.count_macs(name, attention_products=False)"
        " for name in my_speedups}", "leaves out attention"),
    (1, "6.0", "should be a dict"),
    (1, "{'ALBETO tiny': 1.0}", "no entry for 'ALBETO base-2'"),
    (2, "my_always | my_sometimes, set()", "should not be in my_always"),
    (2, "my_always, my_always", "both sets"),
    (2, "my_always, set()", "my_sometimes lacks"),
    (2, "'ALBETO tiny', my_sometimes", "a set or list of names"),
    (3, "my_tiny, 2 * my_beto", "12 H"),
    (3, "312 * 3, my_beto", "3 H"),
    (3, "312 * 2, my_beto", "feed-forward part is missing"),
    (3, "'long', my_beto", "should be a number"),
    (4, "'ALBETO tiny'", "more than 8"),
    (4, "'ALBETO xxlarge'", "times BETO's work"),
    (4, "'ALBETO'", "possible are"),
]  # fmt: skip
