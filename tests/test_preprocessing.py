"""Features against oracles that tokenize word by word, and outputs turned back into tags and answers."""

import copy
import gc
import logging
import signal
import sys
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Sequence, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import VARIANTS, fast_tokenizer
from test_readers import REAL, on_real_files
from transformers.utils import logging as transformers_logging

import speedy_utils as su
from speedy_utils import preprocessing
from speedy_utils.preprocessing import IGNORED, Preparation, best_answers, pad_batch, prepare, tag_words
from speedy_utils.readers import load_task
from speedy_utils.tasks import Task

# Word k of a sentence is tagged B-k, so a label says which word it belongs to.
LABELS = ("O", *(f"{start}-{number}" for number in range(40) for start in "BI"))
NUMBERED = Task("numbered", "Numbered words", "tagging", ("f1",), LABELS)

letters = st.sampled_from(
    [*"aeioáéíóúüñbcdlmnrstAÁÑÜ", "n\u0303", "e\u0301", "u\u0308", "x\u0301", "q\u0323\u0307", "ﬁ", "½"]
)
signs = st.sampled_from(
    [*"¿?¡!.,;«»()01€-", "🐀", "👩🏽‍🚀", "👨‍👩‍👧", "❤️", "日", "ß", "İ", "\u0301", "\u200b", "\u00ad", "\u200d"]
)
spaces = st.sampled_from([" ", "  ", "\n", "\t", "\u00a0", " \r\n", "\u3000", "\ufeff"])
long_words = st.sampled_from(["electroencefalografistas" * 14, "ñandú" * 70, "e\u0301" * 200, "🐀" * 90])
odd_words = st.sampled_from(
    ["", " ", "\u200b", "\u0301", "\ufeff", "[SEP]", "</s>", "<pad>", "a\u00a0b", "a\nb", "\ufeffSí"]
)
plain_words = st.lists(letters | signs, min_size=1, max_size=6).map("".join)
sentences = st.lists(plain_words | plain_words | odd_words | long_words, max_size=12)
texts = st.tuples(
    st.sampled_from(["", "", "\ufeff", " "]),
    st.lists(plain_words | plain_words | spaces | spaces | odd_words, max_size=24).map("".join),
    st.sampled_from(["", "", "ñandú" * 70]),
).map("".join)
questions = st.lists(plain_words | spaces, max_size=10).map("".join)
seeds = st.integers(0, 2**32 - 1)
each_variant = pytest.mark.parametrize("variant", VARIANTS)
some = settings(max_examples=20, deadline=None)


def special_tokens(tokenizer, pair=False):
    """The special tokens around an empty sentence, or around and between two of them."""
    return tokenizer([""], [""] if pair else None)["input_ids"][0]


# Tagging


def tagged(sentences):
    features = Features({"tokens": Sequence(Value("string")), "tags": Sequence(Value("int64"))})
    tags = [[1 + 2 * place for place in range(len(words))] for words in sentences]
    return Dataset.from_dict({"tokens": sentences, "tags": tags}, features=features)


def tokens_of(tokenizer, word):
    return tokenizer([word], is_split_into_words=True, add_special_tokens=False)["input_ids"]


def expected_pieces(tokenizer, words, how):
    """The features of one sentence, from its words tokenized one by one: (ids, labels, word_starts, first_word)."""
    first_token, last_token = special_tokens(tokenizer)
    tokens = [tokens_of(tokenizer, word) for word in words]
    room = how.max_length - 2
    groups, group = [], []
    for place in range(len(words)):
        if group and sum(len(tokens[k]) for k in group) + len(tokens[place]) > room:
            groups.append(group)
            group = []
        group = [*group, place]
    for piece in [*groups, group]:
        ids, labels, starts = [first_token], [IGNORED], []
        for k in piece:
            starts.append(len(ids) if tokens[k] else -1)
            own = [1 + 2 * k] + [2 + 2 * k if how.subwords == "all" else IGNORED] * (len(tokens[k]) - 1)
            if how.max_words is not None and k >= how.max_words:
                own = [IGNORED] * len(own)
            ids += tokens[k][:room]
            labels += own[: len(tokens[k])][:room]
        yield [*ids, last_token], [*labels, IGNORED], starts, piece[0] if piece else 0


