"""The mini systems: sizes, tokenizers made again, weights that load, and a corpus without what is tested on."""

import re
from dataclasses import asdict, replace

import pytest
import torch
from safetensors import safe_open

from speedy_utils.mini import corpus, generator, pretrain
from speedy_utils.mini import systems as mini
from speedy_utils.mini.generator import frames, lexicon
from speedy_utils.readers import load_task
from speedy_utils.systems import KINDS, SYSTEMS, count_parameters, get_system
from speedy_utils.tasks import TASKS

NAMES = list(mini.MINI)
STUDENTS = ["base-2", "base-4", "base-6", "base-8", "base-10"]
FAMILIES = ["BETO uncased", "BETO cased", "DistilBETO", "ALBETO base", "RoBERTa BNE base"]
SENTENCE = "¿Cuánto costó el reloj de Íñigo? Unos 1.200 pesos, según la «señora» de Córdoba."
needs_weights = pytest.mark.parametrize("name", list(pretrain.RECIPES))


def state(model):
    return model.state_dict()


def test_a_mini_is_its_system_with_other_sizes():
    assert {get_system(name).family for name in NAMES} == {system.family for system in SYSTEMS}
    assert {get_system(name).tokenizer for name in NAMES} == {system.tokenizer for system in SYSTEMS}
    for name in NAMES:
        system, small = get_system(name), mini.mini_system(name)
        assert replace(small, architecture=system.architecture) == system
        assert small.architecture.shared == system.architecture.shared
        assert (small.architecture.token_types == 0) == (system.architecture.token_types == 0)
        assert small.architecture.hidden % small.architecture.heads == 0


def test_a_system_without_a_mini_is_one_sentence():
    with pytest.raises(ValueError, match=r"^There is no stand-in for ALBETO large: take .* or source='hub'\.$"):
        mini.mini_system("ALBETO large")


def test_sizes_are_in_the_order_of_the_real_ones():
    small = {name: mini.mini_system(name).architecture for name in NAMES}

    def work(name):
        return small[name].layers * small[name].hidden ** 2

    costs = [work(f"ALBETO {name}") for name in ("tiny", *STUDENTS, "base")]
    assert costs == sorted(set(costs))
    assert small["DistilBETO"].layers * 2 == small["BETO uncased"].layers
    assert work("RoBERTa BNE base") == work("BETO cased") == work("BETO uncased")
    counts = {name: count_parameters(mini.mini_system(name)) for name in NAMES}
    assert counts["ALBETO tiny"] < counts["ALBETO base"] < counts["DistilBETO"] < counts["BETO uncased"]
    assert {counts[f"ALBETO {name}"] for name in STUDENTS} == {counts["ALBETO base"]}


def test_the_corpus_holds_nothing_that_is_tested_on():
    held_out = set()
    for task in TASKS:
        splits = load_task(task, report=None)
        for split in ("validation", "test"):
            for row in splits[split]:
                if "tokens" not in row:
                    held_out |= {row[key] for key in ("sentence1", "sentence2", "context") if key in row}
                elif task.name == "ner":
                    held_out.add(" ".join(row["tokens"]))
        if task.name == "pos":
            written = generator.files(["pos"])
            for split in ("validation", "test"):
                held_out |= set(re.findall("^# text = (.+)$", written[f"pos/{split}.conllu"], re.MULTILINE))
    read = {part for text in corpus.corpus() for part in corpus.whole_texts(text)}
    assert len(held_out) > 4000
    assert sorted(read & held_out) == []
    assert len(read) > 20_000


def test_the_corpus_has_no_frame_of_the_test_split_but_its_words():
    texts = [text for text in corpus.corpus() if text.source == "xnli"]
    words = set(re.findall(r"\w+", " ".join(text.first for text in texts)))
    own = [set(re.findall(r"\w+", row["sentence1"])) for row in load_task("xnli", report=None)["test"]]
    assert len(set().union(*own) - words) < 60


