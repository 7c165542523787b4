"""Metrics against their references: seqeval, scikit-learn, and the rules of the SQuAD and MLQA scripts written anew."""

import json
import subprocess
import sys
import unicodedata
import warnings
from collections import Counter
from itertools import chain

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from speedy_utils import metrics

UPOS = [
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X", "_"),
]
# Every start that seqeval knows, types with a hyphen in them, and nothing that keeps to the rules of BIO.
CHUNKS = ["O", *(f"{start}-{name}" for start in "BIES" for name in ("PER", "LOC", "MISC", "A-B"))]


def random_sentences(rng, tags, wrong=0.3):
    """(predictions, references): 1 to 6 sentences of 0 to 9 tags, at least one word in all."""
    references = [[str(tag) for tag in rng.choice(tags, size=rng.integers(10))] for _ in range(rng.integers(1, 7))]
    references[0] = references[0] or [str(rng.choice(tags))]
    predictions = [[str(rng.choice(tags)) if rng.random() < wrong else tag for tag in s] for s in references]
    return predictions, references


# Accuracy


def test_accuracy_equals_scikit_learn():
    from sklearn.metrics import accuracy_score

    rng = np.random.default_rng(0)
    for _ in range(1_000):
        labels = rng.choice(["entailment", "neutral", "contradiction"], size=(2, rng.integers(1, 30)))
        numbers = rng.integers(3, size=labels.shape)
        for predictions, references in ((labels[0], labels[1]), (numbers[0].tolist(), numbers[1])):
            expected = 100 * accuracy_score(references, predictions)
            assert metrics.accuracy(predictions, references)["accuracy"] == pytest.approx(expected, abs=1e-9)


def test_labels_of_arrays_lists_and_columns_are_the_same_labels():
    import pandas as pd
    import torch

    for kind in (list, np.array, pd.Series, torch.tensor):
        assert metrics.accuracy(kind([0, 1, 2, 2]), [0, 1, 1, 2]) == {"accuracy": 75.0}


# Entities


def seqeval_scores(predictions, references, average="micro"):
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return precision_recall_fscore_support(references, predictions, average=average, zero_division=0)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from([*CHUNKS, *UPOS, "B", "I", ".", "I-", "-PER"]), max_size=9), max_size=4))
def test_entities_are_those_that_seqeval_finds(sentences):
    from seqeval.metrics.sequence_labeling import get_entities

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert metrics._entities(sentences) == set(get_entities(sentences))


def test_entities_equal_seqeval_on_any_sequence():
    rng = np.random.default_rng(1)
    for case in range(2_000):
        tags = CHUNKS if case % 2 else CHUNKS[:1] * 3 + CHUNKS[1:9]
        predictions, references = random_sentences(rng, tags)
        ours = metrics.entity_f1(predictions, references)
        expected = [100 * score for score in seqeval_scores(predictions, references)[:3]]
        assert [ours["precision"], ours["recall"], ours["f1"]] == pytest.approx(expected, abs=1e-9)
        names = ("precision", "recall", "f1", "support")
        by_type = np.array([[part[name] for name in names] for part in ours["types"].values()]).reshape(-1, 4)
        precision, recall, f1, support = seqeval_scores(predictions, references, average=None)
        assert by_type == pytest.approx(np.column_stack([100 * precision, 100 * recall, 100 * f1, support]), abs=1e-9)
        assert list(ours["types"]) == sorted(ours["types"])


def test_counts_give_the_same_scores_as_the_dictionary():
    rng = np.random.default_rng(2)
    for _ in range(200):
        predictions, references = random_sentences(rng, CHUNKS)
        scores = metrics.entity_f1(predictions, references)
        for metric in ("f1", "precision", "recall"):
            counts = metrics.entity_counts(predictions, references, metric=metric)
            assert counts.value == pytest.approx(scores[metric])
            assert counts.rows.shape == (len(references), 3)
            for name, part in scores["types"].items():
                chosen = metrics.entity_counts(predictions, references, metric=metric, entity_type=name)
                assert chosen.value == pytest.approx(part[metric])


def test_counts_of_a_sentence_are_those_of_the_sentence_alone():
    rng = np.random.default_rng(3)
    for _ in range(300):
        predictions, references = random_sentences(rng, CHUNKS)
        rows = metrics.entity_counts(predictions, references).rows
        for row, predicted, gold in zip(rows, predictions, references, strict=True):
            if gold:
                assert (row == metrics.entity_counts([predicted], [gold]).rows).all()
            else:
                assert not row.any()


