"""Tokenizers: trained the same everywhere, true to their families, and counted as a naive reader would."""

import hashlib
import os
import re
import subprocess
import sys
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

import speedy_utils as su

HERE = Path(__file__).parent
FAMILIES = list(su.TOKENIZERS)
WORDPIECE = [name for name in FAMILIES if name.startswith("WordPiece")]
BYTE_LEVEL = "byte-level BPE"
LOWERCASE = ["WordPiece uncased", "SentencePiece unigram"]
VOCABULARY = 1500


@cache
def texts():
    training, held_out = su.split_texts()
    return [document.text for document in training], [document.text for document in held_out]


@cache
def trained(family):
    return su.train_tokenizer(family, texts()[0], VOCABULARY)


def encode(family, text):
    return trained(family).encode(text, add_special_tokens=False)


def unknown(family):
    return {trained(family).token_to_id(name) for name in ("[UNK]", "<unk>")} - {None}


letters = st.sampled_from([*"aeiouáéíóúüñbcdfghlmnprstvzAEIÁÑÜXJKqy", "n\u0303", "a\u0301", "ª", "º", "…", "½"])
signs = st.sampled_from([*"¿?¡!.,;:—«»()0123456789€%", "🐀", "👩🏽‍🚀", "日", "ß", "Ω", "\u00ad", "\u200b"])
word = st.lists(letters | signs, min_size=1, max_size=9).map("".join) | st.just("electroencefalografistas" * 6)
space = st.sampled_from([" ", "  ", "\n", "\t", "\u00a0", " \n "])
spanish = st.lists(word | space, max_size=12).map("".join) | st.sampled_from(
    ["", " ", "¿Qué?", "El pingüino añoró al ratón.", "🐀🐀", "\n"]
)
quick = settings(max_examples=100, deadline=None)


# ------------------------------------------------------------------------------------------------ training


def digests():
    return [hashlib.sha256(trained(family).to_str().encode()).hexdigest() for family in FAMILIES]


def test_another_process_learns_the_same():
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-c", "import test_tokenization as t; print(*t.digests())"],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "7"},
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        own = digests()
        said, _ = child.communicate(timeout=120)
    assert child.returncode == 0
    assert said.split() == own


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_may_come_from_a_generator(family):
    few = texts()[0][:10]
    once = su.train_tokenizer(family, (text for text in few), 400)
    assert once.to_str() == su.train_tokenizer(family, few, 400).to_str()


@pytest.mark.parametrize("vocabulary", [400, 700, VOCABULARY])
@pytest.mark.parametrize("family", FAMILIES)
def test_vocabulary_is_as_large_as_asked_for(family, vocabulary):
    tokenizer = trained(family) if vocabulary == VOCABULARY else su.train_tokenizer(family, texts()[0], vocabulary)
    ids = tokenizer.get_vocab(with_added_tokens=True)
    assert tokenizer.get_vocab_size(with_added_tokens=True) == vocabulary
    assert sorted(ids.values()) == list(range(vocabulary))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_small_text_gives_a_smaller_vocabulary(family):
    tokenizer = su.train_tokenizer(family, ["el ratón veloz"], 2000)
    assert 10 < tokenizer.get_vocab_size(with_added_tokens=True) < 500


@pytest.mark.parametrize(
    ("family", "specials"),
    [
        *((family, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]) for family in WORDPIECE),
        ("SentencePiece unigram", ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]),
        (BYTE_LEVEL, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]),
    ],
)
def test_special_tokens_come_first_and_stay_whole(family, specials):
    tokenizer = trained(family)
    assert [tokenizer.id_to_token(number) for number in range(5)] == specials
    for number, token in enumerate(specials):
        assert number in encode(family, f"ratón {token} ratón").ids
    assert tokenizer.decode(encode(family, f"el {specials[-1]}").ids).strip() == "el"
    assert not set(range(5)) & set(encode(family, "El ratón corre").ids)


# ------------------------------------------------------------------------------------------------ families


@pytest.mark.parametrize("family", FAMILIES)
@given(text=spanish)
@quick
def test_offsets_are_in_order_and_inside(family, text):
    encoding = encode(family, text)
    assert len(encoding.ids) == len(encoding.tokens) == len(encoding.offsets)
    last = (0, 0)
    for start, end in encoding.offsets:
        assert 0 <= start <= end <= len(text)
        assert start >= last[0]
        assert end >= last[1]
        last = (start, end)