@each_variant
@some
@given(
    st.lists(sentences, min_size=1, max_size=4),
    st.integers(4, 40),
    st.sampled_from(["first", "all"]),
    st.none() | st.integers(1, 8),
)
def test_every_label_lands_on_its_word(variant, many, length, subwords, max_words):
    tokenizer, how = fast_tokenizer(variant), Preparation(length, subwords=subwords, max_words=max_words)
    rows = prepare(tokenizer, NUMBERED, tagged(many), how)
    found = [(row["example"], row["input_ids"], row["labels"], row["word_starts"], row["first_word"]) for row in rows]
    assert found == [
        (number, *piece) for number, words in enumerate(many) for piece in expected_pieces(tokenizer, words, how)
    ]
    assert all(len(row["input_ids"]) <= length for row in rows)


@each_variant
@some
@given(st.lists(sentences, min_size=1, max_size=4), st.integers(4, 40), st.sampled_from(["first", "all"]), seeds)
def test_labels_as_outputs_give_the_gold_tags_back(variant, many, length, subwords, seed):
    """Tokens without a label say anything at all: nobody may listen to them."""
    tokenizer, rng = fast_tokenizer(variant), np.random.default_rng(seed)
    features = prepare(tokenizer, NUMBERED, tagged(many), Preparation(length, subwords=subwords))
    outputs = []
    for labels in features["labels"]:
        scores = rng.random((len(labels), len(LABELS)))
        for place, label in enumerate(labels):
            if label != IGNORED:
                scores[place, label] = 2
        outputs.append(scores)
    tags, missing = tag_words(features, outputs, [len(words) for words in many], LABELS)
    without = [[not tokens_of(tokenizer, word) for word in words] for words in many]
    assert tags == [["O" if gone else f"B-{k}" for k, gone in enumerate(sentence)] for sentence in without]
    assert missing == sum(map(sum, without))


def test_continuations_of_real_tags():
    """B-PER goes on as I-PER, an I-PER as itself, and parts of speech as themselves."""
    tokenizer = fast_tokenizer("WordPiece cased")
    word = "electroencefalografista"
    for task, tag, inside in (
        ("ner", "B-PER", "I-PER"),
        ("ner", "I-PER", "I-PER"),
        ("ner", "O", "O"),
        ("pos", *["NOUN"] * 2),
    ):
        labels = su.get_task(task).labels
        data = Dataset.from_dict({"tokens": [[word]], "tags": [[labels.index(tag)]]})
        made = prepare(tokenizer, task, data, Preparation(subwords="all"))["labels"][0]
        assert len(made) > 4
        assert [labels[label] for label in made[1:-1]] == [tag, *[inside] * (len(made) - 3)]


@pytest.mark.parametrize(("labels", "default"), [(("B-PER", "O"), "O"), (("NOUN", "X"), "X"), (("A", "B"), "A")])
def test_a_word_without_a_token_gets_a_harmless_tag(labels, default):
    features = Dataset.from_dict({"example": [0], "first_word": [0], "word_starts": [[1, -1]]})
    tags, missing = tag_words(features, [np.eye(2)[[0, 1, 0]]], [2], labels)
    assert (tags, missing) == ([[labels[1], default]], 1)


# Question answering


def asked(contexts, questions, answers=None):
    """Questions as `load_task` gives them; an answer is (first character, one behind the last)."""
    spans = answers or [(0, 0)] * len(contexts)
    gold = [
        {"text": [context[a:b]], "answer_start": [a]} if b else {"text": [], "answer_start": []}
        for context, (a, b) in zip(contexts, spans, strict=True)
    ]
    features = Features(
        dict.fromkeys(["id", "context", "question"], Value("string"))
        | {"answers": {"text": Sequence(Value("string")), "answer_start": Sequence(Value("int32"))}}
    )
    ids = [str(number) for number in range(len(contexts))]
    return Dataset.from_dict(
        {"id": ids, "context": contexts, "question": questions, "answers": gold}, features=features
    )


