"""Wrong answers to the exercises of *Tagging*: number, answers, words of the sentence that they get."""

AS_WRITTEN = (
    "pd.DataFrame([(token, tag) for tokens, tags in zip(pos['train']['tokens'], pos['train']['tags'])"
    " for token, tag in zip(tokens, tags)]).groupby(0)[1].nunique().gt(1).sum()"
)
FROM_1 = "lambda tags: [(kind, first + 1, last + 1) for kind, first, last in my_decode(tags)], my_stray, ner_test"
MERGED = (
    "lambda tags: my_decode(['I' + tag[1:] if tag[0] == 'B' and place and tags[place - 1][1:] == tag[1:] else tag"
    " for place, tag in enumerate(tags)]), my_stray, ner_test"
)
LIST = "replace(ner_test, predictions=%s), my_wins, ner, ner_test"
SHRUNK = (
    "[[tag if place + 1 == len(tags) or not tags[place + 1].startswith('I-') else 'O'"
    " for place, tag in enumerate(tags)] for tags in my_by_list.predictions]"
)

WRONG = [
    (1, AS_WRITTEN + ", my_share, my_most, pos", "lower-case them first"),
    (1, "sum(running[word] for word in several), my_share, my_most, pos", "counts the running words"),
    (1, "my_several, len(several) / len(running), my_most, pos", "share of the different words"),
    (1, "my_several, 100 * my_share, my_most, pos", "between 0 and 1"),
    (1, "my_several, my_share, 'el', pos", "one tag only"),
    (1, "my_several, my_share, 'bajo', pos", "more frequent than 'bajo'"),
    (1, "my_several, my_share, 'zzz', pos", "not in the training set"),
    (2, "lambda tags: [(kind, first, last + 1) for kind, first, last in my_decode(tags)], my_stray, ner_test",
        "word behind the name"),
    (2, FROM_1, "counts words from 1"),
    (2, "lambda tags: [('B-' + kind, first, last) for kind, first, last in my_decode(tags)], my_stray, ner_test",
        "what stands behind B-"),
    (2, MERGED, "Each B- begins a new name"),
    (2, "lambda tags: [e for e in my_decode(tags) if e[2] + 1 < len(tags) or e[1] == e[2]], my_stray, ner_test",
        "end of the sentence"),
    (2, "lambda tags: my_decode([tag.replace('I-LOC', 'I-PER') if 'B-PER' == tags[0] and place < 3 else tag"
        " for place, tag in enumerate(tags)]), my_stray, ner_test", "another type"),
    (2, "lambda tags: my_decode(tags, strict=tags[:1] == ['O']), my_stray, ner_test", "decide for one"),
    (2, "lambda tags: [kind for kind, _, _ in my_decode(tags)], my_stray, ner_test", "(type, first word, last word)"),
    (2, "my_decode(['O']), my_stray, ner_test", "the function itself"),
    (2, "my_decode, sum(depend), ner_test", "the first run, alone"),
    (2, "my_decode, 0, ner_test", "where two readers decide alike"),
    (2, "my_decode, sum(tag[0] == 'I' for tags in ner_test.predictions for tag in tags), ner_test", "all I- tags"),
    (3, "pos_test, my_difference, pos, pos_test", "predictions of the run"),
    (3, "replace(pos_test, predictions=pos_test.references), my_difference, pos, pos_test", "must not be looked at"),
    (3, "replace(pos_test, predictions=[['NOUN'] * len(tags) for tags in guesses]), my_difference, pos, pos_test",
        "in the training set it has"),
    (3, "replace(pos_test, predictions=guesses[:5]), my_difference, pos, pos_test", "has 5 sentences"),
    (3, "replace(pos_test, predictions=[[most_frequent(counts_of.get(token, once)) for token in tokens]"
        " for tokens in pos['test']['tokens']]), my_difference, pos, pos_test", "Look it up as"),
    (3, "replace(pos_test, predictions=[[most_frequent(counts_of.get(token.lower(), {'X': 1})) for token in tokens]"
        " for tokens in pos['test']['tokens']]), my_difference, pos, pos_test", "not in the training set"),
    (3, "my_baseline, -my_difference, pos, pos_test", "wrong sign"),
    (3, "my_baseline, su.compare(pos_test, my_baseline).difference, pos, pos_test", "one of F1"),
    (3, "guesses, my_difference, pos, pos_test", "should be an evaluation"),
    (4, LIST % "ner_test.references", "must not be looked at"),
    (4, LIST % "ner_test.predictions", "does not follow from"),
    (4, LIST % SHRUNK, "a longer stretch with it"),
    (4, LIST % "[[tag.replace('I-', 'B-') for tag in tags] for tags in my_by_list.predictions]", "first word gets B-"),
    (4, LIST % "[['O'] * len(tags) for tags in my_by_list.predictions]", "does not mark"),
    (4, LIST % "[[tag.replace('PER', 'LOC') for tag in tags] for tags in my_by_list.predictions]", "most often PER"),
    (4, "my_by_list, {'precision', 'recall', 'f1'} - my_wins or {'f1'}, ner, ner_test", "my_wins"),
    (5, "{choice: sum(map(len, made['labels'])) for choice in my_labels}, my_percent, tokenizers, ner", "-100 too"),
    (5, "{'first': my_labels['all'], 'all': my_labels['first']}, my_percent, tokenizers, ner", "of the other choice"),
    (5, "my_labels, {choice: value / 100 for choice, value in my_percent.items()}, tokenizers, ner", "in per cent"),
    (5, "my_labels, {choice: 100 - value for choice, value in my_percent.items()}, tokenizers, ner", "labels O"),
    (6, "cased_test, my_uncased, my_fall, cased_test, uncased_test", "as they are written"),
    (6, "my_uncased, my_uncased, my_fall, cased_test, uncased_test", "an evaluation of BETO uncased"),
    (6, "my_cased, my_uncased, -my_fall, cased_test, uncased_test", "wrong sign"),
    (6, "my_cased, my_uncased, my_uncased.metrics['f1'] - my_cased.metrics['f1'], cased_test, uncased_test",
        "compares the two runs"),
    (6, "my_cased, my_uncased, my_cased.metrics['f1'], cased_test, uncased_test", "that is left"),
]  # fmt: skip