@pytest.mark.parametrize("family", FAMILIES)
def test_offsets_find_the_letters(family):
    for text in texts()[1][:5]:
        encoding = encode(family, text)
        for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True):
            piece = re.sub("^(##|▁)", "", token)
            if token.isascii() and piece.isalnum():
                assert text[start:end].strip().lower() == piece.lower()


@given(spanish)
@quick
def test_byte_level_gives_back_every_text(text):
    encoding = encode(BYTE_LEVEL, text)
    assert trained(BYTE_LEVEL).decode(encoding.ids, skip_special_tokens=False) == text
    assert not unknown(BYTE_LEVEL) & set(encoding.ids)
    assert su.unknown_share(trained(BYTE_LEVEL), text) == 0


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != BYTE_LEVEL])
def test_a_character_never_seen_is_unknown(family):
    assert "🐀" not in "".join(texts()[0])
    encoding = encode(family, "🐀")
    assert unknown(family) & set(encoding.ids)
    for text in ("🐀", "el ratón 🐀", "🐀 🐀 ratón"):
        ids = encode(family, text).ids
        assert su.unknown_share(trained(family), text) == sum(n in unknown(family) for n in ids) / len(ids) > 0
    assert su.unknown_share(trained(family), "el ratón 🐀") == 1 / len(encode(family, "el ratón 🐀"))


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_in_the_training_texts_is_unknown(family):
    """White space included: the texts hold line ends, and a tab or a no-break space is no rarer."""
    assert [text[:60] for text in texts()[0] if su.unknown_share(trained(family), text)] == []
    assert su.unknown_share(trained(family), "El ratón\tcorre\n y\u00a0corre.\r\n") == 0
    assert su.unknown_share(trained(family), "") == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_case(family):
    same = encode(family, "AÑO Pingüino ÁRBOL").ids == encode(family, "año pingüino árbol").ids
    assert same == (family in LOWERCASE)


@pytest.mark.parametrize("family", FAMILIES)
def test_accents_are_kept(family):
    for one, other in [("año", "ano"), ("sí", "si"), ("pingüino", "pinguino"), ("AÑO", "ANO")]:
        assert encode(family, one).ids != encode(family, other).ids
    decoded = trained(family).decode(encode(family, "El pingüino añoró").ids)
    assert decoded == ("el pingüino añoró" if family in LOWERCASE else "El pingüino añoró")


def test_unigram_composes_marks_as_nfkc_does():
    assert encode("SentencePiece unigram", "an\u0303o").ids == encode("SentencePiece unigram", "año").ids
    assert encode("SentencePiece unigram", "1º").ids == encode("SentencePiece unigram", "1o").ids


@pytest.mark.parametrize("family", WORDPIECE)
def test_wordpiece_marks_what_continues_a_word(family):
    tokens = encode(family, "anticonstitucionalmente, sí").tokens
    cut = tokens.index(",")
    assert not tokens[0].startswith("##")
    assert cut > 1
    assert all(token.startswith("##") for token in tokens[1:cut])
    assert encode(family, "a" * 101).tokens == ["[UNK]"]
    assert "[UNK]" not in encode(family, "a" * 100).tokens


def test_where_a_space_goes():
    unigram, byte_level = encode("SentencePiece unigram", "el  año").tokens, encode(BYTE_LEVEL, " el").tokens
    assert [token[0] for token in (unigram[0], unigram[1])] == ["▁", "▁"]
    assert byte_level == ["Ġel"]
    after_mask = encode("SentencePiece unigram", "el[MASK]año").tokens[2:]  # ALBERT begins anew after a special token
    assert after_mask == encode("SentencePiece unigram", "año").tokens
    for blank in ("\n", "\t", "\u00a0", " \n "):
        assert encode("SentencePiece unigram", f"el{blank}año").ids == encode("SentencePiece unigram", "el año").ids


# ------------------------------------------------------------------------------------------------ SentencePiece itself


