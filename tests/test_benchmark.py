"""Systems in their real sizes, in every variant: what is compared, and with what."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import load_tool

import speedy_utils as su
from speedy_utils.cli import main
from speedy_utils.preprocessing import prepare
from speedy_utils.speed.benchmark import VARIANTS, benchmark, random_encoder, read_batches, real_batches
from speedy_utils.speed.latency import torch_session


@pytest.mark.parametrize(
    "system", ["BETO cased", "DistilBETO", "ALBETO base-4", "RoBERTa BNE base", "BERTIN", "ALBETO large"]
)
def test_real_sizes_with_random_weights(system):
    encoder = random_encoder(system, "ner", layers=1)
    assert encoder.model.config.hidden_size == su.get_system(system).architecture.hidden
    assert encoder.model.config.num_labels == 9
    again = random_encoder(system, "ner", layers=1).model.state_dict()
    assert all((value == again[name]).all() for name, value in encoder.model.state_dict().items())


def test_every_variant_of_a_system():
    found = benchmark(["ALBETO tiny"], "ner", lengths=(8, 12), batch_sizes=(1, 2), rounds=2, seconds=0)
    assert found[["variant", "batch_size", "length"]].drop_duplicates().shape[0] == len(VARIANTS) * 4 == len(found)
    first = found[found["variant"] == "PyTorch fp32"]
    assert (first["times_as_fast"] == 1).all()
    assert (found["rounds"] >= 2).all() and (found["p50_ms"] > 0).all()
    assert found.attrs["threads"] == 1 and found.attrs["weights"] == "random"
    size = found.drop_duplicates("variant").set_index("variant")["size_mb"]
    assert size["PyTorch fp32"] == pytest.approx(
        4 * su.count_parameters("ALBETO tiny") / 1e6, rel=0.03
    )  # no pooler here
    for runtime in ("ONNX Runtime", "OpenVINO"):  # the weights, and some description of the network
        assert 1 < size[f"{runtime} fp32"] / size["PyTorch fp32"] < 1.1
    assert 0.2 < size["OpenVINO int8"] / size["PyTorch fp32"] < 0.4
    shape = su.get_system("ALBETO tiny").architecture
    words = 4 * shape.vocabulary * shape.embedding / 1e6  # ONNX Runtime's table stays in fp32
    assert 0.2 < (size["ONNX Runtime int8"] - words) / (size["PyTorch fp32"] - words) < 0.4


def test_real_texts_in_the_batches_that_suit_each():
    examples = su.load_task("ner", report=None)["test"].select(range(5))
    variants = ["PyTorch fp32", "ONNX Runtime fp32", "OpenVINO int8", "OpenVINO int8+bf16, any shape"]
    call = {"variants": variants, "rounds": 3, "seconds": 0}  # of three, the middle one is the median and p50
    found = benchmark(["ALBETO tiny"], "ner", lengths=(6,), examples=examples, **call)
    real = found[found["length"] == "real"]
    assert real["variant"].tolist() == variants[:3] and (real["batch_size"] == 5).all()
    assert real["batch_tokens"].notna().all() and found[found["length"] == 6]["batch_tokens"].isna().all()
    assert np.allclose(real["texts_per_second"], 5000 / real["p50_ms"])
    only = benchmark(["ALBETO tiny"], "ner", lengths=(), examples=examples, **call | {"variants": variants[3:]})
    assert only["variant"].tolist() == variants[3:]


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.sampled_from([1, 20, 64, 4096]), st.booleans())
def test_batches_hold_every_text_once(lengths, most, pads):
    ids = [list(range(10, 10 + length)) for length in lengths]
    made = real_batches(ids, [[0] * length for length in lengths], most, 1, pads)
    assert sorted(place for batch in made for place in batch.places) == list(range(len(ids)))
    for batch in made:
        own = [lengths[place] for place in batch.places]
        tokens, _, *mask = batch.inputs
        assert tokens.shape == (len(own), max(own)) and (len(own) == 1 or tokens.size <= most)
        assert bool(mask) == (len(set(own)) > 1) and (pads or not mask)
        if mask:
            assert mask[0].sum(1).tolist() == own and (tokens[mask[0] == 0] == 1).all()


@pytest.mark.parametrize("system", ["ALBETO tiny", "BERTIN"])
def test_a_padded_batch_gives_what_each_text_gives_alone(system):
    encoder = random_encoder(system, "ner", layers=1)
    features = prepare(encoder.tokenizer, "ner", su.load_task("ner", report=None)["test"].select(range(6)))
    ids, session = features["input_ids"], torch_session(encoder)
    types, pad = [[0] * len(row) for row in ids], encoder.tokenizer.pad_token_id
    alone, padded = (
        read_batches(session, real_batches(ids, types, most, pad, pads=True), len(ids)) for most in (1, 4096)
    )
    assert len({len(row) for row in padded}) == 1
    for own, row in zip(alone, padded, strict=True):
        assert np.allclose(own, row[: len(own)], atol=1e-4)


def test_the_shell(capsys):
    call = ["benchmark", "ALBETO tiny", "--task", "ner", "--variants", "PyTorch fp32", "ONNX Runtime fp32"]
    call += ["--lengths", "8", "--rounds", "2", "--seconds", "0"]
    assert main([*call, "--texts", "2"]) == 0
    shown = capsys.readouterr().out
    assert "ONNX Runtime fp32" in shown and "random weights" in shown
    assert main([*call, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["variant"] for row in answer["rows"]] == ["PyTorch fp32", "ONNX Runtime fp32"]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (["ALBETO tyni"], "Unknown system 'ALBETO tyni'"),
        (["ALBETO tiny", "--variants", "TensorRT"], "Unknown variant 'TensorRT'"),
        (["ALBETO tiny", "--lengths", "0"], "length must be a whole number of at least 1"),
        (["ALBETO tiny", "--lengths", "513"], "ALBETO tiny"),
        (["ALBETO tiny", "--texts", "9999"], "--texts goes from 1 to 480"),
    ],
)
def test_what_cannot_be_compared(call, sentence, capsys):
    assert main(["benchmark", *call]) == 1
    assert sentence in capsys.readouterr().err


# `make bench`


@pytest.mark.parametrize("task", load_tool("bench_runtimes").KINDS)
def test_sentences_for_every_kind_of_task(task):
    texts = ["Ana vive en Lima desde el año pasado .", "¿ Qué dice ?"]
    bench = load_tool("bench_runtimes")
    found = prepare(random_encoder("ALBETO tiny", task, layers=1).tokenizer, task, bench.examples_of(task, texts))
    assert len(found) == 2 and len(found["input_ids"][0]) > len(found["input_ids"][1]) > 4


def test_rates_of_products_and_padding_in_order():
    bench = load_tool("bench_runtimes")
    rates = bench.product_rates(64)
    assert list(rates) == ["fp32", "bf16", "int8"] and min(rates.values()) > 0
    read = []
    bench.padded_in_order(lambda ids, types: read.append(ids.shape), [[5] * n for n in (3, 9, 4, 2, 1)], 2)()
    assert read == [(2, 9), (2, 4), (1, 1)]


def test_the_best_of_each_beside_its_published_speedup():
    bench = load_tool("bench_runtimes")
    rows = [("BETO uncased", "PyTorch fp32", 1.0), ("BETO uncased", "ONNX Runtime int8", 4.0),
            ("ALBETO base-2", "PyTorch fp32", 6.0), ("ALBETO base-2", "ONNX Runtime int8", 29.8),
            ("ALBETO tiny", "PyTorch fp32", 9.0)]  # fmt: skip
    rows = [(system, variant, length, 1.0, 1.0, times, times, times) for system, variant, times in rows
            for length in (128, 512)]  # fmt: skip
    found = bench.beside_published(pd.DataFrame(rows, columns=bench.COLUMNS))
    assert found["length"].tolist() == [128, 128, 512, 512]
    assert found["system"].tolist() == ["ALBETO base-2", "ALBETO tiny"] * 2
    assert found["variant"].tolist() == ["ONNX Runtime int8", "PyTorch fp32"] * 2
    assert found["published"].tolist() == [5.96, 18.05] * 2  # two of the paper's rows are tiny's
    assert found["times_published"].tolist() == pytest.approx([5, 9 / 18.05] * 2)