def test_i_after_nothing_opens_an_entity():
    """What conlleval does, and a strict reading of BIO does not."""
    scores = metrics.entity_f1([["I-PER", "I-PER", "O", "I-LOC"]], [["B-PER", "I-PER", "O", "B-LOC"]])
    assert scores["f1"] == 100
    assert scores["types"]["PER"] == {"f1": 100, "precision": 100, "recall": 100, "support": 1}


def test_no_entity_at_all_scores_0_as_in_seqeval():
    assert metrics.entity_f1([["O", "O"]], [["O", "O"]]) == {"f1": 0, "precision": 0, "recall": 0, "types": {}}


# Parts of speech


def test_pos_equals_seqeval_and_scikit_learn():
    """Also where the tag X makes seqeval join the end of one sentence and the start of the next."""
    from sklearn.metrics import accuracy_score

    rng = np.random.default_rng(4)
    for case in range(2_000):
        predictions, references = random_sentences(rng, [UPOS, ["X", "NOUN", "NUM"], ["SCONJ", "CCONJ", "X"]][case % 3])
        ours = metrics.pos(predictions, references)
        assert ours["seqeval_f1"] == pytest.approx(100 * seqeval_scores(predictions, references)[2], abs=1e-9)
        assert ours["seqeval_f1"] == pytest.approx(metrics.pos_f1_counts(predictions, references).value)
        gold, predicted = list(chain(*references)), list(chain(*predictions))
        expected = accuracy_score(gold, predicted)
        assert ours["accuracy"] == pytest.approx(100 * expected, abs=1e-9)
        assert ours["accuracy"] == metrics.token_counts(predictions, references).value
        assert ours["difference"] == ours["seqeval_f1"] - ours["accuracy"]
        wrong = Counter((g, p) for g, p in zip(gold, predicted, strict=True) if g != p)
        assert all(entry["count"] <= wrong[entry["gold"], entry["predicted"]] for entry in ours["hidden"])


def test_pos_shows_what_seqeval_hides():
    references = [["SCONJ", "VERB", "CCONJ", "NOUN"], ["DET", "NOUN", "CCONJ"]]
    predictions = [["CCONJ", "VERB", "SCONJ", "NOUN"], ["DET", "NOUN", "SCONJ"]]
    scores = metrics.pos(predictions, references)
    assert scores["seqeval_f1"] == 100
    assert scores["accuracy"] == pytest.approx(100 * 4 / 7)
    assert scores["hidden"] == [
        {"gold": "CCONJ", "predicted": "SCONJ", "count": 2},
        {"gold": "SCONJ", "predicted": "CCONJ", "count": 1},
    ]


def test_sconj_and_cconj_are_the_only_upos_tags_that_seqeval_confuses():
    for gold in UPOS[:-1]:
        for predicted in UPOS[:-1]:
            hidden = metrics.pos([["PUNCT", predicted, "DET"]], [["PUNCT", gold, "DET"]])["hidden"]
            assert bool(hidden) == ({gold, predicted} == {"SCONJ", "CCONJ"}), (gold, predicted)


def test_seqeval_charges_an_error_in_a_run_for_the_whole_run():
    """The F1 can lie below the accuracy too: one wrong tag of three, and nothing is left."""
    scores = metrics.pos([["NOUN", "ADJ", "NOUN"]], [["NOUN", "NOUN", "NOUN"]])
    assert scores["accuracy"] == pytest.approx(200 / 3)
    assert scores["seqeval_f1"] == 0


# Answers: the rules of the two scripts, from their description and in another form than in the package


ASCII_PUNCTUATION = {chr(code) for code in range(33, 127) if not chr(code).isalnum()}
ARTICLES = {"squad": {"a", "an", "the"}, "spanish": {"un", "una", "unos", "unas", "el", "la", "los", "las"}}


def words_by_the_rules(text, rule):
    """Lower case; punctuation out (ASCII, for MLQA Unicode's too); then articles out; then split at white space."""
    letters = []
    for letter in text.lower():
        if letter in ASCII_PUNCTUATION:
            continue
        if rule == "spanish" and unicodedata.category(letter)[0] == "P":
            continue
        letters.append(letter)
    words, run = [""], ""
    for letter in [*letters, " "]:  # runs of letters, digits and underscores are what a regex calls words
        if letter.isalnum() or letter == "_":
            run += letter
            continue
        words[-1] += " " if run in ARTICLES[rule] else run
        words[-1] += letter
        run = ""
    return "".join(words).split()


