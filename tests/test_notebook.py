"""What notebooks show besides figures, and the sentences for what goes wrong."""

import os
import sys
import types
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

import speedy_utils as su
from speedy_utils.errors import listing, nearest, unknown_name
from speedy_utils.notebook import html_table


def parsed(html):
    return ET.fromstring(f"<root>{html}</root>")


@pytest.fixture
def laptop(monkeypatch):
    monkeypatch.delenv("SPEEDY_SCALE", raising=False)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)


@pytest.fixture
def colab(laptop, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))


# ------------------------------------------------------------------------------------------------ scale


def test_mini_is_the_default(laptop):
    assert su.scale() == "mini"


def test_colab_is_noticed(colab):
    assert su.scale() == "colab"


@pytest.mark.parametrize("wanted", ["mini", "colab", "paper", " paper "])
def test_the_variable_decides(laptop, monkeypatch, wanted):
    monkeypatch.setenv("SPEEDY_SCALE", wanted)
    assert su.scale() == wanted.strip()


def test_the_variable_decides_in_colab_too(colab, monkeypatch):
    monkeypatch.setenv("SPEEDY_SCALE", "mini")
    assert su.scale() == "mini"


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_is_none(laptop, monkeypatch, empty):
    monkeypatch.setenv("SPEEDY_SCALE", empty)
    assert su.scale() == "mini"


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("minni", "Unknown SPEEDY_SCALE 'minni': did you mean 'mini'?"),
        ("PAPER", "Unknown SPEEDY_SCALE 'PAPER': did you mean 'paper'?"),
        ("zzz", "Unknown SPEEDY_SCALE 'zzz': choose one of mini, colab or paper."),
    ],
)
def test_an_unknown_scale_gets_one_sentence(colab, monkeypatch, wanted, sentence):
    monkeypatch.setenv("SPEEDY_SCALE", wanted)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        su.scale()
    assert str(caught.value) == sentence


# ------------------------------------------------------------------------------------------------ first output


@pytest.mark.parametrize("gpu", ["", "Tesla T4"])
def test_environment_says_where_it_runs(colab, monkeypatch, gpu):
    torch = types.ModuleType("torch")  # the real one takes seconds to come, and has no such device
    torch.cuda = types.SimpleNamespace(is_available=lambda: bool(gpu), get_device_name=lambda: gpu)
    monkeypatch.setitem(sys.modules, "torch", torch)
    said = su.environment().data
    assert "\n" not in said
    assert "**Scale** colab " in said
    assert (gpu or f"CPU with {os.cpu_count()} cores") in said
    assert f"speedy_utils {su.__version__}" in said
    assert f"Python {sys.version.split()[0]}" in said
    from importlib.metadata import version

    for name in ("torch", "transformers"):
        assert f"{name} {version(name)}" in said
    assert su.environment(book=su.__version__).data == said
    line, sentence = su.environment(book="999.0").data.split("\n\n")
    assert line == said
    assert "notebook is of version 999.0 of the book" in sentence and f"are of version {su.__version__}." in sentence


def test_say_is_markdown():
    assert su.say("**2** × 3").data == "**2** × 3"
    assert su.say("a")._repr_markdown_() == "a"


# ------------------------------------------------------------------------------------------------ tables


def table(**columns):
    return parsed(html_table(pd.DataFrame(columns))).find("div/table")


def test_a_table_for_a_screen_reader():
    root = parsed(html_table(pd.DataFrame({"system": ["A", "B"], "score": [1.0, 2.0]}), caption="Two <systems>"))
    assert root.find("div").get("class") == "speedy-table"
    found = root.find("div/table")
    assert found[0].tag == "caption"
    assert found[0].text == "Two <systems>"
    assert [(cell.tag, cell.get("scope"), cell.text) for cell in found.find("thead/tr")] == [
        ("th", "col", "system"),
        ("th", "col", "score"),
    ]
    assert [[(cell.tag, cell.get("scope")) for cell in row] for row in found.find("tbody")] == [
        [("th", "row"), ("td", None)]
    ] * 2
    assert table(a=["x"]).find("caption") is None


def test_markup_in_a_table_is_escaped():
    nasty = "<script>\"&amp;'"
    found = table(**{nasty: [nasty], "b": [nasty]})
    assert found.find("thead/tr")[0].text == nasty
    assert [cell.text for cell in found.find("tbody/tr")] == [nasty, nasty]
    assert len(list(found.iter())) == 1 + 1 + 1 + 2 + 1 + 1 + 2  # no element came in with the texts


def test_numbers_in_a_table():
    found = table(
        name=["a", "b"],
        whole=[1234567, -5],
        real=[1234.5678, float("nan")],
        flag=[True, False],
        text=["12", "x"],
        mixed=[None, 7],
    )
    first, second = ([(cell.text, cell.get("class")) for cell in row] for row in found.find("tbody"))
    assert first[:5] == [("a", None), ("1,234,567", "number"), ("1,234.57", "number"), ("True", None), ("12", None)]
    assert second[:4] == [("b", None), ("−5", "number"), ("–", "number"), ("False", None)]
    assert first[5] == ("–", "number")  # pandas makes a NaN of None beside a number
    assert second[5] == ("7.00", "number")