def test_answers_of_the_corpus_stand_in_their_contexts():
    for text in corpus.corpus():
        if text.answer is not None:
            start, end = text.answer
            assert 0 <= start < end <= len(text.second)
            assert not text.second[start:end].startswith(" ")
            assert not text.second[:start][-1:].isalnum()


def test_lessons_show_no_word_or_frame_that_training_lacks():
    for entries in lexicon.LISTS.values():
        lesson, train, read = (
            [item.text for item in frames.Writer("ner", split).entries(entries)]
            for split in (frames.LESSONS, "train", frames.PRETRAINING)
        )
        assert lesson == train
        assert set(train) <= set(read)
    assert {text.source for text in corpus.corpus() if text.is_lesson} == set(corpus.LESSON_SIZES)


@pytest.mark.parametrize("name", FAMILIES)
def test_tags_of_a_lesson_stand_at_the_first_tokens_of_their_words(name):
    tokenizer = mini.load_mini_tokenizer(name)
    lessons = [text for text in corpus.corpus() if text.source == "pos" and text.is_lesson][:40]
    tags = sorted({tag for text in lessons for tag in text.tags})
    for text, row in zip(lessons, pretrain.encode(tokenizer, lessons), strict=True):
        assert len(row.words) == len(text.words)
        for (first, behind), word, tag in zip(row.words, text.words, text.tags, strict=True):
            spelled = tokenizer.decode(row.ids[first:behind]).strip()
            assert spelled == (word.lower() if get_system(name).lowercase else word)
            assert row.tags[first] == tags.index(tag)
        assert sum(tag >= 0 for tag in row.tags) == len(text.words)


def test_tokenizers_are_made_again_byte_for_byte():
    made = pretrain.tokenizers()
    assert sorted(made) == sorted(path.name for path in mini.TOKENIZER_FOLDER.iterdir())
    for name, content in made.items():
        assert (mini.TOKENIZER_FOLDER / name).read_bytes() == content.encode("utf-8"), name


@pytest.mark.parametrize("name", FAMILIES)
def test_round_trip(name):
    tokenizer = mini.load_mini_tokenizer(name)
    ids = tokenizer(SENTENCE)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    text = SENTENCE.lower() if get_system(name).lowercase else SENTENCE
    back = tokenizer.decode(ids, skip_special_tokens=True)
    assert re.sub(r"\s", "", back) == re.sub(r"\s", "", text)


@pytest.mark.parametrize("name", FAMILIES)
def test_special_tokens_of_one_text_and_of_two(name):
    tokenizer = mini.load_mini_tokenizer(name)
    one, two = tokenizer("hola")["input_ids"], tokenizer("hola", "adiós")
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    assert (one[0], one[-1]) == (first, last)
    assert two["input_ids"].count(last) == (3 if get_system(name).family == "roberta" else 2)
    typed = mini.mini_system(name).architecture.token_types > 1
    assert ("token_type_ids" in two) == typed
    if typed:
        turn = two["input_ids"].index(last) + 1
        assert two["token_type_ids"] == [0] * turn + [1] * (len(two["input_ids"]) - turn)
    config = mini.mini_config(name)
    assert config.pad_token_id == tokenizer.pad_token_id
    assert config.vocab_size >= len(tokenizer)


@pytest.mark.parametrize("name", FAMILIES)
def test_offsets_and_words(name):
    tokenizer = mini.load_mini_tokenizer(name)
    encoding = tokenizer(SENTENCE, return_offsets_mapping=True)
    # Two tokens may share a character: the bytes of one letter, or a word's start sign and its first letter.
    covered = {place for a, b in encoding["offset_mapping"] for place in range(a, b)}
    assert covered == {place for place, character in enumerate(SENTENCE) if not character.isspace()}
    starts = [a for a, b in encoding["offset_mapping"] if b > a]
    assert starts == sorted(starts)
    words = SENTENCE.split()
    split = tokenizer(words, is_split_into_words=True)
    assert sorted({word for word in split.word_ids() if word is not None}) == list(range(len(words)))
    if name != "RoBERTa BNE base":  # in byte-level BPE a list of words has no spaces of its own
        assert split["input_ids"] == encoding["input_ids"]


