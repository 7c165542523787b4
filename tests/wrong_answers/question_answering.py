"""Wrong answers to the exercises of *Question answering*: number, answers, words of the sentence that they get."""

FIVE = "my_outputs, %s, my_needs, base, readings, some"
FOUR = "%s, my_longest, my_split, features, outputs, some"
FEW = "lambda n, q: 1 if n <= 125 - min(q, 32) else %s, my_total, cuts"

WRONG = [
    (1, "my_date[::-1], my_key, my_exact", "that of the other rule"),
    (1, "[100, 75], my_key, my_exact", "the precision"),
    (1, "my_date, [25, my_key[1]], my_exact", "the recall"),
    (1, "[value / 100 for value in my_date], my_key, my_exact", "in per cent"),
    (1, "my_date, my_key, 1", "nowhere are the two answers equal"),
    (1, "66.7, my_key, my_exact", "should be a list"),
    (2, FEW % "1 + (n - 125 + min(q, 32)) // (93 - min(q, 32))", "rounds down"),
    (2, FEW % "1 + ceil((n - 125 + min(q, 32)) / 32)", "stride for the step"),
    (2, FEW % "ceil((n - 125 + min(q, 32)) / (93 - min(q, 32)))", "forgets the first window"),
    (2, "lambda n, q: 1 if n <= 128 - min(q, 32) else 1 + ceil((n - 128 + min(q, 32)) / (96 - min(q, 32))),"
        " my_total, cuts", "forgets the special tokens"),
    (2, "lambda n, q: 1 if n <= 125 - q else 1 + ceil((n - 125 + q) / (93 - q)), my_total, cuts",
        "not cut the question"),
    (2, "lambda n, q: my_windows(n + 1, q), my_total, cuts", "too many"),
    (2, "lambda n, q: my_windows(n, q) + 0.5, my_total, cuts", "whole number"),
    (2, "my_windows, len(sqac), cuts", "counts the questions"),
    (2, "my_windows, len(cuts[1]), cuts", "share one token"),
    (2, "my_total, my_total, cuts", "the function itself"),
    (3, "my_guesses, my_mean / 100, test, asking", "is a share"),
    (3, "my_guesses, guessed.mean(), test, asking", "over all questions"),
    (3, "my_guesses, guessed[[bool(guess) for guess in my_guesses]].mean(), test, asking", "leaves out questions"),
    (3, "[guess or 'Madrid' for guess in my_guesses], my_mean, test, asking", "empty string"),
    (3, "[guess.lower() for guess in my_guesses], my_mean, test, asking", "begin with a capital"),
    (3, "['' if guess[:1].isdigit() else guess for guess in my_guesses], my_mean, test, asking", "first number"),
    (3, "[guess[:2] if guess[:1].isdigit() else guess for guess in my_guesses], my_mean, test, asking", "its dots"),
    (3, "[guess for guess in my_guesses if guess], my_mean, test, asking", "one for each"),
    (3, "[guess or None for guess in my_guesses], my_mean, test, asking", "empty where there is no answer"),
    (4, FOUR % "dict(zip(my_by_limit, (row[2] for row in rows)))", "exact match"),
    (4, FOUR % "{limit: value / 100 for limit, value in my_by_limit.items()}", "in per cent"),
    (4, FOUR % "{limit: my_by_limit[30] for limit in my_by_limit}", "too high"),
    (4, FOUR % "[1, 2, 3]", "should be a dict"),
    (4, "my_by_limit, max(sizes) - 1, my_split, features, outputs, some", "one token short"),
    (4, "my_by_limit, my_longest, 'test', features, outputs, some", "too good there"),
    (4, "my_by_limit, my_longest, 'train', features, outputs, some", "knows those answers already"),
    (5, "outputs, my_by_way, my_needs, base, readings, some", "does not fit the"),
    (5, FIVE % "my_by_way | {'log-probabilities': my_by_way['raw sum']}", "is that of raw sum"),
    (5, FIVE % "{way: value / 100 for way, value in my_by_way.items()}", "in per cent"),
    (5, FIVE % "my_by_way | {'less [CLS]': my_by_way['log-probabilities']}", "is that of log-probabilities"),
    (5, "my_outputs, my_by_way, 'raw sum', base, readings, some", "What is [CLS] for"),
    (5, "7, my_by_way, my_needs, base, readings, some", "an array for each window"),
]  # fmt: skip