def scores_by_the_rules(prediction, golds, rule):
    best_f1, best_match = 0.0, False
    for gold in golds:
        ours, theirs = words_by_the_rules(prediction, rule), words_by_the_rules(gold, rule)
        left, shared = list(theirs), 0
        for word in ours:
            if word in left:
                left.remove(word)
                shared += 1
        if shared:
            precision, recall = shared / len(ours), shared / len(theirs)
            best_f1 = max(best_f1, 2 * precision * recall / (precision + recall))
        best_match = best_match or " ".join(ours) == " ".join(theirs)
    return best_f1, float(best_match)


PIECES = [
    *["el", "la", "los", "las", "un", "una", "unos", "unas", "a", "an", "the", "El", "LA", "él", "lá", "la\u0301"],
    *["casa", "Casa", "gato", "1.234,5", "2026", "niño", "nin\u0303o", "EE. UU.", "l'illa", "_", "a_la", "³", "İ"],
    *["¿", "?", "¡", "!", "«", "»", "“", "”", "–", "—", "…", ".", ",", "-", "$", "€", "+", "%", "(", ")", "·", "'"],
    *["Ünas", "weiß", "weiss", "ª", "’", "", " ", "  ", "\u00a0", "\t", "\n", "\ufeff", "\u200b", "\u0301", "😀"],
]  # fmt: skip
texts = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.text(max_size=20),
)
rules = st.sampled_from(["squad", "spanish"])


@settings(max_examples=2_000, deadline=None)
@given(texts, st.lists(texts, min_size=1, max_size=4), rules)
def test_answers_equal_the_documented_rules(prediction, golds, rule):
    f1, exact = metrics.answer_scores(prediction, golds, rule)
    expected_f1, expected_exact = scores_by_the_rules(prediction, golds, rule)
    assert f1 == pytest.approx(expected_f1, abs=1e-12)
    assert exact == expected_exact


def test_answers_equal_the_documented_rules_on_random_lists():
    rng = np.random.default_rng(5)
    for _ in range(300):
        questions = rng.integers(1, 15)
        predictions = [" ".join(rng.choice(PIECES, size=rng.integers(6))) for _ in range(questions)]
        answers = [
            [" ".join(rng.choice(PIECES, size=rng.integers(6))) for _ in range(rng.integers(1, 4))]
            for _ in range(questions)
        ]
        ours = metrics.squad(predictions, [{"text": golds, "answer_start": [0] * len(golds)} for golds in answers])
        for rule, names in (("squad", ("f1", "exact_match")), ("spanish", ("f1_spanish", "exact_match_spanish"))):
            scores = [scores_by_the_rules(p, golds, rule) for p, golds in zip(predictions, answers, strict=True)]
            assert [ours[name] for name in names] == pytest.approx(100 * np.mean(scores, axis=0), abs=1e-9)
            for name, metric in zip(names, ("f1", "exact_match"), strict=True):
                counts = metrics.answer_counts(predictions, answers, metric=metric, rule=rule)
                assert counts.value == pytest.approx(ours[name])


@settings(deadline=None)
@given(texts, st.lists(texts, min_size=1, max_size=4), rules)
def test_properties_of_answers(prediction, golds, rule):
    f1, exact = metrics.answer_scores(prediction, golds, rule)
    assert 0 <= f1 <= 1
    assert exact in (0, 1)
    assert (f1, exact) == metrics.answer_scores(prediction, golds[::-1], rule)
    assert (f1, exact) == tuple(np.max([metrics.answer_scores(prediction, [gold], rule) for gold in golds], axis=0))
    more = metrics.answer_scores(prediction, [*golds, prediction], rule)
    assert more == (1.0 if metrics.normalise_answer(prediction, rule) else f1, 1.0)


@pytest.mark.parametrize(
    ("text", "squad", "spanish"),
    [
        ("La Habana", "la habana", "habana"),
        ("a Madrid", "madrid", "a madrid"),  # the English rule drops a Spanish preposition
        ("¿Qué?", "¿qué", "qué"),
        ("«Él»", "«él»", "él"),
        ("el 3,5 %", "el 35", "35"),
        ("Unas", "unas", ""),
        ("¡!", "¡", ""),
        ("", "", ""),
        ("la\u0301pida", "la\u0301pida", "\u0301pida"),  # decomposed, as MLQA's script has it
    ],
)
def test_normalised_answers(text, squad, spanish):
    assert metrics.normalise_answer(text, "squad") == squad
    assert metrics.normalise_answer(text, "spanish") == spanish