def spans_of_tokens(tokenizer, text):
    """(ids, characters) of a text alone: for each token the first character and the one behind the last, or None.

    White space around a token is no part of it; a combining mark that no token counts goes to the letter before it.
    """
    encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    spans = []
    for start, end in encoding["offset_mapping"]:
        piece = text[start:end]
        first = start + len(piece) - len(piece.lstrip())
        spans.append((first, first + len(piece.strip())) if piece.strip() else None)
    counted = {place for span in spans if span for place in range(*span)}
    for place, span in enumerate(spans):
        end = span and span[1]
        while span and end < len(text) and end not in counted and unicodedata.combining(text[end]):
            end += 1
        spans[place] = span and (span[0], end)
    return encoding["input_ids"], spans


def expected_windows(tokenizer, context, asked_tokens, how):
    """(first, behind) of the context's tokens in each window."""
    tokens = len(spans_of_tokens(tokenizer, context)[0])
    size = how.max_length - len(special_tokens(tokenizer, pair=True)) - asked_tokens
    windows = [(0, min(size, tokens))]
    while windows[-1][1] < tokens:
        first = windows[-1][1] - how.stride
        windows.append((first, min(first + size, tokens)))
    return windows


@st.composite
def preparations(draw):
    stride, question = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    return Preparation(4 + question + stride + draw(st.integers(1, 20)), stride, question)


@each_variant
@some
@given(st.lists(texts, min_size=1, max_size=3), questions, preparations())
def test_windows_hold_all_of_the_context_and_share_the_stride(variant, contexts, question, how):
    tokenizer = fast_tokenizer(variant)
    cls, *between, sep = special_tokens(tokenizer, pair=True)
    whole = tokenizer(question, add_special_tokens=False)["input_ids"]
    features = prepare(tokenizer, "tar", asked(contexts, [question] * len(contexts)), how)
    assert features["example"] == sorted(features["example"])
    for number, context in enumerate(contexts):
        ids, spans = spans_of_tokens(tokenizer, context)
        rows = [row for row in features if row["example"] == number]
        tokens = rows[0]["input_ids"].index(sep) - 1
        assert tokens == len(whole) or tokens <= how.max_question < len(whole)
        head = [cls, *rows[0]["input_ids"][1 : 1 + tokens], *between]
        windows = expected_windows(tokenizer, context, tokens, how)
        assert len(rows) == len(windows)
        for row, (first, behind) in zip(rows, windows, strict=True):
            assert row["input_ids"] == [*head, *ids[first:behind], sep]
            own = [None] * len(head) + spans[first:behind] + [None]
            assert row["starts"] == [span[0] if span else -1 for span in own]
            assert row["ends"] == [span[1] if span else -1 for span in own]
            if "token_type_ids" in row:
                assert row["token_type_ids"] == [0] * len(head) + [1] * (behind - first + 1)
            assert row["labels"] == [0, 0]  # there is no answer


def labelled_outputs(features):
    """Outputs that are sure of the labels; where there is no answer, of nothing."""
    outputs = []
    for row in features:
        scores = np.zeros((len(row["input_ids"]), 2))
        if row["labels"] != [0, 0]:
            scores[row["labels"], [0, 1]] = 10
        outputs.append(scores)
    return outputs