def test_digits():
    frame = pd.DataFrame({"name": ["a"], "value": [0.125]})
    assert su.show_table(frame, "caption", digits=3).data == html_table(frame, 3, "caption")
    assert '<td class="number">0.125</td>' in html_table(frame, 3)
    assert '<td class="number">0</td>' in html_table(frame, 0)


def test_a_column_name_that_is_no_identifier_keeps_its_place():
    found = table(**{"a b": ["x"], "class": ["y"], "_z": ["z"]})
    assert [cell.text for cell in found.find("thead/tr")] == ["a b", "class", "_z"]
    assert [cell.text for cell in found.find("tbody/tr")] == ["x", "y", "z"]


# ------------------------------------------------------------------------------------------------ tokens


def words_tokenizer(unknown):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({unknown: 0, "el": 1, "<b>": 2, "año": 3}, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def test_tokens_are_shown_with_the_unknown_ones_marked():
    tokenizers = {"A & B": words_tokenizer("[UNK]"), "C": words_tokenizer("<unk>")}
    root = parsed(su.show_tokens(tokenizers, "el <b> ratón año").data)
    found = root.find("div/table")
    assert ET.tostring(found.find("caption"), encoding="unicode", method="text") == "Tokens of el <b> ratón año"
    assert found.find("caption/q").get("lang") == "es"
    assert [cell.get("scope") for cell in found.find("thead/tr")] == ["col"] * 3
    for row, (name, unknown) in zip(found.find("tbody"), [("A & B", "[UNK]"), ("C", "<unk>")], strict=True):
        head, number, pieces = row
        assert (head.tag, head.get("scope"), head.text) == ("th", "row", name)
        assert (number.text, number.get("class")) == ("4", "number")
        assert pieces.get("lang") == "es"
        assert [box.text for box in pieces] == ["el", "<b>", unknown, "año"]
        assert [box.get("class") for box in pieces] == ["token", "token", "token unknown", "token"]
    assert "unknown" in root.find("style").text


# ------------------------------------------------------------------------------------------------ sentences


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), ([1, 2.5], "1 and 2.5")],
)
def test_listing(words, expected):
    assert listing(words) == listing(iter(words)) == expected
    assert listing(words, "or") == expected.replace(" and ", " or ")


def test_nearest():
    names = ["ALBETO tiny", "ALBETO base", "BETO cased", "BERTIN"]
    assert nearest("albeto TINY", names)[0] == "ALBETO tiny"
    assert nearest("bertin", names)[0] == "BERTIN"
    assert nearest("qqqqqq", names) == []
    assert len(nearest("ALBETO", names)) <= 3
    assert nearest("ALBETO bas", names, most=1) == ["ALBETO base"]
    assert nearest(7, names) == []


def test_unknown_name():
    assert unknown_name("task", "nre", ["ner", "pos"]) == "Unknown task 'nre': did you mean 'ner'?"
    assert unknown_name("task", "zz", ["ner", "pos", "ner"]) == "Unknown task 'zz': choose one of ner or pos."
    assert unknown_name("task", None, ["pos"]) == "Unknown task None: choose one of pos."
    several = unknown_name("system", "ALBETO tin", ["ALBETO tiny", "ALBETO base", "pos"])
    assert several == "Unknown system 'ALBETO tin': did you mean 'ALBETO tiny' or 'ALBETO base'?"


# ------------------------------------------------------------------------------------------------ marked text


def test_marks_leave_the_text_as_it_was():
    text = "Ñandú & Cía. abrió <ayer> en Asunción."
    marked = {"gold": [(0, 12, "ORG"), (29, 37, "LOC")], "predicted": []}
    rows = parsed(su.show_spans(text, marked, "Una frase").data).findall(".//tbody/tr")
    assert [row.find("th").text for row in rows] == ["gold", "predicted"]
    for row in rows:
        words = row.find("td")
        labels = [label.text for label in words.iter("b")]
        for mark in words.iter("mark"):
            for label in mark.findall("b"):
                mark.remove(label)
        assert "".join(words.itertext()) == text
        assert words.get("lang") == "es"
        assert labels == (["ORG", "LOC"] if row is rows[0] else [])


@pytest.mark.parametrize("spans", [[(0, 3, ""), (2, 5, "")], [(3, 3, "")], [(0, 99, "")], [(-1, 2, "")]])
def test_spans_on_top_of_each_other_or_outside_are_refused(spans):
    with pytest.raises(ValueError, match=r"^The span .* overlaps another or leaves the text.$"):
        su.show_spans("Lima y Quito", {"gold": spans})


def test_entities_are_marked_on_whole_words():
    tokens, tags = ["Soledad", "Ruiz", "vive", "en", "Buenos", "Aires", "."], ["B-PER", "I-PER", "O", "O", "B-LOC"]
    html = su.show_entities(tokens, {"gold": [*tags, "I-LOC", "O"], "predicted": ["O"] * 7})
    marks = parsed(html.data).findall(".//mark")
    assert [mark.text for mark in marks] == ["Soledad Ruiz", "Buenos Aires"]
    assert [mark.find("b").text for mark in marks] == ["PER", "LOC"]
