"""A lesson as a reader sees it: its figures are those of `align`, and what is not aligned is named."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from datasets import Dataset
from small_models import small_encoder
from test_distillation import teacher_of
from test_training import small_data

import speedy_utils as su
from speedy_utils.distillation import view
from speedy_utils.distillation.alignment import NO_ANSWER, align, teacher_answers
from speedy_utils.distillation.view import show_lesson
from speedy_utils.evaluation import predict, softmax
from speedy_utils.preprocessing import Preparation, prepare
from speedy_utils.tasks import get_task


def parsed(html):
    return ET.fromstring(f"<root>{html.data}</root>")


def text(element):
    return "".join(element.itertext())


def lesson(task, teacher, student, example, how=None, temperature=1.0):
    """(the student's features, what `align` makes of them) by the package's parts, without the view."""
    task, examples = get_task(task), Dataset.from_list([example])
    how = (how or Preparation()).for_positions(student.longest)
    read = prepare(teacher.tokenizer, task, examples, how)
    outputs = predict(teacher.model, teacher.tokenizer, read)
    (answer,) = teacher_answers(task.kind, read, outputs, [len(example.get("tokens", ()))])
    features = list(prepare(student.tokenizer, task, examples, how).with_format(None))
    context = example.get("context", "")
    return features, answer, [align(task.kind, row, answer, context, temperature) for row in features]


@pytest.mark.parametrize("how", [None, Preparation(max_length=16)], ids=["whole", "cut"])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_each_word_has_the_tags_of_align_at_its_token(how, temperature):
    teacher, student = teacher_of("ner", "roberta"), small_encoder("ner", "albert")
    example = max(small_data("ner")["train"], key=lambda one: len(one["tokens"]))
    features, _, aligned = lesson("ner", teacher, student, example, how, temperature)
    places = [
        (number, place) for number, row in enumerate(features) for place in row["word_starts"]
    ]  # one for each word, in order
    labels = get_task("ner").labels
    rows = parsed(show_lesson(teacher, student, "ner", example, how, temperature)).findall(".//tbody/tr")
    assert [text(row.find("th")) for row in rows] == example["tokens"]
    assert (len(features) > 1) == (how is not None)
    for row, (number, place) in zip(rows, places, strict=True):
        _, boxes, said = row.findall("td")
        part, token, tags = re.fullmatch(r"(?:part (\d+), )?token (\d+): (.+)", text(said)).groups()
        assert (part, int(token)) == (None if how is None else str(number + 1), place)
        p = softmax(aligned[number].logits[place] / temperature)
        shown = [label for label in np.argsort(-p, kind="stable")[:3] if p[label] >= 0.005]
        assert tags == ", ".join(f"{labels[label]} {p[label]:.0%}" for label in shown)
        pieces = [box.text for box in boxes.findall("span")]
        ids = features[number]["input_ids"][place : place + len(pieces)]
        assert pieces == student.tokenizer.convert_ids_to_tokens(ids)
        assert [box.get("class") for box in boxes.findall("span")] == ["token first", *["token"] * (len(pieces) - 1)]
    read = sum(len(row.findall("td")[1].findall("span")) for row in rows)
    assert read == sum(len(row["input_ids"]) - 2 for row in features)  # all of them but [CLS] and [SEP]


def test_a_word_that_one_of_them_does_not_read_is_named():
    example = {"tokens": ["Ana", "\u200b", "canta"], "tags": [1, 0, 0]}
    reads, does_not = teacher_of("ner", "roberta"), teacher_of("ner", "bert")
    for teacher, student, name in ((does_not, reads, "teacher"), (reads, does_not, "student")):
        rows = parsed(show_lesson(teacher, student, "ner", example)).findall(".//tbody/tr")
        said = [text(row.findall("td")[2]) for row in rows]
        assert [text(row.find("th")) for row in rows] == ["Ana", "U+200B", "canta"]
        assert said[1] == f"not aligned: the {name} has no token for it"
        assert said[0].startswith("token 1: ") and said[2].startswith("token ")
        assert text(rows[1].findall("td")[name == "student"]) == "–"
    left_out = parsed(show_lesson(reads, does_not, "ner", example, Preparation(max_words=2))).findall(".//tbody/tr")
    assert text(left_out[2].findall("td")[2]) == "left out by max_words"


def figures(row):
    """The numbers of a row, × left out."""
    cells = [cell for cell in row.findall("td") if cell.get("class") == "number"]
    return [float(text(cell).replace(" ×", "").replace("–", "nan")) for cell in cells]


@pytest.mark.parametrize("how", [None, Preparation(max_length=64, stride=16, max_question=16)], ids=["whole", "cut"])
def test_each_token_has_the_probabilities_of_align(how):
    teacher = small_encoder("sqac", "roberta", seed=3, positions=512)
    with torch.no_grad():
        teacher.model.qa_outputs.weight.mul_(40)  # opinions
    student = small_encoder("sqac", "albert", positions=512)
    example = small_data("sqac")["train"][0]
    features, answer, aligned = lesson("sqac", teacher, student, example, how)
    tables = parsed(show_lesson(teacher, student, "sqac", example, how)).findall(".//table")
    assert len(tables) == len(features)
    assert (len(features) > 1) == (how is not None)
    told = np.array([softmax(row) for row in answer[:, 2:].T])
    for table, feature, target in zip(tables, features, aligned, strict=True):
        assert example["question"] in text(table.find("caption"))
        rows = table.findall("tbody/tr")
        asked = 100 * np.exp(target.logits.astype(float))
        first = rows[0]
        assert text(first.find("th")) == "not in this window"
        assert figures(first)[-2:] == pytest.approx(asked[:, NO_ANSWER], abs=0.051)
        numbers = np.array([(cells + [0.0] * 4)[:4] for cells in map(four, rows)])
        assert np.nansum(numbers[:, 2:], axis=0) == pytest.approx([100, 100], abs=0.06 * len(rows))
        assert np.nansum(numbers[:, :2], axis=0) == pytest.approx([100, 100], abs=0.06 * len(rows))
        likeliest = asked[:, 1:].argmax(axis=1) + 1
        for side, place in enumerate(likeliest):
            (token,) = student.tokenizer.convert_ids_to_tokens([feature["input_ids"][place]])
            assert any(
                token == box and cells[2 + side] == pytest.approx(asked[side, place], abs=0.051)
                for box, cells in students(rows)
            )
        closed = int((~target.allowed[0]).sum())
        assert text(rows[-1]).endswith(f"{closed} tokens, not allowed")
        if how is None:
            for side in (0, 1):
                assert f"{100 * told[side].max():.1f}" in text(table)


def four(row):
    """start, end of the teacher and start, end of the student; NaN where a side has no token in this row."""
    cells = row.findall("td")
    if any(cell.get("colspan") for cell in cells):
        return [np.nan] * 4
    values = [text(cell).replace(" ×", "") for cell in cells]
    return [float(value) if value not in ("", "–") else np.nan for n, value in enumerate(values) if n % 3]


def students(rows):
    for row in rows:
        cells = row.findall("td")
        if len(cells) == 6 and cells[3].find("span") is not None:
            yield text(cells[3]), four(row)


def test_a_token_that_joins_two_words_is_marked():
    """Byte-level BPE has the token '»,', the student reads '»' and ','."""
    teacher = su.load_encoder("RoBERTa BNE base", "sqac", source="mini", seed=0)
    student = su.load_encoder("ALBETO base-4", "sqac", source="mini", seed=0)
    context = "Vio «Sur», y volvió."
    example = {"id": "1", "title": "", "context": context, "question": "¿Qué vio?"}
    example["answers"] = {"text": ["«Sur»"], "answer_start": [4]}
    features, answer, (target,) = lesson("sqac", teacher, student, example)
    joined = [number for number, (a, b) in enumerate(answer[:, :2].astype(int)) if context[a:b] == "»,"]
    assert len(joined) == 1
    sure = answer.copy()
    for logit, counts in ((-9.0, True), (9.0, False)):
        sure[:, 2:], sure[joined, 2:] = 0.0, logit
        table = parsed(shown_with(sure, teacher, student, example)).find(".//table")
        target = align("question_answering", features[0], sure, context)
        assert target.counted.all() == counts
        caption = text(table.find("caption"))
        assert ("This window does not count" in caption) == (not counts)
        if not counts:
            assert "× marks what is not aligned" in caption
            (row,) = [row for row in table.iter("tr") if "Â»," in text(row)]
            expected = f"{100 * softmax(sure[:, 2])[joined[0]]:.1f} ×"
            assert [text(cell) for cell in row.findall("td")][1:3] == [expected, expected]


def shown_with(answer, teacher, student, example):
    """The lesson with this answer in place of the teacher's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view, "ask_teacher", lambda *_, **__: [answer])
        return show_lesson(teacher, student, "sqac", example)


def test_markup_in_texts_is_escaped():
    nasty = "<b>&amp;</b>"
    teacher, student = teacher_of("ner", "roberta"), small_encoder("ner", "albert")
    teacher.name = nasty
    root = parsed(show_lesson(teacher, student, "ner", {"tokens": [nasty, "canta"], "tags": [0, 0]}))
    assert text(root.findall(".//tbody/tr/th")[0]) == nasty
    assert nasty in text(root.find(".//thead"))
    assert root.find(".//b") is None
    example = {"id": "1", "title": "", "context": f"Ana vio {nasty} ayer.", "question": f"¿{nasty}?"}
    example["answers"] = {"text": ["Ana"], "answer_start": [0]}
    root = parsed(show_lesson(teacher_of("sqac", "roberta"), small_encoder("sqac", "albert"), "sqac", example))
    assert nasty in text(root.find(".//caption"))
    assert root.find(".//b") is None


def test_a_table_for_a_screen_reader():
    teacher, student = teacher_of("sqac", "roberta"), small_encoder("sqac", "albert")
    root = parsed(show_lesson(teacher, student, "sqac", small_data("sqac")["train"][0]))
    for table in root.iter("table"):
        assert table[0].tag == "caption"
        assert {cell.get("scope") for cell in table.find("thead").iter("th")} == {"col", "colgroup"}
        for group in table.findall("tbody"):
            heads = group.findall("tr/th")
            assert [head.get("scope") for head in heads] == ["rowgroup"]
            assert int(heads[0].get("rowspan", 1)) == len(group.findall("tr"))
        assert {
            sum(int(cell.get("colspan", 1)) for cell in row.findall("td")) for row in table.findall("tbody/tr")
        } == {6}


def test_texts_have_nothing_to_align():
    with pytest.raises(ValueError, match=r"^A teacher's answer to PAWS-X belongs to the whole text: [^\n]+$"):
        show_lesson(small_encoder("pawsx"), small_encoder("pawsx"), "pawsx", small_data("pawsx")["train"][0])