@each_variant
@some
@given(texts.filter(str.strip), questions, preparations(), st.data())
def test_the_labelled_window_decodes_to_the_answer(variant, context, question, how, data):
    """An answer at the borders of tokens exactly; any other one to the shortest run of tokens that covers it."""
    tokenizer = fast_tokenizer(variant)
    spans = [span for span in spans_of_tokens(tokenizer, context)[1] if span]
    at_tokens = bool(spans) and data.draw(st.booleans(), "at the borders of tokens")
    if at_tokens:
        first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(spans) - 1)] * 2), "tokens"))
        start, end = spans[first][0], spans[last][1]
    else:
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(context))] * 2), "characters"))
    end = max(end, start + 1) if start < len(context) else end
    start = min(start, end - 1)
    read = [place for place in range(start, end) if any(a <= place < b for a, b in spans)]
    features = prepare(tokenizer, "tar", asked([context], [question], [(start, end)]), how)
    labelled = 0
    for row in features:
        inside = [(a, b) for a, b in zip(row["starts"], row["ends"], strict=True) if a >= 0]
        held = bool(read) and bool(inside) and inside[0][0] <= read[0] and read[-1] < inside[-1][1]
        if not held:
            assert row["labels"] == [0, 0]
            continue
        labelled += 1
        found = row["starts"][row["labels"][0]], row["ends"][row["labels"][1]]
        covering = [(a, b) for a, _ in inside for _, b in inside if a <= read[0] and read[-1] < b]
        assert found in covering
        assert found[1] - found[0] == min(b - a for a, b in covering)
        if at_tokens:
            assert context[slice(*found)] == context[start:end]
    if len(features) == 1:
        assert labelled == bool(read)
    if labelled:
        [answer] = best_answers(features, labelled_outputs(features), [context], longest=10_000)
        assert answer["start"] == (start if at_tokens else answer["start"])
        assert answer["text"] == context[answer["start"] : answer["start"] + len(answer["text"])]
        assert answer["start"] <= read[0]
        assert answer["start"] + len(answer["text"]) > read[-1]
        assert answer["score"] == 20


@each_variant
@some
@given(st.lists(texts, min_size=1, max_size=3), questions, preparations(), st.integers(1, 12), seeds)
def test_best_answers_are_those_of_trying_every_span(variant, contexts, question, how, longest, seed):
    """However good the question and the special tokens look: no answer begins or ends there."""
    tokenizer, rng = fast_tokenizer(variant), np.random.default_rng(seed)
    features = prepare(tokenizer, "tar", asked(contexts, [question] * len(contexts)), how)
    best = [(float("-inf"), "", 0)] * len(contexts)
    outputs = []
    for row in features:
        scores = rng.normal(size=(len(row["input_ids"]), 2)).astype(np.float32)
        last = len(scores) - 1
        context_tokens = [place for place in range(last) if row["starts"][place] >= 0]
        scores[[place for place in range(last + 1) if place not in context_tokens]] += 1_000
        outputs.append(scores)
        context = contexts[row["example"]]
        for first in context_tokens:
            for behind in (place for place in context_tokens if first <= place < first + longest):
                score = float(scores[first, 0]) + float(scores[behind, 1])
                text = context[row["starts"][first] : row["ends"][behind]]
                best[row["example"]] = max(best[row["example"]], (score, text, row["starts"][first]))
    found = best_answers(features, outputs, contexts, longest)
    assert [(answer["score"], answer["text"], answer["start"]) for answer in found] == best


def test_an_answer_that_is_hard_to_see():
    """Spaces, invisible characters and accents of their own at the edges of an answer or of the context."""
    context = "\ufeff  Jose\u0301 va al cafe\u0301\u200b "
    for variant in VARIANTS:
        tokenizer = fast_tokenizer(variant)
        for start, end, text in ((0, 9, "Jose\u0301"), (15, 22, "cafe\u0301"), (0, 22, "Jose\u0301 va al cafe\u0301")):
            features = prepare(tokenizer, "tar", asked([context], ["¿?"], [(start, end)]))
            [answer] = best_answers(features, labelled_outputs(features), [context])
            assert answer["score"] == 20
            assert answer["text"].strip("\ufeff\u200b ") == text
    features = prepare(fast_tokenizer("WordPiece cased"), "tar", asked([context], ["¿?"], [(0, 3)]))
    assert features["labels"] == [[0, 0]]  # nothing of this answer is left