def test_weights_are_small_and_complete():
    files = sorted(path for path in mini.WEIGHTS_FOLDER.iterdir() if path.suffix == ".safetensors")
    assert [path.name for path in files] == sorted(mini.weights_name(name) for name in pretrain.RECIPES)
    assert sum(path.stat().st_size for path in files) <= 12 * 2**20


@needs_weights
def test_header_says_what_made_them(name):
    with safe_open(mini.WEIGHTS_FOLDER / mini.weights_name(name), "pt") as file:
        assert file.metadata() == pretrain.metadata(name, pretrain.RECIPES[name])


@pytest.mark.parametrize("kind", KINDS)
@needs_weights
def test_loading_twice_gives_the_same_model(name, kind):
    models = []
    for _ in range(2):
        torch.manual_seed(7)
        models.append(mini.load_mini_model(name, kind, 4))
    for key, value in state(models[0]).items():
        assert torch.equal(value, state(models[1])[key]), key
        assert torch.isfinite(value).all()
    tokenizer = mini.load_mini_tokenizer(name)
    with torch.no_grad():
        output = models[0](**tokenizer(["hola", SENTENCE], padding=True, return_tensors="pt"))
    assert all(torch.isfinite(value).all() for value in output.values() if isinstance(value, torch.Tensor))


def test_another_seed_gives_another_head_and_the_same_encoder():
    models = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        models.append(mini.load_mini_model("ALBETO tiny", "tagging", 9))
    one, two = models
    assert not torch.equal(one.classifier.weight, two.classifier.weight)
    for key, value in state(one.base_model).items():
        assert torch.equal(value, state(two.base_model)[key]), key


@pytest.mark.parametrize("student", STUDENTS)
def test_base_n_is_base_with_fewer_layers(student):
    torch.manual_seed(0)
    base = mini.load_mini_model("ALBETO base", "tagging", 5)
    student = mini.load_mini_model(f"ALBETO {student}", "tagging", 5)
    assert student.config.num_hidden_layers < base.config.num_hidden_layers
    for key, value in state(base.base_model).items():
        assert torch.equal(value, state(student.base_model)[key]), key


def test_padding_changes_nothing():
    for name in FAMILIES:
        torch.manual_seed(0)
        model, tokenizer = mini.load_mini_model(name, "classification", 3), mini.load_mini_tokenizer(name)
        alone = tokenizer("Una frase corta.", return_tensors="pt")
        batch = tokenizer(["Una frase corta.", SENTENCE], padding=True, return_tensors="pt")
        with torch.no_grad():
            assert torch.allclose(model(**alone).logits[0], model(**batch).logits[0], atol=1e-4), name


def test_unknown_names_and_kinds():
    with pytest.raises(ValueError, match="ALBETO"):
        mini.mini_system("ALBETO bse")
    with pytest.raises(ValueError, match="kind"):
        mini.load_mini_model("ALBETO tiny", "translation")


def test_masks_leave_answers_and_special_tokens():
    tokenizer = mini.load_mini_tokenizer("ALBETO base")
    (row,) = pretrain.encode(tokenizer, [corpus.Text("mlqa", "¿Quién vino?", "Ayer vino Ana a Lima.", (10, 13))])
    assert tokenizer.decode(row.ids[row.start : row.end + 1]).strip() == "ana"
    source = pretrain.random.Random(0)
    ids, labels = pretrain.mask(row, 1.0, 1.0, set(), tokenizer.mask_token_id, mini.VOCABULARY, source)
    kept = [place for place, label in enumerate(labels) if label == -100]
    special = [place for place, one in enumerate(row.ids) if one in tokenizer.all_special_ids]
    assert kept == sorted({*special, *range(row.start, row.end + 1)})
    assert [ids[place] for place in kept] == [row.ids[place] for place in kept]


def test_the_recipe_is_written_down():
    assert all(asdict(recipe)["steps"] > 0 for recipe in pretrain.RECIPES.values())
    assert len({recipe.seed for recipe in pretrain.RECIPES.values()}) == len(pretrain.RECIPES)
