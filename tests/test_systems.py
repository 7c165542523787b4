"""The 17 systems: built from their architecture, counted, and compared with what is known of the real ones."""

import csv
from pathlib import Path

import pytest

import speedy_utils as su

# Facts about the real models: sizes from their hub configurations, parameters and operations as the authors counted.
FACTS = list(csv.DictReader((Path(__file__).parent / "data" / "systems.csv").open(encoding="utf-8")))
PAIRS = [pytest.param(system, facts, id=system.label) for system, facts in zip(su.SYSTEMS, FACTS, strict=True)]
ONE_OF_EACH_SIZE = list({system.architecture: system for system in su.SYSTEMS}.values())


@pytest.mark.parametrize(("system", "facts"), PAIRS)
def test_describes_the_real_system(system, facts):
    a = system.architecture
    assert (system.name, system.route, system.family, system.hub_id) == (
        facts["system"],
        facts["route"],
        facts["family"],
        facts["hub_id"],
    )
    assert system.tokenizer.split()[0] == facts["tokenizer"].split()[0]
    assert system.lowercase == (facts["lowercase"] == "yes")
    sizes = ("layers", "hidden", "intermediate", "heads", "embedding", "token_types")
    assert {name: getattr(a, name) for name in sizes} == {name: int(facts[name]) for name in sizes}
    assert a.vocabulary == int(facts["vocab"])
    # RoBERTa's table of positions has two rows that no token uses.
    assert a.positions + (2 if system.family == "roberta" else 0) == int(facts["max_positions"])


@pytest.mark.parametrize(("system", "facts"), PAIRS)
def test_parameters_equal_the_real_ones(system, facts):
    assert su.count_parameters(system) == int(facts["parameters_3_labels"])


def test_parts_of_the_parameters():
    parts = su.parameter_parts("ALBETO base")
    assert list(parts) == list(su.systems.PARTS)
    assert parts["word embeddings"] == 31_000 * 128
    assert parts["other embeddings"] == (512 + 2 + 2) * 128 + 128 * 768 + 768  # positions, segments, norm, projection
    assert parts["head"] == 768 * 768 + 768 + 768 * 3 + 3  # pooler and classifier
    assert su.parameter_parts("ALBETO base-2") == parts
    beto, half = su.parameter_parts("BETO cased"), su.parameter_parts("DistilBETO")
    assert beto["layers"] == 2 * half["layers"]


@pytest.mark.parametrize("system", ONE_OF_EACH_SIZE, ids=lambda system: system.name)
@pytest.mark.parametrize(("kind", "labels"), [("classification", 4), ("tagging", 9), ("question_answering", 2)])
def test_every_head_can_be_built_without_memory(system, kind, labels):
    model = su.build_model(system, kind, labels)
    assert all(parameter.is_meta for parameter in model.parameters())
    assert model.config.num_labels == labels
    assert sum(parameter.numel() for parameter in model.parameters()) == su.count_parameters(system, kind, labels)


def test_a_small_one_runs_on_the_cpu():
    import torch

    model = su.build_model("ALBETO tiny", "tagging", 9, device="cpu")
    assert model(input_ids=torch.tensor([[2, 5, 6, 3]])).logits.shape == (1, 4, 9)
    assert not any(parameter.is_meta for parameter in model.parameters())


def test_one_name_for_two_rows():
    fine_tuned, distilled = (system for system in su.SYSTEMS if system.name == "ALBETO tiny")
    assert su.get_system("ALBETO tiny") is fine_tuned
    assert su.get_system("ALBETO tiny (distillation)") is distilled
    assert fine_tuned.architecture == distilled.architecture
    assert len({system.label for system in su.SYSTEMS}) == 17


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: su.count_parameters("ALBETO tinny"), "Unknown system 'ALBETO tinny': did you mean 'ALBETO tiny'"),
        (lambda: su.count_macs("albeto BASE"), "did you mean 'ALBETO base'"),
        (lambda: su.count_macs("%%%"), "Unknown system '%%%': choose one of BETO uncased, BETO cased"),
        (lambda: su.count_parameters("BERTIN", kind="clasification"), "did you mean 'classification'"),
        (lambda: su.count_parameters("BERTIN", num_labels=0), "num_labels must be a whole number of at least 1, not 0"),
        (lambda: su.count_macs("BERTIN", batch_size=1.5), "batch_size must be a whole number of at least 1, not 1.5"),
        (lambda: su.count_macs("BERTIN", sequence_length=513), "BERTIN reads at most 512 tokens, not 513"),
        (lambda: su.get_task("paws-x"), "Unknown task 'paws-x': did you mean 'pawsx'"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        call()
    assert sentence in str(caught.value)