@each_variant
def test_a_long_question_is_cut(variant):
    tokenizer, how = fast_tokenizer(variant), Preparation(64, 8, 10)
    for question in ("mar " * 60, "electroencefalografista" * 40, "🐀" * 40, "👩🏽‍🚀 " * 20, "e\u0301" * 200):
        [row] = prepare(tokenizer, "tar", asked(["El mar."], [question]), how)
        tokens = row["input_ids"].index(special_tokens(tokenizer)[1]) - 1
        whole = tokenizer(question, add_special_tokens=False)["input_ids"]
        assert 0 < tokens <= min(10, len(whole))
        if question.startswith("mar"):
            assert row["input_ids"][1:11] == whole[:10]
            assert tokens == 10


def test_a_context_without_a_token_gives_the_empty_answer():
    features = prepare(fast_tokenizer("WordPiece cased"), "tar", asked([" ", "El mar"], ["¿Qué?", "¿Qué?"]))
    answers = best_answers(features, [np.ones((len(ids), 2)) for ids in features["input_ids"]], [" ", "El mar"])
    assert answers[0] == {"text": "", "start": 0, "score": float("-inf")}
    assert answers[1]["text"]


def test_a_model_that_diverged_gives_empty_answers():
    features = prepare(fast_tokenizer("WordPiece cased"), "tar", asked(["El mar"], ["¿Qué?"]))
    outputs = [np.full((len(ids), 2), np.nan) for ids in features["input_ids"]]
    assert best_answers(features, outputs, ["El mar"])[0]["text"] == ""


# Classification


@each_variant
@some
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4), st.integers(5, 40), st.booleans())
def test_sentences_and_pairs(variant, pairs, length, pair):
    tokenizer = fast_tokenizer(variant)
    columns = {"sentence1": [a for a, _ in pairs], "sentence2": [b for _, b in pairs], "label": [0] * len(pairs)}
    features = prepare(tokenizer, "xnli" if pair else "mldoc", Dataset.from_dict(columns), Preparation(length))
    assert features["example"] == list(range(len(pairs)))
    for row, (first, second) in zip(features, pairs, strict=True):
        one, two = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (first, second if pair else ""))
        cls, *between, sep = special_tokens(tokenizer, pair)
        assert len(row["input_ids"]) <= length
        assert row["cut"] == (len(one) + len(two) + 2 + len(between) > length)
        if row["cut"]:
            assert len(row["input_ids"]) == length
        else:
            assert row["input_ids"] == [cls, *one, *between, *two, sep]
            types = [0] * (1 + len(one) + len(between)) + [int(pair)] * (len(two) + 1)
            assert row.get("token_type_ids", types) == types
        assert ("token_type_ids" in row) == ("byte" not in variant)


def test_a_second_sentence_counts_only_in_pairs():
    data = Dataset.from_dict({"sentence1": ["Sí."], "sentence2": ["No."], "label": [0]})
    tokenizer = fast_tokenizer("WordPiece cased")
    assert prepare(tokenizer, "mldoc", data)["input_ids"] == [tokenizer("Sí.")["input_ids"]]
    assert prepare(tokenizer, "xnli", data)["input_ids"] == [tokenizer("Sí.", "No.")["input_ids"]]


# Batches


def test_padding_is_masked_and_ignored():
    tokenizer = fast_tokenizer("WordPiece cased")
    features = prepare(tokenizer, NUMBERED, tagged([["El", "mar"], [], ["El", "mar", "es", "azul", "."]]))
    batch = pad_batch(list(features), pad_id=77)
    lengths = [len(ids) for ids in features["input_ids"]]
    assert {name: tuple(table.shape) for name, table in batch.items()} == dict.fromkeys(
        ["input_ids", "attention_mask", "token_type_ids", "labels"], (3, max(lengths))
    )
    assert all(table.dtype == torch.long for table in batch.values())
    for number, (row, length) in enumerate(zip(features, lengths, strict=True)):
        kept = {name: table[number].tolist() for name, table in batch.items()}
        assert kept["input_ids"] == row["input_ids"] + [77] * (max(lengths) - length)
        assert kept["attention_mask"] == [1] * length + [0] * (max(lengths) - length)
        assert kept["labels"] == row["labels"] + [IGNORED] * (max(lengths) - length)
        assert kept["token_type_ids"] == [0] * max(lengths)


