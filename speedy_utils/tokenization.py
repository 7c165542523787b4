"""The three tokenizer families of the paper's systems (WordPiece in two variants), trained on any texts.

Each is put together from the parts its family is made of, with the settings of the real Spanish models: only the
training text and the size of the vocabulary differ. BETO lower-cases in its uncased variant but keeps the accents;
ALBETO lower-cases and keeps them too; BERTIN and RoBERTa-BNE change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

from speedy_utils.errors import unknown_name
from speedy_utils.systems import check_counts

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.normalizers import Normalizer

BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ALBERT_SPECIALS = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
BYTES = 256  # the tokens that a byte-level vocabulary starts from


def _bert_normalizer(lowercase: bool) -> Normalizer:
    from tokenizers import normalizers

    return normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=lowercase
    )


def _albert_normalizer() -> Normalizer:
    from tokenizers import normalizers

    return normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])


def _characters(texts: Iterable[str], normalizer: Normalizer) -> list[str]:
    """The characters of the normalised texts, white space left out, sorted."""
    return sorted({c for text in texts for c in normalizer.normalize_str(text) if not c.isspace()})


def _check_room(family: str, vocabulary: int, needed: int) -> None:
    """Raises ValueError unless a vocabulary holds its special tokens and the `needed` symbols it starts from."""
    smallest = len(BERT_SPECIALS) + needed  # five special tokens in every family
    if vocabulary < smallest:
        raise ValueError(
            f"A vocabulary of {vocabulary} is too small for {family} on these texts: take {smallest} or more."
        )


def _train_wordpiece(texts: list[str], vocabulary: int, lowercase: bool) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    normalizer = _bert_normalizer(lowercase)

    def assemble(model: models.WordPiece) -> Tokenizer:
        tokenizer = Tokenizer(model)
        tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece(prefix="##")
        return tokenizer

    # The trainer numbers single characters in the order of a hash table, which changes from process to process and
    # decides between equally frequent merges. Named in advance, and in order, they make the vocabulary the same again.
    characters = _characters(texts, normalizer)
    _check_room("WordPiece", vocabulary, 2 * len(characters))  # each at a word's start and inside a word
    learner = assemble(models.WordPiece(unk_token="[UNK]"))
    learner.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(
            vocab_size=vocabulary,
            special_tokens=[*BERT_SPECIALS, *characters, *(f"##{c}" for c in characters)],
            show_progress=False,
        ),
    )
    tokenizer = assemble(models.WordPiece(learner.get_vocab(), unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.add_special_tokens(list(BERT_SPECIALS))
    return tokenizer


def _train_unigram(texts: list[str], vocabulary: int) -> Tokenizer:
    """Learnt by SentencePiece itself, run by `tokenizers`, as the real models' tokenizers are."""
    import sentencepiece
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    normalizer = _albert_normalizer()
    _check_room(
        "SentencePiece unigram", vocabulary, len(_characters(texts, normalizer)) + 1
    )  # and the sign for a space
    model = BytesIO()
    words_only = (" ".join(line.split()) for text in texts for line in normalizer.normalize_str(text).splitlines())
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for line in words_only if line),
        model_writer=model,
        model_type="unigram",
        vocab_size=vocabulary,
        hard_vocab_limit=False,  # a small text may not hold as many pieces as were asked for
        character_coverage=1.0,
        normalization_rule_name="identity",
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        pad_piece="<pad>",
        bos_piece="[CLS]",
        eos_piece="[SEP]",
        control_symbols=["[MASK]"],
        num_threads=1,
        minloglevel=2,
    )
    learnt = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [(learnt.id_to_piece(i), learnt.get_score(i)) for i in range(len(learnt))]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=1))
    tokenizer.normalizer = normalizer
    # Any white space separates words, a line's end too.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens(list(ALBERT_SPECIALS))
    return tokenizer


def _train_byte_level_bpe(texts: list[str], vocabulary: int) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    _check_room("byte-level BPE", vocabulary, BYTES)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(ROBERTA_SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


TOKENIZERS: dict[str, Callable[[list[str], int], Tokenizer]] = {
    "WordPiece cased": partial(_train_wordpiece, lowercase=False),
    "WordPiece uncased": partial(_train_wordpiece, lowercase=True),
    "SentencePiece unigram": _train_unigram,
    "byte-level BPE": _train_byte_level_bpe,
}


def train_tokenizer(family: str, texts: Iterable[str], vocabulary: int = 4000) -> Tokenizer:
    """A tokenizer of one family, its vocabulary of at most `vocabulary` tokens learnt from the texts.

    The same texts give the same tokenizer. Raises ValueError for an unknown family, texts without a word, or a
    vocabulary too small to hold what every tokenizer of the family starts from: all bytes for byte-level BPE, each
    character (for WordPiece at a word's start and inside it) for the others, and the special tokens.
    """
    check_counts(vocabulary=vocabulary)
    if family not in TOKENIZERS:
        raise ValueError(unknown_name("tokenizer family", family, list(TOKENIZERS)))
    texts = list(texts)
    if not any(text.strip() for text in texts):
        raise ValueError("There is no text to learn a vocabulary from: give at least one text with a word in it.")
    return TOKENIZERS[family](texts, vocabulary)


def tokens_per_word(tokenizer: Tokenizer, texts: Iterable[str]) -> float:
    """Fertility: the number of tokens of the texts, special tokens left out, divided by their words.

    A word is what stands between white space, its punctuation included. Raises ValueError when there is none.
    """
    tokens = words = 0
    for text in texts:
        tokens += len(tokenizer.encode(text, add_special_tokens=False))
        words += len(text.split())
    if not words:
        raise ValueError("There is no word in these texts: give at least one.")
    return tokens / words


def split_words(tokenizer: Tokenizer, texts: Iterable[str]) -> list[tuple[str, int]]:
    """Each word of the texts, in order, with the number of tokens that stand in it.

    Words are found and counted by character offsets; a token of SentencePiece that is nothing but the space before a
    word counts for that word.
    """
    counted = []
    for text in texts:
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        place = 0
        for match in re.finditer(r"\S+", text):
            first = place
            while place < len(offsets) and offsets[place][0] < match.end():
                place += 1
            counted.append((match[0], place - first))
    return counted


def unknown_share(tokenizer: Tokenizer, text: str) -> float:
    """The share (0 to 1) of the text's tokens that are the unknown token; 0 for a tokenizer that has none in use."""
    tokens = tokenizer.encode(text, add_special_tokens=False).ids
    unknown = {tokenizer.token_to_id(name) for name in ("[UNK]", "<unk>")} - {None}
    return sum(token in unknown for token in tokens) / len(tokens) if tokens else 0.0