@pytest.mark.parametrize(
    ("prediction", "golds", "f1", "exact"),
    [
        ("", ["Lima"], 0, 0),
        ("", ["la"], 0, 1),  # nothing is left of either: the scripts' exact match, and an F1 of 0
        ("", [""], 0, 1),
        ("¿¡«»!?", ["las"], 0, 1),
        ("la ciudad", ["ciudad de Lima", "Ciudad."], 1, 1),
        ("de de", ["de"], 2 / 3, 0),
    ],
)
def test_answers_by_hand(prediction, golds, f1, exact):
    assert metrics.answer_scores(prediction, golds) == pytest.approx((f1, exact))


# Counts


def test_groups_add_up():
    counts = metrics.answer_counts(["Lima", "Quito", "x", "y z"], ["Lima", "Quito", "Bogotá", "y"])
    grouped = counts.grouped(["b", "a", "b", "b"], "contexts")
    assert grouped.rows.tolist() == [[1 + 2 / 3, 3], [1, 1]]
    assert grouped.value == pytest.approx(counts.value)
    assert grouped.unit == "contexts"
    with pytest.raises(ValueError, match=r"^There are 1 group names for 4 questions: give one for each\.$"):
        counts.grouped(["a"])


# Bad input


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: metrics.accuracy([1, 0], [1]), "There are 2 predictions for 1 examples: give one for each."),
        (lambda: metrics.accuracy([], []), "There are no examples to score."),
        (lambda: metrics.accuracy([0], ["neutral"]), "predictions has integers, references has strings"),
        (lambda: metrics.accuracy([0, "a"], [0, 1]), "predictions has integers and strings, references has integers"),
        (lambda: metrics.accuracy([0.7], [1]), "predictions[0] is 0.7: a label is an integer or a string, for logits"),
        (lambda: metrics.accuracy(np.eye(2), [0, 1]), "predictions[0] is [1.0, 0.0]: a label is"),
        (lambda: metrics.accuracy([0], [None]), "references[0] is None: a label is"),
        (lambda: metrics.accuracy(["nuetral"], ["neutral"], ["neutral"]), "'nuetral': did you mean 'neutral'?"),
        (lambda: metrics.accuracy([0, 3], [0, 1], range(3)), "Unknown label in predictions[1] 3: choose one of 0, 1"),
        (lambda: metrics.entity_f1([["O"]], [["O"], ["O"]]), "There are 1 predictions for 2 sentences"),
        (lambda: metrics.entity_f1([["O", "O"]], [["O"]]), "Sentence 0 has 2 predicted tags for 1 words."),
        (lambda: metrics.entity_f1([], []), "There are no sentences to score."),
        (lambda: metrics.entity_f1([[], []], [[], []]), "There are no words to score: every sentence is empty."),
        (lambda: metrics.entity_f1(["B-PER"], ["B-PER"]), "predictions[0] is 'B-PER': give a list of tags"),
        (lambda: metrics.entity_f1([[3]], [["O"]]), "predictions[0] has the tag 3: a tag is its name"),
        (lambda: metrics.entity_f1([["O"]], [[""]]), "references[0] has the tag '': a tag is its name"),
        (lambda: metrics.entity_f1([["NOUN"]], [["NOUN"]]), "the tag 'NOUN', which is not O, B-… or I-…"),
        (lambda: metrics.entity_f1([["B-PRE"]], [["O"]], ["O", "B-PER"]), "Unknown tag in predictions[0] 'B-PRE': did"),
        (lambda: metrics.entity_counts([["O"]], [["B-PER"]], metric="F2"), "Unknown metric 'F2': did you mean 'f1'?"),
        (lambda: metrics.entity_counts([["O"]], [["B-PER"]], entity_type="ORG"), "Unknown entity type 'ORG'"),
        (lambda: metrics.entity_counts([["O"]], [["O"]], entity_type="ORG"), "There is no entity to count."),
        (lambda: metrics.pos([["NOUN"]], [["NUON"]], UPOS), "Unknown tag in references[0] 'NUON': did you mean 'NOUN'"),
        (lambda: metrics.squad(["a"], []), "There are 1 predictions for 0 questions"),
        (lambda: metrics.squad([], []), "There are no questions to score."),
        (lambda: metrics.squad(["a"], [[]]), "Question 0 has no gold answer: drop it before scoring."),
        (lambda: metrics.squad(["a"], [{"text": []}]), "Question 0 has no gold answer"),
        (lambda: metrics.squad([None], ["a"]), "Question 0 has the answer None: an answer is a string"),
        (lambda: metrics.squad(["a"], [None]), "Question 0 has the answer None: an answer is a string"),
        (lambda: metrics.squad(["a"], [[3]]), "Question 0 has the answer 3"),
        (lambda: metrics.answer_counts(["a"], ["a"], metric="em"), "Unknown metric 'em'"),
        (lambda: metrics.answer_counts(["a"], ["a"], rule="spansh"), "Unknown rule 'spansh': did you mean 'spanish'?"),
        (lambda: metrics.normalise_answer("a", "es"), "Unknown rule 'es'"),
        (lambda: metrics.load_metric("acuracy"), "Unknown metric 'acuracy': did you mean 'accuracy'?"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        call()
    assert sentence in str(caught.value)


# Modules for evaluate


def in_a_bare_home(code, home):
    """The JSON that a program prints: its own empty home, no variables of Hugging Face, and no way to a network."""
    deaf = "import socket\ndef no(*a, **k): raise AssertionError('the network was asked')\n"
    deaf += "socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = no\n"
    environment = {"HOME": str(home), "PATH": "", "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", deaf + code], capture_output=True, text=True, timeout=300, env=environment, cwd=home
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


MODULES = """
import json, sys
import evaluate
from speedy_utils import metrics

labels = dict(predictions=[0, 2, 1, 1], references=[0, 1, 1, 1])
names = dict(predictions=["CCAT", "ECAT"], references=["CCAT", "GCAT"])
entities = dict(predictions=[["B-PER", "I-PER", "O"], ["I-LOC"], []], references=[["B-PER", "O", "O"], ["B-LOC"], []])
tags = dict(predictions=[["SCONJ", "NOUN"], ["X"]], references=[["CCONJ", "NOUN"], ["X"]])
answers = [{"text": ["La Habana", "habana"], "answer_start": [3, 6]}, {"text": ["él"], "answer_start": [0]}]
questions = dict(
    predictions=[{"id": "a", "prediction_text": "«Habana»"}, {"id": "b", "prediction_text": ""}],
    references=[{"id": "a", "answers": answers[0]}, {"id": "b", "answers": answers[1]}],
)
load = metrics.load_metric
by_batch = load("entity_f1")
for predicted, gold in zip(*entities.values()):
    by_batch.add(prediction=predicted, reference=gold)
both = evaluate.combine([load("entity_f1"), load("pos")])
try:
    load("squad_es").compute(predictions=questions["predictions"][::-1], references=questions["references"])
except ValueError as error:
    sentence = str(error)
print(json.dumps({
    "modules": [
        load("accuracy").compute(**labels), load("accuracy").compute(**names), load("entity_f1").compute(**entities),
        by_batch.compute(), load("pos").compute(**tags), load("squad_es").compute(**questions),
        both.compute(**entities),
        evaluate.combine({"one": load("accuracy"), "two": load("accuracy")}).compute(**labels),
    ],
    "functions": [
        metrics.accuracy(**labels), metrics.accuracy(**names), metrics.entity_f1(**entities),
        metrics.entity_f1(**entities), metrics.pos(**tags), metrics.squad(["«Habana»", ""], answers),
        metrics.entity_f1(**entities) | metrics.pos(**entities),
        {f"{name}_accuracy": metrics.accuracy(**labels)["accuracy"] for name in ("one", "two")},
    ],
    "sentence": sentence,
}))
"""


def test_evaluate_modules_need_no_network_and_call_the_functions(tmp_path):
    shown = in_a_bare_home(MODULES, tmp_path)
    for module, function in zip(shown["modules"], shown["functions"], strict=True):
        assert module == function
    assert shown["sentence"].startswith("At place 0 the prediction has the id 'b' and the reference 'a'")


def test_the_modules_are_those_that_are_listed():
    folder = ROOT / "speedy_utils" / "evaluate_modules"
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == list(metrics.METRIC_MODULES)


def test_importing_metrics_imports_nothing_heavy(tmp_path):
    code = "import json, sys, speedy_utils.uncertainty; print(json.dumps(sorted(sys.modules)))"
    heavy = {"torch", "transformers", "pandas", "sklearn", "scipy", "seqeval", "evaluate", "datasets"}
    assert not heavy & set(in_a_bare_home(code, tmp_path))