def test_labels_of_classes_and_answers_are_not_padded():
    tokenizer = fast_tokenizer(VARIANTS[-1])
    classes = Dataset.from_dict({"sentence1": ["a", "a b c"], "label": [2, 0]})
    batch = pad_batch(list(prepare(tokenizer, "mldoc", classes)), 1)
    assert batch["labels"].tolist() == [2, 0]
    assert "token_type_ids" not in batch
    answers = asked(["El mar es azul", "Sí"], ["¿Qué?"] * 2, [(3, 6), (0, 2)])
    features = prepare(tokenizer, "tar", answers)
    assert pad_batch(list(features), 1)["labels"].tolist() == features["labels"]
    assert all(0 < first <= last for first, last in features["labels"])


# Settings


def test_lengths_by_themselves():
    """The paper's for 512 positions or more, a quarter of what there is below, never nothing."""
    assert Preparation().for_positions() == Preparation(512, 128, 64)
    assert Preparation().for_positions(1_024) == Preparation(512, 128, 64)
    assert Preparation().for_positions(64) == Preparation(64, 16, 16)
    assert Preparation(3).for_positions(64) == Preparation(3, 1, 1)
    assert Preparation(1_024, 5).for_positions(2_048) == Preparation(1_024, 5, 64)
    with pytest.raises(
        ValueError, match=r"^This model reads at most 512 tokens, not 513: take a smaller max_length\.$"
    ):
        Preparation(513).for_positions(512)


def test_an_input_longer_than_512_tokens_for_a_model_that_reads_it():
    tokenizer = fast_tokenizer("WordPiece cased")
    data = Dataset.from_dict({"sentence1": ["a " * 2_000], "label": [0]})
    assert len(prepare(tokenizer, "mldoc", data, Preparation(1_024).for_positions(2_048))["input_ids"][0]) == 1_024


def test_a_long_sentence_is_no_reason_to_warn(monkeypatch):
    """`transformers` warns of a text longer than the model's inputs; but it is cut before the model sees it."""
    heard, tokenizer = [], copy.deepcopy(fast_tokenizer("WordPiece uncased"))  # it warns only once
    tokenizer.model_max_length = 8
    monkeypatch.setattr(logging.getLogger("transformers.tokenization_utils_base"), "handle", heard.append)
    before = transformers_logging.get_verbosity()
    prepare(tokenizer, NUMBERED, tagged([["mar"] * 30]), Preparation(8))
    prepare(tokenizer, "tar", asked(["El mar. " * 9], ["¿Qué " * 30]), Preparation(32, 4, 6))
    assert not heard
    assert transformers_logging.get_verbosity() == before
    tokenizer.deprecation_warnings.clear()
    tokenizer("mar " * 30)
    assert heard  # so it would have been noticed


