"""Operations: the closed formula against the authors' counts and two counters that look at a real model."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import speedy_utils as su

FACTS = list(csv.DictReader((Path(__file__).parent / "data" / "systems.csv").open(encoding="utf-8")))
ONE_OF_EACH_SIZE = list({system.architecture: system for system in su.SYSTEMS}.values())
KINDS = ["classification", "tagging", "question_answering"]


def run(system, batch_size, sequence_length, kind):
    model = su.build_model(system, kind)
    tokens = torch.ones(batch_size, sequence_length, dtype=torch.long, device="meta")
    return model, {"input_ids": tokens}  # no mask: the library asks a mask for its values, and these have none


def count_modules(model, inputs):
    """Linear layers and normalisations as hooks see them: the way the paper's counter worked."""
    counted = {"linear": 0, "normalisation": 0}

    def count_linear(module, _, output):
        counted["linear"] += output.numel() * module.in_features

    def count_normalisation(_module, _, output):
        counted["normalisation"] += 4 * output.numel()

    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(count_linear)
        elif isinstance(module, torch.nn.LayerNorm):
            module.register_forward_hook(count_normalisation)
    model(**inputs)
    return counted


def test_equal_to_the_published_facts():
    counted = {system.label: su.count_macs(system, attention_products=False) for system in su.SYSTEMS}
    assert list(counted.values()) == [int(row["macs_512_without_attention_products"]) for row in FACTS]


def test_equal_to_every_count_of_the_authors():
    systems = su.authors_systems()
    frame = su.authors_speed().dropna(subset="macs_without_attention_products")
    assert len(frame) == 739
    wrong = [
        row
        for row in frame.itertuples()
        if row.macs_without_attention_products
        != su.count_macs(systems[row.system], row.batch_size, row.sequence_length, attention_products=False)
    ]
    assert not wrong


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("system", ONE_OF_EACH_SIZE, ids=lambda system: system.name)
def test_equal_to_two_counters_on_the_real_model(system, kind):
    for batch_size, sequence_length in [(1, 512), (3, 37)]:
        model, inputs = run(system, batch_size, sequence_length, kind)
        with FlopCounterMode(display=False) as counter:
            modules = count_modules(model, inputs)
        products = counter.get_total_flops() // 2  # two operations a MAC; linear layers and attention, no normalisation
        arguments = {"batch_size": batch_size, "sequence_length": sequence_length, "kind": kind}
        assert su.count_macs(system, **arguments) == products + modules["normalisation"]
        assert su.count_macs(system, **arguments, attention_products=False) == sum(modules.values())


@pytest.mark.parametrize("system", ONE_OF_EACH_SIZE, ids=lambda system: system.name)
def test_parts_add_up_and_scale(system):
    parts = su.mac_parts(system)
    assert sum(parts.values()) == su.count_macs(system)
    assert su.count_macs(system, batch_size=7) == 7 * su.count_macs(system)
    short, long = su.mac_parts(system, sequence_length=64), su.mac_parts(system, sequence_length=128)
    assert long["attention products"] == 4 * short["attention products"]
    assert long["feed-forward"] == 2 * short["feed-forward"]
    deeper = replace(system, architecture=replace(system.architecture, layers=2 * system.architecture.layers))
    assert su.mac_parts(deeper)["feed-forward"] == 2 * parts["feed-forward"]