def test_unigram_cuts_as_sentencepiece_does():
    """A SentencePiece model learnt here, from lines normalised here, and asked itself."""
    import unicodedata

    def normal(text):
        return " ".join(unicodedata.normalize("NFKC", text).lower().split())

    training, held_out = ([normal(line) for text in part for line in text.split("\n")] for part in texts())
    model = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(training), model_writer=model, model_type="unigram", vocab_size=VOCABULARY,
        hard_vocab_limit=False, character_coverage=1.0, normalization_rule_name="identity", num_threads=1,
        pad_id=0, unk_id=1, bos_id=2, eos_id=3, pad_piece="<pad>", bos_piece="[CLS]", eos_piece="[SEP]",
        control_symbols=["[MASK]"], minloglevel=2,
    )  # fmt: skip
    reference = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    tokenizer = trained("SentencePiece unigram")
    pieces = [reference.id_to_piece(number) for number in range(len(reference))]
    assert [tokenizer.id_to_token(number) for number in range(len(reference))] == pieces
    import json

    scores = json.loads(tokenizer.to_str())["model"]["vocab"]
    assert [score for _, score in scores] == pytest.approx([reference.get_score(n) for n in range(len(reference))])
    lines = [line for text in texts()[1] for line in text.split("\n")]
    assert len(lines) == len(held_out) > 100
    for line, normalised in zip(lines, held_out, strict=True):
        assert tokenizer.encode(line, add_special_tokens=False).ids == reference.encode(normalised)


# ------------------------------------------------------------------------------------------------ counting


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_per_word_by_hand(family):
    some = [" ".join(text.split()) for text in texts()[1][:6]]
    tokens = words = 0
    for text in some:
        for place, item in enumerate(text.split(" ")):
            tokens += len(encode(family, f" {item}" if place and family == BYTE_LEVEL else item))
            words += 1
    assert su.tokens_per_word(trained(family), iter(some)) == tokens / words > 1
    assert su.tokens_per_word(trained(family), ["", *some, "\n"]) >= tokens / words


def test_texts_without_a_word_have_no_fertility():
    for empty in ([], [""], [" \n"]):
        with pytest.raises(ValueError, match=r"^There is no word in these texts: give at least one\.$"):
            su.tokens_per_word(trained("WordPiece cased"), empty)


@pytest.mark.parametrize("family", FAMILIES)
@given(text=spanish)
@quick
def test_split_words_counts_each_token_once(family, text):
    counted = su.split_words(trained(family), [text])
    assert [found for found, _ in counted] == text.split()
    encoding = encode(family, text)
    end = len(text.rstrip())
    within = [start for start, _ in encoding.offsets if start < end] if counted else []
    assert sum(number for _, number in counted) == len(within)
    if text == text.strip() and text:
        assert sum(number for _, number in counted) == len(encoding)


@pytest.mark.parametrize("family", FAMILIES)
def test_split_words_by_hand(family):
    text = "El pingüino, ¿añoró  las uñas?\nSí."
    blanks = ["", " ", " ", "  ", " ", "\n"] if family == BYTE_LEVEL else [""] * 6
    expected = [(item, len(encode(family, blank + item))) for blank, item in zip(blanks, text.split(), strict=True)]
    counted = su.split_words(trained(family), [text, "", "Sí."])
    assert counted == [*expected, ("Sí.", len(encode(family, "Sí.")))]


# ------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("wordpiece Cased", ["a"]), "Unknown tokenizer family 'wordpiece Cased': did you mean 'WordPiece cased'"),
        (("zzzz", ["a"]), "Unknown tokenizer family 'zzzz': choose one of WordPiece cased, WordPiece uncased,"),
        (("byte-level BPE", []), "There is no text to learn a vocabulary from: give at least one text with a word"),
        (("WordPiece cased", ["", " \n"]), "There is no text to learn a vocabulary from"),
        (("WordPiece cased", ["a"], 0), "vocabulary must be a whole number of at least 1, not 0."),
        (("WordPiece cased", ["a"], 99.5), "vocabulary must be a whole number of at least 1, not 99.5."),
        (
            ("byte-level BPE", ["a"], 260),
            "A vocabulary of 260 is too small for byte-level BPE on these texts: take 261",
        ),
    ],
)
def test_bad_input_gets_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+[.?]$") as caught:
        su.train_tokenizer(*arguments)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", ["El pingüino añoró, ¿sí?", "a", "1º y 2ª… ½ kg", "ﬁn", "İ"])
def test_the_smallest_vocabulary_that_is_named_works(family, text):
    with pytest.raises(ValueError, match=r"take \d+ or more\.$") as caught:
        su.train_tokenizer(family, [text], 1)
    smallest = int(re.search(r"take (\d+)", str(caught.value))[1])
    tokenizer = su.train_tokenizer(family, [text], smallest)
    assert tokenizer.get_vocab_size(with_added_tokens=True) <= smallest
    assert su.unknown_share(tokenizer, text) == 0
    with pytest.raises(ValueError, match=f"take {smallest} or more"):
        su.train_tokenizer(family, [text], smallest - 1)