SLOW = type("SlowTokenizer", (), {"is_fast": False})()
ONE = Dataset.from_dict({"sentence1": ["a"], "label": [0]})


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda t: Preparation(0), "max_length must be a whole number of at least 1, not 0."),
        (lambda t: Preparation(stride=1.5), "stride must be a whole number of at least 1, not 1.5."),
        (lambda t: Preparation(max_words=-1), "max_words must be a whole number of at least 1, not -1."),
        (lambda t: Preparation(subwords="frist"), "Unknown choice of subwords 'frist': did you mean 'first'?"),
        (lambda t: prepare(SLOW, "mldoc", ONE), "SlowTokenizer is a slow tokenizer without offsets: load a fast one"),
        (
            lambda t: prepare(t, "mldoc", ONE, Preparation(2)),
            "A max_length of 2 leaves no room for text: take a larger",
        ),
        (
            lambda t: prepare(t, "xnli", ONE),
            "Examples of XNLI need the column 'sentence2': load them with load_task().",
        ),
        (lambda t: prepare(t, "ner", ONE), "Examples of NER need the column 'tokens'"),
        (lambda t: prepare(t, "tar", ONE), "Examples of TAR / XQuAD need the column 'id'"),
        (
            lambda t: prepare(t, "tar", asked(["a"], ["b"]), Preparation(32, 20, 9)),
            "A question of 9 tokens leaves 20 of 32 for the context, not more than the 20 that windows share",
        ),
        (lambda t: prepare(t, "tar", asked(["a"], ["b"]), Preparation(8, 1, 9)), "leaves 0 of 8 for the context"),
        (lambda t: prepare(t, "nerd", ONE), "Unknown task 'nerd': did you mean 'ner'?"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        call(fast_tokenizer("WordPiece cased"))
    assert sentence in str(caught.value)


# Real files


@on_real_files
@pytest.mark.parametrize("variant", ["WordPiece cased", VARIANTS[-1]])
def test_every_answer_of_xquad_can_be_found_again(variant):
    test = load_task("tar", "files", {"test": REAL / "tar_xquad" / "xquad.es.json"}, report=None)["test"]
    features = prepare(fast_tokenizer(variant), "tar", test)
    answers = best_answers(features, labelled_outputs(features), test["context"], longest=512)
    gold = [(answer["text"][0], answer["answer_start"][0]) for answer in test["answers"]]
    exact = 0
    for answer, (text, start) in zip(answers, gold, strict=True):
        assert answer["score"] == 20
        assert answer["start"] <= start
        assert text in answer["text"]
        exact += answer["text"] == text
    print(f"{variant}: {exact} of {len(gold)} answers exactly")
    assert len(gold) == 1_190
    assert exact > 0.9 * len(gold)


@on_real_files
def test_every_word_of_ancora_is_labelled_once():
    dev = load_task("pos", "files", {"train": REAL / "pos_ud_ancora" / "dev-es.ancora-only.tsv"}, report=None)["train"]
    for variant, length in (("WordPiece cased", 512), ("SentencePiece unigram", 24), (VARIANTS[-1], 24)):
        features = prepare(fast_tokenizer(variant), "pos", dev, Preparation(length))
        labelled = [[] for _ in dev]
        for row in features:
            labelled[row["example"]] += [label for label in row["labels"] if label != IGNORED]
        assert labelled == dev["tags"][:]


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where temporary files are made; features of more than ten examples are written there."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(preprocessing, "IN_MEMORY", 10)
    return folder


@pytest.mark.parametrize("task", ["pawsx", "ner", "mlqa"])
def test_features_of_many_examples_are_on_disk_and_the_same(task, scratch):
    examples = load_task(task, report=None)["train"].select(range(11))
    features = prepare(fast_tokenizer("WordPiece cased"), task, examples)
    assert Path(features.cache_files[0]["filename"]).is_relative_to(scratch)
    few = prepare(fast_tokenizer("WordPiece cased"), task, examples.select(range(10)))
    assert few.cache_files == []
    assert few.to_list() == [row for row in features.to_list() if row["example"] < 10]
    assert {row["example"] for row in features} == set(range(11))
    del features
    gc.collect()
    assert not list(scratch.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are Unix's")
def test_features_for_which_there_is_no_room(scratch):
    import resource

    examples = load_task("ner", report=None)["train"].select(range(500))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match=r"The features of 500 examples cannot be written to .*: set TMPDIR") as error:
            prepare(fast_tokenizer("WordPiece cased"), "ner", examples)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert str(error.value).count("\n") == 0
    assert not list(scratch.iterdir())
