"""Wrong answers to the exercises of *Spanish encoders*: number, answers, words of the sentence that they get."""

REST = "my_hardest, my_easiest, tokenizers, held_out"
OF = (
    "{genre: su.tokens_per_word(tokenizers['WordPiece %s'], [d.text for d in %s if d.genre == genre])"
    " for genre in my_fertility}"
)
EACH = (
    "{genre: pd.Series([su.tokens_per_word(tokenizers['WordPiece cased'], [d.text]) for d in held_out"
    " if d.genre == genre]).mean() for genre in my_fertility}"
)

WRONG = [
    (1, "{genre: 1 / value for genre, value in my_fertility.items()}, " + REST, "words per token"),
    (1, OF % ("cased", "documents") + ", " + REST, "counts all texts"),
    (1, OF % ("uncased", "held_out") + ", " + REST, "uncased"),
    (1, f"{EACH}, {REST}", "short text weighs as much"),
    (1, "{'recetas': 2}, " + REST, "no entry for 'cartas'"),
    (1, "my_fertility, my_easiest, my_hardest, tokenizers, held_out", "changed places"),
    (1, "my_fertility, 'viajes', my_easiest, tokenizers, held_out", "my_hardest is viajes"),
    (1, "my_fertility, 'diálogos', my_easiest, tokenizers, held_out", "possible are"),
    (2, "su.count_parameters(wide), my_many", "still holds a projection"),
    (2, "my_wide + 312, my_many", "not its biases"),
    (2, "su.count_parameters(tiny) + 31_000 * (312 - 128) - 128 * 312 - 312, my_many", "word embeddings alone"),
    (2, "my_wide, su.count_parameters(tiny) + 50_262 * 128", "take its place"),
    (2, "my_wide, su.count_parameters(tiny) + (50_262 - 31_000) * 312", "312 numbers"),
    (2, "my_wide, my_wide", "RoBERTa BNE's vocabulary has"),
    (2, "11.1, my_many", "whole number"),
    (3, "strip_accents, my_left", "ñ has to stay"),
    (3, "lambda word: my_fold(word).lower(), my_left", "stay capitals"),
    (3, "lambda word: word.translate(str.maketrans('áéíóúüÁÉÍÓÚÜ', 'aeiouuAEIOUU')), my_left", "behind the o"),
    (3, "lambda word: ''.join(c if c in 'ñÑ' else strip_accents(c) for c in word), my_left", "behind the n"),
    (3, "lambda word: word.replace('ó', 'o'), my_left", "two dots"),
    (3, "lambda word: print(word), my_left", "gives back nothing"),
    (3, "my_fold('niño'), my_left", "the function itself"),
    (3, "my_fold, len(by_accents)", "without any marks"),
    (3, "my_fold, sum(len(group) for group in left)", "counts the words"),
    (3, "my_fold, len(collisions(my_fold, running)[0])", "as they are written"),
    (3, "my_fold, share_left", "looks like a share"),
    (4, "{(b, a): value for (a, b), value in my_crossed.items()}, my_characters", "names first what was learnt from"),
    (4, "{key: 1 / value for key, value in my_crossed.items()}, my_characters", "words per token"),
    (4, "my_crossed, {'recetas': 19_488, 'ciencia': 20_476}", "learnt from more text"),
    (4, "my_crossed['recetas', 'ciencia'], my_characters", "should be a dict"),
    (4, "my_crossed, {'recetas': 30, 'ciencia': 30}", "counts characters"),
]  # fmt: skip
